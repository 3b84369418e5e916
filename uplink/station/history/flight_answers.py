"""Flights as the station answers them: what they were, and their track for a replay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import DroneId, Message, UtcTime
from uplink.station.answers import LoggedOrder, StoredAlert, TrackPoint
from uplink.station.history.flight_cutting import (
    MOST_GAPS,
    MOST_LEAPS,
    MOST_PATROLS,
    Began,
    Ended,
    Flight,
    FlightKind,
)

MOST_ALERTS, MOST_ORDERS = 500, 500


class FlightGap(Message):
    """A time in which the station did not hear the drone: what it did then nobody knows."""

    from_s: float = Field(ge=0, description="since the flight's beginning")
    to_s: float = Field(ge=0, description="since the flight's beginning")


class ClockLeap(Message):
    """Somebody, or a satellite, set a clock during the flight."""

    at_s: float = Field(ge=0, description="since the flight's beginning")
    whose: Literal["drone", "station"]
    by_s: float = Field(description="forward is positive")


class FlightRecord(Message):
    """One flight of a drone, from armed to disarmed, or one day of a fixed camera."""

    id: UUID
    drone_id: DroneId
    kind: FlightKind
    began: Began
    ended: Ended | None = Field(description="none while it goes on")
    started_at: UtcTime = Field(description="by the station's clock, as orders and incidents are")
    last_at: UtcTime = Field(description="of the latest that was heard of it; its end, where it is over")
    duration_s: float = Field(ge=0)
    distance_m: float = Field(ge=0, description="over ground, straight on through gaps")
    highest_agl_m: float | None = Field(description="above ground, where the terrain is known")
    highest_home_m: float | None = Field(description="above the place of take-off")
    highest_amsl_m: float | None = Field(description="above mean sea level (EGM96)")
    battery_start_percent: float | None
    battery_end_percent: float | None
    blind_s: float = Field(ge=0, description="how long in all the agent could not see")
    degraded_s: float = Field(
        ge=0, description="how long in all it saw, but was degraded; the points of the track say why"
    )
    gaps: list[FlightGap] = Field(max_length=MOST_GAPS, description="the first hundred")
    gaps_s: float = Field(ge=0, description="of all gaps together")
    clock_leaps: list[ClockLeap] = Field(max_length=MOST_LEAPS)
    drone_clock_ahead_s: float = Field(description="of the station's")
    restarts_s: list[float] = Field(
        max_length=MOST_LEAPS, description="when its agent started anew, since the beginning"
    )
    patrols: list[str] = Field(max_length=MOST_PATROLS, description="that it flew, by name")
    alerts: int = Field(ge=0, description="that it raised, also those that came later")


class RaisedAlert(Message):
    """An alert of this flight, and when in it."""

    after_s: float = Field(description="its confirmation, since the flight's beginning")
    alert: StoredAlert


class FlightDetail(FlightRecord):
    """One flight with what was seen and ordered; its track is below ``/track``."""

    raised: list[RaisedAlert] = Field(
        max_length=MOST_ALERTS, description="its alerts by time of confirmation, the oldest first"
    )
    orders: list[LoggedOrder] = Field(max_length=MOST_ORDERS, description="to this drone, the oldest first")


class FlightPoint(TrackPoint):
    """Where the drone was at one moment of the flight."""

    after_s: float = Field(ge=0, description="since the flight's beginning, whatever the clocks showed")


class FlightTrack(Message):
    """The whole flight in a bounded number of points. Where it was thinned, each change of mode, control,
    seeing, reasons to be degraded or armed is still there, as far as the bound allows."""

    points: list[FlightPoint]
    kept: int = Field(ge=0, description="how many the station has")


def record_of(flight: Flight, alerts: int) -> FlightRecord:
    """For people and programs."""
    started_s = flight.started_s
    return FlightRecord(
        id=UUID(flight.id),
        drone_id=flight.drone_id,
        kind=flight.kind,
        began=flight.began,
        ended=flight.ended,
        started_at=datetime.fromtimestamp(started_s, UTC),
        last_at=datetime.fromtimestamp(started_s + flight.duration_s, UTC),
        duration_s=flight.duration_s,
        distance_m=flight.distance_m,
        highest_agl_m=flight.highest_agl_m,
        highest_home_m=flight.highest_home_m,
        highest_amsl_m=flight.highest_amsl_m,
        battery_start_percent=flight.battery_start_percent,
        battery_end_percent=flight.battery_end_percent,
        blind_s=flight.blind_s,
        degraded_s=flight.degraded_s,
        gaps=[FlightGap(from_s=gap.from_s, to_s=gap.to_s) for gap in flight.gaps],
        gaps_s=flight.gaps_s,
        clock_leaps=[
            ClockLeap(at_s=leap.at_s, whose="drone" if leap.whose == "drone" else "station", by_s=leap.by_s)
            for leap in flight.leaps
        ],
        drone_clock_ahead_s=flight.clock.drone_ahead_s,
        restarts_s=flight.restarts,
        patrols=flight.patrols,
        alerts=alerts,
    )
