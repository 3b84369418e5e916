"""Flights for the stories in this folder, told as a drone and the station's clock would tell them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uplink.messages import DegradedKind, DegradedReason, DroneState
from uplink.station.history.flight_clock import Instant
from uplink.station.history.flight_cutting import Flight, FlightCutter, Kept
from uplink.station.store.fleet import DroneChange
from uplink.station.store.store import Store
from uplink.station.store.telemetry import Sample

from .makers import DRONE, HOME, NOON, make_state

RUN = "11111111-1111-4111-8111-111111111111"
NOON_S = NOON.timestamp()
M_PER_DEG = 111_195.0


def kept(number: int, at_s: float, **change: Any) -> Kept:
    """A state ``at_s`` after noon, 10 m further north each second; all clocks are right."""
    state = Kept(
        id=number,
        drone_id=DRONE,
        instant=Instant(NOON_S + at_s, NOON_S + at_s, 500.0 + at_s, RUN),
        lat_deg=HOME.lat_deg + at_s * 10.0 / M_PER_DEG,
        lon_deg=HOME.lon_deg,
        alt_amsl_m=600.0,
        height_agl_m=80.0,
        height_home_m=81.0,
        battery_percent=100.0 - at_s / 30.0,
        armed=True,
        seeing=True,
        fixed=False,
        patrol=None,
    )
    return replace(state, **change)


def with_clocks(state: Kept, **change: Any) -> Kept:
    return replace(state, instant=replace(state.instant, **change))


def utc_day(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).date().isoformat()


def cut(*states: Kept) -> list[Flight]:
    """The flights in the order of their beginning, as they are after all that. The cutter is kept over a
    restart between any two states."""
    cutter, flights = FlightCutter(utc_day), dict[str, Flight]()
    for state in states:
        for flight in cutter.take(state):
            flights[flight.id] = flight
        on = None if cutter.open is None else Flight.from_json(cutter.open.to_json())
        cutter = FlightCutter(utc_day, cutter.last, on)
        if on is not None:
            flights[on.id] = on
    return list(flights.values())


def told(at_s: float, **change: Any) -> Sample:
    """The same as a state that a drone sends."""
    state = make_state(lat_deg=HOME.lat_deg + at_s * 10.0 / M_PER_DEG)
    position = state.position
    assert position is not None
    place = position.model_copy(
        update={"alt_amsl_m": 600.0, "lon_deg": HOME.lon_deg + 1e-3 * math.sin(at_s / 20)}
    )
    usual = {
        "at": datetime.fromtimestamp(NOON_S + at_s, UTC),
        "clock_s": 500.0 + at_s,
        "run": UUID(RUN),
        "armed": True,
        "position": place,
        "height_agl_m": 80.0,
        "height_home_m": 81.0,
        "heading_deg": at_s % 360,
        "battery_percent": 90.0,
        "seeing": "seeing",
        "control": "granted",
        "footprint": [(149.1, -35.1), (149.2, -35.1), (149.2, -35.2)],
    }
    heard_at_s = change.pop("heard_at_s", NOON_S + at_s)
    whole = state.model_dump() | usual | change
    return Sample(DroneState.model_validate(whole), heard_at_s)


def degraded(kind: str, value: float = 1.0, words: str = "") -> DegradedReason:
    """Since noon."""
    return DegradedReason(kind=DegradedKind(kind), value=value, since=NOON, words=words or f"{kind}: mend it")


async def save(store: Store, *samples: Sample) -> None:
    """As the station writes them down, and cut into flights."""
    await store.fleet.save([DroneChange(one.state, 0, [], 0, [one]) for one in samples])
    while await store.flights.cut(utc_day):
        pass


async def save_flight(store: Store, *, seconds: int = 600, every_s: int = 5, **change: Any) -> None:
    """One that begins at noon and is over."""
    await save(
        store,
        told(-5.0, armed=False),
        *(told(float(at_s), **change) for at_s in range(0, seconds, every_s)),
        told(float(seconds), armed=False),
    )
