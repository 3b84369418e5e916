"""The response on its way back, without a position, and between two flights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.flying.actions import FlyTo, LookAhead, Resume, Strand
from edge.flying.rules import Mode
from edge.flying.situation import Phase
from tests.edge.flying.test_response import (
    AWAY,
    FAR,
    FIRE_ID,
    LEFT,
    PATROL,
    VIA,
    VIEWS,
    Story,
    in_phase,
    place_of,
)

# --- the way back -------------------------------------------------------------------------------------


def going_back(**around: object) -> Story:
    """On its way back, by a way that was safe."""
    story = in_phase(Phase.GOING_BACK)
    for name, value in around.items():
        setattr(story.around, name, value)
    return story


NO_WAY: dict[str, object] = {"clear": False, "back": None, "came": False, "onward": False}


def test_where_it_turned_is_part_of_the_way_it_came() -> None:
    """Else the last leg would be one that nobody has flown, across the fire perhaps."""
    story = in_phase(Phase.LOOKING)
    story.arrive(place_of(VIEWS[0]), 8.0)
    story.around.clear, story.around.found = False, VIEWS[2:]
    story.arrive(FAR, 2.1)
    story.around.back = None
    story.response.failed("it is enough", story.now_s)
    assert story.around.tracks[-1] == [FAR, FAR, place_of(VIEWS[0]), VIA, LEFT]


@pytest.mark.parametrize("why", ["a leg was refused", "it takes too long"])
def test_with_a_fire_between_it_and_the_patrol_it_is_not_resumed_from_there(why: str) -> None:
    story = going_back(onward=False)
    if why == "a leg was refused":
        actions = story.response.failed(why, story.now_s)
        assert not any(isinstance(action, Resume) for action in actions)
        assert story.phase is Phase.GOING_BACK
    assert story.step(replace(AWAY, place=FAR), 181.0) == [Strand()]
    assert (story.phase, story.response.reason) == (Phase.IDLE, "there was no safe way back")


def test_a_refused_leg_home_leaves_it_where_it_is_and_is_tried_again() -> None:
    story = going_back(onward=False)
    story.arrive(FAR)
    assert story.response.failed("denied", story.now_s) == [FlyTo(*FAR, take_over=False)]
    assert story.arrive(FAR, 4.0) == []
    assert story.arrive(FAR, 1.2) == [FlyTo(*LEFT, take_over=False)]
    assert story.arrive(LEFT) == [Resume()]


def test_one_that_cannot_even_be_told_to_stay_is_told_again_and_not_without_end() -> None:
    story = going_back(onward=False, back=None, came=False)
    story.arrive(FAR)
    assert story.response.failed("denied", story.now_s) == [FlyTo(*FAR, take_over=False)]
    assert story.response.failed("denied", story.now_s) == []
    assert story.arrive(FAR, 5.1) == [FlyTo(*FAR, take_over=False)]
    assert story.arrive(FAR, 5.1) == []


def test_a_way_back_that_the_wind_or_an_estimate_closed_is_left_for_another() -> None:
    story = going_back(clear=False, came=False, back=(VIA, LEFT))
    assert story.step(replace(AWAY, place=FAR), 1.0) == []
    assert story.step(replace(AWAY, place=FAR), 1.2) == [FlyTo(*VIA, take_over=False)]
    story.around.clear = True
    assert story.arrive(VIA) == [FlyTo(*LEFT, take_over=False)]


def test_without_a_way_back_it_goes_to_where_it_is_safe_to_wait_for_one() -> None:
    story = going_back(**NO_WAY)
    refuge = place_of(VIEWS[1])
    story.around.found = VIEWS[1:]
    assert story.step(replace(AWAY, place=FAR), 2.1) == [FlyTo(*refuge, take_over=False)]
    story.around.clear = True
    assert story.arrive(refuge) == []
    assert story.arrive(refuge, 5.1) == []
    story.around.back = (LEFT,)
    assert story.arrive(refuge, 5.1) == [FlyTo(*LEFT, take_over=False)]


def test_a_patrol_that_was_never_left_needs_no_way_back() -> None:
    story = going_back(**NO_WAY)
    assert story.step(PATROL) == []
    assert story.phase is Phase.IDLE


def test_without_a_way_back_the_patrol_goes_on_from_there_if_that_is_safe() -> None:
    story = going_back(**NO_WAY | {"onward": True})
    assert story.step(replace(AWAY, place=FAR), 2.1) == [Resume()]


def test_the_last_leg_may_lead_as_near_as_the_patrol_was_left() -> None:
    story = going_back(clear=False)
    assert story.step(replace(AWAY, place=FAR), 2.1) == []
    assert story.around.tracks[-1] == [LEFT, LEFT]  # from where that leg began


def test_one_that_waits_for_a_way_back_with_an_empty_battery_is_given_up() -> None:
    story = going_back(**NO_WAY | {"clear": True})
    story.around.clear = False
    story.around.found = ()
    story.step(replace(AWAY, place=FAR), 2.1)
    assert story.step(replace(AWAY, place=FAR, battery_percent=25.0), 0.2) == [Strand()]


def test_from_elsewhere_the_patrol_is_asked_to_go_on_only_while_that_is_safe() -> None:
    story = going_back(**NO_WAY | {"onward": True})
    story.step(replace(AWAY, place=FAR), 2.1)
    story.around.onward = False
    assert story.step(replace(AWAY, place=FAR), 5.1) == []
    story.around.onward = True
    assert story.step(replace(AWAY, place=FAR), 5.1) == [Resume()]


# --- without a position -------------------------------------------------------------------------------

LOST = replace(AWAY, place=None)


@pytest.mark.parametrize("phase", [Phase.GOING, Phase.LOOKING])
@pytest.mark.parametrize(("percent", "seconds"), [(25.0, 0.2), (80.0, 181.0)])
def test_time_and_battery_count_without_a_position_too(phase: Phase, percent: float, seconds: float) -> None:
    story = in_phase(phase)
    assert story.step(replace(LOST, battery_percent=percent), seconds) == [LookAhead()]
    assert story.phase is Phase.GOING_BACK


def test_a_position_that_comes_back_in_time_finds_the_way_back() -> None:
    story = in_phase(Phase.LOOKING)
    story.step(replace(LOST, battery_percent=25.0))
    assert story.step(LOST, 5.1) == []
    assert story.arrive(FAR) == [FlyTo(*LEFT, take_over=False)]


def test_without_a_position_for_long_it_is_given_up() -> None:
    story = in_phase(Phase.GOING_BACK)
    assert story.step(LOST, 9.0) == []
    assert story.step(LOST, 2.0) == [Strand()]
    assert story.response.reason == "its position was lost"


# --- one flight and the next --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.ASK, Mode.AUTOMATIC])
def test_what_waited_for_a_flight_that_is_over_is_not_flown_to_on_the_next(mode: Mode) -> None:
    story = Story(mode)
    story.confirm()
    if mode is Mode.ASK:
        story.step(PATROL)
    story.response.landed(story.now_s)
    assert story.step(PATROL) == []
    assert story.phase is Phase.IDLE
    story.confirm()  # seen again on the next flight
    story.step(PATROL)
    assert story.phase is not Phase.IDLE


def test_a_battery_that_nobody_knows_puts_nothing_off_for_long() -> None:
    story = Story()
    story.confirm()
    assert story.step(replace(PATROL, battery_percent=None)) == []
    assert story.step(PATROL) != []


def test_a_yes_during_a_moment_in_which_nothing_may_begin_is_kept() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    story.response.approve(FIRE_ID)
    assert story.step(replace(PATROL, patrolling=False)) == []
    assert story.step(PATROL) != []


def test_a_fire_that_appears_is_looked_out_for_at_once() -> None:
    story = in_phase(Phase.GOING)
    story.around.clear, story.around.found = False, VIEWS[1:]
    assert story.step(AWAY, 0.2) == []
    story.response.check_now()
    assert story.step(AWAY, 0.2)[0] == FlyTo(*place_of(VIEWS[1]), take_over=False)
