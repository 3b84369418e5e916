"""Where one flight of a drone ends and the next begins. Pure: told what was kept of its states, in the order
in which the station heard them.

A flight goes from armed to disarmed. A drone that is not heard for a while is still flying, and the gap is
told; one that is not heard for half an hour, or comes back with a fuller battery, has begun another flight. A
fixed camera is never armed: it has days, by the station's calendar.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self
from uuid import UUID, uuid5

from uplink.station.history.flight_clock import Base, FlightClock, Instant, between_s

GAP_S = 75.0  # of a drone that stands still a state is kept every minute
LONGEST_GAP_S = 1800.0
FULLER_PERCENT = 10.0
FASTEST_M_S = 120.0  # faster is a position that leapt, and no way that was flown
MOST_GAPS, MOST_LEAPS, MOST_PATROLS = 100, 20, 8
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
_NAMESPACE = UUID("a3a1b1de-40c4-4c0e-9a0b-7a9a0a2a7d55")


class FlightKind(StrEnum):
    """``day``: of a fixed camera."""

    FLIGHT = "flight"
    DAY = "day"


class Began(StrEnum):
    """``in the air``: it was armed already when the station heard of it."""

    ARMED = "armed"
    IN_THE_AIR = "in the air"
    HEARD = "heard"


class Ended(StrEnum):
    """``unheard``: nobody knows; it was not heard any more."""

    DISARMED = "disarmed"
    UNHEARD = "unheard"
    MIDNIGHT = "midnight"


@dataclass(frozen=True, slots=True)
class Kept:
    """A state as it is kept; ``id`` counts up in the order of hearing."""

    id: int
    drone_id: str
    instant: Instant
    lat_deg: float | None
    lon_deg: float | None
    alt_amsl_m: float | None
    height_agl_m: float | None
    height_home_m: float | None
    battery_percent: float | None
    armed: bool | None
    seeing: bool
    fixed: bool
    patrol: str | None
    degraded: bool = False


@dataclass(slots=True)
class Gap:
    """From when to when the drone was not heard, in seconds since the beginning."""

    from_s: float
    to_s: float


@dataclass(slots=True)
class Leap:
    """A calendar was set, by how much, and when in the flight."""

    at_s: float
    whose: str
    by_s: float


@dataclass(slots=True)
class Flight:
    """One flight, or one day of a fixed camera, as far as it is known."""

    id: str
    drone_id: str
    kind: FlightKind
    began: Began
    clock: FlightClock
    first_row: int
    last_row: int
    ended: Ended | None = None
    distance_m: float = 0.0
    highest_agl_m: float | None = None
    highest_home_m: float | None = None
    highest_amsl_m: float | None = None
    battery_start_percent: float | None = None
    battery_end_percent: float | None = None
    blind_s: float = 0.0
    degraded_s: float = 0.0
    gaps: list[Gap] = field(default_factory=list)
    gaps_s: float = 0.0
    leaps: list[Leap] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    patrols: list[str] = field(default_factory=list)
    armed_s: float = 0.0
    """When it was last heard to be armed, since the beginning."""

    @property
    def started_s(self) -> float:
        """Seconds since 1970."""
        return self.clock.started_s

    @property
    def duration_s(self) -> float:
        """So far, or in all."""
        return self.clock.elapsed_s

    def to_json(self) -> str:
        """For the database."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` gave."""
        raw = json.loads(text)
        clock = raw["clock"]
        return cls(
            **raw
            | {
                "kind": FlightKind(raw["kind"]),
                "began": Began(raw["began"]),
                "ended": None if raw["ended"] is None else Ended(raw["ended"]),
                "gaps": [Gap(**gap) for gap in raw["gaps"]],
                "leaps": [Leap(**leap) for leap in raw["leaps"]],
                "clock": FlightClock(
                    Instant(**clock["last"]),
                    clock["elapsed_s"],
                    [Base(**base) for base in clock["station"]],
                    [Base(**base) for base in clock["drone"]],
                ),
            }
        )


class FlightCutter:
    """One drone's. ``day_of`` names the day of a time (seconds since 1970), for fixed cameras.

    ``last`` is the latest state that was taken, ``open`` the flight that goes on; the store keeps both.
    """

    def __init__(
        self, day_of: Callable[[float], str], last: Kept | None = None, open_flight: Flight | None = None
    ) -> None:
        self._day_of = day_of
        self.last = last
        self.open = open_flight

    def take(self, state: Kept) -> list[Flight]:
        """The next state. Flights that are new or changed by it."""
        before, self.last = self.last, state
        changed: list[Flight] = []
        if self.open is not None and before is not None:
            ended = self._ends_before(self.open, before, state)
            if ended is not None:
                self.open.ended = ended
                changed.append(self.open)
                self.open = None
            else:
                _go_on(self.open, before, state)
                changed.append(self.open)
                if self.open.kind is FlightKind.FLIGHT and state.armed is False:
                    self.open.ended = Ended.DISARMED
                    self.open = None
                return changed
        if state.fixed or state.armed:
            self.open = _begin(state, before)
            changed.append(self.open)
        return changed

    def expire(self, now_s: float) -> list[Flight]:
        """The station's time (since 1970) with nothing heard: a flight whose end nobody will hear."""
        if self.open is None or self.last is None:
            return []
        if now_s - self.last.instant.heard_at_s <= LONGEST_GAP_S:
            return []
        over, self.open = self.open, None
        over.ended = Ended.UNHEARD
        return [over]

    def _ends_before(self, flight: Flight, before: Kept, state: Kept) -> Ended | None:
        """Whether this state is no longer part of the flight, and why."""
        step_s = between_s(before.instant, state.instant)
        if flight.kind is FlightKind.DAY:
            if not state.fixed:
                return Ended.UNHEARD
            now_s = flight.started_s + flight.duration_s + step_s
            return Ended.MIDNIGHT if self._day_of(now_s) != self._day_of(flight.started_s) else None
        if flight.duration_s + step_s - flight.armed_s > LONGEST_GAP_S:
            return Ended.UNHEARD
        if step_s > GAP_S and _is_fuller(flight.battery_end_percent, state.battery_percent):
            return Ended.UNHEARD
        return None


