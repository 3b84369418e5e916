"""Strips see all of an area that may be flown over, and no way between them leaves what is allowed."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box
from shapely.ops import unary_union

from flight.plans.survey import (
    LEAST_LEFT_M2,
    Metres,
    NoWayError,
    Strip,
    Ways,
    flyable,
    ordered,
    strips,
)

SWATH_M, SPACING_M = 100.0, 70.0


def seen(found: list[Strip], swath_m: float = SWATH_M) -> Polygon:
    return unary_union([LineString([strip.start, strip.end]).buffer(swath_m / 2) for strip in found])


def length_m(found: list[Strip]) -> float:
    return sum(math.dist(strip.start, strip.end) for strip in found)


def test_strips_lie_along_the_long_side_of_an_area() -> None:
    found = strips(box(0, 0, 800, 200), SPACING_M, None)
    assert len(found) == 3
    assert {round(abs(strip.end[0] - strip.start[0])) for strip in found} == {800}


def test_strips_run_where_they_are_told_to() -> None:
    for strip in strips(box(0, 0, 800, 200), SPACING_M, 30.0):
        east_m, north_m = (strip.end[i] - strip.start[i] for i in (0, 1))
        assert math.degrees(math.atan2(east_m, north_m)) % 180 == pytest.approx(30, abs=0.01)


def test_a_notch_in_an_area_is_not_flown_over() -> None:
    horseshoe = box(0, 0, 600, 600).difference(box(200, 100, 400, 700))
    found = strips(horseshoe, SPACING_M, 90.0)
    assert length_m(found) < 0.85 * length_m(strips(box(0, 0, 600, 600), SPACING_M, 90.0))
    assert horseshoe.difference(seen(found)).area < 1.0


def test_a_sliver_still_gets_a_strip() -> None:
    [strip] = strips(box(0, 0, 0.5, 40), SPACING_M, 90.0)
    assert math.dist(strip.start, strip.end) == pytest.approx(1.0)


def test_what_a_zone_on_a_strips_line_hides_is_seen_from_beside_it() -> None:
    """The zone covers the middle of a band, and the band's edges are still to be seen."""
    area, zone = box(0, 0, 600, 70), box(100, 20, 500, 50)
    allowed = box(-200, -200, 800, 300).difference(zone)
    ways = Ways(allowed)
    found = flyable(area.difference(zone), ways, 30.0, 70.0, 90.0)
    assert area.difference(zone).difference(seen(found, 30.0)).area < 4 * LEAST_LEFT_M2
    for strip in found:
        assert not LineString([strip.start, strip.end]).intersects(zone.buffer(-0.1))


def test_a_way_goes_around_a_zone_by_its_corners() -> None:
    ways = Ways(box(-500, -500, 500, 500).difference(box(-50, -100, 50, 300)))
    way = [(-200.0, 0.0), *ways.way((-200.0, 0.0), (200.0, 0.0))]
    corners_m = 2 * math.dist((-200, 0), (-50, -100)) + 100
    assert len(way) == 4
    assert sum(itertools.starmap(math.dist, itertools.pairwise(way))) == pytest.approx(corners_m, abs=5)


def test_places_that_no_way_joins_are_said_so() -> None:
    ways = Ways(MultiPolygon([box(0, 0, 100, 100), box(200, 0, 300, 100)]))
    with pytest.raises(NoWayError):
        ways.way((50, 50), (250, 50))


def test_the_round_is_no_longer_than_going_up_and_down() -> None:
    """Home in the middle: to begin with the nearest strip would leave both sides for later."""
    found = strips(box(-300, -300, 300, 300), SPACING_M, 90.0)
    flown = ordered(found, (0.0, 0.0), Ways(None))
    assert len(flown) == len(found)
    here, between_m = (0.0, 0.0), 0.0
    for _, strip in flown:
        between_m += math.dist(here, strip.start)
        here = strip.end
    between_m += math.dist(here, (0.0, 0.0))
    there_and_back_m = 2 * math.dist((0, 0), (300, 300))
    assert between_m < there_and_back_m + (len(found) - 1) * 75


def star(draw: st.DrawFn, middle: Metres, least_m: float, most_m: float) -> Polygon:
    """A polygon around a place, with corners at random distances: convex, concave or spiky."""
    count = draw(st.integers(3, 9))
    radii_m = draw(st.lists(st.floats(least_m, most_m), min_size=count, max_size=count))
    turn = draw(st.floats(0, 6.28))
    corners = [
        (
            middle[0] + radius * math.cos(turn + 2 * math.pi * number / count),
            middle[1] + radius * math.sin(turn + 2 * math.pi * number / count),
        )
        for number, radius in enumerate(radii_m)
    ]
    return Polygon(corners)


@st.composite
def sites(draw: st.DrawFn) -> tuple[Polygon, Polygon, float]:
    """An area, where one may fly (what can be reached from 0, 0), and the swath."""
    around = st.tuples(st.floats(-450, 450), st.floats(-450, 450))
    area = star(draw, draw(around), 40, 350)
    zones = [star(draw, draw(around), 15, 140) for _ in range(draw(st.integers(0, 4)))]
    allowed = box(-600, -600, 600, 600).difference(unary_union(zones))
    parts = [part for part in getattr(allowed, "geoms", [allowed]) if part.covers(Point(0, 0))]
    assume(parts)
    assume(not area.difference(unary_union(zones)).is_empty)
    return area.difference(unary_union(zones)), parts[0], draw(st.floats(40, 160))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(sites(), st.one_of(st.none(), st.floats(0, 179)))
def test_every_way_is_allowed_and_all_that_may_be_flown_over_is_seen(
    site: tuple[Polygon, Polygon, float], direction_deg: float | None
) -> None:
    area, allowed, swath_m = site
    ways = Ways(allowed)
    found = flyable(area, ways, swath_m, 0.7 * swath_m, direction_deg)
    unseen = area.intersection(allowed).difference(seen(found, swath_m) if found else Polygon())
    assert all(part.area < LEAST_LEFT_M2 for part in getattr(unseen, "geoms", [unseen]))
    if not found:
        return
    flown = ordered(found, (0.0, 0.0), ways)
    assert len(flown) == len(found)
    route: list[Metres] = [(0.0, 0.0)]
    for way, strip in flown:
        route += [*way, strip.start, strip.end]
    route += ways.way(route[-1], (0.0, 0.0))
    outside = allowed.buffer(0.02)
    for start, end in itertools.pairwise(route):
        if start != end:
            assert outside.covers(LineString([start, end])), (start, end)
