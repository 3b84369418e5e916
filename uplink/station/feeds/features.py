"""What the station knows as GeoJSON features: flat properties, as attribute tables of GIS programs have them.

Positions are WGS 84, longitude first (CRS84). Heights are properties, not coordinates: they are above sea
level, and a third GeoJSON coordinate is above the ellipsoid.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from uplink.messages import DroneState, ErrorEllipse, Position
from uplink.station.answers import StoredAlert
from uplink.station.incident import Incident
from uplink.station.tip_answers import Tip

Value = str | int | float | bool | None


class Point(BaseModel):
    """Longitude and latitude in degrees, WGS 84."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float]


class Link(BaseModel):
    """Where something else is."""

    href: str
    rel: str
    type: str
    title: str


class Feature(BaseModel):
    """One thing on the map."""

    type: Literal["Feature"] = "Feature"
    id: str
    geometry: Point | None = Field(description="null where only a direction is known")
    properties: dict[str, Value]


class LinkedFeature(Feature):
    """One thing on the map, by itself."""

    links: list[Link]


class FeatureCollection(BaseModel):
    """One page of features."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]
    links: list[Link] = Field(description="`next` is there while there are more")
    timeStamp: datetime  # noqa: N815 (the standard's word)
    numberReturned: int  # noqa: N815


def alert_feature(alert: StoredAlert) -> Feature:
    """An alert in its highest revision."""
    observer = alert.observer
    return Feature(
        id=str(alert.id),
        geometry=point(alert.position),
        properties=_plain(
            {
                "revision": alert.revision,
                "drone_id": alert.drone_id,
                "state": alert.state.value,
                "label": alert.label,
                "probability": alert.probability,
                "score": alert.score,
                "looks": alert.looks,
                "first_seen_at": alert.first_seen_at,
                "last_seen_at": alert.last_seen_at,
                "confirmed_at": alert.confirmed_at,
                "received_at": alert.received_at,
                "suppressed_by": alert.suppressed_by,
                "time_source": alert.time_source,
                "alt_amsl_m": alert.position.alt_amsl_m if alert.position else None,
                **ellipse_properties(alert.ellipse),
                "method": alert.method,
                "slant_range_m": alert.slant_range_m,
                "observer_lat_deg": observer.lat_deg if observer else None,
                "observer_lon_deg": observer.lon_deg if observer else None,
                "bearing_deg": alert.bearing_deg,
                "bearing_sigma_deg": alert.bearing_sigma_deg,
                "area_m2": alert.area_m2,
                "growth_m2_per_min": alert.growth_m2_per_min,
                "max_temperature_c": alert.heat.max_c if alert.heat else None,
                "model_name": alert.model_name,
                "picture_sha256": alert.evidence[0].sha256 if alert.evidence else None,
            }
        ),
    )


def incident_feature(incident: Incident) -> Feature:
    """An incident as it is now."""
    return Feature(
        id=str(incident.id),
        geometry=point(incident.position),
        properties=_plain(
            {
                "version": incident.version,
                "state": incident.state.value,
                "label": incident.label,
                "certainty": incident.certainty.value,
                "severity": incident.severity.value,
                "probability": incident.probability,
                "evidence": incident.evidence,
                "first_seen_at": incident.first_seen_at,
                "confirmed_at": incident.confirmed_at,
                "last_seen_at": incident.last_seen_at,
                "reported_at": incident.reported_at,
                "alt_amsl_m": incident.position.alt_amsl_m if incident.position else None,
                **ellipse_properties(incident.ellipse),
                "area_m2": incident.area_m2,
                "growth_m2_per_min": incident.growth_m2_per_min,
                "alerts": incident.alerts,
                "drone_ids": " ".join(incident.drone_ids),
                "acknowledge_due_at": incident.acknowledge.due_at,
                "acknowledged_at": incident.acknowledge.met_at,
                "dispatch_due_at": incident.dispatch.due_at,
                "dispatched_at": incident.dispatch.met_at,
                "level": incident.level,
                "closed_at": incident.closed_at,
                "updated_at": incident.updated_at,
            }
        ),
    )


def tip_feature(tip: Tip) -> Feature:
    """A tip: the middle of its circle."""
    return Feature(
        id=str(tip.id),
        geometry=point(tip.place),
        properties=_plain(
            {
                "radius_m": tip.radius_m,
                "source": tip.source,
                "external_id": tip.external_id,
                "kind": tip.kind,
                "text": tip.text,
                "state": tip.state.value,
                "observed_at": tip.observed_at,
                "received_at": tip.received_at,
                "expires_at": tip.expires_at,
                "drone_id": tip.look.drone_id if tip.look else None,
                "looked_at": tip.look.ended_at if tip.look else None,
                "result": tip.look.result if tip.look else None,
            }
        ),
    )


def drone_feature(state: DroneState) -> Feature:
    """A drone, or a fixed camera, as it last said of itself."""
    position = state.position
    return Feature(
        id=state.drone_id,
        geometry=point(position),
        properties=_plain(
            {
                "name": state.name,
                "at": state.at,
                "fixed": state.fixed,
                "linked": state.linked,
                "alt_amsl_m": position.alt_amsl_m if position else None,
                "height_agl_m": state.height_agl_m,
                "height_home_m": state.height_home_m,
                "heading_deg": state.heading_deg,
                "ground_speed_m_s": state.ground_speed_m_s,
                "mode": state.mode,
                "armed": state.armed,
                "battery_percent": state.battery_percent,
                "control": state.control.value,
                "seeing": state.seeing.value,
                "blind_reason": state.blind_reason,
                "degraded": ", ".join(reason.kind.value for reason in state.degraded),
                "alerts_waiting": state.alerts_waiting,
                "patrol": state.patrol.name if state.patrol else None,
                "patrol_phase": state.patrol.phase.value if state.patrol else None,
            }
        ),
    )


def point(position: Position | None) -> Point | None:
    """Where something is, if anybody knows."""
    return None if position is None else Point(coordinates=(position.lon_deg, position.lat_deg))


def ellipse_properties(ellipse: ErrorEllipse | None) -> dict[str, Value]:
    """Where the truth lies with probability ``confidence``, as four columns."""
    return {
        "semi_major_m": ellipse.semi_major_m if ellipse else None,
        "semi_minor_m": ellipse.semi_minor_m if ellipse else None,
        "orientation_deg": ellipse.orientation_deg if ellipse else None,
        "confidence": ellipse.confidence if ellipse else None,
    }


def _plain(properties: dict[str, Any]) -> dict[str, Value]:
    """Times as RFC 3339 text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in properties.items()
    }
