"""Tips: places that another system, or a caller, says something of; how they come in and how they stand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import FARTHEST_LOOK_M, DroneId, Message, Position, UtcTime

LEAST_RADIUS_M = 10.0
MOST_POINTS = 1000  # of a polygon
Line = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
RadiusM = Annotated[float, Field(gt=0, le=FARTHEST_LOOK_M)]
TipKind = Literal["call", "sensor", "satellite", "other"]
Coordinates = Annotated[list[float], Field(min_length=2, max_length=3)]


class PointGeometry(Message):
    """GeoJSON's Point."""

    type: Literal["Point"]
    coordinates: Coordinates = Field(
        description="longitude, latitude (WGS 84); a height may follow and is not used"
    )


class PolygonGeometry(Message):
    """GeoJSON's Polygon: the place is the smallest circle around its outer ring."""

    type: Literal["Polygon"]
    coordinates: list[Annotated[list[Coordinates], Field(min_length=4, max_length=MOST_POINTS)]] = Field(
        min_length=1, max_length=100
    )


class TipProperties(Message):
    """What the other system says of the place."""

    source: Line = Field(description="which system, as in `112 control room`")
    external_id: Line = Field(
        description="its own id of it: told again under the same id, it is the same tip"
    )
    kind: TipKind = Field(description="who or what noticed it")
    observed_at: UtcTime = Field(description="when it was noticed there")
    text: Text = Field("", description="in words, for the pilot")
    radius_m: RadiusM | None = Field(None, description="of a point: how far off it may be; left out: 100 m")
    circle: str | None = Field(
        None,
        max_length=64,
        pattern=r"^-?\d{1,2}(\.\d{1,12})?,-?\d{1,3}(\.\d{1,12})? \d{1,3}(\.\d{1,9})?$",
        description="of a point, instead of radius_m: as in CAP, `latitude,longitude radius` with the radius "
        "in kilometres; it has to hold the point",
    )


class TipFeature(Message):
    """A GeoJSON Feature."""

    type: Literal["Feature"]
    geometry: PointGeometry | PolygonGeometry = Field(discriminator="type")
    properties: TipProperties


class TipState(StrEnum):
    """Taken: a drone was sent. Looked at: it was there. Closed, dismissed and expired are final until
    somebody reopens it; one that expired opens by itself when its system has news of it."""

    OPEN = "open"
    TAKEN = "taken"
    LOOKED_AT = "looked at"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    EXPIRED = "expired"


FINAL = frozenset({TipState.CLOSED, TipState.DISMISSED, TipState.EXPIRED})


class TipLook(Message):
    """The latest time that a drone was sent there."""

    drone_id: DroneId
    order_id: UUID
    by: str = Field(description="who sent it")
    at: UtcTime
    place: Position = Field(description="the middle of the circle that it was to look at")
    radius_m: RadiusM
    ended_at: UtcTime | None = Field(None, description="none while it is under way")
    result: str = Field(
        "", max_length=256, description="what it found, or why it did not go: the drone's word"
    )


class TipNear(Message):
    """An alert that is near a tip, and may be the same fire."""

    alert_id: UUID
    incident_id: UUID | None = Field(description="which it is part of, where that is known")
    label: Literal["fire", "smoke"]
    distance_m: float = Field(ge=0, description="from the middle of the tip's circle")


class Tip(Message):
    """A tip as it stands."""

    id: UUID = Field(description="the station's (UUIDv7)")
    source: str
    external_id: str
    kind: TipKind
    text: str
    observed_at: UtcTime
    place: Position = Field(description="the middle of the circle in which it is")
    radius_m: RadiusM
    told_by: str = Field(description="whose token or session told it")
    received_at: UtcTime
    updated_at: UtcTime = Field(description="when it was told last with something new in it")
    expires_at: UtcTime = Field(description="until when it stands if nobody works on it")
    state: TipState
    state_at: UtcTime = Field(description="since when")
    state_by: str = Field(description="who brought it there: a person, `drone <id>` or `station`")
    reason: str = Field("", max_length=1000, description="why, in words")
    look: TipLook | None = None
    alert_ids: list[UUID] = Field(
        default_factory=list,
        max_length=64,
        description="alerts that a drone sent there told of, in the circle",
    )
    near: list[TipNear] = Field(
        default_factory=list, max_length=3, description="alerts of the last day in the circle or 250 m around"
    )


class TipStep(StrEnum):
    """What a person does with a tip, beside sending a drone."""

    CLOSE = "close"
    DISMISS = "dismiss"
    REOPEN = "reopen"


class TipStepRequest(Message):
    """One step, and why."""

    step: TipStep = Field(description="`dismiss`: there is nothing in it; `close`: it is dealt with")
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*\S")]
