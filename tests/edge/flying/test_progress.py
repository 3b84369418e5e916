"""How far a patrol is flown: phases, interruptions, the numbering of remainders, several flights, passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge.flying.progress import Heard, Progress, Record, Task, sha256_of
from flight.plans.items import Command, Frame, MissionItem, gimbal_pitch, ground_speed, takeoff, waypoint
from flight.plans.plan import Plan
from tests.edge.flying.simulation import HOME, place, plan
from uplink.messages import PatrolPhase as Phase

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = plan()  # 1 take-off, 2 speed, 3 gimbal, 4..7 places, 8 return
GROUND = Heard(False, "STABILIZE", "AUTO", ("RTL", "SMART_RTL"), ("GUIDED",), 0)
AUTO = replace(GROUND, armed=True, mode="AUTO")
GUIDED = replace(GROUND, armed=True, mode="GUIDED")
RTL = replace(GROUND, armed=True, mode="RTL")
LOITER = replace(GROUND, armed=True, mode="LOITER")


def progress(*plans: Plan, record: Record | None = None, aboard: bool | None = True) -> Progress:
    found = Progress.of(plans or (PLAN,), record)
    found.aboard = aboard
    return found


def fly(flown: Progress, *items: int) -> None:
    for item in items:
        flown.hear(replace(AUTO, mission_item=item), NOW)


def land(flown: Progress) -> Phase:
    return flown.hear(GROUND, NOW)


def test_it_is_ready_flies_returns_and_is_done() -> None:
    flown = progress()
    heard = [GROUND, *(replace(AUTO, mission_item=item) for item in (1, 4, 5, 6, 7, 8)), GROUND]
    seen = [flown.hear(each, NOW) for each in heard]
    assert seen == [Phase.READY, *[Phase.FLYING] * 5, Phase.RETURNING, Phase.DONE]
    assert (flown.record.done, flown.record.finished_at) == (True, NOW)


@pytest.mark.parametrize(
    ("heard", "task", "phase"),
    [
        (GUIDED, Task.PAUSE, Phase.PAUSED),
        (GUIDED, Task.LOOK_AGAIN, Phase.LOOKING_AGAIN),
        (GUIDED, Task.NOTHING, Phase.INTERRUPTED),
        (LOITER, Task.PAUSE, Phase.INTERRUPTED),
        (LOITER, Task.NOTHING, Phase.INTERRUPTED),
        (RTL, Task.NOTHING, Phase.RETURNING),
    ],
)
def test_what_another_mode_means_in_the_middle(heard: Heard, task: Task, phase: Phase) -> None:
    flown = progress()
    fly(flown, 4, 5)
    flown.task = task
    assert flown.hear(replace(heard, mission_item=5), NOW) is phase
    assert flown.hear(replace(AUTO, mission_item=5), NOW) is Phase.FLYING
    assert flown.task is Task.NOTHING


@pytest.mark.parametrize("heard", [RTL, LOITER, GUIDED])
def test_a_flight_that_ended_before_its_end_is_interrupted_at_its_item(heard: Heard) -> None:
    flown = progress()
    fly(flown, 4, 5, 6)
    flown.hear(replace(heard, mission_item=6), NOW)
    assert land(flown) is Phase.INTERRUPTED
    assert (flown.interrupted, flown.record.item) == (True, 6)


def test_one_that_never_reached_its_first_place_begins_anew() -> None:
    flown = progress()
    fly(flown, 1)
    assert land(flown) is Phase.READY
    flown.take_up()
    assert flown.part is PLAN


def test_the_rest_is_flown_under_the_whole_flights_numbers() -> None:
    flown = progress()
    fly(flown, 4, 5, 6)
    land(flown)
    flown.take_up()
    assert flown.aboard is None
    rest = flown.part
    assert [item.command for item in rest.items] == [
        Command.NAV_WAYPOINT,  # home
        Command.NAV_TAKEOFF,
        Command.NAV_WAYPOINT,  # item 5, to fly its leg whole
        Command.DO_CHANGE_SPEED,
        Command.DO_GIMBAL_MANAGER_PITCHYAW,
        Command.NAV_WAYPOINT,
        Command.NAV_WAYPOINT,
        Command.NAV_RETURN_TO_LAUNCH,
    ]
    flown.aboard = True
    numbers = []
    for item in range(1, 8):
        flown.hear(replace(AUTO, mission_item=item), NOW)
        numbers.append(flown.record.item)
    assert numbers == [6, 6, 6, 6, 6, 7, 8]
    assert land(flown) is Phase.DONE


def test_a_rest_that_is_interrupted_again_is_taken_up_from_there() -> None:
    flown = progress()
    fly(flown, 4, 5)
    land(flown)
    flown.take_up()
    flown.aboard = True
    fly(flown, 1, 2, 6)  # 6 of the rest is 6 of the whole: the rest has as many set-up items before it
    land(flown)
    flown.take_up()
    assert flown.record.begun_at_item == flown.record.item
    assert flown.part.items[-1].command == Command.NAV_RETURN_TO_LAUNCH


def test_the_part_is_worked_out_once_for_each_beginning() -> None:
    flown = progress()
    fly(flown, 4, 5)
    land(flown)
    flown.take_up()
    assert flown.part is flown.part


def test_a_round_that_was_left_is_begun_again() -> None:
    """How often it was flown is not known; and it once made an agent that could not be started again."""
    jump = MissionItem(0, Command.DO_JUMP, Frame.MISSION, (4.0, 3.0, 0.0, 0.0), 0, 0, 0.0)
    steps = [takeoff(50.0), ground_speed(5.0), gimbal_pitch(-45.0)]
    steps += [waypoint(*place(0, north_m), 50.0) for north_m in (50, 100, 150)]
    flown = progress(Plan.build("to and fro", HOME, [*steps, jump]))
    fly(flown, 4, 5, 6)
    land(flown)
    flown.take_up()
    assert (flown.record.begun_at_item, flown.part) == (0, flown.plan)


def test_flight_after_flight_and_then_the_next_pass() -> None:
    second = plan("the second", corners=2)
    flown = progress(PLAN, second)
    fly(flown, 4, 5, 6, 7, 8)
    assert land(flown) is Phase.READY
    assert (flown.record.flight, flown.record.item, flown.aboard, flown.plan) == (1, 0, None, second)
    flown.aboard = True
    fly(flown, 4, 5, 6)
    assert land(flown) is Phase.DONE
    flown.next_pass()
    assert (flown.record.pass_number, flown.record.flight, flown.record.done) == (2, 0, False)
    assert land(flown) is Phase.READY


def test_an_item_counts_only_when_the_plan_aboard_is_this_one() -> None:
    for aboard in (None, False):
        flown = progress(aboard=aboard)
        fly(flown, 4, 5)
        assert flown.record.item == 0


def test_a_process_that_starts_in_the_air_knows_that_a_flight_is_under_way() -> None:
    kept = Record(patrol_sha256=sha256_of((PLAN,)), item=4)
    flown = progress(record=kept, aboard=None)
    assert flown.hear(replace(GUIDED, mission_item=4), NOW) is Phase.INTERRUPTED
    flown.aboard = True
    assert flown.hear(replace(AUTO, mission_item=4), NOW) is Phase.FLYING


def test_a_landing_while_nobody_looked_ends_a_flight_that_was_on_its_way_home() -> None:
    kept = Record(patrol_sha256=sha256_of((PLAN,)), item=8)
    assert land(progress(record=kept, aboard=None)) is Phase.DONE


def test_a_pilot_who_flies_something_else_first_is_not_the_patrol() -> None:
    assert progress().hear(LOITER, NOW) is Phase.READY


@pytest.mark.parametrize(
    "changes", [{"patrol_sha256": "0" * 64}, {"flight": 3}, {"item": 99}, {"begun_at_item": 99, "item": 5}]
)
def test_what_was_kept_of_another_patrol_or_cannot_be_is_not_gone_on_with(changes: dict[str, object]) -> None:
    kept = Record(patrol_sha256=sha256_of((PLAN,)), item=5)
    assert progress(record=kept).record.item == 5
    wrong = Record.model_validate(kept.model_dump() | changes)
    assert progress(record=wrong).record == Record(patrol_sha256=sha256_of((PLAN,)))


def test_what_holds_flights_back_outlives_pass_and_process() -> None:
    flown = progress()
    flown.hold_back("stand down by Ann")
    flown.next_pass()
    again = progress(record=Record.model_validate_json(flown.record.model_dump_json()))
    assert again.record.held_back == "stand down by Ann"
