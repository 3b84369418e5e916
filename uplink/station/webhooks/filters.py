"""Which events an endpoint is told of. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import shapely
from shapely.geometry.base import BaseGeometry

from uplink.messages import ErrorEllipse, Position
from uplink.station.events import Ping, WebhookEvent

METRES_PER_DEG = 111_320.0
ELLIPSE_CORNERS = 24

LonLat = tuple[float, float]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """``types`` are names, or families as in ``alert.*``; none of them means every one. ``levels`` are of
    escalations; none means every one. ``area`` is in WGS 84, longitude first."""

    types: tuple[str, ...] = ()
    area: BaseGeometry | None = None
    without_position: bool = True
    levels: tuple[str, ...] = ()

    def wants(self, event: WebhookEvent, *, told_before: bool) -> bool:
        """Whether the endpoint is told. Who was told of something is told how it goes on, wherever that is:
        a fire that turns out to be elsewhere must not burn on in somebody's system."""
        if isinstance(event.data, Ping):
            return True
        if self.types and not any(fnmatchcase(event.type, pattern) for pattern in self.types):
            return False
        if event.type == "incident.escalated" and self.levels and event.level not in self.levels:
            return False
        return told_before or self._is_in_area(event.data.position, event.data.ellipse)

    def _is_in_area(self, position: Position | None, ellipse: ErrorEllipse | None) -> bool:
        if self.area is None:
            return True
        if position is None:
            return self.without_position
        return bool(self.area.intersects(_where(position, ellipse)))


def area_of(bbox: Sequence[float] | None, polygon: Sequence[LonLat] | None) -> BaseGeometry | None:
    """The area of a configuration: west, south, east, north, or a ring of longitude and latitude.

    A box may cross the date line: its west is east of its east then. Raises ``ValueError`` in words for a
    ring that is none, or for both at once.
    """
    if bbox is not None and polygon is not None:
        raise ValueError("give bbox or polygon, not both")
    if bbox is not None:
        west, south, east, north = bbox
        if south >= north:
            raise ValueError("bbox is west, south, east, north: its south is not south of its north")
        if west < east:
            return shapely.box(west, south, east, north)
        return shapely.MultiPolygon(
            [shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north)]
        )
    if polygon is None:
        return None
    if len(polygon) < 3:
        raise ValueError("polygon has fewer than three corners")
    ring = shapely.Polygon(polygon)
    if not ring.is_valid:
        raise ValueError(f"polygon is no area: {shapely.is_valid_reason(ring)}")
    return ring


def _where(position: Position, ellipse: ErrorEllipse | None) -> BaseGeometry:
    """Where it may be: a fire that may well burn within the area belongs to it."""
    if ellipse is None:
        return shapely.Point(position.lon_deg, position.lat_deg)
    along_rad = math.radians(ellipse.orientation_deg)
    lon_deg_per_m = 1.0 / (METRES_PER_DEG * max(0.01, math.cos(math.radians(position.lat_deg))))
    ring = []
    for corner in range(ELLIPSE_CORNERS):
        turn_rad = 2.0 * math.pi * corner / ELLIPSE_CORNERS
        major_m = ellipse.semi_major_m * math.cos(turn_rad)
        minor_m = ellipse.semi_minor_m * math.sin(turn_rad)
        east_m = major_m * math.sin(along_rad) + minor_m * math.cos(along_rad)
        north_m = major_m * math.cos(along_rad) - minor_m * math.sin(along_rad)
        ring.append((position.lon_deg + east_m * lon_deg_per_m, position.lat_deg + north_m / METRES_PER_DEG))
    return shapely.Polygon(ring)
