"""From where you are to the velocity you should have: straight legs, flown along the line, with braking.

Pure functions of positions in metres north, east, up. "Up" is whatever the leg is measured in: above sea
level, or above the ground below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

POSITION_PER_S = 0.8  # ArduCopter's PSC_POSXY_P is 1; a little softer, as there are no inner loops here
BRAKING_M_S2 = 1.8  # below the airframe's acceleration, so that it can follow
STRAY_M_S = 4.0  # the fastest way back to the line

Velocity = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """A position in metres north, east, up."""

    north_m: float
    east_m: float
    up_m: float


@dataclass(frozen=True, slots=True)
class Speeds:
    """How fast to go, in m/s, all positive."""

    cruise_m_s: float
    climb_m_s: float
    descent_m_s: float


def approach_speed(distance_m: float) -> float:
    """The speed from which a stop is still possible here; proportional near the target.

    ArduPilot's ``sqrt_controller``: linear until the square root's slope takes over.
    """
    linear_m = BRAKING_M_S2 / POSITION_PER_S**2
    if distance_m <= linear_m:
        return POSITION_PER_S * distance_m
    return math.sqrt(2.0 * BRAKING_M_S2 * (distance_m - linear_m / 2.0))


def velocity_to(here: Point, there: Point, speeds: Speeds) -> Velocity:
    """Straight there, and stop. Horizontal and vertical are flown apart."""
    north, east = there.north_m - here.north_m, there.east_m - here.east_m
    distance = math.hypot(north, east)
    speed = min(speeds.cruise_m_s, approach_speed(distance))
    share = speed / distance if distance > 1e-6 else 0.0
    return north * share, east * share, climb_to(here.up_m, there.up_m, speeds)


def climb_to(here_m: float, there_m: float, speeds: Speeds) -> float:
    """The vertical speed that brings a height to another, and stops there."""
    speed = approach_speed(abs(there_m - here_m))
    return min(speed, speeds.climb_m_s) if there_m > here_m else -min(speed, speeds.descent_m_s)


@dataclass(frozen=True, slots=True)
class Leg:
    """A straight line in space, passed at ``end_speed_m_s`` at its end (0: a stop)."""

    start: Point
    end: Point
    end_speed_m_s: float = 0.0

    @property
    def length_m(self) -> float:
        return math.dist(self._tuple(self.start), self._tuple(self.end))

    @property
    def bearing_rad(self) -> float:
        return math.atan2(self.end.east_m - self.start.east_m, self.end.north_m - self.start.north_m)

    @property
    def ground_length_m(self) -> float:
        return math.hypot(self.end.north_m - self.start.north_m, self.end.east_m - self.start.east_m)

    @staticmethod
    def _tuple(point: Point) -> tuple[float, float, float]:
        return point.north_m, point.east_m, point.up_m

    def along_m(self, here: Point) -> float:
        """How far along the line the point beside ``here`` is."""
        length = self.length_m
        if length == 0.0:
            return 0.0
        n, e, u = self._direction(length)
        return (
            (here.north_m - self.start.north_m) * n
            + (here.east_m - self.start.east_m) * e
            + (here.up_m - self.start.up_m) * u
        )

    def _direction(self, length: float) -> tuple[float, float, float]:
        return (
            (self.end.north_m - self.start.north_m) / length,
            (self.end.east_m - self.start.east_m) / length,
            (self.end.up_m - self.start.up_m) / length,
        )

    def velocity(self, here: Point, speeds: Speeds) -> Velocity:
        """Along the line as fast as speeds and braking allow, and back to the line."""
        length = self.length_m
        if length < 0.1:
            return velocity_to(here, self.end, speeds)
        n, e, u = self._direction(length)
        along = max(0.0, min(length, self.along_m(here)))
        fastest = speeds.cruise_m_s / max(math.hypot(n, e), 1e-6)
        if abs(u) > 1e-6:
            fastest = min(fastest, (speeds.climb_m_s if u > 0 else speeds.descent_m_s) / abs(u))
        speed = min(fastest, math.hypot(approach_speed(length - along), self.end_speed_m_s))
        stray_north = self.start.north_m + n * along - here.north_m
        stray_east = self.start.east_m + e * along - here.east_m
        stray = math.hypot(stray_north, stray_east)
        back = POSITION_PER_S if stray < STRAY_M_S / POSITION_PER_S else STRAY_M_S / stray
        climb = u * speed + POSITION_PER_S * (self.start.up_m + u * along - here.up_m)
        return (
            n * speed + stray_north * back,
            e * speed + stray_east * back,
            max(-speeds.descent_m_s, min(speeds.climb_m_s, climb)),
        )


def corner_speed(before_rad: float, after_rad: float, cruise_m_s: float) -> float:
    """How fast to pass a waypoint where the course turns from one bearing to another."""
    slowest = min(2.0, cruise_m_s)  # what the airframe turns on the spot without flying wide
    return max(slowest, cruise_m_s * math.cos(after_rad - before_rad))
