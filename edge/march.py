"""Where rays of light from the camera first meet the terrain.

All rays of a frame are marched at once: heights are sampled along them in steps that follow the grid
near the camera and the distance far from it, and the first crossing is refined by bisection.
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
BISECTIONS = 7
WINDOW_SAMPLES = 28
WINDOW_BISECTIONS = 4


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


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What ``march`` found for N rays: ``range_m`` (N,) is NaN where ``outcome`` is not GROUND."""

    range_m: FloatArray
    outcome: NDArray[np.intp]


def clearance_m(frame: LocalFrame, points_enu_m: FloatArray, terrain: Terrain) -> FloatArray:
    """Height of points (..., 3) above the ground, along the bent ray that starts at the frame's origin."""
    east_m, north_m, up_m = points_enu_m[..., 0], points_enu_m[..., 1], points_enu_m[..., 2]
    lat_deg, lon_deg, alt_m = frame.to_geodetic(east_m, north_m, up_m)
    bent_m = REFRACTION * frame.drop_m(east_m, north_m)
    height: FloatArray = alt_m - bent_m - terrain.height_amsl_m(lat_deg, lon_deg)
    return height


def march(frame: LocalFrame, directions: FloatArray, terrain: Terrain, max_range_m: float) -> Hits:
    """First meetings of rays (N, 3; unit vectors, east north up) from the frame's origin with the ground."""
    count = len(directions)
    outcome = np.full(count, Outcome.SKY, np.intp)
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    outcome[~np.isfinite(directions).all(axis=1)] = Outcome.UNKNOWN
    at_start = float(clearance_m(frame, np.zeros(3), terrain))
    going = np.flatnonzero(outcome == Outcome.SKY)
    if not at_start > 0:
        outcome[going] = Outcome.BELOW if at_start <= 0 else Outcome.BEYOND
        return Hits(low, outcome)
    steps = _steps(terrain.resolution_m, max_range_m)
    split = int(np.searchsorted(steps, FIRST_STRETCH_M))
    for stretch in (steps[: split + 1], steps[split:]):
        if not len(going) or len(stretch) < 2:
            continue
        heights = clearance_m(frame, stretch[None, 1:, None] * directions[going, None], terrain)
        ended = ~(heights > 0)
        index = ended.argmax(axis=1)
        rows = np.arange(len(going))
        met = ended[rows, index]
        unknown = met & np.isnan(heights[rows, index])
        outcome[going[met]] = Outcome.GROUND
        outcome[going[unknown]] = Outcome.BEYOND
        low[going], high[going] = stretch[index], stretch[index + 1]
        going = going[~met]
    hit = np.flatnonzero(outcome == Outcome.GROUND)
    ranges = np.full(count, np.nan)
    ranges[hit] = _bisect(
        frame, np.zeros((len(hit), 3)), directions[hit], terrain, low[hit], high[hit], BISECTIONS
    )
    return Hits(ranges, outcome)


def march_near(
    frame: LocalFrame,
    origins_enu_m: FloatArray,
    directions: FloatArray,
    terrain: Terrain,
    near_m: FloatArray,
    far_m: FloatArray,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Meetings of rays (N, 3) that are known to be somewhere between two ranges (N,).

    Returns ranges (N,) and which were found; where not, the range is the end that the ray misses by.
    """
    stretch = near_m[:, None] * (far_m / near_m)[:, None] ** np.linspace(0.0, 1.0, WINDOW_SAMPLES)
    points = origins_enu_m[:, None] + stretch[..., None] * directions[:, None]
    above = clearance_m(frame, points, terrain) > 0
    index = (~above).argmax(axis=1)
    rows = np.arange(len(stretch))
    found = above[:, 0] & ~above[rows, index]
    ranges = np.where(above[:, 0], far_m, near_m)
    low, high = stretch[rows, np.maximum(index - 1, 0)], stretch[rows, index]
    ranges[found] = _bisect(
        frame, origins_enu_m[found], directions[found], terrain, low[found], high[found], WINDOW_BISECTIONS
    )
    return ranges, found


@lru_cache(maxsize=8)
def _steps(resolution_m: float, max_range_m: float) -> FloatArray:
    base_m = min(max(resolution_m / 2, SMALLEST_STEP_M), LARGEST_STEP_M, max_range_m / 4)
    steps = [0.0]
    while steps[-1] < max_range_m:
        steps.append(min(steps[-1] + max(base_m, STEP_OF_RANGE * steps[-1]), max_range_m))
    array = np.array(steps)
    array.flags.writeable = False
    return array


def _bisect(
    frame: LocalFrame,
    origins_enu_m: FloatArray,
    directions: FloatArray,
    terrain: Terrain,
    low_m: FloatArray,
    high_m: FloatArray,
    times: int,
) -> FloatArray:
    """Ranges between ``low_m`` (above the ground) and ``high_m`` (not above) where the ground is met."""

    def heights(range_m: FloatArray) -> FloatArray:
        return clearance_m(frame, origins_enu_m + range_m[:, None] * directions, terrain)

    for _ in range(times):
        middle_m = (low_m + high_m) / 2
        is_above = heights(middle_m) > 0
        low_m, high_m = np.where(is_above, middle_m, low_m), np.where(is_above, high_m, middle_m)
    # What is left is so short that the ground is straight in it.
    above_m, below_m = heights(low_m), heights(high_m)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip(np.nan_to_num(above_m / (above_m - below_m), nan=0.5), 0.0, 1.0)
    return low_m + part * (high_m - low_m)
