"""What lens and sensor do to a picture: a little blur, darker corners, noise."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from hardware.virtual.world.noise import Bytes

_ROAM_X, _ROAM_Y = 131, 97
_TILE_SIGMA = 16.0


def expose(image: Bytes, noise_sigma: float, time_s: float) -> Bytes:
    """The picture as it leaves the camera. Equal instants have equal noise of ``noise_sigma`` grey levels."""
    height, width = image.shape[:2]
    soft = cv2.GaussianBlur(image, (3, 3), 0.55)
    shaded = cv2.multiply(soft, _vignette(width, height), scale=1 / 255)
    noise = _noise(height + _ROAM_Y, width + _ROAM_X)
    rng = np.random.default_rng(int(abs(time_s) * 1000))
    dx, dy = int(rng.integers(_ROAM_X)), int(rng.integers(_ROAM_Y))
    share = noise_sigma / _TILE_SIGMA
    window = noise[dy : dy + height, dx : dx + width]
    return np.asarray(cv2.addWeighted(shaded, 1.0, window, share, -128.0 * share), np.uint8)


@lru_cache(maxsize=4)
def _noise(rows: int, columns: int) -> Bytes:
    """Noise of deviation 16 round 128, slightly clumped as after a Bayer filter."""
    rng = np.random.default_rng(5)
    raw = rng.standard_normal((rows, columns, 3), dtype=np.float32)
    raw = 0.75 * raw + 0.8 * cv2.GaussianBlur(raw, (3, 3), 0.7)
    return np.asarray(np.clip(128 + _TILE_SIGMA * raw / raw.std(), 0, 255), np.uint8)


@lru_cache(maxsize=4)
def _vignette(width: int, height: int) -> Bytes:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(height / width)
    fall = np.clip(255 * (1.0 - 0.13 * (x * x + y * y)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.merge([fall, fall, fall]), np.uint8)
