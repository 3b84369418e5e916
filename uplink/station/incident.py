"""An incident as the station answers it: alerts of one or many cameras that are one event, and what people
have done about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import DroneId, ErrorEllipse, Message, Position, Sha256, UtcTime

MOST_ALERT_IDS = 100
MOST_ALIASES = 100
MOST_PHOTOS = 12
MOST_UNITS = 20
Reason = Annotated[str, Field(max_length=1000)]
Who = Annotated[str, Field(max_length=80)]
Unit = Annotated[str, Field(max_length=80)]


class IncidentState(StrEnum):
    """How far people are with it. The last two are closed; ``reopen`` leads back from them."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    RESOLVED = "resolved"
    FALSE_ALARM = "false alarm"

    @property
    def is_closed(self) -> bool:
        """Whether nobody has to do anything about it any more."""
        return self in (IncidentState.RESOLVED, IncidentState.FALSE_ALARM)


class Certainty(StrEnum):
    """As in CAP. Observed: a person has confirmed it. Likely: more probable than not. No machine observes."""

    OBSERVED = "observed"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Severity(StrEnum):
    """As in CAP; unknown where only smoke was seen and nothing of its size."""

    EXTREME = "extreme"
    SEVERE = "severe"
    MODERATE = "moderate"
    MINOR = "minor"
    UNKNOWN = "unknown"


class Target(Message):
    """One of the two clocks: it runs from when the station could tell anybody, not from the capture."""

    due_at: UtcTime
    met_at: UtcTime | None = Field(description="none while it is not met")
    by: Who | None = Field(description="who met it")
    missed: bool = Field(description="it was met too late, or its time is over")
    level: str | None = Field(description="the highest level that was told because it was missed")


class IncidentPhoto(Message):
    """The clearest frame of one of its alerts; its bytes are at `/api/v1/media/{sha256}`."""

    alert_id: UUID
    drone_id: DroneId
    sha256: Sha256
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    captured_at: UtcTime
    box_px: tuple[float, float, float, float] | None = Field(description="the detection in it")


class Incident(Message):
    """What the station knows of one event, and how far people are with it."""

    id: UUID = Field(
        description="made from the alert in it that was confirmed first; the same in any order of arrival"
    )
    version: int = Field(
        ge=1, description="counts what people do with it, and joins; not the alerts' revisions. For If-Match"
    )
    state: IncidentState
    label: Literal["fire", "smoke"] = Field(description="fire as soon as one of its alerts says so")
    certainty: Certainty
    severity: Severity = Field(description="from what was seen burning, its area and its growth")
    probability: float = Field(ge=0, le=1, description="of its most probable alert")
    evidence: Literal["seen", "lost", "withdrawn"] = Field(
        description="seen while one of its alerts is; withdrawn when all of them are"
    )
    first_seen_at: UtcTime = Field(description="capture time of the first sighting")
    confirmed_at: UtcTime = Field(description="capture time of the frame that confirmed the first alert")
    last_seen_at: UtcTime = Field(description="capture time of the latest sighting")
    reported_at: UtcTime = Field(
        description="when the station first knew of it and could tell people: the clocks run from here"
    )
    position: Position | None = Field(
        description="of all alerts together; none where only a bearing is known"
    )
    ellipse: ErrorEllipse | None = Field(description="of the position")
    covariance_m2: tuple[float, float, float] | None = Field(
        description="east-east, east-north, north-north of the position, m²"
    )
    method: Literal["dem", "flat", "crossing"] | None = Field(
        None,
        description="of the position: all of it on a terrain model, some of it on flat ground, or where "
        "directions cross",
    )
    area_m2: float | None = Field(ge=0, description="the largest that one alert says")
    area_sigma_m2: float | None = Field(None, description="1σ of area_m2")
    growth_m2_per_min: float | None = Field(description="the largest that one alert says")
    growth_sigma_m2_per_min: float | None = Field(None, description="1σ of growth_m2_per_min")
    alerts: int = Field(ge=1, description="how many it is made of")
    alert_ids: list[UUID] = Field(
        max_length=MOST_ALERT_IDS, description="of these, the first 100 by time of confirmation"
    )
    drone_ids: list[DroneId] = Field(description="whose alerts they are")
    photos: list[IncidentPhoto] = Field(
        default_factory=list,
        max_length=MOST_PHOTOS,
        description="of its alerts that were seen last, the newest first",
    )
    acknowledge: Target = Field(description="somebody has seen it")
    dispatch: Target = Field(description="somebody is on the way")
    units: list[Unit] = Field(
        default_factory=list, max_length=MOST_UNITS, description="who was sent, the first one first"
    )
    level: str | None = Field(description="the highest level of escalation so far")
    confirmed_by: Who | None = Field(description="the person who says that it burns; none until then")
    closed_at: UtcTime | None = Field(description="when it was resolved or found a false alarm")
    closed_because: Reason | None = Field(description="the reason given then")
    related: UUID | None = Field(
        description="an incident before it in the same place, which was closed when this one began"
    )
    aliases: list[UUID] = Field(
        max_length=MOST_ALIASES, description="ids of incidents that have become part of this one"
    )
    updated_at: UtcTime = Field(description="of the latest change by people or by alerts")
