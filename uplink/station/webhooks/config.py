"""What a station's configuration may say of one webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, model_validator

from uplink.gcj02 import Datum
from uplink.messages import LatDeg, LonDeg
from uplink.paths import FilePath
from uplink.station.events import AlertEventType, IncidentEventType

if TYPE_CHECKING:
    from uplink.station.webhooks.filters import EventFilter


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


EventPattern = Literal["alert.*", "incident.*", AlertEventType, IncidentEventType]
EndpointId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]


class WebhookConfig(BaseModel):
    """A system that is told of alerts and incidents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: HttpUrl = Field(description="where events are posted to; redirects are not followed")
    name: EndpointId | None = Field(
        default=None,
        description="how commands and logs call it (small letters, digits, hyphens); what waits for it stays "
        "its own when the address changes; without one it has a number made from the address",
    )
    secret_file: FilePath = Field(
        description="file with the signing secret of this endpoint (Standard Webhooks): whsec_ and base64"
    )
    previous_secret_file: FilePath | None = Field(
        default=None,
        description="file with the secret before this one: while it is named both sign, so that the "
        "receiver can change over",
    )
    previous_secret_until: Annotated[datetime, AfterValidator(_in_utc)] | None = Field(
        default=None, description="when the previous secret ends by itself, as in 2026-08-01T00:00:00Z"
    )
    events: list[EventPattern] = Field(
        default_factory=list,
        description='which events, as in `["alert.*", "incident.escalated"]`; without any, every one',
    )
    levels: list[str] = Field(
        default_factory=list,
        description="of `incident.escalated`, to which levels; without any, to every one",
    )
    bbox: tuple[LonDeg, LatDeg, LonDeg, LatDeg] | None = Field(
        default=None,
        description="only what may be in this box: west, south, east, north in degrees (WGS 84), as in "
        "GeoJSON; who was told of something is told how it goes on, wherever that is",
    )
    polygon: list[tuple[LonDeg, LatDeg]] | None = Field(
        default=None,
        description="instead of bbox: only what may be in this ring of longitude and latitude, as in GeoJSON",
    )
    without_position: bool = Field(
        default=True,
        description="with bbox or polygon: whether events of which only a direction is known are told too",
    )
    allow_private: bool = Field(
        default=False,
        description="whether the address may be this machine, a private network or anything else that is not "
        "the public internet",
    )
    datum: Datum = Field(
        default="wgs84",
        description="of its positions, which each name their own; `gcj02` for maps of mainland China",
    )

    @property
    def filter(self) -> EventFilter:
        """Which events the endpoint is told of."""
        from uplink.station.webhooks.filters import EventFilter, area_of

        return EventFilter(
            types=tuple(self.events),
            area=area_of(self.bbox, self.polygon),
            without_position=self.without_position,
            levels=tuple(self.levels),
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        # Here, because the drone's agent reads files of this kind too, and loads what this needs later.
        from uplink.station.webhooks.filters import area_of
        from uplink.station.webhooks.guard import refused_literal

        has_area = area_of(self.bbox, self.polygon) is not None
        if not self.without_position and not has_area:
            raise ValueError("without_position goes with bbox or polygon")
        if self.previous_secret_until is not None and self.previous_secret_file is None:
            raise ValueError("previous_secret_until goes with previous_secret_file")
        why_refused = refused_literal(self.url.host or "")
        if why_refused and not self.allow_private:
            raise ValueError(
                f"{self.url.host} is {why_refused}: where that is meant, say allow_private = true"
            )
        return self
