"""What is unsafe is refused with its place; and each rule by a plan that breaks that one and no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flight.plans.checks import Limits, check, checked_by
from flight.plans.fence import Circle, Fence, Polygon, RallyPoint
from flight.plans.items import Command, Frame, MissionItem, ground_speed, return_to_launch, takeoff, waypoint
from flight.plans.plan import Home, Plan
from tests.flight.plan_makers import (
    FENCE,
    FLAT,
    HOME,
    FloatArray,
    Ground,
    at,
    metres,
    out_and_back,
    plan,
    ridge,
    square,
    to,
)

LIMITS = Limits()
SAFE = out_and_back(to(100, 0), to(300, 0), to(300, 100), fence=FENCE)


def problems(a_plan: Plan, ground: Ground | None = FLAT, limits: Limits = LIMITS) -> list[str]:
    return [problem.words for problem in check(a_plan, ground, limits)]


def there(*ways: MissionItem, fence: Fence | None = None) -> Plan:
    """Up, over these, and down where it is."""
    down = MissionItem(0, Command.NAV_LAND, Frame.GLOBAL_RELATIVE_ALT, (0.0,) * 4, 0, 0, 0.0)
    return plan(takeoff(60.0), *ways, down, fence=fence)


def place_of(a_plan: Plan, ground: Ground | None = FLAT) -> tuple[int | None, float, float]:
    """Which item the one problem is at, and how far east and north of home."""
    [problem] = check(a_plan, ground, LIMITS)
    assert problem.lat_deg is not None
    assert problem.lon_deg is not None
    return problem.item, *metres(problem.lat_deg, problem.lon_deg)


def test_a_plan_inside_all_limits_is_safe() -> None:
    assert problems(SAFE) == []
    assert problems(SAFE, None) == []


# --- fences ------------------------------------------------------------------------------------------


def test_a_waypoint_outside_the_fence_is_refused_where_the_way_leaves_it() -> None:
    item, east_m, north_m = place_of(there(to(300, 0), to(300, 500), fence=FENCE))
    assert item == 3
    assert [east_m, north_m] == pytest.approx([300, 400], abs=1)


def test_a_way_between_two_places_inside_may_not_cut_a_corner_of_the_fence() -> None:
    notched = Polygon(
        tuple(at(x, y) for x, y in [(-400, -400), (400, -400), (400, 400), (200, 50), (0, 400), (-400, 400)])
    )
    item, east_m, _ = place_of(there(to(0, 250), to(300, 250), fence=Fence((notched,))))
    assert item == 3
    assert east_m == pytest.approx(200 * 150 / 350, abs=1)


def test_every_inclusion_counts() -> None:
    fence = Fence((Polygon(square(400.0)), Circle(HOME.lat_deg, HOME.lon_deg, 250.0)))
    found = problems(out_and_back(to(200, 0), to(300, 0), fence=fence))
    assert len(found) == 2  # there, and home again
    assert all("leaves the fence" in line for line in found)


def test_a_circle_may_be_flown_up_to_its_edge() -> None:
    fence = Fence((Circle(HOME.lat_deg, HOME.lon_deg, 301.0),))
    assert problems(out_and_back(to(300, 0), fence=fence)) == []
    fence = Fence((Circle(HOME.lat_deg, HOME.lon_deg, 299.0),))
    assert "leaves the fence" in problems(out_and_back(to(300, 0), fence=fence))[0]


@pytest.mark.parametrize("zone", [Polygon(square(30.0, 150.0)), Circle(*at(150.0, 0.0), 30.0)])
def test_a_no_fly_zone_between_two_places_is_refused(zone: Polygon | Circle) -> None:
    found = check(out_and_back(to(300, 0), to(300, 200), fence=Fence((), (zone,))), FLAT, LIMITS)
    [crossing] = found
    assert crossing.item == 2
    assert crossing.lat_deg is not None
    assert crossing.lon_deg is not None
    assert "no-fly zone" in crossing.what
    assert [*metres(crossing.lat_deg, crossing.lon_deg)] == pytest.approx([120, 0], abs=1)


def test_the_way_home_may_not_cross_a_no_fly_zone_either() -> None:
    zone = Polygon(square(30.0, 150.0, 150.0))
    [problem] = check(out_and_back(to(0, 300), to(300, 300), fence=Fence((), (zone,))), FLAT, LIMITS)
    assert problem.item == 4
    assert "no-fly zone" in problem.what


def test_a_home_in_a_no_fly_zone_is_refused_at_the_take_off() -> None:
    fence = Fence((), (Circle(HOME.lat_deg, HOME.lon_deg, 20.0),))
    assert 1 in {problem.item for problem in check(out_and_back(to(100, 0), fence=fence), FLAT, LIMITS)}


def test_a_margin_is_kept_from_fence_and_zone() -> None:
    limits = Limits(fence_margin_m=20.0)
    assert problems(out_and_back(to(385, 0), fence=FENCE)) == []
    assert any(
        "within 20 m" in line for line in problems(out_and_back(to(385, 0), fence=FENCE), limits=limits)
    )
    beside = Fence((), (Circle(*at(200.0, 45.0), 30.0),))
    assert problems(out_and_back(to(300, 0), fence=beside)) == []
    assert any(
        "within 20 m" in line for line in problems(out_and_back(to(300, 0), fence=beside), limits=limits)
    )


def test_circling_counts_with_its_whole_circle() -> None:
    def turns(radius_m: float) -> Plan:
        place = waypoint(*at(350.0, 0.0), 60.0)
        params = (2.0, 0.0, radius_m, 0.0)
        return out_and_back(replace(place, command=Command.NAV_LOITER_TURNS, params=params), fence=FENCE)

    assert problems(turns(40.0)) == []
    assert any("leaves the fence" in line for line in problems(turns(60.0)))


# --- the ground --------------------------------------------------------------------------------------


def test_a_ridge_between_two_waypoints_is_seen() -> None:
    over = there(to(0, 100), to(300, 100))
    item, east_m, _ = place_of(over, ridge(90.0))
    assert item == 3
    assert east_m == pytest.approx(150, abs=10)
    assert "into the ground, by 30 m" in problems(over, ridge(90.0))[0]


def test_the_return_is_flown_level_and_may_not_meet_a_ridge() -> None:
    """There over the ridge's low end, and back straight through it."""

    def height_m(east_m: FloatArray, north_m: FloatArray) -> FloatArray:
        return np.where(np.abs(north_m) < 150, ridge(90.0).height_m(east_m, north_m), HOME.alt_amsl_m)

    a_plan = out_and_back(to(0, 300), to(300, 300), to(300, 0))
    [problem] = check(a_plan, Ground(height_m), LIMITS)
    assert problem.item == 5
    assert "into the ground" in problem.what


