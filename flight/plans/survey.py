"""Strips that see all of an area, and the ways between them. Pure geometry, in metres east and north.

An area is cut into parallel strips one swath apart, turned so that there are the fewest of them. The order is
greedy: from where the vehicle is, the strip whose nearer end takes the shortest allowed way. Every way stays
inside what is allowed (the fence without the no-fly zones), around corners where it must.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from shapely import affinity, prepare
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

Metres = tuple[float, float]

ANGLES_DEG = tuple(range(0, 180, 5))
CORNER_M = 1.0  # ways keep this clear of corners, so that rounding does not put them across
LEAST_STRIP_M = 1.0


class NoWayError(ValueError):
    """Two places are not joined by any allowed way."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A straight line along which the camera looks."""

    start: Metres
    end: Metres

    @property
    def reversed(self) -> Strip:
        return Strip(self.end, self.start)


def strips(area: Polygon | MultiPolygon, spacing_m: float, direction_deg: float | None) -> list[Strip]:
    """Parallel strips over an area, ``spacing_m`` apart, in no order.

    ``direction_deg`` is theirs, clockwise from north; None takes the one with the fewest strips, and of those
    the shortest. A part of the area narrower than half a swath still gets a strip.
    """
    if direction_deg is not None:
        return _strips(area, spacing_m, direction_deg)
    found = (_strips(area, spacing_m, float(angle_deg)) for angle_deg in ANGLES_DEG)
    return min(found, key=lambda lines: (len(lines), sum(math.dist(line.start, line.end) for line in lines)))


def _strips(area: Polygon | MultiPolygon, spacing_m: float, direction_deg: float) -> list[Strip]:
    """Turned so that the strips run east; shapely turns counter-clockwise."""
    turn_deg = direction_deg - 90.0
    turned = affinity.rotate(area, turn_deg, origin=(0, 0))
    west, south, east, north = turned.bounds
    count = max(1, math.ceil((north - south) / spacing_m))
    first = (south + north) / 2 - (count - 1) * spacing_m / 2
    found: list[Strip] = []
    for number in range(count):
        y = first + number * spacing_m
        # What the strip has to see is the whole band around it, not only what lies on its middle.
        band = turned.intersection(box(west - 1, y - spacing_m / 2, east + 1, y + spacing_m / 2))
        for low, high in _spans(band):
            if high - low >= LEAST_STRIP_M:
                line = affinity.rotate(LineString([(low, y), (high, y)]), -turn_deg, origin=(0, 0))
                found.append(Strip(*(tuple(point) for point in line.coords)))
    return found


def _spans(band: BaseGeometry) -> list[tuple[float, float]]:
    """The stretches from west to east that a band's parts take up, overlapping ones together."""
    parts = [part for part in getattr(band, "geoms", [band]) if not part.is_empty and part.area > 0]
    spans = sorted((part.bounds[0], part.bounds[2]) for part in parts)
    merged: list[tuple[float, float]] = []
    for low, high in spans:
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


class Ways:
    """Shortest ways inside an allowed region."""

    def __init__(self, allowed: Polygon | MultiPolygon | None) -> None:
        """``allowed`` None: everywhere."""
        self._allowed = allowed
        self._corners: list[Metres] = []
        if allowed is not None:
            prepare(allowed)
            inner = allowed.buffer(-CORNER_M)
            for part in getattr(inner, "geoms", [inner]):
                if not part.is_empty:
                    for ring in (part.exterior, *part.interiors):
                        self._corners += [(x, y) for x, y in ring.simplify(CORNER_M / 2).coords[:-1]]

    def is_allowed(self, place: Metres) -> bool:
        """Whether one may be there."""
        return self._allowed is None or bool(self._allowed.covers(Point(place)))

    def is_clear(self, start: Metres, end: Metres) -> bool:
        """Whether the straight way is allowed."""
        return self._allowed is None or bool(self._allowed.covers(LineString([start, end])))

    def inside(self, start: Metres, end: Metres) -> list[tuple[Metres, Metres]]:
        """The parts of a straight line that are allowed, from start to end."""
        if self._allowed is None:
            return [(start, end)]
        line = self._allowed.intersection(LineString([start, end]))
        parts = [part for part in getattr(line, "geoms", [line]) if part.length >= LEAST_STRIP_M]
        ends = [
            ((part.coords[0][0], part.coords[0][1]), (part.coords[-1][0], part.coords[-1][1]))
            for part in parts
        ]
        return sorted(ends, key=lambda each: math.dist(start, each[0]))

    def way(self, start: Metres, end: Metres) -> list[Metres]:
        """Places to fly over after ``start``, ``end`` the last. Raises NoWayError."""
        if self.is_clear(start, end):
            return [end]
        nodes = [start, end, *self._corners]
        best = {0: 0.0}
        came: dict[int, int] = {}
        queue = [(math.dist(start, end), 0)]
        done: set[int] = set()
        while queue:
            _, node = heapq.heappop(queue)
            if node == 1:
                return self._walk_back(nodes, came)
            if node in done:
                continue
            done.add(node)
            for other, place in enumerate(nodes):
                cost = best[node] + math.dist(nodes[node], place)
                if (
                    other in done
                    or cost >= best.get(other, math.inf)
                    or not self.is_clear(nodes[node], place)
                ):
                    continue
                best[other], came[other] = cost, node
                heapq.heappush(queue, (cost + math.dist(place, end), other))
        raise NoWayError("no way inside the fence and around the no-fly zones leads there")

    @staticmethod
    def _walk_back(nodes: Sequence[Metres], came: dict[int, int]) -> list[Metres]:
        node, places = 1, []
        while node:
            places.append(nodes[node])
            node = came[node]
        return places[::-1]


def ordered(found: Sequence[Strip], start: Metres, ways: Ways) -> list[tuple[list[Metres], Strip]]:
    """Strips in the order of flying, each turned the right way, with the places to fly over before it.

    Raises NoWayError where one cannot be reached.
    """
    left = list(found)
    here = start
    result: list[tuple[list[Metres], Strip]] = []
    while left:
        turned = itertools.chain.from_iterable((strip, strip.reversed) for strip in left)
        # The straight distance is never more than the way, so the first whose way is straight is the best.
        nearest = sorted(turned, key=lambda strip: math.dist(here, strip.start))
        best: tuple[float, list[Metres], Strip] | None = None
        for strip in nearest:
            if best is not None and math.dist(here, strip.start) >= best[0]:
                break
            way = ways.way(here, strip.start)
            length_m = sum(math.dist(a, b) for a, b in itertools.pairwise([here, *way]))
            if best is None or length_m < best[0]:
                best = (length_m, way, strip)
        assert best is not None  # noqa: S101 - there is a strip left
        _, way, strip = best
        result.append((way[:-1], strip))
        left.remove(strip if strip in left else strip.reversed)
        here = strip.end
    return result
