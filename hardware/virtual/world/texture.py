"""Paints a landcover as an orthophoto: colours, tree crowns, roofs, rows, shadows; in a few seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.families import Family
from hardware.virtual.world.landcover import CropField, Landcover, Road
from hardware.virtual.world.noise import AnyArray, Bytes, Floats, colour_of, fractal, smoothstep, tile
from hardware.virtual.world.relief import Relief

CANOPY_UNIT_M = 0.1
_AUTUMN = ((52, 104, 158), (54, 80, 138), (66, 134, 172), (58, 88, 122))


@dataclass(frozen=True, slots=True, eq=False)
class Ortho:
    """An orthophoto of the square ``size_m`` round home, row 0 north.

    ``bgr`` has sun and shadow baked in. ``canopy`` is the height of trees and houses above ground in units of
    0.1 m. ``rough`` says how strongly fine detail modulates a texel (0 smooth roof or water, 255 leaves).
    """

    size_m: float
    bgr: Bytes
    canopy: Bytes
    rough: Bytes

    @property
    def texel_m(self) -> float:
        """Metres per texel."""
        return self.size_m / float(self.bgr.shape[0])


def paint(
    rng: np.random.Generator,
    family: Family,
    cover: Landcover,
    relief: Relief,
    texture_px: int,
    sun_azimuth_rad: float,
    sun_elevation_rad: float,
) -> Ortho:
    """The orthophoto of ``cover``, ``texture_px`` square (a multiple of 4)."""
    texel_m = cover.size_m / texture_px
    grain = _tiled(rng, texture_px, 0.8, 2.0)
    lumps = _tiled(rng, texture_px, 1.3, 1024 * texel_m / 5.5)
    bgr = _ground_colours(rng, family, cover, texture_px // 4)
    bgr = np.asarray(cv2.resize(bgr, (texture_px, texture_px), interpolation=cv2.INTER_LINEAR), np.uint8)
    rough = np.full((texture_px, texture_px), 105, np.uint8)
    for field in cover.fields:
        _draw_field(bgr, rough, field, cover.size_m)
    water = cv2.resize(cover.water, (texture_px, texture_px), interpolation=cv2.INTER_CUBIC) > 0.5
    for road in cover.roads:
        _draw_road(bgr, rough, road, family, cover.size_m)
    canopy = _plant(rng, family, cover, bgr, rough, lumps, texel_m)
    bgr[water] = family.water
    canopy[water] = 0
    rough[water] = 14
    _build(rng, cover, bgr, canopy, rough)
    _park(rng, cover, bgr, canopy, rough)
    _shade(bgr, canopy, grain, rough, cover, relief, sun_azimuth_rad, sun_elevation_rad)
    return Ortho(cover.size_m, bgr, canopy, rough)


def _tiled(rng: np.random.Generator, texture_px: int, slope: float, low_cycles: float) -> Bytes:
    """Noise round 128, repeating every 1,024 texels."""
    fine = tile(rng, 1024, slope, low_cycles)
    grain = np.clip(128 + 34 * fine, 0, 255).astype(np.uint8)
    repeats = -(-texture_px // 1024)
    return np.tile(grain, (repeats, repeats))[:texture_px, :texture_px]


def _ground_colours(rng: np.random.Generator, family: Family, cover: Landcover, side_px: int) -> Bytes:
    """Grass, soil and litter mixed by noise, before anything stands on them."""
    texel_m = cover.size_m / side_px
    share = np.zeros((side_px, side_px, 3), np.float32)
    share[:] = colour_of(family.grass[0])
    for index, colour in enumerate(family.grass[1:]):
        weight = smoothstep(-0.4, 1.0, fractal(rng, side_px, (150.0 - 35.0 * index) / texel_m, 6, 0.62))
        share += weight[..., None] * (colour_of(colour) - share) * np.float32(0.8)
    soil = np.zeros_like(share)
    soil[:] = colour_of(family.soil[0])
    for colour in family.soil[1:]:
        weight = smoothstep(-0.6, 0.9, fractal(rng, side_px, 70.0 / texel_m, 5, 0.6))
        soil += weight[..., None] * (colour_of(colour) - soil)
    patchy = fractal(rng, side_px, 26.0 / texel_m, 4, 0.65)
    bare = cv2.resize(cover.bare, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    bare = np.clip(bare + 0.14 * patchy * (bare > 0.02) + 0.16 * smoothstep(1.1, 2.2, patchy), 0.0, 1.0)
    share += bare[..., None] * (soil - share)
    forest = cv2.resize(cover.forest, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    litter = share * np.float32(0.62) + soil * np.float32(0.12)
    share += np.clip(forest, 0.0, 1.0)[..., None] * (litter - share)
    if family.snow_share > 0.0:
        drift = fractal(rng, side_px, 90.0 / texel_m, 6, 0.6)
        limit = float(np.quantile(drift, 1.0 - family.snow_share))
        snow = 0.93 * smoothstep(limit - 0.25, limit + 0.15, drift)
        share += snow[..., None] * (colour_of((232.0, 226.0, 222.0)) - share)
    share *= (1.0 + 0.055 * fractal(rng, side_px, 12.0 / texel_m, 4, 0.7))[..., None]
    return np.clip(share, 0, 255).astype(np.uint8)


def _texels(points_m: AnyArray, size_m: float, texture_px: int) -> NDArray[np.int32]:
    """Texture pixels (column, row) in 1/8 pixel, for cv2's ``shift=3``."""
    scale = texture_px / size_m
    column = (points_m[..., 0] + size_m / 2) * scale - 0.5
    row = (size_m / 2 - points_m[..., 1]) * scale - 0.5
    return np.asarray(np.round(np.stack([column, row], axis=-1) * 8), np.int32)