def test_too_low_is_told_from_into_the_ground() -> None:
    [line] = problems(there(to(0, 100), to(300, 100)), ridge(45.0))
    assert "15 m above the ground; 20 m is the least" in line


def test_low_over_home_is_right() -> None:
    assert problems(out_and_back(to(25, 0, 10), to(300, 0, 60), takeoff_m=10.0)) != []
    assert problems(out_and_back(to(25, 0, 10), to(25, 0, 60), to(300, 0, 60), takeoff_m=10.0)) == []


def test_beyond_the_terrain_model_nothing_is_safe() -> None:
    known = replace(FLAT, beyond_m=200.0)
    found = problems(out_and_back(to(300, 0)), known)
    assert found
    assert all("beyond the terrain model" in line for line in found)


def test_heights_count_from_what_their_frame_says() -> None:
    ground = ridge(90.0)
    above_home = out_and_back(to(0, 100, 115.0), to(300, 100, 115.0), to(0, 100, 115.0), takeoff_m=115.0)
    above_sea = out_and_back(
        to(0, 100, 699.0, Frame.GLOBAL), to(300, 100, 699.0, Frame.GLOBAL), to(0, 100, 115.0), takeoff_m=115.0
    )
    above_ground = there(
        to(0, 100, 25.0, Frame.GLOBAL_TERRAIN_ALT), to(300, 100, 25.0, Frame.GLOBAL_TERRAIN_ALT)
    )
    assert problems(above_home, ground) == []
    assert problems(above_sea, ground) == []
    # Above ground it follows the ridge, which a straight line between its ends would run into …
    assert problems(above_ground, ground) == []
    assert any(
        "into the ground" in line for line in problems(there(to(0, 100, 25), to(300, 100, 25)), ground)
    )
    # … and a height above sea level that forgets the sea is deep in it.
    forgot = out_and_back(to(100, 0, 60.0, Frame.GLOBAL), to(100, 10, 60.0))
    assert any("into the ground" in line for line in problems(forgot, ground))


