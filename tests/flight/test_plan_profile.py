"""Heights that follow the ground: never too low, never too steep, and few waypoints."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from flight.plans.profile import STEEPEST_DEG, TOLERANCE_M, follow
from flight.plans.survey import Metres
from tests.flight.plan_makers import FRAME, HOME, FloatArray, Ground, metres, ridge

ROUTE: list[Metres] = [(0.0, 0.0), (400.0, 50.0), (400.0, 120.0), (-300.0, 100.0), (0.0, 0.0)]
AGL_M = 60.0


def hills(steepness: float) -> Ground:
    def height_m(east_m: FloatArray, north_m: FloatArray) -> FloatArray:
        waves = np.sin(east_m / 60.0) * np.cos(north_m / 90.0) + 0.4 * np.sin(east_m / 23.0 + 1.0)
        return HOME.alt_amsl_m + steepness * 60.0 * waves

    return Ground(height_m)


def clearances_m(points: list[tuple[Metres, float]], ground: Ground) -> FloatArray:
    """Above the ground, every metre of the way, whatever the code under test has sampled."""
    found: list[FloatArray] = []
    for (start, start_m), (end, end_m) in itertools.pairwise(points):
        part = np.linspace(0, 1, max(2, math.ceil(math.dist(start, end)) + 1))
        east_m, north_m = (start[i] + part * (end[i] - start[i]) for i in (0, 1))
        found.append(start_m + part * (end_m - start_m) - ground.height_m(east_m, north_m))
    return np.concatenate(found)


@pytest.mark.parametrize("steepness", [0.05, 0.2, 0.5, 1.0])
def test_the_way_is_never_lower_above_the_ground_than_asked_for(steepness: float) -> None:
    ground = hills(steepness)
    points = follow(ROUTE, FRAME, ground, AGL_M)
    # Between two samples 10 m apart the waves bend by half a metre at most at this steepness.
    assert clearances_m(points, ground).min() > AGL_M - TOLERANCE_M - 1.0


def test_over_gentle_ground_it_stays_near_the_height_asked_for() -> None:
    ground = hills(0.1)
    above_m = clearances_m(follow(ROUTE, FRAME, ground, AGL_M), ground)
    assert above_m.max() < AGL_M + 4 * TOLERANCE_M + 2.0


@pytest.mark.parametrize("steepness", [0.2, 1.0])
def test_it_never_climbs_or_sinks_too_steeply(steepness: float) -> None:
    points = follow(ROUTE, FRAME, hills(steepness), AGL_M)
    for (start, start_m), (end, end_m) in itertools.pairwise(points):
        assert abs(end_m - start_m) <= math.dist(start, end) * math.tan(math.radians(STEEPEST_DEG)) + 1e-6


def test_every_corner_of_the_route_is_kept_and_flat_ground_adds_none() -> None:
    flat = [place for place, _ in follow(ROUTE, FRAME, None, AGL_M)]
    assert flat == [pytest.approx(place) for place in ROUTE]
    hilly = [place for place, _ in follow(ROUTE, FRAME, hills(0.5), AGL_M)]
    assert len(hilly) > len(ROUTE)
    for corner in ROUTE:
        assert any(math.dist(corner, place) < 1e-6 for place in hilly)


def test_one_ridge_costs_few_waypoints() -> None:
    points = follow([(0.0, 0.0), (400.0, 0.0)], FRAME, ridge(40.0), AGL_M)
    assert len(points) <= 8
    assert max(height_m for _, height_m in points) >= HOME.alt_amsl_m + 40 + AGL_M - TOLERANCE_M


def test_beyond_the_terrain_model_there_are_no_heights() -> None:
    ground = Ground(lambda east, north: 0 * (east + north), beyond_m=200.0)
    with pytest.raises(ValueError, match="does not reach"):
        follow(ROUTE, FRAME, ground, AGL_M)


def test_places_are_those_of_the_frame() -> None:
    assert metres(HOME.lat_deg, HOME.lon_deg) == (0.0, 0.0)
