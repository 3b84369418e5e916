"""From rays and texels to a picture of the land: orthophoto, fine detail, light, haze and sky."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from hardware.virtual.render.cast import Cast, RayGrid
from hardware.virtual.render.surface import Surface, texels, texture_level
from hardware.virtual.world.ground import DETAIL_TEXEL_M, DETAIL_TILE_PX, LEVELS, Atlas, detail
from hardware.virtual.world.light import Light
from hardware.virtual.world.noise import Bytes, Floats, colour_of
from hardware.virtual.world.sky import air_colour, sky_colour, transmittance

# Gains travel in 8 bit; this value is 1, so that bright light has room above it.
_GAIN_ONE = 200.0
_DETAIL_GONE = 0.02


def shade_ground(grid: RayGrid, view: Cast, surface: Surface, atlas: Atlas) -> Bytes:
    """The orthophoto as seen from here, with detail finer than its texels laid over what is close."""
    edges = view.edges
    u, v = grid.full(surface.u), grid.full(surface.v)
    u[edges.rows, edges.columns] = texels(edges.east_m, atlas)
    v[edges.rows, edges.columns] = texels(-edges.north_m, atlas)
    level = texture_level(view, atlas.texel_m)
    at_u, at_v = u, v
    if float(level[~view.sky].max(initial=0.0)) > 0.0:
        fine = grid.full(np.clip(level, 0, LEVELS - 1)) + _dither(u.shape)
        # Silhouettes mix near and far in one cell; the level of a pixel there follows its own distance.
        own = edges.distance_m / np.float32(grid.lens.focal_px * atlas.texel_m)
        fine[edges.rows, edges.columns] = np.log2(own) + np.float32(0.7)
        at_u, at_v = _on_level(u, v, np.clip(fine, 0, LEVELS - 1).astype(np.uint8), atlas)
    looked = cv2.remap(atlas.picture, at_u, at_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blue, green, red, rough = cv2.split(looked)
    image = np.asarray(cv2.merge([blue, green, red]), np.uint8)
    per_pixel = level + np.float32(math.log2(atlas.texel_m / DETAIL_TEXEL_M))
    strength = np.where(view.sky, 0.0, np.clip(1.15 - 0.36 * np.maximum(per_pixel, 0.0), 0.0, 1.0))
    weight = grid.full(strength.astype(np.float32))
    if float(weight.max()) <= _DETAIL_GONE:
        return image
    # Up the side of a tree the orthophoto stretches; moving with the height, the leaves on it do not.
    lift = grid.full(surface.lift)
    leaves_u, leaves_v = u + np.float32(0.55) * lift, v + np.float32(0.85) * lift
    factor = _detail_factor(leaves_u, leaves_v, weight, np.asarray(rough, np.uint8), atlas)
    return np.asarray(cv2.multiply(image, cv2.merge([factor, factor, factor]), scale=1 / 128), np.uint8)


def light_and_air(image: Bytes, grid: RayGrid, view: Cast, light: Light, time_s: float) -> Bytes:
    """picture·light·transmittance + air, both from the coarse grid; the sky is air alone."""
    gain = colour_of(light.ground_gain) * np.float32(_GAIN_ONE)
    through = np.where(view.sky, 0.0, transmittance(light, view.distance_m)).astype(np.float32)
    air = air_colour(light, view.rays) * (1.0 - through)[..., None]
    if view.sky.any():
        air[view.sky] = sky_colour(light, view.rays[:, view.sky], time_s)
    keep = grid.full(np.clip(through[..., None] * gain, 0, 255).astype(np.uint8))
    glow = grid.full(np.clip(air, 0, 255).astype(np.uint8))
    edges = view.edges
    if edges.rows.size:
        own = np.where(edges.sky, 0.0, transmittance(light, edges.distance_m)).astype(np.float32)
        keep[edges.rows, edges.columns] = np.clip(own[:, None] * gain, 0, 255).astype(np.uint8)
        colour = air_colour(light, edges.rays) * (1.0 - own)[:, None]
        colour[edges.sky] = sky_colour(light, edges.rays[:, edges.sky], time_s)
        glow[edges.rows, edges.columns] = np.clip(colour, 0, 255).astype(np.uint8)
    lit = cv2.multiply(image, keep, scale=1 / _GAIN_ONE)
    return np.asarray(cv2.add(lit, glow), np.uint8)


def _on_level(u: Floats, v: Floats, level: Bytes, atlas: Atlas) -> tuple[Floats, Floats]:
    """Where texel (u, v) of the full resolution lies in the atlas at each pixel's own level."""
    scales, first_u, first_v = (np.zeros(256, np.float32) for _ in range(3))
    for k, (column, row) in enumerate(atlas.starts):
        # Texel centres: (u + 0.5) / 2^k - 0.5 on level k.
        scales[k] = 0.5**k
        first_u[k], first_v[k] = column + 0.5 * 0.5**k - 0.5, row + 0.5 * 0.5**k - 0.5
    scale = cv2.LUT(level, scales)
    at_u = cv2.add(cv2.multiply(u, scale), cv2.LUT(level, first_u))
    at_v = cv2.add(cv2.multiply(v, scale), cv2.LUT(level, first_v))
    return np.asarray(at_u, np.float32), np.asarray(at_v, np.float32)


def _detail_factor(u: Floats, v: Floats, weight: Floats, rough: Bytes, atlas: Atlas) -> Bytes:
    """Fine detail round 128, as strong as ``weight`` (0..1) and roughness make it."""
    per = np.float32(atlas.texel_m / DETAIL_TEXEL_M)
    close = weight > _DETAIL_GONE
    # The tiles are laid from a corner near what is seen, so that few of them are needed.
    shift_u, shift_v = (
        np.float32(math.floor(float(a[close].min()) * per / DETAIL_TILE_PX) * DETAIL_TILE_PX) for a in (u, v)
    )
    grain = cv2.remap(
        detail(),
        u * per - shift_u,
        v * per - shift_v,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=128.0,
    )
    amount = cv2.multiply(weight, rough, scale=1 / 160, dtype=cv2.CV_32F)
    swing = grain.astype(np.float32)
    swing -= 128.0
    swing *= amount
    swing += 128.0
    return np.asarray(cv2.convertScaleAbs(swing), np.uint8)


@lru_cache(maxsize=4)
def _dither(shape: tuple[int, int]) -> Floats:
    """Uniform noise -0.25..0.75 that hides where one texture level meets the next."""
    rng = np.random.default_rng(6)
    noise = rng.random(shape, dtype=np.float32)
    noise -= np.float32(0.25)
    return noise