def _draw_field(bgr: Bytes, rough: Bytes, field: CropField, size_m: float) -> None:
    side = bgr.shape[0]
    texel_m = size_m / side
    corners = _texels(field.corners_m, size_m, side)
    low = np.maximum(corners.min(axis=0) // 8 - 1, 0)
    high = np.minimum(corners.max(axis=0) // 8 + 2, side)
    if np.any(high - low < 4):
        return
    x0, y0, x1, y1 = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(mask, corners - np.array([x0, y0], np.int32) * 8, 1, cv2.LINE_8, 3)
    patch = bgr[y0:y1, x0:x1]
    crop = np.empty(patch.shape, np.float32)
    crop[:] = colour_of(field.colour)
    # A fifth of the ground below shows through, so that one field is not one flat colour.
    crop *= 0.80 + 0.0024 * patch[..., 1:2].astype(np.float32)
    if field.row_strength > 0.0:
        across = math.cos(field.row_heading_rad), math.sin(field.row_heading_rad)
        columns = np.arange(x0, x1, dtype=np.float32) * np.float32(across[0] * texel_m)
        rows = np.arange(y0, y1, dtype=np.float32)[:, None] * np.float32(-across[1] * texel_m)
        wave = np.sin((columns + rows) * np.float32(2 * math.pi / field.row_spacing_m))
        crop *= (1.0 + np.float32(field.row_strength) * wave)[..., None]
    inside = mask > 0
    patch[inside] = np.clip(crop[inside], 0, 255).astype(np.uint8)
    rough[y0:y1, x0:x1][inside] = 100


def _draw_road(bgr: Bytes, rough: Bytes, road: Road, family: Family, size_m: float) -> None:
    side = bgr.shape[0]
    texel_m = size_m / side
    points = _texels(road.points_m, size_m, side)
    width = max(1, round(road.width_m / texel_m))
    verge = tuple(int(0.5 * a + 0.5 * b) for a, b in zip(family.track, family.grass[0], strict=True))
    cv2.polylines(bgr, [points], False, verge, width + max(2, width // 2), cv2.LINE_AA, 3)
    cv2.polylines(bgr, [points], False, family.road if road.sealed else family.track, width, cv2.LINE_AA, 3)
    cv2.polylines(rough, [points], False, 30 if road.sealed else 70, width, cv2.LINE_8, 3)
    if road.sealed:
        for first, second in zip(points[:-1:2], points[1::2], strict=False):
            middle = [np.stack([first, (first + second) // 2])]
            cv2.polylines(bgr, middle, False, (205, 210, 212), 1, cv2.LINE_AA, 3)
    else:
        # Two wheel ruts with a strip of grass between them.
        cv2.polylines(bgr, [points], False, verge, max(1, width // 3), cv2.LINE_AA, 3)


def _plant(
    rng: np.random.Generator,
    family: Family,
    cover: Landcover,
    bgr: Bytes,
    rough: Bytes,
    lumps: Bytes,
    texel_m: float,
) -> Bytes:
    """Trees on a jittered grid, each crown the part of a dome in its own Voronoi cell. Returns the canopy."""
    side = bgr.shape[0]
    step = family.tree_spacing_m / texel_m
    count = int(side / step)
    grid = (np.arange(count) + 0.5) * step
    columns, rows = np.meshgrid(grid, grid)
    jitter = rng.uniform(-0.46, 0.46, (2, count, count)) * step
    columns = np.clip(columns + jitter[0], 0, side - 1).astype(np.intp).ravel()
    rows = np.clip(rows + jitter[1], 0, side - 1).astype(np.intp).ravel()
    cells = cover.forest.shape[0]
    cell_c, cell_r = columns * cells // side, rows * cells // side
    chance = np.maximum(
        cover.forest[cell_r, cell_c] * 0.93, family.lone_trees * (cover.clear_m[cell_r, cell_c] > 5)
    )
    on_road = rough[rows, columns] < 100
    keep = (rng.random(columns.size) < chance) & ~on_road
    columns, rows = columns[keep], rows[keep]
    seeds = np.full((side, side), 1, np.uint8)
    seeds[rows, columns] = 0
    if not columns.size:
        return np.zeros((side, side), np.uint8)
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    trees = int(labels.max()) + 1
    order = labels[rows, columns]
    big = (0.34 + 0.50 * rng.random(trees) ** 0.8).astype(np.float32)
    radius_px = (big * np.float32(family.tree_spacing_m / texel_m)).astype(np.float32)
    top = (big / 0.84 * family.tree_height_m / CANOPY_UNIT_M * rng.uniform(0.75, 1.1, trees)).astype(
        np.float32
    )
    kinds = np.asarray(family.crowns, np.float32)
    woods = fractal(rng, cells, 60.0, 4, 0.6)
    here = woods[rows * cells // side, columns * cells // side]
    choice = np.clip(
        (here * 0.9 + rng.normal(0, 0.75, order.size)) * 0.9 + len(kinds) / 2, 0, len(kinds) - 1
    ).astype(np.intp)
    colour = np.empty((trees, 3), np.float32)
    colour[order] = kinds[choice] * rng.uniform(0.84, 1.16, (order.size, 1)).astype(np.float32)
    if family.autumn_share > 0.0:
        turned = (here > np.quantile(here, 1 - 2 * family.autumn_share)) & (rng.random(order.size) < 0.5)
        leaves = np.asarray(_AUTUMN, np.float32)
        colour[order[turned]] = leaves[rng.integers(len(leaves), size=int(turned.sum()))]
    conifer = np.zeros(trees, np.bool_)
    conifer[order] = rng.random(order.size) < family.conifer_share

    # Crowns are lumpy: noise moves each one's outline in and out and its boughs up and down.
    reach = np.float32(float(radius_px.max()))
    near = np.flatnonzero(distance.ravel() < reach * 1.2)
    label = labels.ravel()[near]
    share = distance.ravel()[near] / radius_px[label]
    bough = (lumps.ravel()[near].astype(np.float32) - 128.0) * np.float32(1 / 34)
    share *= 1.0 + 0.13 * bough
    inside = share < 1.0
    near, label, share, bough = near[inside], label[inside], share[inside], bough[inside]
    dome = np.where(
        conifer[label], 1.0 - 0.85 * share, np.sqrt(1.0 - 0.86 * share * share) * (0.92 - 0.06 * bough)
    )
    canopy = np.zeros(side * side, np.uint8)
    canopy[near] = np.clip(top[label] * dome, 0, 255).astype(np.uint8)
    tint = np.clip(colour, 0, 255).astype(np.uint8)
    bgr.reshape(-1, 3)[near] = tint[label]
    rough.reshape(-1)[near] = 235
    # Rounded edges, since a march through the canopy would show every jag as a wall; and nowhere outside the
    # crowns' colours, or the ground would climb up their sides.
    rounded = cv2.blur(cv2.erode(canopy.reshape(side, side), np.ones((3, 3), np.uint8)), (3, 3))
    return np.asarray(rounded, np.uint8)


def _build(rng: np.random.Generator, cover: Landcover, bgr: Bytes, canopy: Bytes, rough: Bytes) -> None:
    side = bgr.shape[0]
    for house in cover.buildings:
        along = np.array([math.cos(house.heading_rad), math.sin(house.heading_rad)])
        across = np.array([-along[1], along[0]])
        centre = np.array([house.east_m, house.north_m])
        half_l, half_w = along * house.length_m / 2, across * house.width_m / 2
        yard = centre + np.array(
            [
                1.7 * (half_l + half_w),
                1.7 * (half_l - half_w),
                -1.7 * (half_l + half_w),
                1.7 * (half_w - half_l),
            ]
        )
        cv2.fillConvexPoly(canopy, _texels(yard, cover.size_m, side), 0, cv2.LINE_8, 3)
        sheen = float(rng.uniform(0.92, 1.06))
        for sign in (1.0, -1.0):
            slope = centre + np.array([half_l, -half_l, -half_l + sign * half_w, half_l + sign * half_w])
            tone = sheen * (1.0 + 0.10 * sign)
            roof = tuple(int(min(255.0, c * tone)) for c in house.roof)
            polygon = _texels(slope, cover.size_m, side)
            cv2.fillConvexPoly(bgr, polygon, roof, cv2.LINE_AA, 3)
            cv2.fillConvexPoly(canopy, polygon, int(house.height_m / CANOPY_UNIT_M), cv2.LINE_8, 3)
            cv2.fillConvexPoly(rough, polygon, 30, cv2.LINE_8, 3)


def _park(rng: np.random.Generator, cover: Landcover, bgr: Bytes, canopy: Bytes, rough: Bytes) -> None:
    """A few cars on the roads."""
    side = bgr.shape[0]
    paints = ((236, 236, 234), (60, 60, 62), (150, 148, 146), (48, 44, 150), (140, 84, 50))
    for road in cover.roads:
        for _ in range(5 if road.sealed else 1):
            index = int(rng.integers(1, len(road.points_m) - 1))
            here, ahead = road.points_m[index], road.points_m[index + 1]
            along = (ahead - here) / max(float(np.linalg.norm(ahead - here)), 1e-6)
            across = np.array([-along[1], along[0]])
            centre = here + across * road.width_m * 0.22 * float(rng.choice([-1, 1]))
            body = [
                centre + a * along * 2.2 + b * across * 0.95 for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
            ]
            cabin = [
                centre + a * along * 1.0 + b * across * 0.75 for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
            ]
            polygon = _texels(np.array(body), cover.size_m, side)
            cv2.fillConvexPoly(bgr, polygon, paints[int(rng.integers(len(paints)))], cv2.LINE_AA, 3)
            cv2.fillConvexPoly(
                bgr, _texels(np.array(cabin), cover.size_m, side), (52, 48, 44), cv2.LINE_AA, 3
            )
            cv2.fillConvexPoly(canopy, polygon, 15, cv2.LINE_8, 3)
            cv2.fillConvexPoly(rough, polygon, 10, cv2.LINE_8, 3)


def _shade(
    bgr: Bytes,
    canopy: Bytes,
    grain: Bytes,
    rough: Bytes,
    cover: Landcover,
    relief: Relief,
    azimuth_rad: float,
    elevation_rad: float,
) -> None:
    """Multiply sun and shadow into ``bgr``: slopes, crowns, cast shadows, dark gaps between crowns."""
    side = bgr.shape[0]
    texel_m = cover.size_m / side
    east, north = math.sin(azimuth_rad), math.cos(azimuth_rad)
    # Crowns: brighter where the canopy rises away from the sun (column = east, row = south).
    toward = east * np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) + north * np.array(
        [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]
    )
    lumps = cv2.addWeighted(canopy, 1.0, grain, 0.10, -12.8)
    lumps = np.asarray(cv2.GaussianBlur(lumps, (3, 3), 0.8), np.uint8)
    slope = np.asarray(cv2.filter2D(lumps, cv2.CV_8U, -toward * 0.30, delta=128.0), np.uint8)
    steep = (np.arange(256) - 128.0) / 0.30 / 8.0 * CANOPY_UNIT_M / texel_m
    lit = np.clip(1.0 + 0.26 * steep / np.sqrt(1.0 + 0.22 * steep**2), 0.5, 1.42)
    factor = np.asarray(cv2.LUT(slope, np.clip(lit * 128, 0, 255).astype(np.uint8)), np.uint8)

    shadow = np.zeros_like(canopy)
    drop_per_px = math.tan(max(elevation_rad, 0.30)) * texel_m / CANOPY_UNIT_M
    longest = min(int(canopy.max() / drop_per_px), int(26.0 / texel_m))
    for reach in np.arange(1.5, longest + 1, max(1.5, longest / 14)):
        dx, dy = round(east * reach), round(-north * reach)
        source = canopy[max(dy, 0) : side + min(dy, 0), max(dx, 0) : side + min(dx, 0)]
        target = shadow[max(-dy, 0) : side + min(-dy, 0), max(-dx, 0) : side + min(-dx, 0)]
        drop = np.uint8(min(255.0, drop_per_px * reach))
        np.maximum(target, np.maximum(source, drop) - drop, out=target)
    dark = (shadow > np.minimum(canopy, 250) + np.uint8(4)).astype(np.uint8) * np.uint8(255)
    dark = np.asarray(cv2.blur(dark, (3, 3)), np.uint8)
    cast = np.clip(128 - 0.50 * 128 * np.arange(256) / 255, 0, 255).astype(np.uint8)
    factor = np.asarray(cv2.multiply(factor, cv2.LUT(dark, cast), scale=1 / 128), np.uint8)
    width = max(3, int(5.0 / texel_m) | 1)
    gaps = np.asarray(cv2.subtract(cv2.blur(canopy, (width, width)), canopy), np.uint8)
    gap_light = np.clip(128 * (1.0 - 0.45 * np.arange(256) / 100.0), 62, 128).astype(np.uint8)
    factor = np.asarray(cv2.multiply(factor, cv2.LUT(gaps, gap_light), scale=1 / 128), np.uint8)
    fine = np.asarray(cv2.addWeighted(grain, 0.30, np.full_like(grain, 90), 1.0, 0.0), np.uint8)
    fine[rough < 60] = 128
    factor = np.asarray(cv2.multiply(factor, fine, scale=1 / 128), np.uint8)
    hills = cv2.resize(_hillshade(relief, cover.size_m, side // 8, azimuth_rad, elevation_rad), (side, side))
    factor = np.asarray(cv2.multiply(factor, hills, scale=1 / 128), np.uint8)
    cv2.multiply(bgr, cv2.merge([factor, factor, factor]), dst=bgr, scale=1 / 128)


def _hillshade(
    relief: Relief, size_m: float, side_px: int, azimuth_rad: float, elevation_rad: float
) -> Bytes:
    """Lambert's law relative to flat ground, softened by skylight; 128 is flat."""
    axis = ((np.arange(side_px) + 0.5) / side_px - 0.5) * size_m
    east, north = np.meshgrid(axis, -axis)
    height = relief.height_amsl_m(east, north)
    step_m = size_m / side_px
    rise_east = np.gradient(height, axis=1) / step_m
    rise_north = -np.gradient(height, axis=0) / step_m
    sun = np.array(
        [
            math.cos(elevation_rad) * math.sin(azimuth_rad),
            math.cos(elevation_rad) * math.cos(azimuth_rad),
            math.sin(elevation_rad),
        ]
    )
    facing = (sun[2] - sun[0] * rise_east - sun[1] * rise_north) / np.sqrt(1 + rise_east**2 + rise_north**2)
    light = 0.35 + 0.65 * np.clip(facing, 0.0, 1.0) / max(float(sun[2]), 0.35)
    blurred: Floats = np.asarray(light, np.float32)
    return np.clip(blurred * 128, 30, 220).astype(np.uint8)
