"""Going on from the middle: speed, camera and gimbal are as they were there (flight rule 26)."""

from __future__ import annotations

import math

import pytest

from flight.plans.checks import Limits, check
from flight.plans.items import (
    Command,
    Frame,
    MissionItem,
    gimbal_pitch,
    ground_speed,
    return_to_launch,
    takeoff,
)
from flight.plans.plan import Plan, PlanError
from flight.plans.resume import begin_again_at, remainder, setup_before
from tests.flight.plan_makers import FENCE, FLAT, plan, to


def command(number: int, *params: float) -> MissionItem:
    four = (*params, 0.0, 0.0, 0.0, 0.0)[:4]
    return MissionItem(0, number, Frame.MISSION, (four[0], four[1], four[2], four[3]), 0, 0, 0.0)


SURVEY = plan(
    takeoff(60.0),  # 1
    ground_speed(8.0),  # 2
    gimbal_pitch(-60.0),  # 3
    to(100, 0),  # 4
    command(2000, 0.0, 2.0, 0.0),  # 5: take pictures
    to(300, 0),  # 6
    ground_speed(5.0),  # 7
    gimbal_pitch(-90.0),  # 8
    to(300, 100),  # 9
    command(2001),  # 10: take none
    to(0, 100),  # 11
    return_to_launch(),  # 12
    fence=FENCE,
)


def commands(a_plan: Plan) -> list[int]:
    return [item.command for item in a_plan.items[1:]]


def test_only_what_is_in_force_is_set_again_and_in_its_order() -> None:
    assert [item.seq for item in setup_before(SURVEY.items, 9)] == [5, 7, 8]
    assert [item.seq for item in setup_before(SURVEY.items, 6)] == [2, 3, 5]
    assert [item.seq for item in setup_before(SURVEY.items, 11)] == [7, 8]  # no more pictures


def test_ground_speed_and_climb_speed_are_two() -> None:
    both = plan(takeoff(60.0), ground_speed(8.0), command(178, 2.0, 3.0), to(100, 0), return_to_launch())
    assert [item.seq for item in setup_before(both.items, 4)] == [2, 3]


def test_the_rest_begins_at_the_last_place_before() -> None:
    rest = remainder(SURVEY, 9)
    assert commands(rest) == [22, 16, 2000, 178, 1000, 16, 2001, 16, 20]
    assert rest.items[2].same_as(MissionItem(2, 16, 3, (0.0,) * 4, *_place(SURVEY, 6), 60.0))
    assert rest.items[4].params[1] == 5.0
    assert rest.fence == FENCE
    assert rest.sha256 != SURVEY.sha256


def _place(a_plan: Plan, seq: int) -> tuple[int, int]:
    return a_plan.items[seq].lat_e7, a_plan.items[seq].lon_e7


@pytest.mark.parametrize("seq", range(1, 13))
def test_what_is_left_of_a_safe_plan_is_safe_and_ends_as_it_did(seq: int) -> None:
    rest = remainder(SURVEY, seq)
    assert [item.command for item in rest.items[-(13 - seq) :]] == [
        item.command for item in SURVEY.items[seq:]
    ]
    if seq < 11:
        assert [problem.words for problem in check(rest, FLAT, Limits())] == []


def test_the_rest_of_the_rest_is_the_rest() -> None:
    assert commands(remainder(remainder(SURVEY, 6), 9)) == commands(remainder(SURVEY, 9))


def test_jumps_ahead_are_kept_and_jumps_back_refused() -> None:
    jump = command(Command.DO_JUMP, 6.0, 1.0)
    ahead = plan(takeoff(60.0), to(100, 0), to(200, 0), jump, to(300, 0), to(0, 300), return_to_launch())
    rest = remainder(ahead, 3)
    [kept] = [item for item in rest.items if item.command == Command.DO_JUMP]
    assert rest.items[int(kept.params[0])].same_as(
        MissionItem(int(kept.params[0]), 16, 3, (0.0, 0.0, 0.0, math.nan), *_place(ahead, 6), 60.0)
    )
    back = plan(takeoff(60.0), to(100, 0), to(200, 0), command(Command.DO_JUMP, 2.0, 3.0), return_to_launch())
    with pytest.raises(PlanError, match="jumps back from item 4"):
        remainder(back, 3)


def jump(target: float, times: float = 2.0) -> MissionItem:
    return command(Command.DO_JUMP, target, times)


ROUNDS = plan(
    takeoff(60.0),  # 1
    to(100, 0),  # 2
    to(200, 0),  # 3
    ground_speed(5.0),  # 4
    to(300, 0),  # 5
    to(300, 100),  # 6
    jump(5.0),  # 7
    to(300, 200),  # 8
    return_to_launch(),  # 9
)


@pytest.mark.parametrize("left", [5, 6, 7])
def test_a_plan_that_was_left_in_its_rounds_begins_them_again(left: int) -> None:
    begin = begin_again_at(ROUNDS, left)
    rest = remainder(ROUNDS, begin)
    assert begin == 5
    assert commands(rest) == [22, 16, 178, 16, 16, 177, 16, 20]
    assert rest.items[6].params[:2] == (4.0, 2.0)
    assert rest.items[4].lon_e7 == ROUNDS.items[5].lon_e7


@pytest.mark.parametrize("left", [3, 8, 9])
def test_a_plan_that_was_left_outside_of_its_rounds_goes_on_where_it_was_left(left: int) -> None:
    assert begin_again_at(ROUNDS, left) == left


def test_rounds_in_rounds_begin_again_with_the_outer_ones() -> None:
    nested = plan(
        takeoff(60.0), to(100, 0), to(200, 0), jump(3.0), to(300, 0), to(400, 0), jump(6.0), jump(4.0),
        return_to_launch(),
    )  # fmt: skip
    assert begin_again_at(nested, 6) == 3  # by way of the jump at 8 to the one at 4
    assert remainder(nested, 3).items[-1].command == Command.NAV_RETURN_TO_LAUNCH


@pytest.mark.parametrize("target", [1.0, 2.0])
def test_a_plan_that_is_one_round_from_its_start_is_flown_whole_again(target: float) -> None:
    fro = plan(takeoff(60.0), to(100, 0), to(200, 0), jump(target), return_to_launch())
    assert begin_again_at(fro, 3) == 0
    assert begin_again_at(fro, 5) == 5


@pytest.mark.parametrize("seq", [0, 13, -1])
def test_there_is_no_going_on_from_an_item_that_is_none(seq: int) -> None:
    with pytest.raises(PlanError, match="has no item"):
        remainder(SURVEY, seq)
