"""Where to fly, as other programs draw it: the polygon or the line of a GeoJSON, KML or KMZ file.

One polygon is an area, one line a corridor. What is left out or changed on the way is said in ``notes``.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.etree import ElementTree as ET

import numpy as np
import shapely

from flight.plans.plan import PlanError

LatLon = tuple[float, float]

MOST_CORNERS = 500
KML_MAX_BYTES = 32 * 1024 * 1024  # of a KMZ, unpacked
_METRES_PER_DEG = 111_320.0
_HINT = "Draw one around the ground to look at and export it again, or draw it here on the map."
_WGS84 = ("4326", "crs84")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One of the two."""

    area: list[LatLon] | None = None
    line: list[LatLon] | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    polygons: list[list[LatLon]] = field(default_factory=list)
    lines: list[list[LatLon]] = field(default_factory=list)
    points: int = 0
    holes: int = 0


def read_area(content: bytes, name: str) -> Drawn:
    """Raises PlanError that says what is wrong with the file and what to do."""
    if content[:4] == b"PK\x03\x04":
        content = _unpacked(content, name)
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    found = _kml(text, name) if text.startswith(b"<") else _geojson(text, name)
    return _chosen(found, name)


def _chosen(found: _Found, name: str) -> Drawn:
    notes: list[str] = []
    if found.holes:
        notes.append("holes in the polygon were left out: draw them as no-fly zones")
    if found.polygons:
        area = max(found.polygons, key=_area_deg2)
        if len(found.polygons) > 1:
            notes.append(f"it has {len(found.polygons)} polygons: the largest was taken")
        return Drawn(area=_fewer(area, notes, least=3), notes=notes)
    if found.lines:
        line = max(found.lines, key=len)
        if len(found.lines) > 1:
            notes.append(f"it has {len(found.lines)} lines: the one with the most corners was taken")
        return Drawn(line=_fewer(line, notes, least=2), notes=notes)
    has = f"only {found.points} point{'s' * (found.points > 1)}" if found.points else "nothing drawn in it"
    raise PlanError(f"{name} has no polygon: it has {has}", hint=_HINT)


def _fewer(corners: list[LatLon], notes: list[str], *, least: int) -> list[LatLon]:
    """No more corners than a patrol takes, as near to what was drawn as can be."""
    if len(corners) <= MOST_CORNERS:
        return corners
    shrink = math.cos(math.radians(corners[0][0]))
    plane = shapely.LineString([(lon * shrink, lat) for lat, lon in [*corners, corners[0]]])
    off_m, kept = 0.5, plane
    while len(kept.coords) > MOST_CORNERS:
        off_m *= 2
        kept = plane.simplify(off_m / _METRES_PER_DEG)
    ring = [(lat, lon / shrink) for lon, lat in kept.coords[:-1]]
    notes.append(f"it has {len(corners)} corners: {len(ring)} were kept, {off_m:g} m off at most")
    return ring if len(ring) >= least else corners[:MOST_CORNERS]


def _area_deg2(ring: list[LatLon]) -> float:
    lat, lon = np.array(ring).T
    return abs(float(np.dot(lat, np.roll(lon, 1)) - np.dot(lon, np.roll(lat, 1)))) / 2


# --- GeoJSON -------------------------------------------------------------------------------------------


