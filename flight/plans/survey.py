"""Strips that see all of an area, and the ways between them. Pure geometry, in metres east and north.

An area is cut into parallel strips one swath apart, turned so that there are the fewest of them; what stays
unseen where a strip's line is forbidden gets strips of its own. They are flown in the shortest of several
rounds. Every way stays inside what is allowed (the fence without the no-fly zones), around corners where it
must.
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
from shapely.ops import unary_union

Metres = tuple[float, float]

ANGLES_DEG = tuple(range(0, 180, 5))
CORNER_M = 1.0  # ways keep this clear of corners, so that rounding does not put them across
LEAST_STRIP_M = 1.0
CLEAR_M = 0.01  # rounding: margins are metres
LEAST_LEFT_M2 = 4.0  # unseen parts smaller than this are let go
MOST_EXTRA_STRIPS = 200
MOST_FIRSTS = 24
MOST_STRIPS = 300  # as many take two seconds to put in order


class NoWayError(ValueError):
    """Two places are not joined by any allowed way."""


class TooManyStripsError(ValueError):
    """An area takes more than MOST_STRIPS."""


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
    the shortest. A part of the area narrower than half a swath still gets a strip. Raises TooManyStripsError.
    """
    angles_deg = ANGLES_DEG if direction_deg is None else (direction_deg,)
    found = [lines for angle_deg in angles_deg if (lines := _strips(area, spacing_m, angle_deg))]
    if not found:
        raise TooManyStripsError(f"it takes more than {MOST_STRIPS} strips")
    return min(found, key=lambda lines: (len(lines), sum(math.dist(line.start, line.end) for line in lines)))


def _strips(area: Polygon | MultiPolygon, spacing_m: float, direction_deg: float) -> list[Strip]:
    """Turned so that the strips run east; shapely turns counter-clockwise. Empty: they would be too many."""
    turn_deg = direction_deg - 90.0
    turned = affinity.rotate(area, turn_deg, origin=(0, 0))
    west, south, east, north = turned.bounds
    count = max(1, math.ceil((north - south) / spacing_m))
    if count > MOST_STRIPS:
        return []
    first = (south + north) / 2 - (count - 1) * spacing_m / 2
    found: list[Strip] = []
    for number in range(count):
        y = first + number * spacing_m
        # What the strip has to see is the whole band around it, not only what lies on its middle.
        band = turned.intersection(box(west - 1, y - spacing_m / 2, east + 1, y + spacing_m / 2))
        for low, high in _spans(band):
            found.append(_turned(low, high, y, -turn_deg))
    return found


def _turned(low: float, high: float, y: float, turn_deg: float) -> Strip:
    """A strip from ``low`` to ``high`` in the turned plane; never too short to be flown."""
    short = max(0.0, LEAST_STRIP_M - (high - low)) / 2
    line = affinity.rotate(LineString([(low - short, y), (high + short, y)]), turn_deg, origin=(0, 0))
    return Strip(*(tuple(point) for point in line.coords))


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


def flyable(
    area: Polygon | MultiPolygon, ways: Ways, swath_m: float, spacing_m: float, direction_deg: float | None
) -> list[Strip]:
    """Strips within what is allowed, from which all of an area that one may fly over is seen: no point of it
    is farther from a strip than half a swath. Raises TooManyStripsError."""
    found = [part for strip in strips(area, spacing_m, direction_deg) for part in ways.clipped(strip)]
    if len(found) > MOST_STRIPS:
        raise TooManyStripsError(f"it takes more than {MOST_STRIPS} strips, cut up by fence and no-fly zones")
    mine = area if ways.allowed is None else area.intersection(ways.allowed)
    first = found[0] if found else None
    if direction_deg is None and first is not None:
        direction_deg = math.degrees(math.atan2(first.end[0] - first.start[0], first.end[1] - first.start[1]))
    turn_deg = (direction_deg or 0.0) - 90.0
    left = _unseen(mine, found, swath_m)
    for _ in range(MOST_EXTRA_STRIPS):
        parts = [part for part in getattr(left, "geoms", [left]) if part.area >= LEAST_LEFT_M2]
        if not parts:
            break
        # A line through the inside of what is left always sees some of it.
        largest = affinity.rotate(max(parts, key=lambda part: part.area), turn_deg, origin=(0, 0))
        low, _, high, _ = largest.bounds
        new = ways.clipped(_turned(low, high, largest.representative_point().y, -turn_deg))
        useful = [
            strip for strip in new if left.intersection(_seen([strip], swath_m)).area >= LEAST_LEFT_M2 / 4
        ]
        if not useful:
            break
        found += useful
        left = left.difference(_seen(useful, swath_m))
    return found


