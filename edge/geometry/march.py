"""Where rays of light from the camera first meet the terrain.

All rays of a frame are marched at once: heights are sampled along them in steps that follow the grid
near the camera and the distance far from it, and the first crossing is refined by false position. Rays moved
a little from one whose meeting is known are met from there, by secants.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flight.local_frame import LocalFrame
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

# Light bends down with the air's density: 0.13 of the earth's curvature by day (Gauss's coefficient, as in
# every surveying text). 0.3 m at 5 km, 5 cm at 2 km.
REFRACTION = 0.13
SMALLEST_STEP_M = 1.0
LARGEST_STEP_M = 15.0
STEP_OF_RANGE = 0.01
FIRST_STRETCH_M = 400.0
# A meeting is good when the ray is no higher above (or below) the ground there.
MET_WITHIN_M = 0.002
REFINEMENTS = 12
# How much room a ray has on its way is asked for up to this part of its range: then it has to come down.
WAY = 0.8
WINDOW_SAMPLES = 48
# Secants have arrived when their last step was shorter than this, or than this part of the way from where
# they started: an error is not known any better than that.
ARRIVED_M, ARRIVED_OF_WAY = 0.25, 0.05


class Outcome(IntEnum):
    """How a ray ended."""

    GROUND = 0
    SKY = 1
    """Still above the ground at the greatest range."""
    BEYOND = 2
    """Left the terrain model, or met a hole in it, before it met the ground."""
    BELOW = 3
    """It starts below the ground: pose and terrain disagree."""
    UNKNOWN = 4
    """The direction was not a number."""


# As plain numbers: numpy takes its time over members of an enumeration.
_GROUND, _SKY, _BEYOND, _BELOW, _UNKNOWN = map(int, Outcome)


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What ``march`` found for N rays: ``range_m`` (N,) is NaN where ``outcome`` is not GROUND.

    ``room_rad`` (N,): how far a ray may be turned before ground on its way comes into view before its own.
    """

    range_m: FloatArray
    outcome: NDArray[np.intp]
    room_rad: FloatArray


def clearance_m(frame: LocalFrame, points_enu_m: FloatArray, terrain: Terrain) -> FloatArray:
    """Height of points (..., 3) above the ground, along the bent ray that starts at the frame's origin."""
    lat_deg, lon_deg, alt_m = frame.to_geodetic(
        points_enu_m[..., 0], points_enu_m[..., 1], points_enu_m[..., 2], refraction=REFRACTION
    )
    height: FloatArray = alt_m - terrain.height_amsl_m(lat_deg, lon_deg)
    return height


def march(frame: LocalFrame, directions: FloatArray, terrain: Terrain, max_range_m: float) -> Hits:
    """First meetings of rays (N, 3; unit vectors, east north up) from the frame's origin with the ground."""
    count = len(directions)
    outcome = np.full(count, _SKY, np.intp)
    ranges, room = np.full(count, np.nan), np.full(count, np.inf)
    low, high, above, below = np.empty((4, count))
    outcome[~np.isfinite(directions.sum(axis=1))] = _UNKNOWN
    for stretch in _stretches(terrain.resolution_m, max_range_m):
        going = np.flatnonzero(outcome == _SKY)
        if not len(going):
            break
        heights = clearance_m(frame, stretch[:, None] * directions[going, None], terrain)
        if stretch[0] == 0.0 and not heights[0, 0] > 0:
            outcome[going] = _BELOW if heights[0, 0] <= 0 else _BEYOND
            break
        ended = ~(heights > 0)
        index = ended.argmax(axis=1)
        rows = np.flatnonzero(ended.any(axis=1))
        last = index[rows]
        met, before, after = going[rows], heights[rows, last - 1], heights[rows, last]
        outcome[met] = np.where(np.isnan(after), _BEYOND, _GROUND)
        low[met], high[met], above[met], below[met] = stretch[last - 1], stretch[last], before, after
        until_m = np.where(index > 0, WAY * stretch[index], np.inf)
        angles = np.where(stretch < until_m[:, None], heights, np.inf)[:, 1:] / stretch[1:]
        room[going] = np.minimum(room[going], angles.min(axis=1, initial=np.inf))
    hit = np.flatnonzero(outcome == _GROUND)
    if len(hit):
        ranges[hit] = _refine(
            frame, np.zeros(3), directions[hit], terrain, low[hit], high[hit], above[hit], below[hit]
        )
    return Hits(ranges, outcome, room)