def test_following_the_ground_up_a_hill_may_break_the_ceiling_between_two_waypoints() -> None:
    terrain = Frame.GLOBAL_TERRAIN_ALT
    a_plan = there(to(0, 100, 60, terrain), to(300, 100, 60, terrain))
    [problem] = check(a_plan, ridge(80.0), LIMITS)
    assert problem.item == 3
    assert problem.what == "140 m above home; the ceiling is 120 m"


def test_a_height_above_ground_needs_no_model_to_be_too_low() -> None:
    a_plan = out_and_back(to(200, 0, 10.0, Frame.GLOBAL_TERRAIN_ALT), to(100, 0, 60.0))
    low = problems(a_plan, None)
    assert low
    assert all(
        "taken as flat at home's height without a terrain model; 20 m is the least" in line for line in low
    )


def test_without_a_terrain_model_the_ground_is_flat_and_no_less_hard() -> None:
    [*low] = problems(out_and_back(to(200, 0, 3.0), to(300, 0, 3.0), to(100, 0, 60.0)), None)
    assert any("3 m above the ground, taken as flat" in line for line in low)
    [*down] = problems(out_and_back(to(200, 0, -5.0), to(100, 0, 60.0)), None)
    assert any("into the ground, by 5 m, taken as flat" in line for line in down)


def test_taking_off_and_landing_may_be_low_without_a_terrain_model_too() -> None:
    up = out_and_back(to(25, 0, 10), to(25, 0, 60), to(300, 0, 60), takeoff_m=10.0)
    assert problems(up, None) == []


def test_a_home_that_is_not_where_the_terrain_has_it_is_noticed() -> None:
    raised = Home(HOME.lat_deg, HOME.lon_deg, HOME.alt_amsl_m + 36)
    a_plan = Plan.build("a plan", raised, SAFE.items[1:])
    assert any("home is at 584 m and the plan was made for 620 m" in line for line in problems(a_plan))
    assert problems(a_plan, None) == []
    near = Plan.build("a plan", replace(raised, alt_amsl_m=HOME.alt_amsl_m + 9), SAFE.items[1:])
    assert problems(near) == []


def test_what_is_only_just_too_much_is_told_apart_from_the_limit() -> None:
    [line, *_] = problems(there(to(300, 0, 19.7), to(100, 0, 60)), FLAT)
    assert "19.7 m above the ground; 20.0 m is the least" in line
    found = problems(there(to(300, 0, 120.2)), FLAT)
    assert any("120.2 m above home; the ceiling is 120.0 m" in line for line in found)


def test_what_was_checked_is_said_and_no_more() -> None:
    words = checked_by(SAFE, FLAT, LIMITS)
    assert words.startswith("fence, ceiling 120 m above home, range 3000 m, 18.8 min of battery")
    assert words.endswith("the ground at least 20 m below, on formula")
    assert checked_by(out_and_back(to(100, 0)), None, LIMITS).startswith("no fence, ")
    assert "without a terrain model" in checked_by(SAFE, None, LIMITS)


# --- ceiling, range, battery -------------------------------------------------------------------------


def test_a_waypoint_above_the_ceiling_is_refused() -> None:
    item, east_m, _ = place_of(there(to(200, 0, 60.0), to(300, 0, 121.0)), None)
    assert item == 3
    assert east_m == pytest.approx(300, abs=1)


def test_the_take_off_itself_may_not_break_the_ceiling() -> None:
    found = check(out_and_back(to(200, 0, 100.0), takeoff_m=150.0), None, LIMITS)
    assert found[0].item == 1
    assert "150 m above home" in found[0].what


def test_the_real_home_decides_how_high_above_home_is() -> None:
    above_sea = out_and_back(to(200, 0, 690.0, Frame.GLOBAL), to(100, 0, 60.0))
    assert problems(above_sea) == []
    [*found] = check(above_sea, None, LIMITS, home_amsl_m=560.0)
    assert any("130 m above home" in problem.what for problem in found)
    assert any("made for 584 m" in problem.what for problem in found)


def test_too_far_from_home_is_refused_at_its_farthest() -> None:
    found = check(out_and_back(to(3100, 0)), None, LIMITS)
    assert {problem.item for problem in found} == {2, 3}
    assert "3100 m from home; the limit is 3000 m" in found[0].what


def test_longer_than_the_battery_is_refused() -> None:
    slow = plan(takeoff(60.0), ground_speed(2.0), to(1200, 0), return_to_launch())
    [line] = problems(slow)
    assert "the battery allows 18.8 min" in line
    assert problems(slow, limits=Limits(endurance_s=1500)) == []


