"""The line that a plan makes ArduCopter fly, as far as the plan tells it.

Splines are taken as straight. A return is flown at the height it begins at: the vehicle climbs first where
its own parameter (RTL_ALT) says higher, which no plan knows. A landing place is flown to level, then straight
down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyproj
from numpy.typing import NDArray

from flight.plans.items import PLAIN_FRAME, Command, Frame, MissionItem
from flight.plans.plan import Plan
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

DEFAULT_SPEED_M_S = 10.0  # ArduCopter's WPNAV_SPEED
MOST_STEPS = 20_000  # of a plan that jumps in circles

_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Leg:
    """From one place to the next, straight. Heights are above sea level; ``item`` is the one flown to.

    ``follows_ground``: to an item whose height is above ground the autopilot follows the ground all the way,
    and what changes evenly is the height above it.
    """

    item: MissionItem
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    speed_m_s: float
    hold_s: float
    is_way_home: bool = False
    is_climb: bool = False
    follows_ground: bool = False


def legs(plan: Plan, terrain: Terrain | None, *, home_amsl_m: float | None = None) -> Iterator[Leg]:
    """The legs of a plan in the order of flying, jumps taken as often as they say.

    ``home_amsl_m`` is the real home's height where it is known; else the plan's. A height above ground is put
    on the terrain model, and without one on home's height.
    """
    home_alt_m = plan.home.alt_amsl_m if home_amsl_m is None else home_amsl_m
    here = (plan.home.lat_deg, plan.home.lon_deg, home_alt_m)
    speed_m_s, index, steps = DEFAULT_SPEED_M_S, 1, 0
    jumps_left: dict[int, float] = {}
    while index < len(plan.items) and steps < MOST_STEPS:
        steps += 1
        item = plan.items[index]
        index += 1
        if item.command == Command.DO_CHANGE_SPEED:
            if item.params[1] > 0 and item.params[0] in (0.0, 1.0):
                speed_m_s = item.params[1]
        elif item.command == Command.DO_JUMP:
            times = item.params[1]
            left = jumps_left.setdefault(item.seq, math.inf if times < 0 else times)
            if left > 0:
                jumps_left[item.seq] = left - 1
                index = int(item.params[0])
        elif item.command == Command.NAV_RETURN_TO_LAUNCH:
            end = (plan.home.lat_deg, plan.home.lon_deg, here[2])
            yield Leg(item, here, end, speed_m_s, 0.0, is_way_home=True)
            here = end
            break
        elif item.command == Command.NAV_TAKEOFF:
            # Straight up, whatever place it names; and never down.
            end = (here[0], here[1], max(here[2], _height_m(item, here, home_alt_m, terrain)))
            yield Leg(item, here, end, speed_m_s, 0.0, is_climb=True)
            here = end
        elif item.command == Command.NAV_LAND:
            if item.is_place:
                end = (item.lat_deg, item.lon_deg, here[2])
                yield Leg(item, here, end, speed_m_s, 0.0)
            break
        elif item.is_place:
            place = (item.lat_deg, item.lon_deg)
            end = (*place, _height_m(item, (*place, here[2]), home_alt_m, terrain))
            above_ground = PLAIN_FRAME.get(item.frame, item.frame) == Frame.GLOBAL_TERRAIN_ALT
            yield Leg(item, here, end, speed_m_s, _hold_s(item, speed_m_s), follows_ground=above_ground)
            here = end


def sampled(
    leg: Leg, terrain: Terrain | None, *, step_m: float = 10.0
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None]:
    """Latitude, longitude and height above sea level along a leg, and the ground's height (NaN where it is
    not known, None without a terrain)."""
    (lat1_deg, lon1_deg, start_m), (lat2_deg, lon2_deg, end_m) = leg.start, leg.end
    length_m = _GEOD.inv(lon1_deg, lat1_deg, lon2_deg, lat2_deg)[2]
    parts = np.linspace(0.0, 1.0, max(2, math.ceil(length_m / step_m) + 1))
    lat_deg = lat1_deg + parts * (lat2_deg - lat1_deg)
    east_deg = (lon2_deg - lon1_deg + 180.0) % 360.0 - 180.0
    lon_deg = (lon1_deg + parts * east_deg + 180.0) % 360.0 - 180.0
    level_m = start_m + parts * (end_m - start_m)
    if terrain is None:
        return lat_deg, lon_deg, level_m, None
    ground_m = terrain.height_amsl_m(lat_deg, lon_deg)
    if not leg.follows_ground:
        return lat_deg, lon_deg, level_m, ground_m
    above_m = (start_m - ground_m[0]) * (1 - parts) + leg.item.alt_m * parts
    return lat_deg, lon_deg, ground_m + above_m, ground_m


def _height_m(
    item: MissionItem, at: tuple[float, float, float], home_alt_m: float, terrain: Terrain | None
) -> float:
    frame = PLAIN_FRAME.get(item.frame, item.frame)
    if frame == Frame.GLOBAL:
        return item.alt_m
    if frame == Frame.GLOBAL_TERRAIN_ALT and terrain is not None:
        ground_m = float(terrain.height_amsl_m(np.array([at[0]]), np.array([at[1]]))[0])
        return item.alt_m + (home_alt_m if math.isnan(ground_m) else ground_m)
    return item.alt_m + home_alt_m


def _hold_s(item: MissionItem, speed_m_s: float) -> float:
    first = item.params[0] if math.isfinite(item.params[0]) else 0.0
    if item.command in (Command.NAV_WAYPOINT, Command.NAV_LOITER_TIME):
        return max(0.0, first)
    if item.command == Command.NAV_LOITER_TURNS:
        radius_m = abs(item.params[2]) if math.isfinite(item.params[2]) else 0.0
        return max(0.0, first) * 2 * math.pi * radius_m / speed_m_s
    return 0.0