def march_near(
    frame: LocalFrame,
    origins_enu_m: FloatArray,
    directions: FloatArray,
    terrain: Terrain,
    near_m: FloatArray,
    far_m: FloatArray,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """First meetings of rays (N, 3) between two ranges (N,).

    Returns ranges (N,) and which were found; where not, the range is the end that the ray misses by.
    """
    stretch = near_m[:, None] * (far_m / near_m)[:, None] ** np.linspace(0.0, 1.0, WINDOW_SAMPLES)
    points = origins_enu_m[:, None] + stretch[..., None] * directions[:, None]
    heights = clearance_m(frame, points, terrain)
    ended = ~(heights > 0)
    index = ended.argmax(axis=1)
    found = index > 0
    ranges = np.where(ended[:, 0], near_m, far_m)
    rows = np.flatnonzero(found)
    last = index[rows]
    ranges[rows] = _refine(
        frame,
        origins_enu_m[rows],
        directions[rows],
        terrain,
        stretch[rows, last - 1],
        stretch[rows, last],
        heights[rows, last - 1],
        heights[rows, last],
    )
    return ranges, found


def meet_near(
    frame: LocalFrame,
    origins_enu_m: FloatArray,
    directions: FloatArray,
    terrain: Terrain,
    guess_m: FloatArray,
    fall: FloatArray,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Meetings of rays (..., 3) with the ground from guesses of their ranges (...), two looks at it each.

    ``fall`` is how much clearance a ray loses with each metre, as far as is known. Returns ranges and
    which of them are to be trusted; it may be another meeting than the first.
    """
    with np.errstate(all="ignore"):
        first_m = clearance_m(frame, origins_enu_m + guess_m[..., None] * directions, terrain)
        stride_m = first_m / fall
        range_m = guess_m + stride_m
        second_m = clearance_m(frame, origins_enu_m + range_m[..., None] * directions, terrain)
        # Along the secant through both; the same where the first was on the ground already.
        lost_m = first_m - second_m
        step_m = np.where(np.abs(lost_m) > 1e-9, second_m * stride_m / lost_m, 0.0)
        arrived = np.abs(step_m) <= ARRIVED_M + ARRIVED_OF_WAY * np.abs(stride_m)
    return range_m + step_m, arrived


@lru_cache(maxsize=8)
def _stretches(resolution_m: float, max_range_m: float) -> list[FloatArray]:
    """Ranges to look at: most rays end in the first stretch."""
    base_m = min(max(resolution_m / 2, SMALLEST_STEP_M), LARGEST_STEP_M, max_range_m / 4)
    steps = [0.0]
    while steps[-1] < max_range_m:
        steps.append(min(steps[-1] + max(base_m, STEP_OF_RANGE * steps[-1]), max_range_m))
    array = np.array(steps)
    array.flags.writeable = False
    split = int(np.searchsorted(array, FIRST_STRETCH_M))
    return [stretch for stretch in (array[: split + 1], array[split:]) if len(stretch) > 1]


def _refine(
    frame: LocalFrame,
    origins_enu_m: FloatArray,
    directions: FloatArray,
    terrain: Terrain,
    low_m: FloatArray,
    high_m: FloatArray,
    above_m: FloatArray,
    below_m: FloatArray,
) -> FloatArray:
    """Ranges where the ground is met between ``low_m`` and ``high_m``.

    ``above_m`` (> 0) and ``below_m`` (not, or not known) are the clearances there. False position, with the
    weight of an end halved each time that it stays (the Illinois rule).
    """
    range_m = low_m
    going, stayed = np.ones(len(low_m), np.bool_), np.zeros(len(low_m), np.intp)
    for _ in range(REFINEMENTS):
        range_m = np.where(going, low_m + _part(above_m, below_m) * (high_m - low_m), range_m)
        height_m = clearance_m(frame, origins_enu_m + range_m[:, None] * directions, terrain)
        going = ~(np.abs(height_m) <= MET_WITHIN_M)
        if not going.any():
            break
        is_above = height_m > 0
        above_m = np.where(is_above, height_m, np.where(stayed < 0, above_m / 2, above_m))
        below_m = np.where(is_above, np.where(stayed > 0, below_m / 2, below_m), height_m)
        low_m, high_m = np.where(is_above, range_m, low_m), np.where(is_above, high_m, range_m)
        stayed = np.where(is_above, 1, -1)
    return range_m


def _part(above_m: FloatArray, below_m: FloatArray) -> FloatArray:
    """Of the way between them; half of it where one is not known."""
    part = above_m / (above_m - below_m)
    return np.where(np.isnan(part), 0.5, part)
