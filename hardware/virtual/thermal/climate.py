"""How warm things on the ground are at an hour: the balance of sun, air and sky, with what they store.

Each material is one layer: it takes in sunlight, trades heat with the air, radiates to the sky, and holds as
much heat as the ground under it does over a day. The sun is a clear day's, up from six to eighteen. Round
figures for the materials, so that they warm and cool as such surfaces do; real ones scatter by some kelvin
around them, which the map of the ground adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from hardware.virtual.thermal.radiance import FROM_C, seen_through

_STEFAN = 5.670374e-8
_STEP_S, _DAYS = 120.0, 3
_NOON_W_M2 = 950.0


@dataclass(frozen=True, slots=True)
class Material:
    """``takes_in``: the part of sunlight that warms it (what evaporates water does not). ``stores`` is
    J/m²/K, ``trades`` W/m²/K with the air, ``heated`` W/m²/K from a room of 20 °C below."""

    name: str
    takes_in: float
    stores: float
    trades: float = 12.0
    emissivity: float = 0.96
    heated: float = 0.0


GRASS = Material("grass", 0.34, 2.0e4)
CROP = Material("crop", 0.28, 2.0e4)
SOIL = Material("soil", 0.66, 0.9e5)
ASPHALT = Material("asphalt", 0.90, 1.6e5)
TRACK = Material("track", 0.62, 1.2e5)
CROWN = Material("crown", 0.20, 1.5e4, trades=25.0)
TILES = Material("tiles", 0.74, 3.5e4)
SHEET = Material("sheet", 0.50, 1.2e4, emissivity=0.55)
HOUSE = Material("house", 0.74, 3.5e4, heated=2.5)
ROCK = Material("rock", 0.72, 2.6e5, trades=9.0)
BODYWORK = Material("bodywork", 0.65, 1.6e4, emissivity=0.90)


@dataclass(frozen=True, slots=True)
class Weather:
    """``hour`` is solar time; the air is warmest at fifteen. ``cloud`` from 0 to 1 dims the sun and warms the
    sky."""

    hour: float
    air_mean_c: float = 16.0
    air_swing_k: float = 6.0
    cloud: float = 0.1

    def air_k(self, hour: float | None = None) -> float:
        at = self.hour if hour is None else hour
        return FROM_C + self.air_mean_c + self.air_swing_k * math.cos(2 * math.pi * (at - 15) / 24)

    def sky_k(self, hour: float | None = None) -> float:
        """Of the sky's radiation as a whole; a clear one is much colder than the air."""
        return self.air_k(hour) - 22.0 * (1 - 0.8 * self.cloud)

    def sun_w_m2(self, hour: float) -> float:
        """On level ground."""
        height = max(0.0, math.sin(math.pi * (hour % 24 - 6) / 12))
        return _NOON_W_M2 * (1 - 0.75 * self.cloud) * math.pow(height, 1.15)


@lru_cache(maxsize=512)
def temperature_k(material: Material, weather: Weather) -> float:
    """Of the surface itself."""
    kelvin: float = weather.air_k()
    steps = round(_DAYS * 86400 / _STEP_S)
    for step in range(steps, 0, -1):
        hour = weather.hour - step * _STEP_S / 3600
        gains = material.takes_in * weather.sun_w_m2(hour)
        gains -= material.trades * (kelvin - weather.air_k(hour))
        gains -= material.emissivity * _STEFAN * (kelvin**4.0 - weather.sky_k(hour) ** 4.0)
        gains += material.heated * (FROM_C + 20.0 - kelvin)
        kelvin += gains * _STEP_S / material.stores
    return kelvin


def looks_k(material: Material, weather: Weather) -> float:
    """What a camera reads off it, taking it for black."""
    return seen_through(temperature_k(material, weather), material.emissivity, weather.sky_k())
