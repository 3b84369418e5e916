"""What a fire radiates: a bed of embers and the flames over it, as round spots with temperature and cover.

A flame is thin: it hides and radiates a share 1 - exp(-k d) of what is behind it, with k about 0.5 per metre
for burning grass and wood. Its gas is some 1,000 to 1,250 K hot, embers are 750 to 950 K. Most of a small
fire's long-wave radiation is its embers'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.fire import Fire, tongues
from hardware.virtual.world.noise import hashed

THICK_PER_M = 0.5
EMBERS, EMBER_COVER = 14, 0.45
_HEIGHTS = ((0.2, 0.5, 1200.0), (0.5, 0.42, 1100.0), (0.8, 0.28, 950.0))


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """N of them: offsets from the fire's base (N, 3), radius, temperature, and the share that they cover."""

    offset_m: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    kelvin: NDArray[np.float64]
    cover: NDArray[np.float64]


def glow_of(fire: Fire, time_s: float) -> Spots:
    """At that instant. A fire without flames smoulders: embers alone, and cooler."""
    embers = _embers(fire)
    if fire.flame_height_m <= 0.0:
        return embers
    flames = tongues(fire, time_s)
    parts = [embers]
    for up, wide, kelvin in _HEIGHTS:
        width_m = wide * flames.width_m
        parts.append(
            Spots(
                np.column_stack([flames.east_m, flames.north_m, up * flames.height_m]),
                width_m / 2,
                np.full(len(width_m), kelvin),
                1 - np.exp(-THICK_PER_M * width_m),
            )
        )
    return Spots(
        np.concatenate([part.offset_m for part in parts]),
        np.concatenate([part.radius_m for part in parts]),
        np.concatenate([part.kelvin for part in parts]),
        np.concatenate([part.cover for part in parts]),
    )


def _embers(fire: Fire) -> Spots:
    place = np.arange(EMBERS, dtype=np.int64) + fire.seed * 977
    angle, reach = 2 * math.pi * hashed(place, 1), fire.radius_m * np.sqrt(hashed(place, 2))
    along = (hashed(place, 3) - 0.5) * fire.front_m
    east = reach * np.sin(angle) + along * math.sin(fire.heading_rad)
    north = reach * np.cos(angle) + along * math.cos(fire.heading_rad)
    area_m2 = math.pi * fire.radius_m**2 + 2 * fire.radius_m * fire.front_m
    radius_m = math.sqrt(EMBER_COVER * area_m2 / EMBERS / math.pi)
    coolest = 750.0 if fire.flame_height_m > 0.0 else 650.0
    return Spots(
        np.column_stack([east, north, np.full(EMBERS, 0.05)]),
        np.full(EMBERS, radius_m),
        coolest + 200.0 * hashed(place, 4),
        np.full(EMBERS, 0.9),
    )
