"""Finds hot spots on a frame of temperatures: hotter than a floor, and much hotter than what is around them.

Both are asked for: the floor alone is a summer's roof, contrast alone is a cow on a frosty meadow. What is
around a spot is told robustly, by medians of blocks and the median of neighbouring blocks, with the median
deviation as its spread; so a fire does not raise its own surroundings, and rough ground asks for more.

The probability that a spot is a fire comes from its radiance above the surroundings and from its size, by a
logistic regression on spots of rendered nights (``python -m tests.benchmarks.night_spots``). A fire of half a
metre is smaller than a pixel and may read 60 °C, a bonnet of 60 °C covers several pixels evenly: so heat
counts for more the smaller the spot. What no camera can tell by heat is told as fire: a hot exhaust, a
chimney, a barbecue. Ignore zones are for those that stay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.thermal.heat import Heat
from edge.vision.merge import Found

FloatArray = NDArray[np.float32]

FROM_C = 273.15
BLOCKS_ACROSS = 20
LEAST_BLOCK_PX = 6
ENOUGH_PX = 160  # of a frame's width, for its surroundings
# A block that is this much warmer than the whole picture's middle is no surroundings: a fire fills it.
MOST_AROUND_K = 15.0
# Where a fire ends inside a block its spread says nothing of the ground.
LEAST_SPREAD_K, MOST_SPREAD_K = 0.15, 3.0
SPREADS = 8.0
# Optics blur every real point over its neighbours: a pixel whose best neighbour has less than this share of
# its excess is a broken one.
LEAST_NEIGHBOUR = 0.10
NEARLY_K = 0.5  # below where it saturates
MOST_SPOTS = 50
# ln(radiance over surroundings, in that of 10 K at 300 K), ln(size in pixels), their product, and 1.
WEIGHTS = (2.37, -3.72, 1.68, -3.42)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hot spot must be at least. ``hottest_k`` is where the camera saturates."""

    floor_c: float = 40.0
    contrast_k: float = 15.0
    hottest_k: float = math.inf


def find_hot(kelvin: FloatArray, limits: Limits) -> list[Found]:
    """All hot spots of a frame (height, width), as boxes of class fire, the likeliest first."""
    around, spread = surroundings(kelvin)
    excess = kelvin - around
    hot = (kelvin >= FROM_C + limits.floor_c) & (excess >= np.maximum(limits.contrast_k, SPREADS * spread))
    if not hot.any():
        return []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(hot.astype(np.uint8), connectivity=8)
    found = [
        spot
        for number in range(1, len(stats))
        if (spot := _spot(number, labels, stats[number], kelvin, around, excess, limits)) is not None
    ]
    return sorted(found, key=lambda spot: -spot.score)[:MOST_SPOTS]


def surroundings(kelvin: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What is around each pixel, and by how much (1σ, robustly) it varies there."""
    height, width = kelvin.shape
    step = max(1, width // ENOUGH_PX)  # of a large frame every few pixels will do
    some = np.ascontiguousarray(kelvin[::step, ::step])
    tall, wide = some.shape
    side = max(LEAST_BLOCK_PX, round(wide / BLOCKS_ACROSS))
    rows, columns = math.ceil(tall / side), math.ceil(wide / side)
    padded = cv2.copyMakeBorder(some, 0, rows * side - tall, 0, columns * side - wide, cv2.BORDER_REFLECT_101)
    blocks = padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, side * side)
    middle = np.median(blocks, axis=2).astype(np.float32)
    spread = 1.4826 * np.median(np.abs(blocks - middle[..., None]), axis=2).astype(np.float32)
    middle = np.minimum(middle, np.float32(np.median(middle) + MOST_AROUND_K))
    calm = cv2.medianBlur(middle, 5 if min(rows, columns) >= 5 else 3)
    rough = np.clip(cv2.medianBlur(spread, 3), LEAST_SPREAD_K, MOST_SPREAD_K)
    size = (columns * side * step, rows * side * step)
    around, varies = (
        np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)[:height, :width], np.float32)
        for part in (calm, rough)
    )
    return around, varies


def _spot(
    number: int,
    labels: NDArray[np.int32],
    stats: NDArray[np.int32],
    kelvin: FloatArray,
    around: FloatArray,
    excess: FloatArray,
    limits: Limits,
) -> Found | None:
    """One connected spot; None where it is a broken pixel."""
    left, top, wide, tall = (int(stats[k]) for k in range(4))
    height, width = kelvin.shape
    window = np.s_[
        max(0, top - 2) : min(height, top + tall + 2), max(0, left - 2) : min(width, left + wide + 2)
    ]
    inside = labels[window] == number
    above = np.where(inside, excess[window], -np.inf)
    row, column = np.unravel_index(int(above.argmax()), above.shape)
    peak = float(above[row, column])
    if wide * tall <= 2 and _best_neighbour(excess[window], int(row), int(column)) < LEAST_NEIGHBOUR * peak:
        return None
    # The blurred rim belongs to it, another spot beside it does not.
    own = inside | (labels[window] == 0)
    glow = radiance(kelvin[window]) - radiance(around[window])
    best = float(glow[row, column])
    size_px = float(np.where(own, np.maximum(glow, 0.0), 0.0).sum()) / max(best, 1e-6)
    peak_k = float(kelvin[window][row, column])
    heat = Heat(
        peak_c=peak_k - FROM_C,
        around_c=float(around[window][row, column]) - FROM_C,
        size_px=size_px,
        saturated=peak_k >= limits.hottest_k - NEARLY_K,
    )
    box = (left - 0.5, top - 0.5, left + wide - 0.5, top + tall - 0.5)
    return Found("fire", probability(best, size_px), *box, heat=heat)


def _best_neighbour(excess: FloatArray, row: int, column: int) -> float:
    rows, columns = excess.shape
    beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return max(float(excess[r, c]) for r, c in beside if 0 <= r < rows and 0 <= c < columns)


def radiance(kelvin: FloatArray | np.float32) -> FloatArray:
    """Planck's at 10 µm, in units of what 10 K more than 300 K make."""
    return np.asarray(_UNIT / np.expm1(1438.777 / np.maximum(kelvin, 100.0)), np.float32)


_UNIT = 1.0 / (1 / math.expm1(1438.777 / 310) - 1 / math.expm1(1438.777 / 300))


def features(radiance_over: float, size_px: float) -> tuple[float, float, float, float]:
    """What ``WEIGHTS`` are for."""
    heat, size = math.log(max(radiance_over, 1e-3)), math.log(max(size_px, 0.5))
    return heat, size, heat * size, 1.0


def probability(radiance_over: float, size_px: float) -> float:
    """That a hot spot is a fire."""
    logit = sum(w * x for w, x in zip(WEIGHTS, features(radiance_over, size_px), strict=True))
    return 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))
