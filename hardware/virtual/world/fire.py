"""Fires: where they burn, how high, and the tongues of flame that are drawn for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import Floats, hashed, smoothstep, tile
from hardware.virtual.world.plume import Plume

FLIPBOOK_FRAMES = 32
FLIPBOOK_KINDS = 5
FLIPBOOK_HZ = 22.0
_WIDTH, _HEIGHT = 56, 84

# Colours of a flame from its cool fringe to its core, as a camera exposed for daylight records them (BGR).
_RAMP_AT = (0.0, 0.22, 0.45, 0.68, 1.0)
_RAMP = ((4, 18, 96), (8, 62, 214), (20, 132, 252), (72, 206, 255), (196, 248, 255))


@dataclass(frozen=True, slots=True)
class Fire:
    """One fire with its base on the ground: the truth that sightings are held against.

    ``radius_m`` is the radius of the burning patch; ``front_m`` > 0 stretches it into a front of that length
    along ``heading_rad`` (compass). ``flame_height_m`` 0 is a smouldering fire: smoke alone.
    """

    id: str
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    east_m: float
    north_m: float
    radius_m: float
    flame_height_m: float
    seed: int
    plume: Plume | None
    front_m: float = 0.0
    heading_rad: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Tongues:
    """Flames of one fire at one instant; all arrays are (N,). Positions are offsets from its base."""

    east_m: NDArray[np.float64]
    north_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    width_m: NDArray[np.float64]
    kind: NDArray[np.intp]
    frame: NDArray[np.intp]


def tongues(fire: Fire, time_s: float) -> Tongues:
    """The tongues burning at ``time_s``: each stands in its place, flares up, dies; another follows it."""
    area_m2 = math.pi * fire.radius_m**2 + 2.0 * fire.radius_m * fire.front_m
    # Tall flames fill the same patch with fewer tongues.
    crowd = 0.95 * area_m2 * min(1.0, 9.0 / max(fire.flame_height_m, 0.5) ** 2) + 1.2 * fire.front_m
    count = int(np.clip(8 + crowd, 9, 48 if fire.front_m <= 0.0 else 110))
    place = np.arange(count, dtype=np.int64) + fire.seed * 1000
    life_s = 1.1 + 1.3 * hashed(place, 1)
    turns = time_s / life_s + hashed(place, 2)
    lap = np.floor(turns).astype(np.int64)
    phase = turns - lap
    key = place * 7919 + lap
    angle = 2.0 * math.pi * hashed(key, 3)
    # More flame at the rim, where there is something left to burn.
    reach = fire.radius_m * np.sqrt(0.06 + 0.94 * hashed(key, 4))
    along = (hashed(key, 5) - 0.5) * fire.front_m
    east = reach * np.cos(angle) + along * math.sin(fire.heading_rad)
    north = reach * np.sin(angle) + along * math.cos(fire.heading_rad)
    vigour = (0.42 + 0.58 * hashed(key, 6) ** 1.3) * (0.35 + 0.65 * np.sin(math.pi * phase))
    height = fire.flame_height_m * vigour
    width = np.maximum(0.46 * fire.flame_height_m, 0.85 * height) * (0.75 + 0.5 * hashed(key, 7))
    kind = (hashed(key, 8) * FLIPBOOK_KINDS).astype(np.intp)
    frame = ((time_s * FLIPBOOK_HZ + hashed(key, 9) * FLIPBOOK_FRAMES) % FLIPBOOK_FRAMES).astype(np.intp)
    return Tongues(east, north, height, width, kind, frame)


@lru_cache(maxsize=1)
def flipbook() -> Floats:
    """Flame sprites (kinds, frames, height, width, 4): emitted BGR 0-255, opacity 0..1; base at the bottom.

    Noise scrolls upward through a tapering tongue and eats its edges; a whole number of tiles passes in one
    loop, so that the loop has no seam.
    """
    rng = np.random.default_rng(77)
    size = 256
    coarse, fine, sway = tile(rng, size, 1.5, 3.0), tile(rng, size, 1.1, 8.0), tile(rng, size, 1.9)
    row, column = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    up = 1.0 - (row + 0.5) / _HEIGHT
    across = ((column + 0.5) / _WIDTH - 0.5) * 2.0
    book = np.empty((FLIPBOOK_KINDS, FLIPBOOK_FRAMES, _HEIGHT, _WIDTH, 4), np.float32)
    ramp_at = np.asarray(_RAMP_AT)
    for kind in range(FLIPBOOK_KINDS):
        shift = np.float32(kind * 51)
        for frame in range(FLIPBOOK_FRAMES):
            turn = np.float32(frame / FLIPBOOK_FRAMES)
            bend = _scroll(sway, shift + across * 4, up * 60 - turn * size) * up * 0.20
            x = across + bend
            rough = _scroll(coarse, x * 30 + shift, up * 70 - turn * size) * 0.6
            rough += _scroll(fine, x * 26 + shift, up * 60 - turn * 2 * size) * 0.42
            half_width = 0.74 * np.sqrt(np.clip(up * 5.0 + 0.25, 0, 1)) * (1.0 - up) ** 0.72 + 0.03
            heat = 1.05 - np.abs(x) / half_width - 0.20 * up + rough * (0.30 + 0.52 * up)
            heat *= (
                smoothstep(1.0, 0.80, np.abs(across)) * smoothstep(0.0, 0.10, up) * smoothstep(1.0, 0.86, up)
            )
            alpha = smoothstep(0.04, 0.30, heat)
            core = np.clip(heat * 0.95 - 0.16 * up, 0.0, 1.0)
            for channel in range(3):
                colour = np.interp(core, ramp_at, [c[channel] for c in _RAMP])
                book[kind, frame, ..., channel] = colour * alpha
            book[kind, frame, ..., 3] = alpha
    return book


def _scroll(field: Floats, x: Floats, y: Floats) -> Floats:
    wrapped = np.float32(field.shape[0])
    return np.asarray(
        cv2.remap(
            field,
            np.asarray(x % wrapped, np.float32),
            np.asarray(y % wrapped, np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        ),
        np.float32,
    )
