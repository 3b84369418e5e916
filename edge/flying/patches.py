"""A circle that somebody asks to be looked at, in patches that one view each covers.

A place that comes from a call or a satellite is known to some hundred metres, and one picture from the
stand-off does not show all of that. The patches overlap so that nothing is left between them, the middle
comes first, and there are no more of them than a flight has time for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.geometry.optics import Camera
from flight.local_frame import LocalFrame
from flight.plans.fence import Circle, distance_m

FloatArray = NDArray[np.float64]
LatLon = tuple[float, float]

LEAST_PATCH_M = 10.0
PATCH_M = 60.0  # a circle up to this is one patch
LARGEST_PATCH_M = 100.0  # from farther off a small fire is not told from the ground
MOST_PATCHES = 12
IN_PICTURE = 0.85  # of what the picture shows: gimbals are off by some degrees, and a vehicle by some metres


def patch_radius_m(circle: Circle) -> float:
    """Of each patch of this circle."""
    if circle.radius_m <= PATCH_M:
        return max(circle.radius_m, LEAST_PATCH_M)
    return min(max(circle.radius_m / 2, PATCH_M), LARGEST_PATCH_M)


def patches(circle: Circle, radius_m: float) -> list[LatLon]:
    """The middles of discs of ``radius_m`` that cover the circle, the circle's own middle first and no more
    than ``MOST_PATCHES``: of a larger circle what is farther out is left over."""
    if circle.radius_m <= radius_m:
        return [(circle.lat_deg, circle.lon_deg)]
    step_m = 3.0**0.5 * radius_m  # of a hexagonal grid whose discs leave no hole
    rings = math.ceil((circle.radius_m + radius_m) / step_m) + 1
    column, row = (part.ravel() for part in np.meshgrid(*2 * [np.arange(-rings, rings + 1)]))
    east_m: FloatArray = step_m * (column + 0.5 * row)
    north_m: FloatArray = step_m * 0.75**0.5 * row
    away_m = np.hypot(east_m, north_m)
    needed = np.flatnonzero(away_m < circle.radius_m + radius_m * (1 - 1e-6))
    nearest = needed[np.argsort(away_m[needed].round(3), kind="stable")][:MOST_PATCHES]
    frame = LocalFrame(circle.lat_deg, circle.lon_deg, 0.0)
    lat_deg, lon_deg, _ = frame.to_geodetic(east_m[nearest], north_m[nearest], np.zeros(nearest.size))
    return list(zip(lat_deg.tolist(), lon_deg.tolist(), strict=True))


def nearest_first(places: Sequence[LatLon], here: LatLon) -> list[LatLon]:
    """In an order that is short to fly from here."""
    left, way = list(places), [here]
    while left:
        at = way[-1]
        way.append(left.pop(min(range(len(left)), key=lambda index: distance_m(*at, *left[index]))))
    return way[1:]


def shown_radius_m(camera: Camera, distance_m: float, above_m: float) -> float:
    """How far around the place it is pointed at this camera shows level ground on all sides, from so far away
    over ground and so high above."""
    across, down = _half_angles(camera)
    slant_m, steep = math.hypot(distance_m, above_m), math.atan2(above_m, distance_m)
    near_m = distance_m - above_m / math.tan(steep + down)
    far_m = math.inf if steep <= down else above_m / math.tan(steep - down) - distance_m
    side_m = math.tan(across) * slant_m / math.hypot(1.0, math.tan(across) * math.cos(steep))
    return min(near_m, far_m, side_m)


def _half_angles(camera: Camera) -> tuple[float, float]:
    """From the picture's middle to its nearer edge, across and down."""
    width, height = camera.width_px - 0.5, camera.height_px - 0.5
    edges = [[-0.5, camera.cy_px], [width, camera.cy_px], [camera.cx_px, -0.5], [camera.cx_px, height]]
    off_rad = np.arccos(np.clip(camera.rays(edges)[:, 2], -1.0, 1.0))
    return float(off_rad[:2].min()), float(off_rad[2:].min())
