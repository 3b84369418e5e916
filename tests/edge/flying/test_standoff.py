"""Views of a fire: every rule, on the way as well; which rule left nothing; and the most telling first."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.flying.clearance import SMOKE_HALF_ANGLE_DEG, SMOKE_REACH_M, Clearance, Fire, Wind
from edge.flying.standoff import Here, NoViewError, StandOff, View
from flight.envelope import Envelope
from flight.local_frame import LocalFrame
from flight.plans.fence import Circle, Fence, Polygon
from flight.telemetry import Home
from flight.terrain import FlatTerrain, Terrain

GROUND_M = 600.0
FRAME = LocalFrame(-35.363, 149.165, GROUND_M)
HOME = Home(-35.363, 149.165, GROUND_M)
FloatArray = NDArray[np.float64]
STAND_OFF_M = 60.0
PATROL_M = GROUND_M + 60.0
WEST_WIND = Wind(270.0, 5.0)


def place(east_m: float, north_m: float) -> tuple[float, float]:
    lat_deg, lon_deg, _ = FRAME.to_geodetic(np.array([east_m]), np.array([north_m]), np.zeros(1))
    return float(lat_deg[0]), float(lon_deg[0])


def metres(lat_deg: float, lon_deg: float) -> NDArray[np.float64]:
    east_m, north_m, _ = FRAME.from_geodetic(np.array([lat_deg]), np.array([lon_deg]), np.array([GROUND_M]))
    return np.array([east_m[0], north_m[0]])


def square(half_m: float, east_m: float = 0.0, north_m: float = 0.0) -> Polygon:
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return Polygon(tuple(place(east_m + half_m * x, north_m + half_m * y) for x, y in corners))


def fire_at(east_m: float, north_m: float, sigma_m: float = 8.0) -> Fire:
    return Fire(*place(east_m, north_m), GROUND_M, np.diag([sigma_m**2, sigma_m**2]))


def here_at(east_m: float, north_m: float, alt_m: float = PATROL_M) -> Here:
    return Here(*place(east_m, north_m), alt_m, alt_m)


def around(
    fire: Fire,
    *,
    wind: Wind | None = WEST_WIND,
    fence: Fence | None = None,
    terrain: Terrain | None = None,
    **limits: float,
) -> StandOff:
    envelope = Envelope(home=HOME, fence=fence, terrain=terrain, **limits)
    return StandOff(Clearance(fire, envelope, terrain, wind, STAND_OFF_M))


def legs(here: Here, views: list[View]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The straight lines that are flown, in metres and height."""
    route = [np.array([*metres(here.lat_deg, here.lon_deg), here.alt_amsl_m])]
    for view in views:
        for lat_deg, lon_deg, alt_m in (*view.via, (view.lat_deg, view.lon_deg, view.alt_amsl_m)):
            route.append(np.array([*metres(lat_deg, lon_deg), alt_m]))
    return list(itertools.pairwise(route))


