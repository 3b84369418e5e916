"""From a patrol file to flights: what is seen, how high, how far, and inside what is allowed."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import LineString, Point, Polygon

from edge.geometry.optics import Camera
from edge.patrols.foreseen import foresee
from edge.patrols.limits import limits_of
from edge.patrols.planner import plan_flights, swath_of
from edge.patrols.site import Site
from flight.plans.checks import Limits, check
from flight.plans.fence import Circle
from flight.plans.flight_time import flight_time_s
from flight.plans.items import Command
from flight.plans.path import legs, sampled
from flight.plans.patrol_file import PatrolFile
from flight.plans.plan import Plan, PlanError
from flight.plans.profile import TOLERANCE_M
from flight.terrain import Terrain
from tests.edge.patrols.patrol_makers import box, dem, patrol
from tests.flight.plan_makers import HOME, FloatArray, at, metres


def places(plan: Plan) -> list[tuple[float, float]]:
    """Metres of home, in the order of flying, home first."""
    return [(0.0, 0.0), *(metres(item.lat_deg, item.lon_deg) for item in plan.items[1:] if item.is_place)]


def seen_percent(file: PatrolFile, terrain: Terrain | None = None) -> float:
    camera = Camera.load(file.camera)
    flights = plan_flights(file, terrain)
    site, swath = Site(file, terrain), swath_of(file, camera)
    foreseen = foresee(site, flights, camera, swath, file.gimbal_pitch_deg, terrain)
    assert foreseen is not None
    return foreseen.percent


# --- the camera --------------------------------------------------------------------------------------


def test_looking_straight_down_the_swath_is_the_pictures_width() -> None:
    camera = Camera.load("virtual_78")
    swath = swath_of(patrol(gimbal_pitch_deg=-90), camera)
    assert swath.width_m == pytest.approx(2 * 60 * math.tan(math.radians(camera.hfov_deg / 2)))
    assert swath.ground_sampling_cm == pytest.approx(100 * swath.width_m / camera.width_px)
    assert swath.lead_m == pytest.approx(0, abs=1e-9)


def test_a_fisheye_that_sees_past_the_horizon_has_strips_that_end() -> None:
    fisheye = Camera("wide", 1281, 961, 350.0, 350.0, 640.0, 480.0, distortion=(0.0,) * 4, lens="fisheye")
    assert fisheye.hfov_deg > 180
    swath = swath_of(patrol(gimbal_pitch_deg=-90), fisheye)
    assert swath.width_m == pytest.approx(2 * 60 * math.tan(math.radians(60)))


def test_a_ground_sampling_distance_says_the_height() -> None:
    camera = Camera.load("virtual_78")
    swath = swath_of(patrol(height_agl_m=None, ground_sampling_cm=5.0), camera)
    assert swath.ground_sampling_cm == pytest.approx(5.0)
    assert swath_of(patrol(height_agl_m=swath.height_agl_m), camera) == swath


def test_a_strip_is_begun_early_for_a_camera_that_looks_ahead() -> None:
    """The middle of the picture is on the area's edge where the strip begins: a strip flown eastwards begins
    35 m west of the area, and ends with it."""
    [plan] = plan_flights(patrol(direction_deg=90), None)
    lead_m = 60 / math.tan(math.radians(60))
    east_m = [place[0] for place in places(plan)[1:-1]]
    assert min(east_m) == pytest.approx(-550 - lead_m, abs=0.1)
    assert max(east_m) == pytest.approx(-50 + lead_m, abs=0.1)
    [down] = plan_flights(patrol(direction_deg=90, gimbal_pitch_deg=-90), None)
    assert min(place[0] for place in places(down)) == pytest.approx(-550, abs=0.1)


# --- what is seen ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pitch_deg", [-90, -60, -40])
def test_all_of_a_flat_area_is_in_a_picture(pitch_deg: float) -> None:
    assert seen_percent(patrol(gimbal_pitch_deg=pitch_deg)) == pytest.approx(100.0, abs=0.2)


def test_strips_too_far_apart_would_be_found_out() -> None:
    """The figure is measured: the same plan, looked at with a camera half as wide, leaves gaps."""
    file = patrol(gimbal_pitch_deg=-90, side_overlap=0.0)
    camera = Camera.load("virtual_78")
    narrow = Camera("narrow", 640, 720, camera.fx_px, camera.fy_px, 319.5, camera.cy_px)
    flights, site = plan_flights(file, None), Site(file, None)
    whole = foresee(site, flights, camera, swath_of(file, camera), -90, None)
    half = foresee(site, flights, narrow, swath_of(file, camera), -90, None)
    assert whole is not None
    assert half is not None
    assert whole.percent == pytest.approx(100, abs=0.5)
    assert 45 < half.percent < 75
    assert half.unseen.area == pytest.approx(half.area_m2 - half.seen_m2, rel=0.01)


@dataclass(frozen=True)
class Trench:
    """Flat, but for a trench 10 m wide and 50 m deep that runs north and south 305 m west of home."""

    name: str = "trench"
    sigma_m: float = 1.0
    resolution_m: float = 1.0

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        east_m = (np.asarray(lon_deg) - HOME.lon_deg) * 111_320 * math.cos(math.radians(HOME.lat_deg))
        deep = (east_m < -300) & (east_m > -310)
        return np.asarray(HOME.alt_amsl_m - 50.0 * deep + 0.0 * lat_deg, np.float64)


def test_ground_that_terrain_hides_is_not_seen() -> None:
    """Ahead and down at 30° and no steeper than 54°, one sees 14 m down into the trench from either side."""
    file = patrol(area=box(-550, -20, -50, 20), direction_deg=90, gimbal_pitch_deg=-30)
    camera = Camera.load(file.camera)
    flights, swath, site = plan_flights(file, None), swath_of(file, camera), Site(file, None)
    open_ground = foresee(site, flights, camera, swath, -30, None)
    trench = foresee(site, flights, camera, swath, -30, Trench())
    assert open_ground is not None
    assert trench is not None
    assert open_ground.percent == 100.0
    assert trench.percent == pytest.approx(98.0, abs=0.6)
    west_m, _, east_m, _ = trench.unseen.bounds
    assert [west_m, east_m] == pytest.approx([-310, -300], abs=2.5)


def test_over_hills_nearly_all_is_seen(tmp_path: Path) -> None:
    assert seen_percent(patrol(home_alt_amsl_m=None), dem(tmp_path)) > 98.0


# --- heights -----------------------------------------------------------------------------------------


def test_it_follows_the_terrain_all_the_way_home(tmp_path: Path) -> None:
    terrain = dem(tmp_path)
    flights = plan_flights(patrol(home_alt_amsl_m=None, area=box(-400, 300, 400, 700)), terrain)
    for plan in flights:
        for leg in legs(plan, terrain):
            if leg.is_climb:
                continue
            _, _, alt_m, ground_m = sampled(leg, terrain, step_m=2.0)
            assert ground_m is not None
            assert (alt_m - ground_m).min() > 60 - TOLERANCE_M - 1.0
        assert [problem.words for problem in check(plan, terrain, Limits())] == []


def test_home_stands_on_the_terrain_unless_the_file_says_how_high(tmp_path: Path) -> None:
    terrain = dem(tmp_path)
    [plan] = plan_flights(patrol(home_alt_amsl_m=None), terrain)
    ground_m = terrain.height_amsl_m(np.array([HOME.lat_deg]), np.array([HOME.lon_deg]))[0]
    assert plan.home.alt_amsl_m == pytest.approx(ground_m)
    with pytest.raises(PlanError, match="needs a terrain model, or home_alt_amsl_m"):
        plan_flights(patrol(home_alt_amsl_m=None), None)


def test_ground_beyond_the_terrain_model_is_not_planned_over(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="does not reach"):
        plan_flights(patrol(area=box(1700, -100, 2100, 100)), dem(tmp_path))


# --- the battery -------------------------------------------------------------------------------------


def test_a_patrol_is_split_where_the_battery_asks_for_it() -> None:
    long = patrol(endurance_s=600, area=box(-800, -300, -50, 300))
    flights = plan_flights(long, None)
    [whole] = plan_flights(patrol(endurance_s=9000, area=box(-800, -300, -50, 300)), None)
    assert len(flights) > 2
    assert [plan.name for plan in flights] == [
        f"west paddock {number}" for number in range(1, len(flights) + 1)
    ]
    assert whole.name == "west paddock"
    for plan in flights:
        assert flight_time_s(plan) <= 600 * 0.75
        assert plan.items[1].command == Command.NAV_TAKEOFF
        assert plan.items[-1].command == Command.NAV_RETURN_TO_LAUNCH
    assert seen_percent(long) == pytest.approx(100, abs=0.2)


def test_each_flight_takes_as_much_as_fits() -> None:
    flights = plan_flights(patrol(endurance_s=600, area=box(-800, -300, -50, 300)), None)
    per_strip_s = 750 / 8 + 20
    for plan in flights[:-1]:
        assert flight_time_s(plan) > 450 - 2 * per_strip_s


def test_a_strip_that_no_battery_allows_is_said() -> None:
    with pytest.raises(PlanError, match=r"one strip of the patrol west paddock takes .* min there and back"):
        plan_flights(patrol(endurance_s=100), None)


# --- where it may fly --------------------------------------------------------------------------------


@pytest.mark.parametrize("direction_deg", [None, 30.0])
def test_more_than_anybody_flies_is_refused_and_not_planned_for_ever(direction_deg: float | None) -> None:
    large = box(-1000, -1000, 1000, 1000)
    low = patrol(height_agl_m=0.5, least_height_agl_m=0.5, area=large, direction_deg=direction_deg)
    with pytest.raises(PlanError, match="more than 300 strips") as caught:
        plan_flights(low, None)
    assert "Fly higher" in caught.value.hint


def test_too_many_flights_are_refused() -> None:
    with pytest.raises(PlanError, match="takes more than 50 flights"):
        plan_flights(patrol(points=[at(200, 0)] * 60, area=None, endurance_s=190), None)


def test_what_is_to_be_flown_lower_than_its_own_least_is_refused() -> None:
    assert plan_flights(patrol(height_agl_m=20), None)
    with pytest.raises(PlanError, match="flown 3 m above the ground, and its least_height_agl_m is 20 m"):
        plan_flights(patrol(height_agl_m=3), None)
    with pytest.raises(PlanError, match="least_height_agl_m"):
        plan_flights(patrol(height_agl_m=None, ground_sampling_cm=0.5), None)


def test_fence_and_zones_hold_for_every_way_and_go_aboard() -> None:
    fence = box(-600, -250, 60, 250)
    zones = [{"center": at(-300, 50), "radius_m": 60}, box(-150, -150, -100, 20)]
    flights = plan_flights(patrol(fence=fence, no_fly=zones), None)
    disc, square = Point(-300, 50).buffer(60), Polygon([(-150, -150), (-100, -150), (-100, 20), (-150, 20)])
    for plan in flights:
        route = [*places(plan), (0.0, 0.0)]
        for start, end in itertools.pairwise(route):
            way = LineString([start, end])
            assert way.distance(disc) > 9.0
            assert way.distance(square) > 9.0
            assert Polygon([(-600, -250), (60, -250), (60, 250), (-600, 250)]).buffer(-4.5).covers(way)
        assert check(plan, None, Limits()) == []
        assert plan.fence is not None
        assert plan.fence.inclusions
        assert {type(zone) for zone in plan.fence.exclusions} == {Circle, type(plan.fence.inclusions[0])}


def test_around_a_no_fly_zone_all_is_seen_but_what_only_it_shows() -> None:
    zone = {"center": at(-300, 0), "radius_m": 40}
    assert seen_percent(patrol(no_fly=[zone])) > 99.0


def test_an_area_beyond_the_fence_is_not_flown_to_and_the_share_says_so() -> None:
    half = patrol(fence=box(-300, -300, 100, 300))
    assert 45 < seen_percent(half) < 75
    with pytest.raises(PlanError, match="nothing of the area"):
        plan_flights(patrol(fence=box(-40, -300, 100, 300)), None)


def test_a_home_that_may_not_be_flown_over_is_refused() -> None:
    with pytest.raises(PlanError, match="home of the patrol west paddock is outside its fence"):
        plan_flights(patrol(fence=box(-600, -300, -20, 300)), None)
    with pytest.raises(
        PlanError, match="home of the patrol west paddock is outside its fence, or in a no-fly"
    ):
        plan_flights(patrol(no_fly=[{"center": at(0, 0), "radius_m": 20}]), None)


def test_shapes_that_are_none_are_refused() -> None:
    bow_tie = [at(-500, -200), at(-100, 200), at(-100, -200), at(-500, 200)]
    with pytest.raises(PlanError, match="the area of the patrol west paddock crosses itself"):
        plan_flights(patrol(area=bow_tie), None)
    with pytest.raises(PlanError, match="the no-fly zone of the patrol west paddock crosses itself"):
        plan_flights(patrol(no_fly=[bow_tie]), None)
    with pytest.raises(PlanError, match="no-fly zones cover all"):
        plan_flights(patrol(no_fly=[{"center": at(-300, 0), "radius_m": 900}], home=at(2000, 0)), None)


# --- corridors and points ----------------------------------------------------------------------------


def test_a_corridor_is_flown_along_its_line() -> None:
    line = [at(-50, 0), at(-400, 100), at(-700, 50)]
    file = patrol(area=None, corridor={"line": line, "width_m": 80})
    assert seen_percent(file) > 99.0
    [plan] = plan_flights(file, None)
    flown_m = sum(itertools.starmap(math.dist, itertools.pairwise([*places(plan), (0.0, 0.0)])))
    assert flown_m < 2.6 * 700


def test_points_are_flown_over_in_their_order_and_held_at() -> None:
    points = [at(-200, 0), at(-200, 200), at(100, 100)]
    [plan] = plan_flights(patrol(area=None, points=points, hold_s=12.0), None)
    held = [metres(item.lat_deg, item.lon_deg) for item in plan.items[1:] if item.params[0] == 12.0]
    assert [(round(east), round(north)) for east, north in held] == [(-200, 0), (-200, 200), (100, 100)]
    with pytest.raises(PlanError, match=r"the point .* is outside its fence"):
        plan_flights(patrol(area=None, points=points, fence=box(-150, -300, 300, 300)), None)


def test_the_same_file_plans_the_same_flights() -> None:
    assert [plan.sha256 for plan in plan_flights(patrol(), None)] == [
        plan.sha256 for plan in plan_flights(patrol(), None)
    ]


def test_a_patrol_up_to_its_own_fence_passes_its_own_check() -> None:
    """The planner keeps a little more from the fence than the check asks for: degrees are rounded."""
    ring = [at(-180, -290), at(-330, 300), at(250, 360), at(340, -230)]
    patrol = PatrolFile.model_validate(
        {
            "name": "edge to edge",
            "home": [HOME.lat_deg, HOME.lon_deg],
            "home_alt_amsl_m": HOME.alt_amsl_m,
            "area": ring,
            "fence": ring,
            "no_fly": [{"center": at(-100, 140), "radius_m": 40}],
            "camera": "virtual_78",
            "height_agl_m": 60,
        }
    )
    limits = replace(limits_of(patrol), range_m=3000.0)
    flights = plan_flights(patrol, None)
    assert [problem for flight in flights for problem in check(flight, None, limits)] == []
