"""What a mode does at this moment: hold, take off, fly there, return, land.

A maneuver looks at the ``Situation`` and says what it demands of the vehicle; it knows when it is done.
Modes put maneuvers together; the same maneuvers serve GUIDED and AUTO.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from hardware.virtual.drone.dynamics import Demand
from hardware.virtual.drone.guidance import Leg, Point, Speeds, climb_to, velocity_to
from hardware.virtual.drone.sensors import Estimate

ACCEPT_M = 2.0  # ArduCopter's WPNAV_RADIUS
TAKEN_OFF_M = 0.5
TURN_M = 2.0  # nearer than this the nose does not turn to the target
LOW_M = 10.0  # ArduCopter's LAND_ALT_LOW: below it the descent is slow


@dataclass(frozen=True, slots=True)
class Situation:
    """What the autopilot knows at ``now_s``. Altitudes are above sea level."""

    now_s: float
    here: Estimate
    ground_alt_m: float  # below the vehicle, as its terrain data has it
    home: Point
    speeds: Speeds
    landing_m_s: float
    wind_m_s: tuple[float, float] = (0.0, 0.0)  # towards north, east: where a level copter drifts
    position_ok: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A target; ``up_m`` of the point is above sea level, or above the ground where ``over_ground``."""

    point: Point
    over_ground: bool = False


class Maneuver(Protocol):
    """One thing to do in the air."""

    @property
    def done(self) -> bool: ...

    def demand(self, situation: Situation) -> Demand:
        """What to do now. Called once in every step."""
        ...


def _point(situation: Situation, *, over_ground: bool = False) -> Point:
    here = situation.here
    return Point(here.north_m, here.east_m, here.alt_m - (situation.ground_alt_m if over_ground else 0.0))


class Hold:
    """Come to a stop and stay. Never done."""

    done = False

    def __init__(self) -> None:
        self._where: Point | None = None
        self._yaw_rad = 0.0

    def demand(self, situation: Situation) -> Demand:
        here = situation.here
        if self._where is None:
            # Ahead by what braking needs, so that it does not swing back.
            stop_s = 0.3 * math.hypot(here.vel_north_m_s, here.vel_east_m_s)
            self._where = Point(
                here.north_m + here.vel_north_m_s * stop_s,
                here.east_m + here.vel_east_m_s * stop_s,
                here.alt_m + here.vel_up_m_s * 0.5,
            )
            self._yaw_rad = here.yaw_rad
        north, east, up = velocity_to(_point(situation), self._where, situation.speeds)
        if not situation.position_ok:
            north, east = situation.wind_m_s
        return Demand(north, east, up, self._yaw_rad)


class TakeOff:
    """Straight up to an altitude above sea level."""

    def __init__(self, alt_m: float) -> None:
        self.done = False
        self._alt_m = alt_m
        self._hold: Point | None = None
        self._yaw_rad = 0.0

    def demand(self, situation: Situation) -> Demand:
        here = situation.here
        if self._hold is None:
            self._hold = Point(here.north_m, here.east_m, self._alt_m)
            self._yaw_rad = here.yaw_rad
        self.done = here.alt_m > self._alt_m - TAKEN_OFF_M
        return Demand(*velocity_to(_point(situation), self._hold, situation.speeds), self._yaw_rad)


