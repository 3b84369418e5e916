"""Draws a plume of the virtual world into a photo, lit and veiled as the photo is, with a box round it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import smoothstep
from hardware.virtual.world.plume import SPRITE_PX, Plume, Puffs, puff_sprites, puffs
from models.make.dataset import Box

SMALLEST_BOX_PX = 7
_VISIBLE_ALPHA = 0.12
_VISIBLE_CHANGE = 12.0
"""Grey levels by which smoke must change a smooth background to be seen in front of it."""
_TEXTURE_WEIGHT = 0.5
"""And by this much more for each grey level that the background itself varies by (standard deviation)."""
_CLEARLY_VISIBLE = 1.5
"""A plume is drawn at all only if its best fifth is seen that many times as well as it must be."""
_EDGE_GRADIENT = 14.0
"""Grey levels a pixel (blurred) from which a row of a column is no longer plain sky."""
_ON_SKYLINE_SHARE = 0.75

Bgr = NDArray[np.uint8]
Floats = NDArray[np.float32]


def skyline_rows(photo: Bgr) -> Floats | None:
    """For each column the row under which the land begins; ``None`` where most columns show no such row.

    Sky is what lies without an edge below the picture's upper rim, so a cloud's hard edge ends it too early:
    the median over neighbouring columns bridges the small ones.
    """
    height, width = photo.shape[:2]
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), (0, 0), 1.2).astype(np.float32)
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4
    edge = steep >= _EDGE_GRADIENT
    edge[: max(2, height // 50)] = False  # a black rim or a caption is no land
    rows = np.where(edge.any(axis=0), edge.argmax(axis=0), height)
    half = max(2, width // 24)
    padded = np.pad(rows, half, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    there = (smooth > 0.12 * height) & (smooth < 0.8 * height)
    return np.asarray(smooth, np.float32) if there.mean() >= 0.8 else None


def with_plume(
    image: Floats, land: Floats | tuple[float, float] | None, rng: np.random.Generator
) -> tuple[Floats, Box | None]:
    """The picture with one plume and that plume's box; as it was, and ``None``, if it would hardly show.

    ``land`` is where smoke rises from: the rows of a skyline, one point, or unknown.
    """
    height, width = image.shape[:2]
    rise = float(rng.uniform(1.2, 4.5))
    plume = Plume(
        density=float(rng.uniform(0.25, 0.95)),
        colour=(0.0, 0.0, 0.0),
        rise_m_s=rise,
        life_s=float(rng.uniform(9, 26)),
        radius_m=float(rng.uniform(0.8, 3.0)),
        growth_m_s=float(rng.uniform(0.2, 0.9)),
        puffs=int(rng.integers(22, 44)),
        seed=int(rng.integers(1, 9000)),
        darkness=float(rng.uniform(0.0, 0.35)),
        spread_m=float(rng.uniform(0.5, 5.0)),
        wander_m=float(rng.uniform(0.6, 2.4)),
    )
    wind = float(rng.normal(0, 2.2))
    cloud = puffs(plume, (wind, 0.0), float(rng.uniform(100, 900)))
    tall = float(np.percentile(cloud.offset_m[:, 2] + cloud.radius_m, 90))
    wide = float(np.ptp(cloud.offset_m[:, 0])) + 2 * plume.radius_m
    longest = math.exp(rng.uniform(math.log(14), math.log(0.7 * max(height, width))))
    scale = longest / max(tall, wide)
    foot_x, foot_y = _foot((height, width), land, longest, rng)
    alpha, brightness = _drawn(cloud, (height, width), (foot_x, foot_y), scale, rng)
    if rng.random() < 0.7:  # its foot stands behind a ridge or trees
        rows = np.arange(height, dtype=np.float32)[:, None]
        hidden = foot_y - float(rng.uniform(0.0, 0.2)) * tall * scale
        soft = max(1.5, float(rng.uniform(0.03, 0.15)) * longest)
        alpha *= smoothstep(hidden + soft, hidden - soft, rows)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.5, 1.4))), np.float32)
    light = float(np.percentile(image.mean(axis=2), 92)) / 235
    tint = np.array([rng.normal(1.02, 0.03), 1.0, rng.normal(0.99, 0.03)], np.float32)
    grey = [rng.uniform(195, 250), rng.uniform(130, 200), rng.uniform(60, 130)]
    own = tint * float(rng.choice(grey, p=[0.5, 0.32, 0.18]))
    veil = float(rng.uniform(0.0, 0.55))
    tone = (own * light * (1 - veil) + air(image) * veil) * brightness[..., None]
    mixed = np.asarray(image + (np.clip(tone, 0, 252) - image) * alpha[..., None], np.float32)
    box = _seen(alpha, image, mixed)
    return (image, None) if box is None else (mixed, box)


def _foot(
    size: tuple[int, int],
    land: Floats | tuple[float, float] | None,
    longest: float,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Where in a (height, width) picture a plume that long (px) rises from; see :func:`with_plume`."""
    height, width = size
    x = float(rng.uniform(0.05, 0.95)) * width
    if isinstance(land, tuple):
        return land
    if land is None or rng.random() >= _ON_SKYLINE_SHARE:
        return x, float(rng.uniform(0.35, 0.85)) * height
    # The larger it looks, the nearer it is, and the nearer, the lower its foot.
    below = float(rng.uniform(0.0, 0.08)) * height + float(rng.uniform(0.0, 0.35)) * longest
    return x, min(float(land[int(x)]) + below, 0.97 * height)


