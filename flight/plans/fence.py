"""Fences and rally points: where a patrol may be, and where else it may land.

A fence is what crosses the wire as ``MAV_MISSION_TYPE_FENCE``: polygons and circles to stay in, and others to
stay out of (no-fly zones). As ArduPilot has it by default, the vehicle must be inside *every* inclusion
(``AC_PolyFence_loader::breached``, without the union option).

Distances are on a plane that touches the earth at the point asked about: over the few kilometres of a patrol
that is right to some millimetres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyproj
from shapely.geometry import LineString, Point
from shapely.geometry import Polygon as Shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from flight.errors import EmberwatchError
from flight.local_frame import LocalFrame
from flight.plans.items import Command, Frame, MissionItem

LatLon = tuple[float, float]

_GEOD = pyproj.Geod(ellps="WGS84")


class FenceError(EmberwatchError):
    """A fence that is none, or items that are no fence."""


def distance_m(lat1_deg: float, lon1_deg: float, lat2_deg: float, lon2_deg: float) -> float:
    """On the ellipsoid."""
    return float(_GEOD.inv(lon1_deg, lat1_deg, lon2_deg, lat2_deg)[2])


@dataclass(frozen=True, slots=True)
class Circle:
    """A disc on the ground."""

    lat_deg: float
    lon_deg: float
    radius_m: float

    def __post_init__(self) -> None:
        if not (self.radius_m > 0 and math.isfinite(self.radius_m)):
            raise FenceError(f"a fence circle with a radius of {self.radius_m} m is none")

    def shape(self, plane: _Plane) -> Shape:
        """On a plane, metres; as a polygon with its corners on the circle."""
        return Point(plane.points([(self.lat_deg, self.lon_deg)])[0]).buffer(self.radius_m, quad_segs=32)


@dataclass(frozen=True, slots=True)
class Polygon:
    """Corners as (lat, lon), degrees; not closed."""

    vertices: tuple[LatLon, ...]

    def __post_init__(self) -> None:
        if len(self.vertices) < 3:
            raise FenceError(f"a fence polygon with {len(self.vertices)} corners is none")
        if not Shape([(lon, lat) for lat, lon in self.vertices]).is_valid:
            raise FenceError("a fence polygon crosses itself")

    def shape(self, plane: _Plane) -> Shape:
        """On a plane, metres."""
        return Shape(plane.points(self.vertices))


Zone = Polygon | Circle


@dataclass(frozen=True, slots=True)
class Fence:
    """All zones of one plan."""

    inclusions: tuple[Zone, ...] = ()
    exclusions: tuple[Zone, ...] = ()

    def objection(self, lat_deg: float, lon_deg: float, *, margin_m: float = 0.0) -> str:
        """Why nobody may be there, in plain words; empty where one may. Nearer than ``margin_m`` to an edge
        counts as across."""
        plane = _Plane(lat_deg, lon_deg)
        here = Point(0.0, 0.0)
        for zone in self.inclusions:
            shape = zone.shape(plane)
            edge_m = shape.exterior.distance(here)
            if not shape.contains(here):
                return f"it is {edge_m:.0f} m outside the fence"
            if edge_m < margin_m:
                return f"it is {edge_m:.0f} m from the fence; {margin_m:.0f} m are kept"
        for zone in self.exclusions:
            shape = zone.shape(plane)
            if shape.contains(here):
                return f"it is {shape.exterior.distance(here):.0f} m inside a no-fly zone"
            if shape.distance(here) < margin_m:
                return f"it is {shape.distance(here):.0f} m from a no-fly zone; {margin_m:.0f} m are kept"
        return ""

    def crossing(self, start: LatLon, end: LatLon, *, margin_m: float = 0.0) -> str:
        """Why nobody may fly straight from ``start`` to ``end``; empty where one may."""
        return next((words for words, _ in self.crossings(start, end, margin_m=margin_m)), "")

    def crossings(self, start: LatLon, end: LatLon, *, margin_m: float = 0.0) -> Iterator[tuple[str, LatLon]]:
        """Every zone that forbids the straight way from ``start`` to ``end``: why, and where it begins to."""
        plane = _Plane(*start)
        ends = plane.points([start, end])
        path = Point(ends[0]) if start == end else LineString(ends)
        for zone in self.inclusions:
            outside = path.difference(zone.shape(plane).buffer(-margin_m))
            if not outside.is_empty:
                yield "it leaves the fence" + _near(margin_m), plane.place(_nearest(path, outside))
        for zone in self.exclusions:
            inside = path.intersection(zone.shape(plane).buffer(margin_m))
            if not inside.is_empty:
                yield "it crosses a no-fly zone" + _near(margin_m), plane.place(_nearest(path, inside))

    def items(self) -> tuple[MissionItem, ...]:
        """As ``MAV_MISSION_TYPE_FENCE`` carries it, numbered from 0."""
        items: list[MissionItem] = []
        for zones, polygon, circle in (
            (self.inclusions, Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION, Command.NAV_FENCE_CIRCLE_INCLUSION),
            (self.exclusions, Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION, Command.NAV_FENCE_CIRCLE_EXCLUSION),
        ):
            for zone in zones:
                if isinstance(zone, Circle):
                    items.append(_item(circle, zone.radius_m, zone.lat_deg, zone.lon_deg))
                else:
                    count = float(len(zone.vertices))
                    items += [_item(polygon, count, lat, lon) for lat, lon in zone.vertices]
        return tuple(replace(item, seq=seq) for seq, item in enumerate(items))

    @classmethod
    def from_items(cls, items: Sequence[MissionItem]) -> Fence:
        """What the items of a fence plan mean. Raises FenceError where they mean nothing."""
        zones: dict[int, list[Zone]] = {command: [] for command in _CIRCLES | _POLYGONS}
        index = 0
        while index < len(items):
            first = items[index]
            if first.command in _CIRCLES:
                zones[first.command].append(Circle(first.lat_deg, first.lon_deg, first.params[0]))
                index += 1
            elif first.command in _POLYGONS:
                count = int(first.params[0]) if math.isfinite(first.params[0]) else 0
                corners = items[index : index + count]
                if count < 3 or len(corners) < count or any(c.command != first.command for c in corners):
                    raise FenceError(f"the fence's polygon at item {index} is not whole")
                zones[first.command].append(Polygon(tuple((c.lat_deg, c.lon_deg) for c in corners)))
                index += count
            elif first.command == Command.NAV_FENCE_RETURN_POINT:
                index += 1  # ArduCopter does not use it
            else:
                raise FenceError(f"the fence's item {index} (command {first.command}) is no fence's")
        return cls(
            tuple(
                zones[Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION] + zones[Command.NAV_FENCE_CIRCLE_INCLUSION]
            ),
            tuple(
                zones[Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION] + zones[Command.NAV_FENCE_CIRCLE_EXCLUSION]
            ),
        )


@dataclass(frozen=True, slots=True)
class RallyPoint:
    """A place to come down other than home."""

    lat_deg: float
    lon_deg: float
    height_home_m: float


def rally_items(points: Iterable[RallyPoint]) -> tuple[MissionItem, ...]:
    """As ``MAV_MISSION_TYPE_RALLY`` carries them, numbered from 0."""
    frame, nothing = Frame.GLOBAL_RELATIVE_ALT, (0.0, 0.0, 0.0, 0.0)
    return tuple(
        MissionItem(
            seq,
            Command.NAV_RALLY_POINT,
            frame,
            nothing,
            round(point.lat_deg * 1e7),
            round(point.lon_deg * 1e7),
            point.height_home_m,
        )
        for seq, point in enumerate(points)
    )


_POLYGONS = frozenset(
    {Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION, Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION}
)
_CIRCLES = frozenset({Command.NAV_FENCE_CIRCLE_INCLUSION, Command.NAV_FENCE_CIRCLE_EXCLUSION})


class _Plane:
    """Metres east and north of a point."""

    def __init__(self, lat_deg: float, lon_deg: float) -> None:
        self._frame = LocalFrame(lat_deg, lon_deg, 0.0)

    def points(self, places: Sequence[LatLon]) -> list[tuple[float, float]]:
        lat_deg, lon_deg = np.array(places).T
        east_m, north_m, _ = self._frame.from_geodetic(lat_deg, lon_deg, np.zeros(len(places)))
        return list(zip(east_m.tolist(), north_m.tolist(), strict=True))

    def place(self, point: Point) -> LatLon:
        lat_deg, lon_deg, _ = self._frame.to_geodetic(np.array([point.x]), np.array([point.y]), np.zeros(1))
        return float(lat_deg[0]), float(lon_deg[0])


def _nearest(path: LineString | Point, part: BaseGeometry) -> Point:
    """Of a part of a path, the place that is flown over first."""
    return nearest_points(part, Point(path.coords[0]))[0]


def _item(command: int, param1: float, lat_deg: float, lon_deg: float) -> MissionItem:
    place = (round(lat_deg * 1e7), round(lon_deg * 1e7))
    return MissionItem(0, command, Frame.GLOBAL, (param1, 0.0, 0.0, 0.0), *place, 0.0)


def _near(margin_m: float) -> str:
    return f" or comes within {margin_m:.0f} m of it" if margin_m else ""
