"""How long the battery lasts and what the way home takes: honest, or unknown. Pure."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence
from typing import Literal

from edge.flying.clearance import Place, Wind
from flight.plans.fence import distance_m
from flight.plans.flight_time import CLIMB_M_S, DESCENT_M_S, landing_time_s
from flight.telemetry import Home

RECKONED_M_S = 5.0  # over ground, against a wind that nobody knows
CRUISE_M_S = 8.0  # over ground, where the wind allows it
AIRSPEED_M_S = 12.0  # that a copter still reaches
SLOWEST_M_S = 1.5
WINDOW_S, LEAST_S, LEAST_PERCENT = 300.0, 60.0, 2.0  # of what was used up
STEP_S = 2.0

Reaches = Literal["yes", "into the reserve", "no"]


def way_s(places: Sequence[Place]) -> float:
    """To fly over these places, the first of them where it is, by what is reckoned with."""
    return sum(_leg_s(start, end) for start, end in itertools.pairwise(places))


def length_m(places: Sequence[Place]) -> float:
    """Over ground."""
    return sum(distance_m(*start[:2], *end[:2]) for start, end in itertools.pairwise(places))


def _leg_s(start: Place, end: Place) -> float:
    rise_m = end[2] - start[2]
    vertical_s = rise_m / CLIMB_M_S if rise_m > 0 else -rise_m / DESCENT_M_S
    return max(distance_m(*start[:2], *end[:2]) / RECKONED_M_S, vertical_s)


def home_s(here: Place, home: Home, wind: Wind | None = None) -> float:
    """Straight home at this height, and down. A return that climbs first takes that much longer."""
    away_m = distance_m(*here[:2], home.lat_deg, home.lon_deg)
    return away_m / _speed_m_s(here, home, wind) + landing_time_s(here[2] - home.alt_amsl_m)


def _speed_m_s(here: Place, home: Home, wind: Wind | None) -> float:
    if wind is None:
        return RECKONED_M_S
    shrink = math.cos(math.radians(home.lat_deg))
    course_rad = math.atan2((home.lon_deg - here[1]) * shrink, home.lat_deg - here[0])
    against_m_s = wind.speed_m_s * math.cos(math.radians(wind.from_deg) - course_rad)
    return max(SLOWEST_M_S, min(CRUISE_M_S, AIRSPEED_M_S - against_m_s))


def battery_objection(percent: float | None, need_percent: float, reserve_percent: float) -> str:
    """Why the battery does not allow what needs so much of it; empty where it does."""
    if percent is not None and percent > reserve_percent + need_percent:
        return ""
    has = "is not known" if percent is None else f"is at {percent:.0f} %"
    return (
        f"the battery does not allow it: it {has}, and {need_percent:.0f} % above the reserve of "
        f"{reserve_percent:.0f} % are needed"
    )


def reaches(
    left_s: float | None, percent: float | None, home: float | None, reserve: float
) -> Reaches | None:
    """Whether what is left brings it home; None where that cannot be known."""
    if left_s is None or home is None or not percent:
        return None
    if home <= left_s * max(0.0, percent - reserve) / percent:
        return "yes"
    return "into the reserve" if home <= left_s else "no"


class BatteryUse:
    """What a flight uses up. ``hear`` the vehicle a few times a second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._armed_s: float | None = None

    def hear(self, now_s: float, *, armed: bool | None, percent: float | None) -> None:
        """The vehicle now."""
        if not armed:
            self._armed_s = None
            self._samples.clear()
            return
        if self._armed_s is None:
            self._armed_s = now_s
        if percent is None or (self._samples and now_s - self._samples[-1][0] < STEP_S):
            return
        if self._samples and percent > self._samples[-1][1] + LEAST_PERCENT:
            self._samples.clear()  # another battery, or the gauge thought again
        self._samples.append((now_s, percent))
        while now_s - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()

    def flight_time_s(self, now_s: float) -> float | None:
        """Since it was armed; None on the ground."""
        return None if self._armed_s is None else now_s - self._armed_s

    def left_s(self) -> float | None:
        """Until it is empty, if it goes on as in the last minutes; None before that is known."""
        if len(self._samples) < 2:
            return None
        (from_s, from_percent), (to_s, percent) = self._samples[0], self._samples[-1]
        used = from_percent - percent
        if to_s - from_s < LEAST_S or used < LEAST_PERCENT:
            return None
        return percent * (to_s - from_s) / used
