"""How long a flight has lasted and when it was, though clocks are set while it flies. Pure.

Three clocks tell of each state that is kept: the drone's computer since its start, the drone's calendar and
the station's. The first is never set and is believed where it is known; else of two calendars that disagree
the one that went on less, for a leap makes time longer more often than it makes it shorter. When the flight
was is told by the station's calendar, as it was for the longest part of the flight: orders and the steps of
incidents are dated by it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LEAP_S = 5.0  # less is the way through the air, not a clock that was set
MOST_BASES = 8
Whose = Literal["drone", "station"]


@dataclass(frozen=True, slots=True)
class Instant:
    """When a state was told: by the drone's calendar and the station's (seconds since 1970), and by a clock
    that counts from the start of the drone's computer, where it is known. ``run`` is the agent's start."""

    at_s: float
    heard_at_s: float
    clock_s: float | None = None
    run: str | None = None


@dataclass(slots=True)
class Base:
    """A calendar as long as nobody sets it: what it shows at the flight's beginning, and for how long."""

    start_s: float
    lasted_s: float = 0.0


@dataclass(slots=True)
class FlightClock:
    """One flight's. ``elapsed_s`` is since its beginning."""

    last: Instant
    elapsed_s: float = 0.0
    station: list[Base] = field(default_factory=list)
    drone: list[Base] = field(default_factory=list)

    @classmethod
    def begin(cls, first: Instant) -> FlightClock:
        """At the first state of the flight."""
        return cls(first, 0.0, [Base(first.heard_at_s)], [Base(first.at_s)])

    @property
    def started_s(self) -> float:
        """The beginning, seconds since 1970."""
        return _of_the_longest(self.station)

    @property
    def drone_ahead_s(self) -> float:
        """How far the drone's calendar is ahead of the station's."""
        return _of_the_longest(self.drone) - self.started_s

    def go_on(self, now: Instant) -> dict[Whose, float]:
        """The next state. Calendars that were set, and by how many seconds."""
        step_s = between_s(self.last, now)
        self.elapsed_s += step_s
        leaps: dict[Whose, float] = {}
        for whose, bases, shown_s, before_s in (
            ("station", self.station, now.heard_at_s, self.last.heard_at_s),
            ("drone", self.drone, now.at_s, self.last.at_s),
        ):
            leap_s = shown_s - before_s - step_s
            if abs(leap_s) > LEAP_S:
                leaps["station" if whose == "station" else "drone"] = leap_s
            _note(bases, shown_s - self.elapsed_s, step_s)
        self.last = now
        return leaps


def between_s(before: Instant, now: Instant) -> float:
    """How long it was from one state to the next, whoever set a clock in between; never negative."""
    by_calendars = (now.heard_at_s - before.heard_at_s, now.at_s - before.at_s)
    if before.clock_s is not None and now.clock_s is not None and now.clock_s >= before.clock_s:
        by_clock_s = now.clock_s - before.clock_s
        same_run = now.run is not None and now.run == before.run
        if same_run or any(abs(by_clock_s - other_s) <= LEAP_S for other_s in by_calendars):
            return by_clock_s
    return min((other_s for other_s in by_calendars if other_s >= 0), default=0.0)


def _note(bases: list[Base], start_s: float, step_s: float) -> None:
    for base in bases:
        if abs(base.start_s - start_s) <= LEAP_S:
            base.lasted_s += step_s
            return
    if len(bases) >= MOST_BASES:
        bases.remove(min(bases, key=lambda base: base.lasted_s))
    bases.append(Base(start_s))


def _of_the_longest(bases: list[Base]) -> float:
    return max(bases, key=lambda base: base.lasted_s).start_s
