"""The way back: RTL to home or to a rally point (``ArduCopter/mode_rtl.cpp``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hardware.virtual.drone.maneuvers import ReturnHome

if TYPE_CHECKING:
    from hardware.virtual.drone.copter import VirtualCopter

LOWEST_RETURN_M = 2.0  # RTL_ALT_MIN
FLATTEST_CONE = 0.5


def way_home(copter: VirtualCopter) -> ReturnHome:
    """RTL: to home or a rally point, at RTL_ALT (``ModeRTL::compute_return_target``)."""
    here, home = copter.where(), copter.home or copter.where()
    goal = copter.rally.best(
        here, home, copter.place_of, lambda point: copter.fence.outside(point, copter.home)
    )
    now_m = here.up_m - home.up_m
    lowest_m = max(LOWEST_RETURN_M, now_m + max(0.0, copter.parameters["RTL_CLIMB_MIN"] / 100.0))
    height_m = max(goal.up_m - home.up_m, 0.0, copter.parameters["RTL_ALT"] / 100.0, lowest_m)
    slope = copter.parameters["RTL_CONE_SLOPE"]
    if slope >= FLATTEST_CONE:
        away_m = math.hypot(here.north_m - goal.north_m, here.east_m - goal.east_m)
        height_m = min(height_m, max(away_m * slope, lowest_m))
    ceiling_m = copter.fence.ceiling_m()
    if ceiling_m is not None:
        height_m = min(height_m, ceiling_m)
    loiter_s = copter.parameters["RTL_LOIT_TIME"] / 1000.0
    return ReturnHome(home.up_m + max(height_m, now_m), loiter_s, goal)
