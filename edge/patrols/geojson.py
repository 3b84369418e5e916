"""A planned patrol as GeoJSON (RFC 7946): for any map program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, mapping
from shapely.geometry.base import BaseGeometry

from edge.patrols.foreseen import Foreseen
from edge.patrols.planned import Planned
from flight.local_frame import LocalFrame
from flight.plans.checks import Problem
from flight.plans.fence import Circle, Zone
from flight.plans.path import legs
from flight.plans.plan import Plan

FloatArray = NDArray[np.float64]

DIGITS = 7  # a centimetre


def to_geojson(
    planned: Planned, foreseen: Foreseen | None, problems: Sequence[tuple[Plan, Problem]]
) -> bytes:
    """A FeatureCollection; every feature's ``kind`` says what it is. Heights are above sea level (EGM96)."""
    first = planned.flights[0]
    home = first.home
    features = [_feature("home", _point(home.lon_deg, home.lat_deg, home.alt_amsl_m))]
    features += [_flight(plan, planned) for plan in planned.flights]
    site = planned.site
    if site is not None and site.area is not None:
        features.append(_feature("area", _on_earth(site.area, site.frame)))
        if foreseen is not None and not foreseen.unseen.is_empty:
            features.append(_feature("unseen", _on_earth(foreseen.unseen, site.frame)))
    if first.fence is not None:
        features += [_feature("fence", _zone(zone)) for zone in first.fence.inclusions]
        features += [_feature("no-fly zone", _zone(zone)) for zone in first.fence.exclusions]
    for rally in first.rally:
        point = _point(rally.lon_deg, rally.lat_deg, home.alt_amsl_m + rally.height_home_m)
        features.append(_feature("rally point", point))
    for plan, problem in problems:
        if problem.lat_deg is not None and problem.lon_deg is not None:
            place = _point(problem.lon_deg, problem.lat_deg)
            features.append(
                _feature("problem", place, flight=plan.name, item=problem.item, what=problem.what)
            )
    document = {"type": "FeatureCollection", "features": features, "name": planned.name}
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def _flight(plan: Plan, planned: Planned) -> dict[str, Any]:
    ways = list(legs(plan, planned.terrain))
    line = [ways[0].start, *(leg.end for leg in ways)] if ways else []
    places = [[round(lon, DIGITS), round(lat, DIGITS), round(alt_m, 2)] for lat, lon, alt_m in line]
    figures = planned.figures(plan)
    return _feature(
        "flight",
        {"type": "LineString", "coordinates": places},
        name=plan.name,
        length_m=round(figures.length_m),
        time_s=round(figures.time_s),
        plan_sha256=plan.sha256,
    )


def _feature(kind: str, geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": kind, **properties}}


def _point(lon_deg: float, lat_deg: float, *alt_m: float) -> dict[str, Any]:
    coordinates = [round(lon_deg, DIGITS), round(lat_deg, DIGITS), *(round(each, 2) for each in alt_m)]
    return {"type": "Point", "coordinates": coordinates}


def _zone(zone: Zone) -> dict[str, Any]:
    if isinstance(zone, Circle):
        frame = LocalFrame(zone.lat_deg, zone.lon_deg, 0.0)
        return _on_earth(Point(0.0, 0.0).buffer(zone.radius_m), frame)
    ring = [[round(lon, DIGITS), round(lat, DIGITS)] for lat, lon in (*zone.vertices, zone.vertices[0])]
    return {"type": "Polygon", "coordinates": [ring]}


def _on_earth(shape: BaseGeometry, frame: LocalFrame) -> dict[str, Any]:
    def degrees(places: FloatArray) -> FloatArray:
        east_m, north_m = places.T
        lat_deg, lon_deg, _ = frame.to_geodetic(east_m, north_m, np.zeros(east_m.size))
        return np.asarray(np.round(np.stack([lon_deg, lat_deg], axis=1), DIGITS), np.float64)

    return dict(mapping(shapely.transform(shape, degrees)))
