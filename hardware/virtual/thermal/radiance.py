"""Between temperatures and what a long-wave sensor collects: Planck's law over 8 to 14 µm, as a table.

Radiances are W/m²/sr. Mixtures of warm and cold in one pixel are sums of radiances, never of temperatures.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import Floats

FROM_C = 273.15
_H, _C, _K = 6.62607015e-34, 2.99792458e8, 1.380649e-23
_BAND_M = np.linspace(8e-6, 14e-6, 61)
_TABLE_K = np.linspace(150.0, 1600.0, 2901)


def radiance_of(temperature_k: NDArray[np.floating] | float) -> Floats:
    """Of a black body."""
    return np.asarray(np.interp(temperature_k, _TABLE_K, _table()), np.float32)


def temperature_of(radiance: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Of the black body that gives this radiance, kelvin."""
    return np.asarray(np.interp(radiance, _table(), _TABLE_K), np.float64)


def seen_through(temperature_k: float, emissivity: float, sky_k: float) -> float:
    """The temperature that a camera reads off a surface which mirrors the sky as far as it does not glow."""
    mixed = emissivity * float(radiance_of(temperature_k)) + (1 - emissivity) * float(radiance_of(sky_k))
    return float(temperature_of(mixed))


@lru_cache(maxsize=1)
def _table() -> NDArray[np.float64]:
    wavelength, temperature = _BAND_M[None], _TABLE_K[:, None]
    spectral = 2 * _H * _C**2 / wavelength**5 / np.expm1(_H * _C / (wavelength * _K * temperature))
    return np.asarray(np.trapezoid(spectral, _BAND_M, axis=1), np.float64)
