"""Ignore zones of the station: ground on which fire is known and allowed, as people draw them."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from uplink.messages import LatDeg, LonDeg, Message, UtcTime
from uplink.station.zone_ground import GroundError, area_of_ring_m2

ZoneReason = Literal["chimney", "kiln", "quarry", "permitted burn", "other"]
ZoneLabel = Literal["fire", "smoke"]
DEFAULT_BREAKS_AT_M2 = 200.0
MOST_CORNERS = 200


class ZoneDraft(Message):
    """What a person says of a zone. Times are by capture, but for the end: then what still burns is told."""

    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
        Field(description="what people call it; no two zones have the same"),
    ]
    reason: ZoneReason = Field(description="why fire is allowed there")
    note: str = Field("", max_length=500, description="more about it, as who has the permit")
    ring: list[tuple[LonDeg, LatDeg]] = Field(
        min_length=3, max_length=MOST_CORNERS, description="its corners, longitude first, WGS 84; not closed"
    )
    labels: list[ZoneLabel] = Field(
        default_factory=lambda: list[ZoneLabel](("fire", "smoke")),
        min_length=1,
        max_length=2,
        description="what it holds back",
    )
    starts_at: UtcTime | None = Field(None, description="none: it has always been in force")
    ends_at: UtcTime | None = Field(None, description="none: until somebody removes it")
    breaks_at_m2: float | None = Field(
        DEFAULT_BREAKS_AT_M2,
        gt=0,
        le=1e7,
        description="what covers as much ground is told all the same; null: what is as large as the zone is",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.starts_at is not None and self.ends_at is not None and self.starts_at >= self.ends_at:
            raise ValueError("it ends before it starts")
        if self.reason == "permitted burn" and self.ends_at is None:
            raise ValueError("a permitted burn needs an end: a permit ends")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a label is there twice")
        try:
            area_of_ring_m2(self.ring)
        except GroundError as reason:
            raise ValueError(reason.message) from None
        return self


class StationZone(ZoneDraft):
    """A zone as the station keeps it."""

    id: UUID
    version: int = Field(ge=1, description="counts up with each change. For If-Match")
    area_m2: float = Field(gt=0, description="of the zone")
    made_at: UtcTime
    made_by: str = Field(description="who drew it")
    changed_at: UtcTime = Field(description="of the latest change")
    changed_by: str
    removed_at: UtcTime | None = Field(description="since when it holds nothing back; none while it stands")

    @property
    def end_s(self) -> float | None:
        """When it holds back nothing more that still burns; None: never."""
        ends = [at.timestamp() for at in (self.ends_at, self.removed_at) if at is not None]
        return min(ends, default=None)


class ZoneVersion(Message):
    """One line of a zone's history."""

    at: UtcTime
    who: str
    what: Literal["zone.made", "zone.changed", "zone.removed"]
    zone: StationZone = Field(description="as it was from then on")


class ImportRefusal(Message):
    """A feature that is no zone."""

    number: int = Field(ge=1, description="of the feature in the file, from one")
    name: str = Field(description="its name, if it has one")
    reason: str


class ZonesImported(Message):
    """What came of a file: one bad feature keeps no other out."""

    made: list[StationZone]
    refused: list[ImportRefusal]