def way_m(before: Kept, state: Kept, step_s: float) -> float:
    """Over ground, from one state to the next; nothing where the position leapt."""
    if before.lat_deg is None or before.lon_deg is None or state.lat_deg is None or state.lon_deg is None:
        return 0.0
    middle_rad = math.radians((before.lat_deg + state.lat_deg) / 2)
    east = math.radians((state.lon_deg - before.lon_deg + 180) % 360 - 180) * math.cos(middle_rad)
    way = EARTH_RADIUS_M * math.hypot(east, math.radians(state.lat_deg - before.lat_deg))
    return way if way <= FASTEST_M_S * max(step_s, 1.0) else 0.0


def _begin(state: Kept, before: Kept | None) -> Flight:
    if state.fixed:
        began = Began.HEARD
    elif before is None or before.armed is not False:
        began = Began.IN_THE_AIR
    else:
        heard_lately = between_s(before.instant, state.instant) <= GAP_S
        began = Began.ARMED if heard_lately else Began.IN_THE_AIR
    flight = Flight(
        id=str(uuid5(_NAMESPACE, f"{state.drone_id} {state.id}")),
        drone_id=state.drone_id,
        kind=FlightKind.DAY if state.fixed else FlightKind.FLIGHT,
        began=began,
        clock=FlightClock.begin(state.instant),
        first_row=state.id,
        last_row=state.id,
    )
    _note(flight, state)
    return flight


def _go_on(flight: Flight, before: Kept, state: Kept) -> None:
    was_s = flight.duration_s
    leaps = flight.clock.go_on(state.instant)
    step_s = flight.duration_s - was_s
    if step_s > GAP_S:
        flight.gaps_s += step_s
        if len(flight.gaps) < MOST_GAPS:
            flight.gaps.append(Gap(was_s, flight.duration_s))
    elif not before.seeing:
        flight.blind_s += step_s
    elif before.degraded:
        flight.degraded_s += step_s
    for whose, by_s in leaps.items():
        if len(flight.leaps) < MOST_LEAPS:
            flight.leaps.append(Leap(flight.duration_s, whose, by_s))
    runs = (before.instant.run, state.instant.run)
    if None not in runs and runs[0] != runs[1] and len(flight.restarts) < MOST_LEAPS:
        flight.restarts.append(flight.duration_s)
    flight.distance_m += way_m(before, state, step_s)
    flight.last_row = state.id
    _note(flight, state)


def _note(flight: Flight, state: Kept) -> None:
    if state.armed:
        flight.armed_s = flight.duration_s
    flight.highest_agl_m = _higher(flight.highest_agl_m, state.height_agl_m)
    flight.highest_home_m = _higher(flight.highest_home_m, state.height_home_m)
    flight.highest_amsl_m = _higher(flight.highest_amsl_m, state.alt_amsl_m)
    if state.battery_percent is not None:
        if flight.battery_start_percent is None:
            flight.battery_start_percent = state.battery_percent
        flight.battery_end_percent = state.battery_percent
    if state.patrol and state.patrol not in flight.patrols and len(flight.patrols) < MOST_PATROLS:
        flight.patrols.append(state.patrol)


def _higher(known: float | None, now: float | None) -> float | None:
    if known is None or now is None:
        return known if now is None else now
    return max(known, now)


def _is_fuller(before_percent: float | None, now_percent: float | None) -> bool:
    if before_percent is None or now_percent is None:
        return False
    return now_percent >= before_percent + FULLER_PERCENT


def kept_from(raw: dict[str, Any]) -> Kept:
    """A row of the telemetry."""
    return Kept(
        raw["id"],
        raw["drone_id"],
        Instant(raw["at_s"], raw["heard_at_s"], raw["clock_s"], raw["run"]),
        raw["lat_deg"],
        raw["lon_deg"],
        raw["alt_amsl_m"],
        raw["height_agl_m"],
        raw["height_home_m"],
        raw["battery_percent"],
        None if raw["armed"] is None else bool(raw["armed"]),
        raw["seeing"] != "blind",
        bool(raw["fixed"]),
        raw["patrol"],
        raw["seeing"] == "degraded",
    )