def test_jumping_back_costs_its_time_as_often_as_it_says() -> None:
    def laps(times: float) -> Plan:
        jump = MissionItem(0, Command.DO_JUMP, Frame.MISSION, (2.0, times, 0.0, 0.0), 0, 0, 0.0)
        return plan(takeoff(60.0), to(300, 0), to(-300, 0), jump, return_to_launch())

    assert problems(laps(2)) == []
    [line] = problems(laps(20))
    assert "the battery allows" in line
    found = problems(laps(-1))
    assert any("jumps back for ever" in line for line in found)
    assert len(found) == 2


# --- its shape ---------------------------------------------------------------------------------------


def command(number: int) -> MissionItem:
    return MissionItem(0, number, Frame.GLOBAL_RELATIVE_ALT, (0.0, 0.0, 0.0, 0.0), 0, 0, 60.0)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([takeoff(60.0), return_to_launch()], "flies nowhere"),
        ([to(100, 0), return_to_launch()], "has no take-off"),
        ([to(100, 0), takeoff(60.0), return_to_launch()], "item 1: it is flown to before the take-off"),
        ([takeoff(60.0), to(100, 0)], "does not come home"),
        ([takeoff(60.0), to(100, 0), return_to_launch(), to(200, 0)], "item 4: it comes after the way home"),
        (
            [takeoff(60.0), to(100, 0), command(Command.NAV_LOITER_UNLIM), return_to_launch()],
            "battery is empty",
        ),
        (
            [takeoff(60.0), to(100, 0), command(92), return_to_launch()],
            "item 3: its command, 92, flies in a way",
        ),
    ],
)
def test_a_plan_of_a_shape_that_is_none_is_refused(steps: list[MissionItem], says: str) -> None:
    [line] = problems(plan(*steps), None)
    assert says in line


def test_a_landing_elsewhere_is_flown_to_level_and_is_no_flight_into_the_ground() -> None:
    landing = replace(to(200, 0, 0.0), command=Command.NAV_LAND)
    assert problems(plan(takeoff(60.0), to(100, 0), landing)) == []
    assert any(
        "leaves the fence" in line
        for line in problems(plan(takeoff(60.0), to(100, 0), landing, fence=Fence((Polygon(square(150.0)),))))
    )


def test_a_rally_point_is_where_a_failsafe_flies() -> None:
    inside = RallyPoint(*at(100.0, 0.0), 40.0)
    outside = RallyPoint(*at(500.0, 0.0), 40.0)
    far = RallyPoint(*at(0.0, 3500.0), 40.0)
    base = (takeoff(60.0), to(200, 0), return_to_launch())
    assert problems(plan(*base, fence=FENCE, rally=(inside,))) == []
    [line] = problems(plan(*base, fence=FENCE, rally=(inside, outside)))
    assert "rally point 2: it is 100 m outside the fence" in line
    [line] = problems(plan(*base, rally=(far,)))
    assert "3500 m from home" in line
    [line] = problems(
        plan(takeoff(60.0), to(-200, 0), return_to_launch(), rally=(RallyPoint(*at(150.0, 0.0), 40.0),)),
        ridge(90.0),
    )
    assert "50 m below the ground" in line


# --- what is not known -------------------------------------------------------------------------------


def test_a_home_of_unknown_height_is_where_the_terrain_has_it() -> None:
    """QGroundControl writes 0 where it has no terrain; heights above home mean the same there."""
    base = out_and_back(to(100, 0), to(300, 0))
    unknown = replace(base, home=Home(HOME.lat_deg, HOME.lon_deg, 0.0))
    assert problems(unknown, FLAT) == []
    assert check(unknown, FLAT, LIMITS, home_amsl_m=584.0) == []


def test_a_leg_over_the_date_line_is_short() -> None:
    home = Home(-17.0, 179.9995, 5.0)
    across = Plan.build(
        "Taveuni", home, [takeoff(60.0), waypoint(-17.0, -179.9995, 60.0), return_to_launch()]
    )
    assert check(across, None, LIMITS) == []


def test_problems_have_the_item_and_the_place_in_one_line() -> None:
    [line, _] = problems(out_and_back(to(500, 0), fence=FENCE))
    lat_deg, lon_deg = at(400.0, 0.0)
    assert line == f"item 2 ({lat_deg:.6f}, {lon_deg:.6f}): the way there: it leaves the fence"
