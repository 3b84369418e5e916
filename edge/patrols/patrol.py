"""A patrol that can be flown: its flights, and what its file says of how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from flight.plans.checks import Limits
from flight.plans.plan import Plan
from uplink.messages import PatrolRef

OnDetection = Literal["off", "ask", "automatic"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a patrol is flown again: some minutes after each start, or at times of the day (UTC)."""

    every_min: float | None = None
    daily_utc: tuple[time, ...] = ()
    times: int | None = None
    """How many passes in all; None: for ever."""

    def next_start(self, last_start: datetime | None, passes: int, now: datetime) -> datetime | None:
        """When the next pass is due; None when there is none. A time that was missed by more than it takes
        to notice is not made up for."""
        if self.times is not None and passes >= self.times:
            return None
        if self.every_min is not None:
            if last_start is None:
                return now
            return max(now, last_start + timedelta(minutes=self.every_min))
        days = [now.date() + timedelta(days=number) for number in (-1, 0, 1)]
        starts = [datetime.combine(day, at, UTC) for day in days for at in self.daily_utc]
        due = [at for at in starts if at > now - MISSED and (last_start is None or at > last_start)]
        return min(due, default=None)


MISSED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FlyablePatrol:
    """One flight, or several with a battery swap between."""

    name: str
    flights: tuple[Plan, ...]
    unattended: bool = False
    on_detection: OnDetection | None = None
    schedule: Schedule | None = None
    area: Sequence[tuple[float, float]] = ()
    """Its ground as (lat, lon), for the share of it that was seen; empty where the file names none."""
    limits: Limits | None = None
    """Its file's own."""
    sent: PatrolRef | None = None
    """Which of the station's patrols it is; None: one of a file."""

    def within(self, site: Limits) -> Limits:
        """What both this patrol and the site allow."""
        return site if self.limits is None else site.stricter(self.limits)

    @property
    def route(self) -> list[tuple[float, float]]:
        """The line on the map, flight after flight: (lon, lat)."""
        return [point for flight in self.flights for point in flight.route]
