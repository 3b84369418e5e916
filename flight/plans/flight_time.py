"""How long a plan takes to fly."""

from __future__ import annotations

import itertools
import math

from flight.plans.fence import distance_m
from flight.plans.items import Command
from flight.plans.path import Leg, legs
from flight.plans.plan import Plan
from flight.terrain import Terrain

# ArduCopter's defaults: WPNAV_ACCEL, WPNAV_SPEED_UP and _DN, LAND_SPEED below LAND_ALT_LOW.
ACCELERATION_M_S2 = 2.5
CLIMB_M_S, DESCENT_M_S, LANDING_M_S = 2.5, 1.5, 0.5
LANDING_HEIGHT_M = 10.0
STRAIGHT_ON_DEG = 15.0
CORNER_S = 1.0  # a turn costs more than slowing down and speeding up alone


def flight_time_s(plan: Plan, terrain: Terrain | None = None) -> float:
    """From lift-off to landing, without wind. A plan that does not come home ends at its last place."""
    ways = list(legs(plan, terrain))
    flown_on = [_goes_on(first, then) for first, then in itertools.pairwise(ways)]
    total_s = sum(
        leg_time_s(leg, begins_moving=begins, ends_moving=ends)
        for leg, begins, ends in zip(ways, [False, *flown_on], [*flown_on, False], strict=True)
    )
    if any(item.command in (Command.NAV_RETURN_TO_LAUNCH, Command.NAV_LAND) for item in plan.items[1:]):
        total_s += landing_time_s(ways[-1].end[2] - plan.home.alt_amsl_m if ways else 0.0)
    return total_s


def leg_time_s(leg: Leg, *, begins_moving: bool = False, ends_moving: bool = False) -> float:
    """Of one leg, its hold included; from rest to rest unless it begins or ends on the move."""
    level_m = distance_m(*leg.start[:2], *leg.end[:2])
    rise_m = leg.end[2] - leg.start[2]
    vertical_s = rise_m / CLIMB_M_S if rise_m > 0 else -rise_m / DESCENT_M_S
    ramps = 2 - begins_moving - ends_moving
    corner_s = CORNER_S if level_m > 0 and not ends_moving else 0.0
    return max(_level_s(level_m, leg.speed_m_s, ramps), vertical_s) + corner_s + leg.hold_s


def _goes_on(first: Leg, then: Leg) -> bool:
    """Whether the vehicle flies through the place between two legs: nearly straight on, and no hold."""
    if first.hold_s or first.is_climb or then.is_climb or first.speed_m_s != then.speed_m_s:
        return False
    ways = [(leg.end[0] - leg.start[0], (leg.end[1] - leg.start[1])) for leg in (first, then)]
    shrink = math.cos(math.radians(first.end[0]))  # of a degree of longitude
    bearings_deg = [math.degrees(math.atan2(east * shrink, north)) for north, east in ways]
    if any(way == (0.0, 0.0) for way in ways):
        return False
    turn_deg = abs((bearings_deg[1] - bearings_deg[0] + 180) % 360 - 180)
    return turn_deg < STRAIGHT_ON_DEG


def landing_time_s(height_m: float) -> float:
    """Straight down from this height above home."""
    slow_m = min(max(height_m, 0.0), LANDING_HEIGHT_M)
    return (max(height_m, 0.0) - slow_m) / DESCENT_M_S + slow_m / LANDING_M_S


def _level_s(distance: float, speed_m_s: float, ramps: int) -> float:
    """Cruising, and ``ramps`` times speeding up from rest or slowing down to it."""
    ramps_m = ramps * speed_m_s**2 / ACCELERATION_M_S2 / 2
    if distance < ramps_m:
        return math.sqrt(2 * ramps * distance / ACCELERATION_M_S2)
    return ramps * speed_m_s / ACCELERATION_M_S2 + (distance - ramps_m) / speed_m_s
