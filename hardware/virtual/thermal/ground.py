"""A map of how warm the ground, its trees and its roofs look from above at one hour."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.thermal.climate import (
    ASPHALT,
    CROP,
    CROWN,
    GRASS,
    HOUSE,
    SHEET,
    SOIL,
    TILES,
    TRACK,
    Weather,
    looks_k,
    temperature_k,
)
from hardware.virtual.world.ground import Ground
from hardware.virtual.world.noise import Floats, fractal
from hardware.virtual.world.texture import CANOPY_UNIT_M

TREE_FROM_M = 1.8
_HOUSES, _SHEETS = 0.45, 0.3  # of buildings: heated, and roofed with metal


def warmth_of(ground: Ground, weather: Weather) -> Floats:
    """Kelvin as a camera reads them, texel for texel of the orthophoto; the same for one seed and hour."""
    rng = np.random.default_rng([ground.seed, 31])
    atlas, cover = ground.atlas, ground.cover
    side = atlas.canopy.shape[0]
    scatter = np.asarray(fractal(rng, 1024, 60.0, 4, 0.6), np.float32)
    scatter = np.asarray(cv2.resize(scatter / max(float(scatter.std()), 1e-6), (side, side)), np.float32)
    grass_k = looks_k(GRASS, weather)
    warmth = np.full((side, side), grass_k, np.float32)
    for field in cover.fields:
        kelvin = looks_k(CROP, weather) + float(rng.normal(0, 1))
        cv2.fillConvexPoly(warmth, _texels(field.corners_m, cover.size_m, side), kelvin)
    for share, kelvin in (
        (cover.bare, looks_k(SOIL, weather)),
        (cover.water, 0.7 * (273.15 + weather.air_mean_c) + 0.3 * weather.air_k()),
    ):
        part = np.asarray(cv2.resize(share, (side, side)), np.float32)
        warmth += part * (np.float32(kelvin) - warmth)
    for road in cover.roads:
        kelvin = looks_k(ASPHALT if road.sealed else TRACK, weather)
        thick = max(1, round(road.width_m * side / cover.size_m))
        cv2.polylines(warmth, [_texels(road.points_m, cover.size_m, side)], False, kelvin, thick)
    sunny = temperature_k(SOIL, weather) - temperature_k(GRASS, weather)
    warmth += scatter * np.float32(0.6 + 0.10 * abs(sunny))
    trees = atlas.canopy >= TREE_FROM_M / CANOPY_UNIT_M
    leaves = np.float32(looks_k(CROWN, weather)) + 0.5 * scatter
    warmth[trees] = leaves[trees]
    for house in cover.buildings:
        draw = rng.random()
        material = HOUSE if draw < _HOUSES else SHEET if draw < _HOUSES + _SHEETS else TILES
        kelvin = looks_k(material, weather) + float(rng.normal(0, 1.5))
        middle = np.array([house.east_m, house.north_m])
        along = np.array([math.cos(house.heading_rad), math.sin(house.heading_rad)])
        across = np.array([-along[1], along[0]])
        long, wide = house.length_m / 2 * along, house.width_m / 2 * across
        for sign in (-1, 1):
            # The side that the sun was on last is a little warmer.
            slope = np.array(
                [middle - long, middle + long, middle + long + sign * wide, middle - long + sign * wide]
            )
            cv2.fillConvexPoly(warmth, _texels(slope, cover.size_m, side), kelvin + 0.15 * sign * sunny)
    return np.asarray(cv2.GaussianBlur(warmth, (0, 0), 0.8), np.float32)


def _texels(points_m: NDArray[np.float64], size_m: float, side: int) -> NDArray[np.int32]:
    scale = side / size_m
    texels = np.column_stack([(points_m[:, 0] + size_m / 2) * scale, (size_m / 2 - points_m[:, 1]) * scale])
    return np.round(texels).astype(np.int32)