class Ridge:
    """Flat, with a wall that runs north to south."""

    name, sigma_m, resolution_m = "ridge", 3.0, 10.0

    def __init__(self, east_m: float, height_m: float, width_m: float = 20.0) -> None:
        self._east_m, self._height_m, self._width_m = east_m, height_m, width_m

    def height_amsl_m(
        self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        east_m, _, _ = FRAME.from_geodetic(lat_deg, lon_deg, np.full(np.shape(lat_deg), GROUND_M))
        on_it = np.abs(east_m - self._east_m) < self._width_m
        return np.where(on_it, GROUND_M + self._height_m, GROUND_M)


class Slope:
    """Rising eastwards, one metre in five."""

    name, sigma_m, resolution_m = "slope", 3.0, 10.0

    def height_amsl_m(
        self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        east_m, _, _ = FRAME.from_geodetic(lat_deg, lon_deg, np.full(np.shape(lat_deg), GROUND_M))
        return GROUND_M + np.maximum(0.0, east_m) / 5


class Edge:
    """Flat, and known only so far east."""

    name, sigma_m, resolution_m = "edge", 3.0, 10.0

    def __init__(self, east_m: float) -> None:
        self._east_m = east_m

    def height_amsl_m(
        self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        east_m, _, _ = FRAME.from_geodetic(lat_deg, lon_deg, np.full(np.shape(lat_deg), GROUND_M))
        return np.where(east_m < self._east_m, GROUND_M, np.nan)


# --- every rule, for every view and every leg of every way --------------------------------------------

SECTOR_COS = math.cos(math.radians(SMOKE_HALF_ANGLE_DEG))


def assert_keeps_every_rule(
    rules: StandOff, fire: Fire, here: Here, views: list[View], wind: Wind | None
) -> None:
    clear_m = (STAND_OFF_M + fire.radius_m) * (1 if wind is not None and wind.speed_m_s >= 1.5 else 2)
    middle = metres(fire.lat_deg, fire.lon_deg)
    fence = rules._envelope.fence
    downwind = None
    if wind is not None and wind.speed_m_s >= 1.5:
        angle = math.radians(wind.from_deg + 180.0)
        downwind = np.array([math.sin(angle), math.cos(angle)])
    began_near = np.hypot(*(metres(here.lat_deg, here.lon_deg) - middle)) < clear_m
    for number, (start, end) in enumerate(legs(here, views)):
        assert fence is None or not fence.crossing(place(*start[:2]), place(*end[:2]))
        before_m = -1.0
        was_out = False
        for part in np.linspace(0, 1, 60):
            at = start + part * (end - start)
            away = at[:2] - middle
            away_m = float(np.hypot(*away))
            if not (began_near and number == 0):
                assert away_m > clear_m - 0.05
            else:
                assert away_m > min(clear_m - 0.05, before_m)
            before_m = away_m
            in_smoke = (
                downwind is not None
                and 0.0 < away_m < SMOKE_REACH_M
                and float(away @ downwind) / away_m > SECTOR_COS + 1e-6
            )
            assert not (in_smoke and (was_out or number > 0))  # who was in it may only get out
            was_out = was_out or not in_smoke
            assert at[2] >= here.floor_amsl_m - 1e-6
    for view in views:
        assert not rules._envelope.objection(view.lat_deg, view.lon_deg, view.alt_amsl_m)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    start=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
    burning=st.tuples(st.floats(-250, 250), st.floats(-250, 250)),
    sigma_m=st.floats(1.0, 25.0),
    wind=st.none() | st.builds(Wind, st.floats(0, 360), st.floats(0, 12)),
    zone=st.none() | st.tuples(st.floats(-300, 300), st.floats(-300, 300), st.floats(15, 80)),
    height_m=st.floats(30, 110),
)
def test_every_view_and_every_leg_of_every_way_keeps_every_rule(
    start: tuple[float, float],
    burning: tuple[float, float],
    sigma_m: float,
    wind: Wind | None,
    zone: tuple[float, float, float] | None,
    height_m: float,
) -> None:
    no_fly = () if zone is None else (Circle(*place(*zone[:2]), zone[2]),)
    fence = Fence((square(500.0),), no_fly)
    assume(not fence.objection(*place(*start)))
    fire, here = fire_at(*burning, sigma_m), here_at(*start, GROUND_M + height_m)
    rules = around(fire, wind=wind, fence=fence, terrain=FlatTerrain(GROUND_M))
    try:
        views = rules.views(here, 3)
    except NoViewError:
        event("no view")
        return
    assert 1 <= len(views) <= 3
    assert_keeps_every_rule(rules, fire, here, views, wind)


@settings(max_examples=40, deadline=None)
@given(
    start=st.tuples(st.floats(-350, 350), st.floats(-350, 350)),
    end=st.tuples(st.floats(-350, 350), st.floats(-350, 350)),
    wind=st.none() | st.builds(Wind, st.floats(0, 360), st.floats(0, 12)),
)
def test_every_way_between_two_places_keeps_every_rule(
    start: tuple[float, float], end: tuple[float, float], wind: Wind | None
) -> None:
    fire, here = fire_at(0.0, 0.0), here_at(*start)
    rules = around(fire, wind=wind, fence=Fence((square(600.0),)))
    way = rules.way(here, (*place(*end), PATROL_M))
    if way is None:
        return
    views = [View(*at, 0.0, 0.0) for at in way]
    assert_keeps_every_rule(rules, fire, here, views, wind)


# --- one rule at a time -------------------------------------------------------------------------------


def distances(fire: Fire, views: list[View]) -> list[float]:
    middle = metres(fire.lat_deg, fire.lon_deg)
    return [float(np.hypot(*(metres(view.lat_deg, view.lon_deg) - middle))) for view in views]


def test_nobody_comes_nearer_than_the_stand_off_and_the_fires_own_error() -> None:
    vague, sharp = fire_at(300, 0, 20.0), fire_at(300, 0, 2.0)
    for fire in (vague, sharp):
        assert min(distances(fire, around(fire).views(here_at(0, 0), 3))) > STAND_OFF_M + fire.radius_m
    assert min(distances(vague, around(vague).views(here_at(0, 0), 3))) > 100.0


@pytest.mark.parametrize("wind", [None, Wind(270.0, 1.4)])
def test_a_wind_that_nobody_knows_doubles_the_distance(wind: Wind | None) -> None:
    fire = fire_at(300, 0)
    views = around(fire, wind=wind).views(here_at(0, 0), 3)
    assert min(distances(fire, views)) > 2 * (STAND_OFF_M + fire.radius_m)


def test_no_view_is_downwind() -> None:
    fire = fire_at(200, 0)
    for wind_deg in range(0, 360, 30):
        for view in around(fire, wind=Wind(wind_deg, 5.0)).views(here_at(0, 0), 3):
            off_deg = abs((view.bearing_deg - (wind_deg + 180) + 180) % 360 - 180)
            assert off_deg > SMOKE_HALF_ANGLE_DEG


def test_no_view_is_below_the_patrols_height_nor_too_near_rising_ground() -> None:
    fire = Fire(*place(200, 0), GROUND_M + 40.0, np.diag([64.0, 64.0]))
    rising = Slope()
    views = around(fire, terrain=rising).views(here_at(0, -200), 3)
    assert min(view.alt_amsl_m for view in views) >= PATROL_M
    ground = rising.height_amsl_m(*np.array([(v.lat_deg, v.lon_deg) for v in views]).T)
    assert all(v.alt_amsl_m >= g + 20.0 for v, g in zip(views, ground, strict=True))


def test_a_way_does_not_go_through_a_hill_that_stands_between_two_high_enough_places() -> None:
    wall = Ridge(60.0, 90.0, width_m=8.0)
    fire = fire_at(300, 0)
    assert not around(fire, terrain=wall, ceiling_home_m=80.0).is_clear(
        here_at(0, 0), (*place(120, 0), PATROL_M)
    )


def test_from_the_middle_of_the_smoke_one_gets_out_by_a_short_way_only() -> None:
    fire = fire_at(0, 0)
    rules = around(fire, wind=WEST_WIND)
    inside = here_at(150.0, 140.0)  # near the sector's northern edge
    assert rules.is_clear(inside, (*place(130.0, 260.0), PATROL_M))
    assert not rules.is_clear(inside, (*place(150.0, -300.0), PATROL_M))


def test_too_near_one_may_only_go_away() -> None:
    rules = around(fire_at(0, 0), wind=Wind(0.0, 5.0))
    near = here_at(-30.0, 0.0)
    assert rules.is_clear(near, (*place(-120.0, 0.0), PATROL_M))
    assert not rules.is_clear(near, (*place(120.0, 0.0), PATROL_M))
    assert not rules.is_clear(near, (*place(-50.0, 0.0), PATROL_M))
    assert not rules.is_clear(near, (*place(-30.0, 0.0), PATROL_M))


def test_the_way_round_goes_over_another_place() -> None:
    fire = fire_at(0, 0)
    way = around(fire, wind=Wind(180.0, 5.0)).way(here_at(-130, -20), (*place(130, -20), PATROL_M))
    assert way is not None
    assert len(way) == 2


def test_the_most_telling_view_is_the_one_across_the_longest_error() -> None:
    """An ellipse that is long north and south is cut short from the east or the west."""
    fire = Fire(*place(0, 0), GROUND_M, np.diag([16.0, 900.0]))
    [view] = around(fire, wind=Wind(0.0, 5.0)).views(here_at(0.0, 300.0), 1)
    assert abs(math.sin(math.radians(view.bearing_deg))) > 0.9


def test_the_second_view_is_from_another_side() -> None:
    first, second, third = around(fire_at(200, 0)).views(here_at(0, 0), 3)
    assert len({first.bearing_deg, second.bearing_deg, third.bearing_deg}) == 3


@pytest.mark.parametrize(
    ("why", "rules", "here"),
    [
        ("limit", around(fire_at(900, 0), wind=None, range_m=500.0), here_at(0, 0)),
        ("ceiling", around(fire_at(200, 0), ceiling_home_m=40.0), here_at(0, 0)),
        (
            "outside the fence",
            around(fire_at(500, 0), wind=None, fence=Fence((square(60.0),))),
            here_at(0, 0),
        ),
        (
            "no-fly zone",
            around(fire_at(0, 0), wind=None, fence=Fence((), (Circle(*place(0, 0), 400.0),))),
            here_at(500, 0),
        ),
        ("terrain model ends", around(fire_at(900, 0), terrain=Edge(400.0)), here_at(0, 0)),
        ("too flat", around(Fire(*place(300, 0), GROUND_M + 150.0, np.eye(2))), here_at(0, 0)),
        (
            "home is not known",
            StandOff(Clearance(fire_at(0, 0), Envelope(), None, None, 60.0)),
            here_at(300, 0),
        ),
    ],
)
def test_where_nothing_is_left_the_rule_is_named(why: str, rules: StandOff, here: Here) -> None:
    with pytest.raises(NoViewError, match=why):
        rules.views(here, 3)


def test_a_fire_in_a_pit_is_hidden_from_everywhere() -> None:
    class Pit:
        name, sigma_m, resolution_m = "pit", 3.0, 5.0

        def height_amsl_m(
            self, lat_deg: NDArray[np.float64], lon_deg: NDArray[np.float64]
        ) -> NDArray[np.float64]:
            east_m, north_m, _ = FRAME.from_geodetic(lat_deg, lon_deg, np.full(np.shape(lat_deg), GROUND_M))
            away_m = np.hypot(east_m - 200.0, north_m)
            return np.where((away_m > 10.0) & (away_m < 60.0), GROUND_M + 50.0, GROUND_M)

    with pytest.raises(NoViewError, match="a ridge hides the fire"):
        around(fire_at(200, 0), terrain=Pit()).views(here_at(0, 0), 3)


def test_a_wall_of_no_fly_zone_is_no_way_and_is_found_out_quickly() -> None:
    """Between two heartbeats: a slow answer here once stopped the whole agent for sixteen seconds."""
    wall = Polygon((place(95, -2000), place(100, -2000), place(100, 2000), place(95, 2000)))
    fence = Fence((square(2500.0),), (wall,))
    rules = around(fire_at(500, 0), wind=None, fence=fence, terrain=FlatTerrain(GROUND_M))
    began = time.process_time()
    with pytest.raises(NoViewError, match="no way there keeps clear"):
        rules.views(here_at(0, 0), 3)
    assert time.process_time() - began < 2.0