def _seen(alpha: Floats, before: Floats, after: Floats) -> Box | None:
    """The box round what can be told from the background, if enough can."""
    height, width = alpha.shape
    grey = before.mean(axis=2)
    texture = np.sqrt(np.maximum(cv2.blur(grey * grey, (15, 15)) - cv2.blur(grey, (15, 15)) ** 2, 0.0))
    # Of the mean: what smoke does to single bright or dark pixels does not make it stand out from them.
    change = np.abs(cv2.GaussianBlur(after - before, (0, 0), 1.5)).max(axis=2)
    contrast = change / (_VISIBLE_CHANGE + _TEXTURE_WEIGHT * texture)
    seen = (alpha >= _VISIBLE_ALPHA) & (contrast >= 1.0)
    if not seen.any() or np.percentile(contrast[seen], 80) < _CLEARLY_VISIBLE:
        return None
    _, _, stats, _ = cv2.connectedComponentsWithStats(seen.astype(np.uint8), connectivity=8)
    parts = stats[1:]
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= max(8, 0.04 * parts[:, cv2.CC_STAT_AREA].max())]
    if not len(parts):
        return None
    x1, y1 = parts[:, :2].min(axis=0)
    x2, y2 = (parts[:, :2] + parts[:, 2:4]).max(axis=0)
    if max(x2 - x1, y2 - y1) < SMALLEST_BOX_PX or min(x2 - x1, y2 - y1) < 3:
        return None
    return Box.around("smoke", (float(x1), float(y1), float(x2), float(y2)), width, height)


def _drawn(
    cloud: Puffs,
    size: tuple[int, int],
    foot: tuple[float, float],
    scale: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Opacity and brightness of puffs over a picture of (height, width) pixels, ``scale`` of them a metre."""
    height, width = size
    layer = np.zeros((height, width, 2), np.float32)  # opacity, and brightness weighted by it
    sun = rng.normal(0, 1, 2)
    sun *= float(rng.uniform(0.05, 0.4)) / max(float(np.hypot(*sun)), 1e-6)
    sprites = puff_sprites()
    for index in np.argsort(-cloud.offset_m[:, 1]):
        radius = float(cloud.radius_m[index]) * scale
        x = foot[0] + float(cloud.offset_m[index, 0]) * scale
        y = foot[1] - float(cloud.offset_m[index, 2]) * scale
        left, right = max(0, int(x - radius) - 1), min(width, int(x + radius) + 2)
        top, bottom = max(0, int(y - radius) - 1), min(height, int(y + radius) + 2)
        if right <= left or bottom <= top:
            continue
        c, s = math.cos(cloud.turn_rad[index]), math.sin(cloud.turn_rad[index])
        linear = np.array([[c, -s], [s, c]]) * (2 * max(radius, 0.7) / SPRITE_PX)
        middle = np.full(2, (SPRITE_PX - 1) / 2.0)
        matrix = np.column_stack([linear, np.array([x - left, y - top]) - linear @ middle])
        sprite = sprites[cloud.kind[index]]
        lit = 0.9 + np.float32(c * sun[0] + s * sun[1]) * sprite[..., 1]
        lit = lit + np.float32(-s * sun[0] + c * sun[1]) * sprite[..., 2]
        method = cv2.INTER_AREA if radius * 2 < SPRITE_PX / 2 else cv2.INTER_LINEAR
        piece = cv2.warpAffine(
            np.asarray(cv2.merge([sprite[..., 0], lit]), np.float32),
            matrix,
            (right - left, bottom - top),
            flags=method,
        )
        cover = piece[..., 0] * np.float32(cloud.opacity[index])
        part = layer[top:bottom, left:right]
        part *= (1.0 - cover)[..., None]
        part[..., 0] += cover
        part[..., 1] += cover * piece[..., 1] * np.float32(cloud.brightness[index])
    alpha = np.ascontiguousarray(layer[..., 0])
    return alpha, np.asarray(layer[..., 1] / np.maximum(alpha, 1e-3), np.float32)


def air(image: Floats) -> Floats:
    """The colour that far things fade into: that of the brighter part of the picture's upper half."""
    upper = image[: max(2, image.shape[0] // 2)].reshape(-1, 3)
    bright = upper[upper.mean(axis=1) >= np.percentile(upper.mean(axis=1), 60)]
    return np.asarray(bright.mean(axis=0), np.float32)
