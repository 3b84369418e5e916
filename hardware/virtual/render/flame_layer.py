"""Draws fires: scorched ground, tongues of flame, their bloom and the light they throw."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.render.canvas import Canvas, Layer
from hardware.virtual.world.fire import Fire, flipbook, tongues
from hardware.virtual.world.noise import Floats, colour_of, fractal, smoothstep

_SCORCH_PX = 128


def draw_scorch(canvas: Canvas, fire: Fire, base_m: NDArray[np.float64], slope: NDArray[np.float64]) -> None:
    """Blacken the ground under a fire. ``slope`` is its rise (east, north)."""
    reach = fire.radius_m * 1.9
    long = reach + fire.front_m / 2
    along = np.array([math.sin(fire.heading_rad), math.cos(fire.heading_rad)])
    across = np.array([along[1], -along[0]])
    flat = np.array([a * long * along + b * reach * across for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    corners = base_m + np.column_stack([flat, flat @ slope])
    pixels = canvas.lens.project(canvas.to_camera(corners))
    box = canvas.box(pixels) if np.isfinite(pixels).all() else None
    if box is None:
        return
    last = _SCORCH_PX - 1
    source = np.array([[0, 0], [last, 0], [last, last], [0, last]], np.float32)
    warp = cv2.getPerspectiveTransform(source, (pixels - box[:2]).astype(np.float32))
    size = (box[2] - box[0], box[3] - box[1])
    alpha = cv2.warpPerspective(_scorch_sprite(fire.seed % 4), warp, size, flags=cv2.INTER_LINEAR)
    distance = float(np.linalg.norm(base_m - canvas.eye_m))
    near = canvas.depth(box) > distance - reach - 0.02 * distance
    dark = np.where(near, alpha, 0.0).astype(np.float32)[..., None] * np.float32(canvas.through(distance))
    patch = canvas.patch(box)
    ash = colour_of((34.0, 36.0, 40.0)) * colour_of(canvas.light.ground_gain)
    patch[:] = np.clip(patch + dark * (ash - patch), 0, 255).astype(np.uint8)


def draw_flames(
    canvas: Canvas,
    fire: Fire,
    base_m: NDArray[np.float64],
    slope: NDArray[np.float64],
    smoke: Layer | None,
) -> Layer | None:
    """Add a fire's flames: they shine over what is behind them, and dimly through their own smoke."""
    if fire.flame_height_m <= 0.0:
        return None
    lens = canvas.lens
    burning = tongues(fire, canvas.time_s)
    flat = np.column_stack([burning.east_m, burning.north_m])
    points = canvas.to_camera(base_m + np.column_stack([flat, flat @ slope]))
    pixels = lens.project(points)
    px_per_m = lens.focal_px / np.maximum(points[:, 2], 0.1)
    width_px = burning.width_m * px_per_m
    # From above a flame is as long in the picture as it is wide.
    height_px = px_per_m * np.hypot(burning.height_m * canvas.standing, burning.width_m * 0.8 * canvas.lying)
    reach = np.maximum(width_px, height_px)[:, None]
    good = (points[:, 2] > 2.0) & np.isfinite(pixels[:, 0])
    if not good.any():
        return None
    box = canvas.box(np.concatenate([(pixels - reach)[good], (pixels + reach)[good]]))
    if box is None:
        return None
    layer = np.zeros((box[3] - box[1], box[2] - box[0], 4), np.float32)
    for index in np.argsort(-points[:, 2]):
        if good[index]:
            sprite = _flames_at_size(float(height_px[index]))[burning.kind[index], burning.frame[index]]
            foot = pixels[index] - box[:2]
            _stand(layer, sprite, foot, float(width_px[index]), float(height_px[index]), canvas.up)
    drawn = float(layer[..., 3].sum())
    if drawn <= 0.0:
        return None
    distance = float(np.linalg.norm(base_m - canvas.eye_m))
    nearest = distance - fire.radius_m - fire.front_m / 2 - 1.0 - 0.012 * distance
    layer *= (canvas.depth(box) > nearest)[..., None]
    shown = float(layer[..., 3].sum()) / drawn
    in_frame = good & (pixels[:, 0] > 0) & (pixels[:, 0] < lens.width_px - 1)
    in_frame &= (pixels[:, 1] > 0) & (pixels[:, 1] < lens.height_px - 1)
    area = burning.width_m * burning.height_m
    shown *= float(area[in_frame].sum() / max(area.sum(), 1e-6))
    # Flames outshine haze and, in part, their own smoke.
    strength = np.float32(canvas.through(distance) ** 0.6)
    veil = smoke.over(box) if smoke is not None else np.zeros(layer.shape[:2], np.float32)
    layer *= (strength * (1.0 - np.float32(0.52) * veil))[..., None]
    _shine(canvas, layer, box, float(np.median(height_px[good])))
    alpha = np.ascontiguousarray(layer[..., 3])
    return Layer(box[0], box[1], alpha, float(np.clip(shown, 0.0, 1.0)))


