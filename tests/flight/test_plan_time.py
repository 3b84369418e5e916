"""The way a plan makes the vehicle fly, and how long that takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flight.plans.flight_time import flight_time_s, landing_time_s, leg_time_s
from flight.plans.items import Command, Frame, MissionItem, ground_speed, return_to_launch, takeoff
from flight.plans.path import Leg, legs, sampled
from tests.flight.plan_makers import HOME, at, metres, out_and_back, plan, ridge, to


def test_up_out_and_home_takes_what_it_is_made_of() -> None:
    """60 m up at 2.5 m/s; 400 m out and back at 10 m/s with 4 s of ramps each; 50 m down at 1.5 m/s and the
    last 10 m at 0.5 m/s; a second for each place it stops at."""
    expected_s = 60 / 2.5 + 2 * (400 / 10 + 4 + 1) + 50 / 1.5 + 10 / 0.5
    assert flight_time_s(out_and_back(to(400, 0))) == pytest.approx(expected_s, abs=0.1)


def test_a_plan_sets_its_own_speed_from_there_on() -> None:
    slow = plan(takeoff(60.0), to(400, 0), ground_speed(5.0), return_to_launch())
    ways = [leg for leg in legs(slow, None) if not leg.is_climb]
    assert [leg.speed_m_s for leg in ways] == [10.0, 5.0]
    climb_rate = MissionItem(0, Command.DO_CHANGE_SPEED, Frame.MISSION, (2.0, 3.0, 0.0, 0.0), 0, 0, 0.0)
    assert flight_time_s(plan(takeoff(60.0), climb_rate, to(400, 0), return_to_launch())) == pytest.approx(
        flight_time_s(out_and_back(to(400, 0)))
    )


def test_a_place_on_a_straight_line_costs_no_stop_and_a_corner_does() -> None:
    straight = flight_time_s(out_and_back(to(200, 0), to(400, 0)))
    assert straight == pytest.approx(flight_time_s(out_and_back(to(400, 0))), abs=0.1)
    hold = flight_time_s(out_and_back(to(200, 0, hold_s=10.0), to(400, 0)))
    assert hold == pytest.approx(straight + 10.0 + 4.0 + 1.0, abs=0.1)
    corner_s = 24 + 2 * (200 / 10 + 4 + 1) + (200 * 2**0.5 / 10 + 4 + 1) + 50 / 1.5 + 10 / 0.5
    assert flight_time_s(out_and_back(to(200, 0), to(200, 200))) == pytest.approx(corner_s, abs=0.1)


def test_a_short_leg_never_reaches_its_speed() -> None:
    leg = Leg(takeoff(1.0), (*at(0, 0), 600.0), (*at(10, 0), 600.0), 10.0, 0.0)
    assert leg_time_s(leg) == pytest.approx(2 * (10 / 2.5) ** 0.5 + 1.0, abs=0.01)


def test_a_steep_leg_takes_as_long_as_its_climb() -> None:
    leg = Leg(takeoff(1.0), (*at(0, 0), 600.0), (*at(50, 0), 700.0), 10.0, 0.0)
    assert leg_time_s(leg) == pytest.approx(100 / 2.5 + 1.0, abs=0.01)


def test_a_landing_from_nowhere_takes_no_time() -> None:
    assert landing_time_s(-3.0) == 0.0
    assert landing_time_s(5.0) == 10.0


def test_a_jump_is_flown_as_often_as_it_says() -> None:
    jump = MissionItem(0, Command.DO_JUMP, Frame.MISSION, (2.0, 2.0, 0.0, 0.0), 0, 0, 0.0)
    ways = legs(plan(takeoff(60.0), to(100, 0), to(200, 0), jump, return_to_launch()), None)
    assert [leg.item.seq for leg in ways] == [1, 2, 3, 2, 3, 2, 3, 5]


def test_a_take_off_goes_straight_up_and_never_down() -> None:
    high = plan(takeoff(60.0), to(100, 0), takeoff(30.0), to(200, 0), return_to_launch())
    climbs = [leg for leg in legs(high, None) if leg.is_climb]
    assert [leg.end[2] - HOME.alt_amsl_m for leg in climbs] == [60.0, 60.0]
    assert climbs[0].start[:2] == climbs[0].end[:2]


def test_heights_above_ground_are_put_on_the_terrain_and_follow_it() -> None:
    a_plan = out_and_back(to(300, 0, 50.0, Frame.GLOBAL_TERRAIN_ALT))
    leg = [*legs(a_plan, ridge(90.0))][1]
    lat_deg, lon_deg, alt_m, ground_m = sampled(leg, ridge(90.0))
    assert ground_m is not None
    above_m = alt_m - ground_m
    assert above_m[0] == pytest.approx(60.0, abs=0.01)
    assert above_m[-1] == pytest.approx(50.0, abs=0.01)
    assert (abs(above_m - 55.0) < 5.01).all()
    assert metres(float(lat_deg[-1]), float(lon_deg[-1]))[0] == pytest.approx(300.0, abs=0.01)


def test_circling_takes_its_turns() -> None:
    turns = replace(to(400, 0), command=Command.NAV_LOITER_TURNS, params=(2.0, 0.0, 50.0, 0.0))
    assert flight_time_s(out_and_back(turns)) == pytest.approx(
        flight_time_s(out_and_back(to(400, 0))) + 2 * 2 * 3.1416 * 50 / 10, abs=0.1
    )
