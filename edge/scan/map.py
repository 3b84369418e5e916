"""``results.geojson``: fires and smoke with their error ellipses, bearings where no more is known, cameras.

Each feature says in ``position_of`` what it is the place of; a camera's is never a fire's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edge.files import shown
from edge.geometry.locate import MAX_RANGE_M
from edge.scan.placing import Placed
from edge.scan.position import CameraPosition
from edge.scan.results import FileResult, LookResult, Seen, as_text, heat_entry, place_entry
from edge.scan.things import Thing
from flight.local_frame import LocalFrame

ELLIPSE_POINTS = 48
# A sector reaches as far as a place would be looked for, and to both sides holds 90 % of a Gaussian error.
SECTOR_SIGMAS = 1.645
SECTOR_POINTS = 8


def results_geojson(files: list[FileResult], things: Sequence[Thing]) -> bytes:
    """``results.geojson`` as bytes: a FeatureCollection, empty when no file says where it was taken."""
    features = [feature for thing in things for feature in _fused(thing)]
    features += [feature for file in files for feature in _features(file)]
    return as_text({"type": "FeatureCollection", "features": features})


def _features(file: FileResult) -> Iterator[dict[str, Any]]:
    is_photo = file.facts.media.kind == "photo"
    if is_photo and file.facts.position is not None:
        yield _camera(file, file.facts.position, None, file.labels)
    for look in file.looks:
        if not look.seen:
            continue
        if not is_photo and look.position is not None:
            labels = frozenset(seen.label for seen in look.seen)
            yield _camera(file, look.position, look.time_s, labels)
        for number, seen in enumerate(look.seen):
            yield from _thing(file, look, seen, number)


def _fused(thing: Thing) -> Iterator[dict[str, Any]]:
    """What is known of one thing from all pictures that show it."""
    properties = {key: value for key, value in thing.entry().items() if key not in ("place", "views")}
    properties |= {"views": len(thing.views), **place_entry(thing.place)}
    yield from _placed(thing.place, f"{thing.label} from {len(thing.views)} views", properties)


def _placed(place: Placed, what: str, properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if place.lat_deg is None or place.lon_deg is None:
        return
    yield _feature(_point(place.lat_deg, place.lon_deg), {"position_of": what, **properties})
    if place.ellipse_90 is not None:
        outline = _ellipse(place.lat_deg, place.lon_deg, place.ellipse_90)
        yield _feature(outline, {"position_of": f"{what}: 90 % error ellipse", **properties})


def _camera(
    file: FileResult, position: CameraPosition, time_s: float | None, labels: frozenset[str]
) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "position_of": "camera",
        "note": "Where the camera was, not where anything burns.",
        "file": shown(file.facts.media.path),
        "alt_amsl_m": position.alt_amsl_m,
        "alt_ellipsoid_m": position.alt_ellipsoid_m,
        "datum": "WGS84",
        "seen": sorted(labels),
        "best_score": {label: file.best(label) for label in sorted(labels)},
    }
    if time_s is not None:
        properties["time_s"] = time_s
    return _feature(_point(position.lat_deg, position.lon_deg), properties)


def _thing(file: FileResult, look: LookResult, seen: Seen, number: int) -> Iterator[dict[str, Any]]:
    place = seen.place
    properties: dict[str, Any] = {"file": shown(file.facts.media.path)}
    if look.time_s is not None:
        properties["time_s"] = look.time_s
    properties |= {"detection": number, "label": seen.label, "score": seen.score}
    properties |= {**heat_entry(seen.heat), **place_entry(place)}
    yield from _placed(place, seen.label, properties)
    if place.lat_deg is None and place.bearing_deg is not None and look.position is not None:
        outline = _sector(look.position, place)
        yield _feature(outline, {"position_of": f"{seen.label}: somewhere in this sector", **properties})


def _feature(geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _point(lat_deg: float, lon_deg: float) -> dict[str, Any]:
    # Two coordinates: a third would be read as height above the ellipsoid (RFC 7946, 3.1.1).
    return {"type": "Point", "coordinates": [round(lon_deg, 8), round(lat_deg, 8)]}


def _ellipse(lat_deg: float, lon_deg: float, ellipse: tuple[float, float, float]) -> dict[str, Any]:
    semi_major_m, semi_minor_m, orientation_deg = ellipse
    turned = math.radians(orientation_deg)
    angles = np.linspace(0.0, 2 * math.pi, ELLIPSE_POINTS, endpoint=False)
    along, across = semi_major_m * np.cos(angles), semi_minor_m * np.sin(angles)
    # The major axis points to the compass angle, the minor one to its left: counter-clockwise.
    east_m = along * math.sin(turned) - across * math.cos(turned)
    north_m = along * math.cos(turned) + across * math.sin(turned)
    return _polygon(LocalFrame(lat_deg, lon_deg, 0.0), east_m.tolist(), north_m.tolist())


def _sector(position: CameraPosition, place: Placed) -> dict[str, Any]:
    half_deg = (place.half_width_deg or 0.0) + SECTOR_SIGMAS * (place.bearing_sigma_deg or 0.0)
    # From right to left, as seen from the camera: counter-clockwise.
    bearings = np.radians((place.bearing_deg or 0.0) + np.linspace(half_deg, -half_deg, SECTOR_POINTS))
    east_m = [0.0, *(MAX_RANGE_M * np.sin(bearings)).tolist()]
    north_m = [0.0, *(MAX_RANGE_M * np.cos(bearings)).tolist()]
    return _polygon(LocalFrame(position.lat_deg, position.lon_deg, 0.0), east_m, north_m)


def _polygon(frame: LocalFrame, east_m: list[float], north_m: list[float]) -> dict[str, Any]:
    lat_deg, lon_deg, _ = frame.to_geodetic(np.array(east_m), np.array(north_m), np.zeros(len(east_m)))
    ring = [[round(float(lon), 8), round(float(lat), 8)] for lat, lon in zip(lat_deg, lon_deg, strict=True)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
