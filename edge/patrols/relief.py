"""Terrain as a picture: shaded and tinted by height, with contours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SUN_FROM_DEG, SUN_UP_DEG = 315.0, 45.0  # from the north-west, as maps have it
STEEPER = 2.0  # gentle ground still shows its shape
BRIGHTEST = 1.25
LOW, HIGH = np.array([214.0, 224.0, 200.0]), np.array([234.0, 224.0, 206.0])
UNKNOWN = (228, 228, 232)
CONTOURS = 14  # about so many between the lowest and the highest place


@dataclass(frozen=True, slots=True)
class Relief:
    """``image`` (rows, columns, RGB), north up; ``contours`` are lines of (column, row)."""

    image: NDArray[np.uint8]
    contours: list[list[tuple[float, float]]]
    interval_m: float


def relief_of(heights_m: FloatArray, cell_m: float, post_m: float) -> Relief:
    """Of a grid of heights, NaN where nothing is known. ``post_m`` is how far the model's own posts are
    apart: the creases between them are smoothed away."""
    known = np.isfinite(heights_m)
    if not known.any():
        return Relief(np.full((*heights_m.shape, 3), UNKNOWN, np.uint8), [], 0.0)
    filled = np.where(known, heights_m, np.nanmean(heights_m))
    sigma = max(1.0, 0.6 * post_m / cell_m)
    filled = np.asarray(cv2.GaussianBlur(filled, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float64)
    south, east = np.gradient(filled * STEEPER, cell_m)
    normal = np.stack([-east, south, np.ones_like(filled)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    azimuth, up = math.radians(SUN_FROM_DEG), math.radians(SUN_UP_DEG)
    sun = np.array([math.sin(azimuth) * math.cos(up), math.cos(azimuth) * math.cos(up), math.sin(up)])
    light = np.clip(normal @ sun / math.sin(up), 0.0, BRIGHTEST)
    lowest, highest = float(filled[known].min()), float(filled[known].max())
    part = ((filled - lowest) / max(1.0, highest - lowest))[..., None]
    image = np.clip((LOW + part * (HIGH - LOW)) * (0.6 + 0.4 * light[..., None]), 0, 255).astype(np.uint8)
    image[~known] = UNKNOWN
    interval_m = _interval_m(highest - lowest)
    return Relief(image, _contours(filled, known, interval_m), interval_m)


def _interval_m(range_m: float) -> float:
    steps = (1.0, 2.0, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 500.0)
    return next((step for step in steps if range_m / step <= CONTOURS), steps[-1])


def _contours(
    heights_m: FloatArray, known: NDArray[np.bool_], interval_m: float
) -> list[list[tuple[float, float]]]:
    """Followed on a grid four times as fine, so that they are smooth."""
    fine = 4
    rows, columns = heights_m.shape
    large = cv2.resize(heights_m, (columns * fine, rows * fine), interpolation=cv2.INTER_CUBIC)
    inside = cv2.resize(known.astype(np.uint8), (columns * fine, rows * fine)) > 0
    found = []
    for level in range(
        math.ceil(float(large.min()) / interval_m), math.floor(float(large.max()) / interval_m) + 1
    ):
        above = ((large >= level * interval_m) & inside).astype(np.uint8)
        edges, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for edge in edges:
            points = edge[:, 0, :].astype(np.float64)
            found += _within(points, columns * fine, rows * fine, fine)
    return found


def _within(points: FloatArray, width: int, height: int, fine: int) -> list[list[tuple[float, float]]]:
    """The parts of an outline that are not the picture's own edge."""
    x, y = points[:, 0], points[:, 1]
    free = (x > 1) & (y > 1) & (x < width - 2) & (y < height - 2)
    if free.all():
        return [_scaled(np.vstack([points, points[:1]]), fine)]
    # Begun at the edge, so that no part is cut in two where the outline happens to begin.
    begin = int(np.argmin(free))
    points, free = np.roll(points, -begin, axis=0), np.roll(free, -begin)
    changes = np.flatnonzero(np.diff(free.astype(np.int8)))
    parts = np.split(np.arange(len(points)), changes + 1)
    return [_scaled(points[part], fine) for part in parts if free[part[0]] and len(part) > 2 * fine]


def _scaled(points: FloatArray, fine: int) -> list[tuple[float, float]]:
    kernel = np.ones(5) / 5
    if len(points) > 5:
        inner = np.stack([np.convolve(points[:, axis], kernel, "valid") for axis in (0, 1)], axis=1)
        points = np.vstack([points[:1], inner, points[-1:]])
    return [((x + 0.5) / fine - 0.5, (y + 0.5) / fine - 0.5) for x, y in points[:: max(1, fine // 2)]]
