"""Places with their errors as GeoJSON: points, ellipses as polygons, and the ways of drones. Pure, WGS 84."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from uplink.messages import ErrorEllipse, Position
from uplink.station.answers import StoredAlert, TrackPoint
from uplink.station.incident import Incident

CORNERS = 72
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG


def position_features(
    of: Incident | StoredAlert, tracks: Mapping[str, Sequence[TrackPoint]]
) -> list[dict[str, Any]]:
    """Where it is, and where that was seen from."""
    what = "incident" if isinstance(of, Incident) else "alert"
    said: dict[str, Any] = {"what": what, "id": str(of.id), "label": of.label, "probability": of.probability}
    height_m = None if of.position is None else of.position.alt_amsl_m
    features = [_feature(_point(of.position), said | {"alt_amsl_m": height_m})]
    if of.position is not None and of.ellipse is not None:
        shape = {"type": "Polygon", "coordinates": [ellipse_ring(of.position, of.ellipse)]}
        features.append(_feature(shape, said | {"what": f"{what} ellipse", **of.ellipse.model_dump()}))
    if isinstance(of, StoredAlert) and of.observer is not None:
        camera = {
            "drone_id": of.drone_id,
            "bearing_deg": of.bearing_deg,
            "alt_amsl_m": of.observer.alt_amsl_m,
        }
        features.append(_feature(_point(of.observer), {"what": "camera", "id": str(of.id), **camera}))
    for drone_id, points in tracks.items():
        line = [[p.lon_deg, p.lat_deg] for p in points if p.lat_deg is not None]
        if len(line) > 1:
            span = {"from": points[0].at.isoformat(), "to": points[-1].at.isoformat()}
            way = {"type": "LineString", "coordinates": line}
            features.append(_feature(way, {"what": "track", "drone_id": drone_id, **span}))
    return features


def ellipse_ring(at: Position, ellipse: ErrorEllipse) -> list[list[float]]:
    """Counter-clockwise and closed, as GeoJSON wants it."""
    turn = math.radians(ellipse.orientation_deg)
    parallel = max(1e-9, math.cos(math.radians(at.lat_deg)))
    ring = []
    for corner in range(CORNERS):
        angle = -2 * math.pi * corner / CORNERS
        along, across = ellipse.semi_major_m * math.cos(angle), ellipse.semi_minor_m * math.sin(angle)
        north_m = along * math.cos(turn) - across * math.sin(turn)
        east_m = along * math.sin(turn) + across * math.cos(turn)
        lon_deg = at.lon_deg + math.degrees(east_m / EARTH_RADIUS_M / parallel)
        ring.append([round(lon_deg, 8), round(at.lat_deg + math.degrees(north_m / EARTH_RADIUS_M), 8)])
    return [*ring, ring[0]]


def _point(at: Position | None) -> dict[str, Any] | None:
    return None if at is None else {"type": "Point", "coordinates": [at.lon_deg, at.lat_deg]}


def _feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}
