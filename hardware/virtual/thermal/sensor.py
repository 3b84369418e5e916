"""What an uncooled core makes of the radiance: noise, a fixed pattern, bad pixels, saturation, the shutter.

The figures of a core stand in ``CORES``: noise and range as their makers give them (hardware/cameras), blur
and drift as such cameras show them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.thermal.radiance import FROM_C, radiance_of, temperature_of
from hardware.virtual.world.noise import Floats


@dataclass(frozen=True, slots=True)
class Core:
    """``netd_k`` at 300 K. ``hottest_k`` is where it saturates, ``shutter_s`` how long it shows a held frame
    while the shutter is closed, once in ``shutter_every_s``."""

    name: str
    width_px: int
    height_px: int
    hfov_deg: float
    netd_k: float
    hottest_k: float
    blur_px: float = 0.6
    frames_per_s: float = 8.7
    shutter_s: float = 1.0
    shutter_every_s: float = 180.0
    bad_pixels: int = 3
    drift_k: float = 0.4
    kelvin_per_count: float = 0.01
    samples: int = 4
    """That the scene is drawn with along a pixel's side."""


CORES = {
    core.name: core
    for core in (
        Core("lepton_3_5", 160, 120, 57.0, 0.05, FROM_C + 140.0),
        Core("boson_320", 320, 256, 50.0, 0.05, FROM_C + 140.0, shutter_s=0.5, samples=3),
        Core("boson_640", 640, 512, 50.0, 0.05, FROM_C + 140.0, shutter_s=0.5, bad_pixels=6, samples=2),
    )
}


class Sensor:
    """One core; equal seeds and instants give equal frames."""

    def __init__(self, core: Core, seed: int, *, shutter_from_s: float = 60.0) -> None:
        """``shutter_from_s``: when the shutter first closes, on the world's clock."""
        self.core = core
        self._seed = seed
        self._shutter_from_s = shutter_from_s
        rng = np.random.default_rng([seed, 51])
        shape = core.height_px, core.width_px
        self._noise = core.netd_k * float(radiance_of(300.5) - radiance_of(299.5))
        pattern = 0.4 * rng.standard_normal(shape) + 0.6 * rng.standard_normal((1, core.width_px))
        y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        slope = rng.uniform(-1, 1, 3)
        drift = slope[0] * x + slope[1] * y + slope[2] * (x * x + y * y)
        self._pattern = self._noise * (pattern + core.drift_k / core.netd_k * drift)
        where = rng.integers(0, core.width_px * core.height_px, core.bad_pixels)
        self._bad = np.unravel_index(where, shape)
        self._stuck = rng.uniform(0.0, 1.0, core.bad_pixels)
        self._held: NDArray[np.uint16] | None = None

    def shutter_is_closed(self, time_s: float) -> bool:
        since_s = time_s - self._shutter_from_s
        return since_s >= 0.0 and since_s % self.core.shutter_every_s < self.core.shutter_s

    def expose(self, radiance: Floats, time_s: float) -> NDArray[np.uint16]:
        """A frame in counts from a scene drawn with ``core.samples`` times as many pixels each way."""
        if self._held is not None and self.shutter_is_closed(time_s):
            return self._held
        core = self.core
        soft = cv2.GaussianBlur(radiance, (0, 0), core.blur_px * core.samples)
        small = cv2.resize(soft, (core.width_px, core.height_px), interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng([self._seed, 52, int(time_s * 1000)])
        noisy = small + self._noise * rng.standard_normal(small.shape) + self._pattern
        kelvin = np.minimum(temperature_of(noisy), core.hottest_k)
        coldest, span = float(kelvin.min()), core.hottest_k - float(kelvin.min())
        kelvin[self._bad] = coldest + span * self._stuck
        self._held = np.round(kelvin / core.kelvin_per_count).clip(0, 65535).astype(np.uint16)
        return self._held