def _seen(found: Sequence[Strip], swath_m: float) -> BaseGeometry:
    return unary_union([LineString([strip.start, strip.end]).buffer(swath_m / 2) for strip in found])


def _unseen(area: BaseGeometry, found: Sequence[Strip], swath_m: float) -> BaseGeometry:
    return area.difference(_seen(found, swath_m)) if found else area


class Ways:
    """Shortest ways inside an allowed region."""

    def __init__(self, allowed: Polygon | MultiPolygon | None) -> None:
        """``allowed`` None: everywhere."""
        self.allowed = allowed
        self._allowed = None if allowed is None else allowed.buffer(CLEAR_M)
        self._corners: list[Metres] = []
        self._clear: dict[tuple[Metres, Metres], bool] = {}
        self._ways: dict[tuple[Metres, Metres], list[Metres]] = {}
        if allowed is not None:
            prepare(self._allowed)
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
        if self._allowed is None:
            return True
        way = (start, end) if start <= end else (end, start)
        if way not in self._clear:
            self._clear[way] = bool(self._allowed.covers(LineString(way)))
        return self._clear[way]

    def clipped(self, strip: Strip) -> list[Strip]:
        """The parts of a strip that are allowed."""
        return [Strip(*part) for part in self.inside(strip.start, strip.end)]

    def inside(self, start: Metres, end: Metres) -> list[tuple[Metres, Metres]]:
        """The parts of a straight line that are allowed, from start to end."""
        if self.allowed is None:
            return [(start, end)]
        line = self.allowed.intersection(LineString([start, end]))
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
        if (start, end) not in self._ways:
            self._ways[start, end] = self._around(start, end)
        return list(self._ways[start, end])

    def _around(self, start: Metres, end: Metres) -> list[Metres]:
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

    From each of several first strips on always the nearest comes next, and the shortest of these rounds,
    there and back, is taken. Raises NoWayError where a strip cannot be reached.
    """
    firsts = [*found, *(strip.reversed for strip in found)]
    firsts.sort(key=lambda strip: math.dist(start, strip.start))
    if len(firsts) > MOST_FIRSTS:
        firsts = firsts[: MOST_FIRSTS // 2] + firsts[-MOST_FIRSTS // 2 :]
    rounds = (_round(found, start, first, ways) for first in firsts)
    return min(rounds, key=lambda each: _length_m(each, start, ways))


def _round(
    found: Sequence[Strip], start: Metres, first: Strip, ways: Ways
) -> list[tuple[list[Metres], Strip]]:
    left = list(found)
    here, strip, way = start, first, ways.way(start, first.start)
    result: list[tuple[list[Metres], Strip]] = []
    while True:
        result.append((way[:-1], strip))
        left.remove(strip if strip in left else strip.reversed)
        if not left:
            return result
        here = strip.end
        way, strip = _nearest(left, here, ways)


def _nearest(left: Sequence[Strip], here: Metres, ways: Ways) -> tuple[list[Metres], Strip]:
    """The strip, and which way round, that the shortest way leads to."""
    turned = itertools.chain.from_iterable((strip, strip.reversed) for strip in left)
    best: tuple[float, list[Metres], Strip] | None = None
    for strip in sorted(turned, key=lambda strip: math.dist(here, strip.start)):
        # The straight distance is never more than the way: nothing that is farther can be better.
        if best is not None and math.dist(here, strip.start) >= best[0]:
            break
        way = ways.way(here, strip.start)
        length_m = _along_m([here, *way])
        if best is None or length_m < best[0]:
            best = (length_m, way, strip)
    assert best is not None  # noqa: S101 - there is a strip left
    return best[1], best[2]


def _length_m(flown: Sequence[tuple[list[Metres], Strip]], start: Metres, ways: Ways) -> float:
    """Of the ways between the strips, there and back."""
    total_m, here = 0.0, start
    for way, strip in flown:
        total_m += _along_m([here, *way, strip.start])
        here = strip.end
    return total_m + _along_m([here, *ways.way(here, start)])


def _along_m(places: Sequence[Metres]) -> float:
    return sum(math.dist(a, b) for a, b in itertools.pairwise(places))
