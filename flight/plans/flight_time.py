"""How long a plan takes to fly."""

from __future__ import annotations

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
CORNER_S = 1.0  # a turn costs more than slowing down and speeding up alone


def flight_time_s(plan: Plan, terrain: Terrain | None = None) -> float:
    """From lift-off to landing, without wind. A plan that does not come home ends at its last place."""
    total_s, height_m = 0.0, 0.0
    for leg in legs(plan, terrain):
        total_s += leg_time_s(leg)
        height_m = leg.end[2] - plan.home.alt_amsl_m
    if any(item.command in (Command.NAV_RETURN_TO_LAUNCH, Command.NAV_LAND) for item in plan.items[1:]):
        total_s += landing_time_s(height_m)
    return total_s


def leg_time_s(leg: Leg) -> float:
    """Of one leg, from rest to rest, its hold included."""
    level_m = distance_m(*leg.start[:2], *leg.end[:2])
    rise_m = leg.end[2] - leg.start[2]
    vertical_s = rise_m / CLIMB_M_S if rise_m > 0 else -rise_m / DESCENT_M_S
    corner_s = CORNER_S if level_m > 0 else 0.0
    return max(_level_s(level_m, leg.speed_m_s), vertical_s) + corner_s + leg.hold_s


def landing_time_s(height_m: float) -> float:
    """Straight down from this height above home."""
    slow_m = min(max(height_m, 0.0), LANDING_HEIGHT_M)
    return (max(height_m, 0.0) - slow_m) / DESCENT_M_S + slow_m / LANDING_M_S


def _level_s(distance: float, speed_m_s: float) -> float:
    """From rest to rest: speeding up, cruising, slowing down."""
    ramp_m = speed_m_s**2 / ACCELERATION_M_S2  # both ramps
    if distance < ramp_m:
        return 2 * math.sqrt(distance / ACCELERATION_M_S2)
    return 2 * speed_m_s / ACCELERATION_M_S2 + (distance - ramp_m) / speed_m_s