class FlyTo:
    """A straight leg to a place, from ``start`` (a waypoint left behind) or from here; then hold there."""

    def __init__(self, place: Place, *, start: Place | None = None, end_speed_m_s: float = 0.0) -> None:
        self.done = False
        self.place = place
        self._start = start
        self._end_speed_m_s = end_speed_m_s
        self._leg: Leg | None = None
        self._yaw_rad = 0.0

    def demand(self, situation: Situation) -> Demand:
        here = _point(situation, over_ground=self.place.over_ground)
        if self._leg is None:
            same_datum = self._start is not None and self._start.over_ground == self.place.over_ground
            start = self._start.point if self._start is not None and same_datum else here
            self._leg = Leg(start, self.place.point, self._end_speed_m_s)
            turn = self._leg.ground_length_m > TURN_M
            self._yaw_rad = self._leg.bearing_rad if turn else situation.here.yaw_rad
        end = self._leg.end
        away = math.dist((here.north_m, here.east_m, here.up_m), (end.north_m, end.east_m, end.up_m))
        passed = self._end_speed_m_s > 0.0 and self._leg.along_m(here) >= self._leg.length_m
        self.done = self.done or passed or away < ACCEPT_M
        return Demand(*self._leg.velocity(here, situation.speeds), self._yaw_rad)


class Land:
    """Straight down until the ground stops it; the vehicle says when that is.

    ``pause_s`` is how long it waits first, as after a failsafe. Without a position it drifts with the wind.
    """

    done = False

    def __init__(self, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s
        self._began_s: float | None = None
        self._where: Point | None = None
        self._yaw_rad = 0.0

    def demand(self, situation: Situation) -> Demand:
        here = situation.here
        if self._began_s is None:
            self._began_s = situation.now_s
            self._yaw_rad = here.yaw_rad
        if not situation.position_ok:
            self._where = None
            north, east = situation.wind_m_s
        else:
            self._where = self._where or Point(here.north_m, here.east_m, 0.0)
            there = replace(self._where, up_m=here.alt_m)
            north, east, _ = velocity_to(_point(situation), there, situation.speeds)
        if situation.now_s - self._began_s < self._pause_s:
            return Demand(north, east, 0.0, self._yaw_rad)
        low_m = situation.home.up_m + LOW_M
        down = -climb_to(here.alt_m, low_m, situation.speeds) if here.alt_m > low_m else 0.0
        return Demand(north, east, -max(down, situation.landing_m_s), self._yaw_rad)


class InTurn:
    """One maneuver, and when it is done the other."""

    def __init__(self, first: Maneuver, then: Maneuver) -> None:
        self._first = first
        self._then = then

    @property
    def done(self) -> bool:
        return self._first.done and self._then.done

    @property
    def now(self) -> Maneuver:
        """The one that is flown at this moment."""
        return self._then if self._first.done else self._first

    def demand(self, situation: Situation) -> Demand:
        return self.now.demand(situation)


class ReturnHome:
    """ArduCopter's RTL: up to the return altitude, home or to a rally point, a look around, and down."""

    done = False

    def __init__(self, alt_m: float, loiter_s: float, goal: Point | None = None) -> None:
        """``goal`` is a rally point; None is home."""
        self._alt_m = alt_m
        self._goal = goal
        self._loiter_s = loiter_s
        self._there_s: float | None = None
        self._now: Maneuver = TakeOff(alt_m)

    @property
    def now(self) -> Maneuver:
        """The part that is flown at this moment."""
        return self._now

    def demand(self, situation: Situation) -> Demand:
        if self._now.done and isinstance(self._now, TakeOff):
            goal = self._goal or situation.home
            self._now = FlyTo(Place(replace(goal, up_m=self._alt_m)))
        elif self._now.done:
            self._there_s = situation.now_s if self._there_s is None else self._there_s
            if situation.now_s - self._there_s >= self._loiter_s:
                self._now = Land()
        return self._now.demand(situation)


def is_landing(maneuver: Maneuver) -> bool:
    """Whether this is on its last way down, so that touching the ground ends it."""
    if isinstance(maneuver, InTurn | ReturnHome):
        return is_landing(maneuver.now)
    return isinstance(maneuver, Land)


def climbs_off(maneuver: Maneuver) -> bool:
    """Whether this is a take-off that has not arrived."""
    return isinstance(maneuver, TakeOff) and not maneuver.done


def lifts_off(maneuver: Maneuver) -> bool:
    """Whether this may leave the ground."""
    return isinstance(maneuver, TakeOff)
