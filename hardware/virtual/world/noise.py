"""Random fields: the raw material of relief, ground, clouds, flames and smoke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
AnyArray = NDArray[Any]

_FOLD = 512


def fractal(
    rng: np.random.Generator, size_px: int, cell_px: float, octaves: int = 4, gain: float = 0.5
) -> Floats:
    """Fractal value noise, ``size_px`` square, zero mean and unit standard deviation.

    ``cell_px`` is the size of the largest features. Each octave halves it and weighs ``gain`` as much.
    """
    total = np.zeros((size_px, size_px), np.float32)
    weight, cell = 1.0, cell_px
    for _ in range(octaves):
        if cell < 1.0:
            break
        cells = int(np.ceil(size_px / cell)) + 3
        lattice = rng.standard_normal((cells, cells), dtype=np.float32)
        span = max(size_px, round(cells * cell))
        offset = (span - size_px) // 2
        grown = cv2.resize(lattice, (span, span), interpolation=cv2.INTER_CUBIC)
        total += np.float32(weight) * grown[offset : offset + size_px, offset : offset + size_px]
        weight *= gain
        cell /= 2.0
    total -= total.mean()
    total /= max(float(total.std()), 1e-6)
    return total


def tile(rng: np.random.Generator, size_px: int, slope: float = 1.8, low_cycles: float = 2.0) -> Floats:
    """Noise that repeats without a seam: white noise with a 1/f^slope spectrum, unit deviation."""
    spectrum = np.fft.rfft2(rng.standard_normal((size_px, size_px)))
    fy = np.fft.fftfreq(size_px)[:, None] * size_px
    fx = np.fft.rfftfreq(size_px)[None, :] * size_px
    cycles = np.hypot(fx, fy)
    spectrum *= np.maximum(cycles, low_cycles) ** -slope
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(size_px, size_px)).astype(np.float32)
    field /= max(float(field.std()), 1e-9)
    return field


def colour_of(value: Sequence[float]) -> Floats:
    """A colour or gain (BGR) as an array that multiplies pictures."""
    return np.asarray(value, np.float32)


def lookup(field: Floats, column: Floats, row: Floats, *, wrap: bool = False) -> Floats:
    """Bilinear values of ``field`` at any number of points (N,); outside it wraps, or its edge goes on."""
    size = column.size
    if not size:  # a view without sky asks for no clouds, and cv2.remap for at least one
        return np.zeros(0, np.float32)
    # cv2.remap takes at most 32767 columns, so a long list is folded into rows.
    folded = np.zeros((2, -(-size // _FOLD) * _FOLD), np.float32)
    folded[0, :size] = column
    folded[1, :size] = row
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REPLICATE
    found = cv2.remap(
        field,
        folded[0].reshape(-1, _FOLD),
        folded[1].reshape(-1, _FOLD),
        cv2.INTER_LINEAR,
        borderMode=border,
    )
    return np.asarray(found.reshape(-1)[:size], np.float32)


def smoothstep(low: float, high: float, value: AnyArray) -> AnyArray:
    """0 below ``low``, 1 above ``high``, an S curve between them."""
    x = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x), dtype=np.asarray(value).dtype)


def hashed(key: NDArray[np.int64], salt: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) that depend on (key, salt) alone, so that a puff keeps its own for life."""
    x = (key.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(2 * salt + 0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0xD6E8FEB86659FD93)
    x ^= x >> np.uint64(32)
    return np.asarray((x >> np.uint64(11)).astype(np.float64) / float(1 << 53))
