"""Where it may be sent, and by which way: tables of what the rules allow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.flying.clearance import Fire, Place, Wind
from edge.flying.route import NoRouteError, Surroundings
from flight.envelope import Envelope
from flight.plans.fence import Circle, Fence, distance_m
from flight.terrain import Terrain
from tests.edge.flying.test_standoff import FRAME, GROUND_M, HOME, STAND_OFF_M, fire_at, place, square

FloatArray = NDArray[np.float64]
UP_M = GROUND_M + 50.0


class Ridge:
    """Flat, with a wall of this height across the way at 300 m north; nothing is known beyond 900 m."""

    name, sigma_m, resolution_m = "ridge", 2.0, 10.0

    def __init__(self, height_m: float) -> None:
        self._height_m = height_m

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        _, north_m, _ = FRAME.from_geodetic(lat, lon, np.full(lat.shape, GROUND_M))
        ground = np.where(np.abs(north_m - 300.0) < 40.0, GROUND_M + self._height_m, GROUND_M)
        return np.where(np.abs(north_m) > 900.0, np.nan, ground)


def around(
    *fires: Fire, fence: Fence | None = None, terrain: Terrain | None = None, wind: Wind | None = None
) -> Surroundings:
    envelope = Envelope(home=HOME, fence=fence, terrain=terrain)
    return Surroundings(envelope, terrain, wind, STAND_OFF_M, fires)


def at(east_m: float, north_m: float, alt_m: float = UP_M) -> Place:
    return (*place(east_m, north_m), alt_m)


def from_m(way: Place, east_m: float, north_m: float) -> float:
    return distance_m(*way[:2], *place(east_m, north_m))


HERE = at(0.0, 0.0)
NO_FLY = Fence((square(900.0),), (square(60.0, 0.0, 200.0),))
EAST_WIND = Wind(90.0, 6.0)

REFUSED = [
    (around(), at(5000.0, 0.0), "is the limit"),
    (around(), at(100.0, 0.0, GROUND_M + 10.0), "20 m is the least"),
    (around(), at(100.0, 0.0, GROUND_M + 500.0), "is the ceiling"),
    (around(fence=NO_FLY), at(0.0, 950.0), "outside the fence"),
    (around(fence=NO_FLY), at(0.0, 200.0), "inside a no-fly zone"),
    (around(fence=NO_FLY), at(0.0, 400.0), "crosses a no-fly zone"),
    (around(fire_at(0.0, 400.0)), at(0.0, 410.0), "nearer to a fire than"),
    (around(fire_at(0.0, 300.0), wind=EAST_WIND), at(-250.0, 300.0), "the smoke of a fire"),
    (around(terrain=Ridge(150.0)), at(0.0, 500.0), "the ground on the way"),
    (around(terrain=Ridge(10.0)), at(0.0, 950.0), "beyond the terrain model"),
]


@pytest.mark.parametrize(("surroundings", "there", "why"), REFUSED)
def test_what_is_forbidden_is_refused_with_the_rule(
    surroundings: Surroundings, there: Place, why: str
) -> None:
    with pytest.raises(NoRouteError, match=why):
        surroundings.route(HERE, there)


def test_a_way_is_straight_where_nothing_is_between() -> None:
    there = at(300.0, 200.0, UP_M + 20.0)
    assert around().route(HERE, there) == (there,)
    assert around(fence=NO_FLY, terrain=Ridge(10.0)).route(HERE, at(300.0, 100.0)) == (at(300.0, 100.0),)


def test_it_climbs_over_what_lies_between_and_comes_down_behind_it() -> None:
    there = at(0.0, 500.0)
    up, across, down = around(terrain=Ridge(60.0)).route(HERE, there)
    assert up[:2] == HERE[:2]
    assert across[:2] == there[:2]
    assert down == there
    assert up[2] == across[2] == pytest.approx(GROUND_M + 60.0 + 20.0, abs=5.0)


def test_it_flies_around_a_fire_that_is_in_the_way() -> None:
    surroundings, there = around(fire_at(0.0, 400.0), wind=EAST_WIND), at(0.0, 800.0)
    way = surroundings.route(HERE, there)
    assert len(way) > 1
    assert way[-1] == there
    for start, end in itertools.pairwise((HERE, *way)):
        assert surroundings.objection(start, end) == ""
    assert all(from_m(one, 0.0, 400.0) > STAND_OFF_M for one in way)


def test_only_the_height_changes_wherever_it_is_and_never_below_the_least() -> None:
    beside_fire = around(fire_at(30.0, 0.0))
    higher, low = at(0.0, 0.0, UP_M + 40.0), at(0.0, 0.0, GROUND_M + 5.0)
    assert beside_fire.route(HERE, higher) == (higher,)
    with pytest.raises(NoRouteError, match="20 m is the least"):
        beside_fire.route(HERE, low)


def test_a_circle_is_round_and_closed_and_its_steps_are_short() -> None:
    circuit = around().circuit(at(0.0, 300.0, GROUND_M), 100.0, UP_M)
    assert (circuit.closed, circuit.arc_deg) == (True, 360.0)
    assert all(from_m(point, 0.0, 300.0) == pytest.approx(100.0, abs=0.5) for point in circuit.points)
    steps = [distance_m(*a[:2], *b[:2]) for a, b in itertools.pairwise(circuit.points)]
    assert max(steps) < 26.0


@pytest.mark.parametrize(
    ("surroundings", "why"),
    [
        (around(fence=Fence((Circle(*place(0.0, 0.0), 350.0),))), "fence"),
        (around(fire_at(0.0, 300.0), wind=EAST_WIND), "smoke"),
    ],
)
def test_of_a_circle_that_is_not_all_allowed_the_largest_arc_is_flown(
    surroundings: Surroundings, why: str
) -> None:
    circuit = surroundings.circuit(at(0.0, 300.0, GROUND_M), 110.0, UP_M)
    assert not circuit.closed
    assert 60.0 <= circuit.arc_deg < 300.0
    assert why in circuit.why
    for start, end in itertools.pairwise(circuit.points):
        assert surroundings.objection(start, end) == ""
        assert surroundings.objection(end, start) == ""
    number, way = surroundings.onto(HERE, circuit)
    assert way[-1] == circuit.points[number]


@pytest.mark.parametrize(
    ("surroundings", "radius_m", "why"),
    [
        (around(), 5.0, "too small"),
        (around(fence=NO_FLY), 1500.0, "too little of the circle"),
        (
            around(fire_at(0.0, 300.0)),
            60.0,
            "may be flown: it comes nearer to a fire",
        ),
    ],
)
def test_a_circle_that_may_not_be_flown_says_why(
    surroundings: Surroundings, radius_m: float, why: str
) -> None:
    with pytest.raises(NoRouteError, match=why):
        surroundings.circuit(at(0.0, 300.0, GROUND_M), radius_m, UP_M)


@pytest.mark.parametrize(
    ("surroundings", "why"),
    [
        (around(), ""),
        (around(fence=Fence((square(500.0, 2000.0),))), "outside the fence"),
        (around(fence=Fence((), (square(80.0),))), "inside a no-fly zone"),
        (around(fire_at(40.0, 0.0)), "a fire is too near"),
        (around(fire_at(200.0, 0.0), wind=EAST_WIND), "smoke"),
    ],
)
def test_it_does_not_land_where_the_rules_forbid_it(surroundings: Surroundings, why: str) -> None:
    objection = surroundings.landing_objection(HERE)
    assert (why in objection) if why else objection == ""


def test_without_a_home_it_goes_nowhere() -> None:
    nowhere = Surroundings(Envelope(), None, None, STAND_OFF_M, ())
    with pytest.raises(NoRouteError, match="home is not known"):
        nowhere.route(HERE, at(10.0, 0.0))
    with pytest.raises(NoRouteError, match="home is not known"):
        nowhere.ground_m(*HERE[:2])
    assert math.isclose(around(terrain=Ridge(30.0)).ground_m(*place(0.0, 300.0)), GROUND_M + 30.0)