def _geojson(text: bytes, name: str) -> _Found:
    try:
        document = json.loads(text.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise PlanError(
            f"{name} is neither GeoJSON, KML, KMZ, a .plan, a .waypoints nor a patrol file",
            hint="Export it as one of these.",
        ) from error
    if not isinstance(document, dict):
        _no_geojson(name)
    said = json.dumps(document.get("crs")).lower()
    if document.get("crs") is not None and not any(known in said for known in _WGS84):
        raise PlanError(
            f"{name} is not in WGS 84: its crs is {said[:80]}", hint="Export it again as WGS 84 (EPSG:4326)."
        )
    found = _Found()
    for geometry in _geometries(document, name):
        _take(geometry, found, name)
    return found


def _geometries(value: Any, name: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict) or depth > 8:
        _no_geojson(name)
    match value.get("type"):
        case "FeatureCollection":
            for feature in _list(value.get("features"), name):
                yield from _geometries(feature, name, depth + 1)
        case "Feature":
            if value.get("geometry") is not None:
                yield from _geometries(value["geometry"], name, depth + 1)
        case "GeometryCollection":
            for geometry in _list(value.get("geometries"), name):
                yield from _geometries(geometry, name, depth + 1)
        case "Polygon" | "MultiPolygon" | "LineString" | "MultiLineString" | "Point" | "MultiPoint":
            yield value
        case _:
            _no_geojson(name)


def _take(geometry: dict[str, Any], found: _Found, name: str) -> None:
    kind, coordinates = geometry["type"], _list(geometry.get("coordinates"), name)
    if kind in ("Point", "MultiPoint"):
        found.points += 1 if kind == "Point" else len(coordinates)
    elif kind in ("LineString", "MultiLineString"):
        lines = [coordinates] if kind == "LineString" else coordinates
        found.lines += [_corners(_list(line, name), name, least=2) for line in lines]
    else:
        polygons = [coordinates] if kind == "Polygon" else coordinates
        for rings in (_list(each, name) for each in polygons):
            if not rings:
                continue
            found.polygons.append(_corners(_list(rings[0], name), name, least=3))
            found.holes += len(rings) - 1


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        _no_geojson(name)
    return value


def _no_geojson(name: str) -> NoReturn:
    raise PlanError(
        f"{name} is JSON, but neither GeoJSON nor a plan of QGroundControl",
        hint="Export the area as GeoJSON or KML.",
    )


# --- KML -----------------------------------------------------------------------------------------------


def _unpacked(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [each for each in archive.infolist() if each.filename.lower().endswith(".kml")]
            if not inside:
                raise PlanError(f"{name} is a zip file without a .kml in it", hint="Export it as KML.")
            if inside[0].file_size > KML_MAX_BYTES:
                raise PlanError(f"{name} is too large unpacked", hint="Export the area alone, as KML.")
            return archive.read(inside[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise PlanError(f"{name} is a damaged zip file", hint="Export it once more.") from error


def _kml(text: bytes, name: str) -> _Found:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise PlanError(f"{name} declares entities, which no KML needs", hint="Export it as GeoJSON.")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without entities there is nothing to expand
    except ET.ParseError as error:
        line = error.position[0]
        raise PlanError(
            f"{name} is not XML: line {line}: {error}", hint="Export it once more as KML."
        ) from error
    found = _Found()
    for element in root.iter():
        match _tag(element):
            case "Polygon":
                outer = next(iter(_below(element, "outerBoundaryIs")), element)
                corners = _coordinates(outer, name)
                if corners:
                    found.polygons.append(_corners(corners, name, least=3))
                found.holes += len(_below(element, "innerBoundaryIs"))
            case "LineString":
                corners = _coordinates(element, name)
                if corners:
                    found.lines.append(_corners(corners, name, least=2))
            case "Point":
                found.points += 1
    return found


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _below(element: ET.Element, tag: str) -> list[ET.Element]:
    return [each for each in element.iter() if _tag(each) == tag]


def _coordinates(element: ET.Element, name: str) -> list[list[float]]:
    said = next((each.text or "" for each in _below(element, "coordinates")), "")
    try:
        return [[float(number) for number in place.split(",")] for place in said.split()]
    except ValueError as error:
        raise PlanError(
            f"{name} has a place that is no longitude and latitude", hint="Export it once more."
        ) from error


# --- both ----------------------------------------------------------------------------------------------


def _corners(places: list[Any], name: str, *, least: int) -> list[LatLon]:
    """Not closed, none twice in a row."""
    ring: list[LatLon] = []
    for place in places:
        ok = isinstance(place, list) and len(place) >= 2
        if not ok or not all(isinstance(n, int | float) and math.isfinite(n) for n in place[:2]):
            raise PlanError(
                f"{name} has a place that is no longitude and latitude", hint="Export it once more."
            )
        lon, lat = float(place[0]), float(place[1])
        if abs(lat) > 90 or abs(lon) > 180:
            raise PlanError(
                f"{name} has the place {lon:g}, {lat:g}: these are no degrees",
                hint="Export it again as WGS 84 (EPSG:4326).",
            )
        if not ring or ring[-1] != (lat, lon):
            ring.append((lat, lon))
    if least == 3 and len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    if len(ring) < least:
        raise PlanError(f"{name} has a polygon or line with {len(ring)} corners", hint=_HINT)
    return ring
