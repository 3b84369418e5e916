"""Heights along a route that follow the ground: never too low, never too steep, with few waypoints.

Heights are worked out here and not left to the autopilot's own terrain following, because an autopilot
without terrain data on its card would fly them wrong; the plan says heights above home.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flight.local_frame import LocalFrame
from flight.plans.survey import Metres
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

STEP_M = 10.0
STEEPEST_DEG = 12.0  # a copter at 8 m/s then climbs at 1.7 m/s
TOLERANCE_M = 2.0  # waypoints are left out where the straight line is this near to what is needed


def follow(
    route: Sequence[Metres], frame: LocalFrame, terrain: Terrain | None, height_agl_m: float
) -> list[tuple[Metres, float]]:
    """The route with heights above sea level, and with waypoints added where the ground asks for them.

    Between the places the vehicle is never lower than ``height_agl_m`` less TOLERANCE_M above the ground, and
    never climbs or sinks more steeply than STEEPEST_DEG. Without a terrain the ground is at the frame's
    height. Raises ValueError where the terrain model ends.
    """
    places, corners = _samples(route)
    if terrain is None:
        needed_m = np.full(len(places), frame.alt_m + height_agl_m)
    else:
        east_m, north_m = places.T
        lat_deg, lon_deg, _ = frame.to_geodetic(east_m, north_m, np.zeros(len(places)))
        needed_m = terrain.height_amsl_m(lat_deg, lon_deg) + height_agl_m
        if np.isnan(needed_m).any():
            raise ValueError("the terrain model does not reach all of the route")
    heights_m = _bounded(places, needed_m)
    kept = _thinned(places, heights_m, needed_m, corners)
    return [((float(places[i, 0]), float(places[i, 1])), float(heights_m[i])) for i in kept]


def _samples(route: Sequence[Metres]) -> tuple[FloatArray, set[int]]:
    """Places every STEP_M, and which of them are the route's own."""
    places: list[Metres] = [route[0]]
    corners = {0}
    for start, end in itertools.pairwise(route):
        count = max(1, math.ceil(math.dist(start, end) / STEP_M))
        for number in range(1, count):
            part = number / count
            places.append((start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])))
        places.append(end)  # exactly: a corner is known by its place
        corners.add(len(places) - 1)
    return np.array(places), corners


def _bounded(places: FloatArray, needed_m: FloatArray) -> FloatArray:
    """The lowest heights that are nowhere below what is needed and nowhere too steep."""
    rise_m = np.linalg.norm(np.diff(places, axis=0), axis=1) * math.tan(math.radians(STEEPEST_DEG))
    heights_m = needed_m.copy()
    for i in range(1, len(heights_m)):
        heights_m[i] = max(heights_m[i], heights_m[i - 1] - rise_m[i - 1])
    for i in range(len(heights_m) - 2, -1, -1):
        heights_m[i] = max(heights_m[i], heights_m[i + 1] - rise_m[i])
    return heights_m


def _thinned(places: FloatArray, heights_m: FloatArray, needed_m: FloatArray, corners: set[int]) -> list[int]:
    """The fewest samples, corners among them, whose straight lines stay near enough to what is needed."""
    along_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    kept = [0]
    ends = sorted(corners)
    for start, end in itertools.pairwise(ends):
        here = start
        while here < end:
            there = end
            while there > here + 1 and not _is_near(along_m, heights_m, needed_m, here, there):
                there -= 1
            kept.append(there)
            here = there
    return kept


def _is_near(along_m: FloatArray, heights_m: FloatArray, needed_m: FloatArray, here: int, there: int) -> bool:
    between = slice(here + 1, there)
    line_m = np.interp(along_m[between], along_m[[here, there]], heights_m[[here, there]])
    low = line_m < needed_m[between] - TOLERANCE_M
    high = line_m > heights_m[between] + 4 * TOLERANCE_M
    return not bool(np.any(low | high))
