"""Zones as GeoJSON (RFC 7946), in and out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from uplink.messages import LatDeg, LonDeg, Message
from uplink.station.zone import StationZone, ZoneDraft

MOST_FEATURES = 500
_SAID = tuple(name for name in ZoneDraft.model_fields if name != "ring")


@dataclass(frozen=True, slots=True)
class NoZone:
    """A feature that cannot be a zone, and why not."""

    name: str
    reason: str


class ZonePolygon(Message):
    """One ring without holes, closed: its last corner is its first."""

    type: Literal["Polygon"] = "Polygon"
    coordinates: list[list[tuple[LonDeg, LatDeg]]]


class ZoneFeature(Message):
    """One zone on the map, with all that is known of it."""

    type: Literal["Feature"] = "Feature"
    id: str
    geometry: ZonePolygon
    properties: dict[str, Any]


class ZoneCollection(Message):
    """All zones."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[ZoneFeature]


class ZoneFile(Message):
    """A GeoJSON file as it comes. Its features are looked at one by one."""

    model_config = Message.model_config | {"extra": "ignore"}

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]] = Field(max_length=MOST_FEATURES)


def features_of(zones: Sequence[StationZone]) -> ZoneCollection:
    """As GIS programs read them; what they write back is read by ``drafts_in``."""
    return ZoneCollection(
        features=[
            ZoneFeature(
                id=str(zone.id),
                geometry=ZonePolygon(coordinates=[[*zone.ring, zone.ring[0]]]),
                properties=zone.model_dump(mode="json", exclude={"id", "ring"}),
            )
            for zone in zones
        ]
    )


def drafts_in(file: ZoneFile) -> list[ZoneDraft | NoZone]:
    """The zones of a file. Other properties than a zone's are left alone; without a reason it is `other`."""
    return [_draft(feature) for feature in file.features]


def _draft(feature: dict[str, Any]) -> ZoneDraft | NoZone:
    said = feature.get("properties")
    said = said if isinstance(said, dict) else {}
    name = str(said.get("name") or "")[:64]
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "Polygon":
        return NoZone(name, "it is no polygon")
    rings = geometry.get("coordinates")
    if not isinstance(rings, list) or len(rings) != 1 or not isinstance(rings[0], list):
        return NoZone(name, "it has holes, or no corners")
    ring = [corner[:2] if isinstance(corner, list) else corner for corner in rings[0]]  # heights are left out
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    known = {key: said[key] for key in _SAID if key in said}
    try:
        return ZoneDraft.model_validate({"reason": "other", **known, "ring": ring})
    except ValidationError as reason:
        problem = reason.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        return NoZone(name, f"{where}: {message}" if where else message)
