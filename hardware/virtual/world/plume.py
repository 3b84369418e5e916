"""Smoke, dust and fog as clouds of puffs that are born, rise, drift, grow and thin out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import Floats, fractal, hashed, smoothstep

SPRITE_PX = 96
SPRITE_KINDS = 8


@dataclass(frozen=True, slots=True)
class Plume:
    """What a source gives off. A puff starts ``radius_m`` wide and grows while it rises and drifts.

    ``density`` is the opacity of a fresh puff (0..1), ``colour`` its BGR in full daylight, ``darkness`` how
    much darker than that it is at birth. ``spread_m`` is the size of the source, ``flatness`` squashes puffs
    (fog banks lie, smoke stands) and ``wind_share`` is how much of the wind carries it;
    ``billow`` is how strongly the light models its puffs (fog is even).
    """

    density: float
    colour: tuple[float, float, float]
    rise_m_s: float
    life_s: float
    radius_m: float
    growth_m_s: float
    puffs: int
    seed: int
    darkness: float = 0.25
    spread_m: float = 1.0
    flatness: float = 1.0
    wander_m: float = 1.6
    wind_share: float = 1.0
    billow: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Puffs:
    """Puffs at one instant; all arrays are (N,). ``offset_m`` (N, 3) is east, north, up from the source."""

    offset_m: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    opacity: NDArray[np.float64]
    brightness: NDArray[np.float64]
    kind: NDArray[np.intp]
    turn_rad: NDArray[np.float64]


def puffs(plume: Plume, wind_m_s: tuple[float, float], time_s: float) -> Puffs:
    """The puffs alive at ``time_s``. Pure: the same instant gives the same puffs, whatever came before."""
    interval_s = plume.life_s / plume.puffs
    newest = math.floor(time_s / interval_s)
    key = (newest - np.arange(plume.puffs)).astype(np.int64)
    age = time_s - key * interval_s
    key = key + plume.seed * 100_003
    share = age / plume.life_s
    # Hot smoke first shoots up, then slows; the wind takes hold of it as it cools.
    lift = plume.rise_m_s * (0.75 + 0.5 * hashed(key, 1))
    height = lift * plume.life_s * 0.62 * (1.0 - np.exp(-share / 0.62)) * 1.25
    carried = age - 1.6 * (1.0 - np.exp(-age / 1.6))
    gust = (0.8 + 0.4 * hashed(key, 2)) * plume.wind_share
    angle = 2.0 * math.pi * hashed(key, 3)
    start = plume.spread_m * np.sqrt(hashed(key, 4))
    wander = plume.wander_m * np.sqrt(np.maximum(share, 0.0) * 6.0)
    east = wind_m_s[0] * carried * gust + start * np.cos(angle)
    north = wind_m_s[1] * carried * gust + start * np.sin(angle)
    east += wander * np.sin(0.21 * time_s * hashed(key, 5) + 6.28 * hashed(key, 6))
    north += wander * np.sin(0.19 * time_s * hashed(key, 7) + 6.28 * hashed(key, 8))
    radius = (plume.radius_m + plume.growth_m_s * age) * (0.72 + 0.56 * hashed(key, 9))
    opacity = (
        plume.density * smoothstep(0.0, 0.09, share) * (1.0 - share) ** 0.75 * (0.75 + 0.25 * hashed(key, 10))
    )
    brightness = 1.0 - plume.darkness * np.exp(-share * 3.2) - 0.10 * hashed(key, 11)
    turn = (hashed(key, 12) - 0.5) * 1.4 + 0.12 * age * (hashed(key, 13) - 0.5)
    kind = (hashed(key, 14) * SPRITE_KINDS).astype(np.intp)
    base = np.stack([east, north, height + radius * 0.45 * plume.flatness], axis=1)
    return Puffs(base, radius, np.asarray(opacity, np.float64), brightness, kind, turn)


@lru_cache(maxsize=1)
def puff_sprites() -> Floats:
    """Puff sprites (kinds, px, px, 3): opacity 0..1 and the two slopes of a billowing surface."""
    rng = np.random.default_rng(41)
    axis = (np.arange(SPRITE_PX, dtype=np.float32) + 0.5) / SPRITE_PX * 2.0 - 1.0
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    sprites = np.empty((SPRITE_KINDS, SPRITE_PX, SPRITE_PX, 3), np.float32)
    for kind in range(SPRITE_KINDS):
        billow = fractal(rng, SPRITE_PX, SPRITE_PX / 2.6, 5, 0.58)
        body = np.clip(1.08 - r * 1.22 + 0.20 * billow, 0.0, 1.0)
        opacity = smoothstep(0.0, 0.55, body) * smoothstep(1.0, 0.80, r)
        surface = np.asarray(cv2.GaussianBlur(body + 0.10 * billow, (0, 0), 1.5), np.float32)
        scale = SPRITE_PX / 6.5
        sprites[kind, ..., 0] = opacity
        sprites[kind, ..., 1] = np.clip(-np.gradient(surface, axis=1) * scale, -1.0, 1.0)
        sprites[kind, ..., 2] = np.clip(-np.gradient(surface, axis=0) * scale, -1.0, 1.0)
    return sprites
