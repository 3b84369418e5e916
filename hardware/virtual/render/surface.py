"""From ground points to texels: trees and houses stand up, the orthophoto goes on for ever, detail fades."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hardware.virtual.render.cast import STEP_PX, Cast
from hardware.virtual.world.ground import Atlas
from hardware.virtual.world.noise import Floats
from hardware.virtual.world.texture import CANOPY_UNIT_M

_FADE_M = (300.0, 800.0)
_STEPS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """What is seen through every second pixel once trees and houses stand up from the ground.

    Cell j sits at pixel 2j - 3.5. ``u`` and ``v`` are texels of the orthophoto's full-resolution level;
    ``lift`` is how high above the ground the point stands, in texels.
    """

    u: Floats
    v: Floats
    lift: Floats
    distance_m: Floats


def raise_canopy(view: Cast, atlas: Atlas) -> Surface:
    """March the last few metres of each ray through the canopy (relief mapping, from its top downward)."""
    rows, columns = view.east_m.shape
    half = (columns * 2, rows * 2)
    side = atlas.canopy.shape[0]
    u = _grow(texels(view.east_m, atlas), half)
    v = _grow(texels(-view.north_m, atlas), half)
    distance = _grow(view.distance_m, half)
    lift = np.zeros_like(u)
    inside = (np.abs(view.east_m) < atlas.size_m / 2) & (np.abs(view.north_m) < atlas.size_m / 2)
    near = 1.0 - np.clip((view.distance_m - _FADE_M[0]) / (_FADE_M[1] - _FADE_M[0]), 0.0, 1.0)
    strength = np.where(inside & ~view.sky, near, 0.0).astype(np.float32)
    highest = float(atlas.highest_m)
    standing = np.argwhere(strength > 0.0)
    if highest < 0.5 or not standing.size:
        return Surface(u, v, lift, distance)
    (top, left), (bottom, right) = standing.min(axis=0), standing.max(axis=0) + 1
    box = np.s_[top:bottom, left:right]
    part = np.s_[2 * top : 2 * bottom, 2 * left : 2 * right]
    small = (2 * (right - left), 2 * (bottom - top))
    # Metres along the ray, and texels sideways toward the camera, per metre of height above the ground.
    per_metre = 1.0 / np.maximum(-view.rays[2][box], 0.16) * strength[box]
    scale = np.float32(1.0 / atlas.texel_m)
    slide_u = _grow(-view.rays[0][box] * per_metre * scale, small)
    slide_v = _grow(view.rays[1][box] * per_metre * scale, small)
    base_u, base_v = u[part], v[part]

    step_m = highest / _STEPS
    hit = np.zeros(base_u.shape, np.uint8)
    for index in range(_STEPS, 0, -1):
        z = step_m * index
        at_u, at_v = base_u + slide_u * np.float32(z), base_v + slide_v * np.float32(z)
        tops = cv2.remap(atlas.canopy, at_u, at_v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        np.maximum(hit, (tops >= z / CANOPY_UNIT_M) * np.uint8(index), out=hit)
    # The ray entered the crown between this layer and the one above: find where by false position.
    low = hit.astype(np.float32) * np.float32(step_m)
    unit = np.float32(CANOPY_UNIT_M)
    gain = np.float32(step_m) * (hit > 0)
    into = _tops_linear(atlas, base_u + slide_u * low, base_v + slide_v * low) * unit - low
    high = low + gain
    out = high - _tops_linear(atlas, base_u + slide_u * high, base_v + slide_v * high) * unit
    share = np.clip(into / np.maximum(into + out, 0.05), 0.0, 1.0)
    height = low + gain * share
    along = _grow(per_metre, small)
    u[part] = np.clip(base_u + slide_u * height, 0, side - 1)
    v[part] = np.clip(base_v + slide_v * height, 0, side - 1)
    lift[part] = height * scale
    distance[part] -= height * along
    return Surface(u, v, lift, distance)


def _tops_linear(atlas: Atlas, u: Floats, v: Floats) -> Floats:
    tops = cv2.remap(atlas.canopy, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(tops, np.float32)


def texels(metres: Floats, atlas: Atlas) -> Floats:
    """Column of an easting (or row of minus a northing); beyond its edge the orthophoto is mirrored."""
    size = np.float32(atlas.size_m)
    turned = np.mod(metres + size / 2, 2 * size)
    return np.asarray(
        (size - np.abs(turned - size)) / np.float32(atlas.texel_m) - np.float32(0.5), np.float32
    )


def texture_level(view: Cast, texel_m: float) -> Floats:
    """log2 of texels per pixel: which level of the atlas shows the ground without aliasing."""
    right = np.hypot(np.gradient(view.east_m, axis=1), np.gradient(view.north_m, axis=1))
    down = np.hypot(np.gradient(view.east_m, axis=0), np.gradient(view.north_m, axis=0))
    footprint = (
        (np.maximum(right, down) ** 0.6) * (np.minimum(right, down) ** 0.4) / np.float32(STEP_PX * texel_m)
    )
    return np.asarray(np.log2(np.maximum(footprint, 1e-3)), np.float32)


def _grow(field: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), np.float32)
