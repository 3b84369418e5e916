"""Plans, places and ground by formula, for the tests of plans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.local_frame import LocalFrame
from flight.plans.fence import Fence, Polygon, RallyPoint
from flight.plans.items import MissionItem, return_to_launch, takeoff, waypoint
from flight.plans.plan import Home, Plan

FloatArray = NDArray[np.float64]

HOME = Home(-35.363262, 149.165237, 584.0)
FRAME = LocalFrame(HOME.lat_deg, HOME.lon_deg, HOME.alt_amsl_m)


def at(east_m: float, north_m: float) -> tuple[float, float]:
    """(lat, lon) of a place so far from home."""
    lat_deg, lon_deg, _ = FRAME.to_geodetic(np.array([east_m]), np.array([north_m]), np.zeros(1))
    return float(lat_deg[0]), float(lon_deg[0])


def metres(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """East and north of home."""
    east_m, north_m, _ = FRAME.from_geodetic(
        np.array([lat_deg]), np.array([lon_deg]), np.array([HOME.alt_amsl_m])
    )
    return float(east_m[0]), float(north_m[0])


def square(half_m: float, east_m: float = 0.0, north_m: float = 0.0) -> tuple[tuple[float, float], ...]:
    """Corners around a place."""
    return tuple(
        at(east_m + x * half_m, north_m + y * half_m) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )


def to(east_m: float, north_m: float, height_m: float = 60.0, frame: int = 3, **more: float) -> MissionItem:
    """A waypoint; ``height_m`` is in the datum of ``frame``."""
    item = waypoint(*at(east_m, north_m), height_m, **more)
    return MissionItem(0, item.command, frame, item.params, item.lat_e7, item.lon_e7, height_m)


def plan(*steps: MissionItem, fence: Fence | None = None, rally: tuple[RallyPoint, ...] = ()) -> Plan:
    return Plan.build("a plan", HOME, steps, fence=fence, rally=rally)


def out_and_back(*ways: MissionItem, fence: Fence | None = None, takeoff_m: float = 60.0) -> Plan:
    """Up, over these, and home."""
    return plan(takeoff(takeoff_m), *ways, return_to_launch(), fence=fence)


FENCE = Fence((Polygon(square(400.0)),))


@dataclass(frozen=True)
class Ground:
    """Heights above sea level by a formula of metres east and north of home; nothing is known beyond."""

    height_m: Callable[[FloatArray, FloatArray], FloatArray]
    beyond_m: float = 1e6
    sigma_m: float = 3.0
    resolution_m: float = 10.0
    name: str = "formula"

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        east_m, north_m, _ = FRAME.from_geodetic(lat, lon, np.full(lat.shape, HOME.alt_amsl_m))
        known = np.maximum(np.abs(east_m), np.abs(north_m)) <= self.beyond_m
        return np.where(known, self.height_m(east_m, north_m), np.nan)


def ridge(top_m: float, east_m: float = 150.0, wide_m: float = 40.0) -> Ground:
    """Flat at home's height, but for a ridge that runs north and south."""

    def height_m(east: FloatArray, north: FloatArray) -> FloatArray:
        return HOME.alt_amsl_m + top_m * np.exp(-(((east - east_m) / wide_m) ** 2)) + 0 * north

    return Ground(height_m)


FLAT = Ground(lambda east, north: HOME.alt_amsl_m + 0 * east + 0 * north)