def _shine(canvas: Canvas, layer: Floats, box: tuple[int, int, int, int], height_px: float) -> None:
    """Put flames on the picture with their bloom and the light they throw on what is near."""
    pad = int(np.clip(height_px * 1.6, 4, 160))
    height, width = canvas.image.shape[:2]
    left, top = max(0, box[0] - pad), max(0, box[1] - pad)
    right, bottom = min(width, box[2] + pad), min(height, box[3] + pad)
    wide = np.zeros((bottom - top, right - left, 4), np.float32)
    wide[box[1] - top : box[3] - top, box[0] - left : box[2] - left] = layer
    # Light spreads smoothly: a quarter of the resolution is enough for it.
    size = (right - left, bottom - top)
    quarter = (max(1, size[0] // 4), max(1, size[1] // 4))
    small = cv2.resize(wide[..., :3], quarter, interpolation=cv2.INTER_AREA)
    tight = cv2.GaussianBlur(small, (0, 0), max(0.6, height_px * 0.045))
    broad = cv2.GaussianBlur(small, (0, 0), max(1.0, height_px * 0.16))
    glow = canvas.light.glow
    bloom = cv2.addWeighted(tight, 0.22 + 0.12 * glow, broad, 0.30 * glow, 0.0)
    halo = cv2.resize(bloom, size, interpolation=cv2.INTER_LINEAR)
    # In the dark the ground nearby is lit as well, each patch in its own colour.
    lit = cv2.resize(broad, size, interpolation=cv2.INTER_LINEAR)
    patch = canvas.patch((left, top, right, bottom))
    ground = patch * (1.0 + lit * np.float32(0.035 * max(0.0, glow - 0.3)))
    patch[:] = np.clip(ground * (1.0 - wide[..., 3:4]) + wide[..., :3] + halo, 0, 255).astype(np.uint8)


def _stand(
    layer: Floats,
    sprite: Floats,
    foot_px: NDArray[np.float64],
    width_px: float,
    height_px: float,
    up: NDArray[np.float64],
) -> None:
    """Draw one flame with its foot at ``foot_px``."""
    rows, columns = sprite.shape[:2]
    right = np.array([-up[1], up[0]])
    # Sprite axes: x right, y down; the foot is the middle of the bottom edge, a little sunk into the ground.
    linear = np.column_stack([right * width_px / columns, -up * height_px / rows])
    foot = np.array([(columns - 1) / 2.0, rows * 0.95 - 0.5])
    edges = np.array([[-0.5, -0.5], [columns, -0.5], [columns, rows], [-0.5, rows]])
    corners = (edges - foot) @ linear.T + foot_px
    x0, y0 = (max(0, math.floor(value)) for value in corners.min(axis=0))
    x1 = min(layer.shape[1], math.ceil(corners[:, 0].max()) + 1)
    y1 = min(layer.shape[0], math.ceil(corners[:, 1].max()) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    matrix = np.column_stack([linear, foot_px - (x0, y0) - linear @ foot])
    piece = cv2.warpAffine(sprite, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    patch = layer[y0:y1, x0:x1]
    patch *= 1.0 - piece[..., 3:4]
    patch += piece


def _flames_at_size(height_px: float) -> Floats:
    """The flipbook about as large as it is drawn, so that small flames do not sparkle."""
    ratio = flipbook().shape[2] / max(height_px, 1.0)
    return _flames_shrunk(int(np.clip(math.floor(math.log2(max(ratio, 1.0))), 0, 2)))


@lru_cache(maxsize=3)
def _flames_shrunk(halvings: int) -> Floats:
    """The flipbook at 2^-halvings of its size."""
    book = flipbook()
    for _ in range(halvings):
        kinds, frames, rows, columns, channels = book.shape
        half = book.reshape(kinds, frames, rows // 2, 2, columns // 2, 2, channels)
        book = np.asarray(half.mean(axis=(3, 5)), np.float32)
    return book


@lru_cache(maxsize=4)
def _scorch_sprite(kind: int) -> Floats:
    rng = np.random.default_rng(300 + kind)
    axis = (np.arange(_SCORCH_PX, dtype=np.float32) + 0.5) / (_SCORCH_PX / 2) - 1.0
    r = np.hypot(axis[None, :], axis[:, None])
    ragged = r + 0.16 * fractal(rng, _SCORCH_PX, 40.0, 5, 0.6)
    return np.asarray(0.80 * smoothstep(0.85, 0.42, ragged) * smoothstep(1.0, 0.9, r), np.float32)
