"""An order that takes the vehicle somewhere, as a table: what is done when, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from edge.flying.actions import Action, Circle, ComeDown, FlyTo, LookAhead, LookAt, Resume, ReturnHome, Stay
from edge.flying.clearance import Place
from edge.flying.route import Circuit
from edge.flying.sent import CHECK_S, STILL_S, Aircraft, Journey, Sent
from uplink.messages import Order, OrderKind, OrderState, SentStage

HERE, NEAR, THERE = (-35.0, 149.0, 600.0), (-35.001, 149.0, 620.0), (-35.002, 149.0, 620.0)
MIDDLE = (-35.0, 149.003, 550.0)
POINTS: tuple[Place, ...] = ((-35.0, 149.002, 600.0), (-35.001, 149.003, 600.0), (-35.0, 149.004, 600.0))
AIR = Aircraft(HERE, 8.0, 80.0, True, 120.0)


def sent(kind: OrderKind, journey: Journey, **more: Any) -> Sent:
    order = Order(id=uuid4(), drone_id="d1", kind=kind, by="Ann", at=datetime.now(UTC))
    return Sent(order, journey, 0.0, reserve_percent=25.0, **more)


def go(**more: Any) -> Sent:
    return sent(OrderKind.GO_TO, Journey(HERE, (NEAR, THERE)), **more)


def orbit(closed: bool = True, **more: Any) -> Sent:
    circuit = Circuit(POINTS, closed, 360.0 if closed else 180.0)
    return sent(OrderKind.ORBIT, Journey(HERE, (POINTS[0],), circuit, 0, MIDDLE, 90.0), **more)


def is_at(place: Place, speed_m_s: float = 8.0, **more: Any) -> Aircraft:
    return replace(AIR, place=place, speed_m_s=speed_m_s, **more)


def has_ended(one: Sent) -> bool:
    return one.ended is not None


BEGINNINGS: list[tuple[Callable[[], Sent], list[Action]]] = [
    (go, [FlyTo(*NEAR, take_over=True), LookAhead()]),
    (orbit, [FlyTo(*POINTS[0], take_over=True), LookAt(*MIDDLE)]),
    (lambda: sent(OrderKind.HOLD, Journey(HERE, (HERE,))), [Stay(take_over=True), LookAhead()]),
    (lambda: sent(OrderKind.RETURN, Journey(None)), [ReturnHome(), LookAhead()]),
    (lambda: sent(OrderKind.LAND, Journey(HERE)), [ComeDown(), LookAhead()]),
]


@pytest.mark.parametrize(("make", "actions"), BEGINNINGS)
def test_the_mode_is_changed_once_by_the_first_action(
    make: Callable[[], Sent], actions: list[Action]
) -> None:
    assert make().begin() == actions


def test_it_goes_from_place_to_place_and_is_there_when_it_stands() -> None:
    one = go()
    assert one.step(1.0, is_at(HERE)) == []
    assert one.step(5.0, is_at((*NEAR[:2], NEAR[2] - 9.0))) == [], "over the place, and not at its height yet"
    assert one.step(9.0, is_at(NEAR)) == [FlyTo(*THERE, take_over=False)]
    assert one.step(20.0, is_at(THERE, 3.0)) == []
    assert one.step(21.0, is_at(THERE, 0.3)) == []
    assert not has_ended(one), "it may stand for a moment, where it turns round"
    one.step(21.0 + STILL_S, is_at(THERE, 0.3))
    assert one.ended is not None
    assert one.ended.state is OrderState.DONE
    assert (one.stage, one.over) == (SentStage.THERE, False)
    one.drop("overtaken by resume", by_person=True)
    assert one.over
    assert one.ended.state is OrderState.DONE, "what was done stays done"


def test_a_patrol_that_is_gone_on_with_is_resumed_at_the_end_of_the_way() -> None:
    one = sent(OrderKind.RESUME, Journey(HERE, (THERE,), resumes=True))
    one.step(5.0, is_at(THERE, 0.2))
    assert one.step(5.0 + STILL_S, is_at(THERE, 0.2)) == [Resume()]
    assert one.ended is not None
    assert one.over


def blocked(_start: Place, _end: Place) -> str:
    return "it goes through the smoke of a fire"


STOPS: list[tuple[Sent, float, Aircraft, str]] = [
    (
        go(objection=blocked),
        CHECK_S,
        AIR,
        "the way is not clear any more: it goes through the smoke of a fire",
    ),
    (go(), 1.0, replace(AIR, battery_percent=25.0), "the battery has reached its reserve of 25 %"),
    (go(), 1000.0, AIR, "it did not get there in time: 222 m are left"),
]


@pytest.mark.parametrize(("one", "at_s", "aircraft", "why"), STOPS)
def test_what_stops_it_leaves_it_where_it_is_and_leaves_the_mode_alone(
    one: Sent, at_s: float, aircraft: Aircraft, why: str
) -> None:
    assert one.step(at_s, aircraft) == [Stay(take_over=False)]
    assert one.ended is not None
    assert (one.ended.state, one.ended.reason) == (OrderState.REFUSED, f"{why}; it holds where it is")
    assert one.step(at_s + 1.0, aircraft) == []


def test_nothing_keeps_it_from_holding() -> None:
    one = sent(OrderKind.HOLD, Journey(HERE, (HERE,)), objection=blocked)
    low = replace(AIR, battery_percent=5.0, speed_m_s=0.2)
    assert [one.step(now_s, low) for now_s in (1.0, 4.0)] == [[], []]
    assert one.ended is not None
    assert (one.ended.state, one.ended.reason) == (OrderState.DONE, "it stands")


def test_where_nobody_knows_where_it_is_nothing_is_sent() -> None:
    assert go(objection=blocked).step(CHECK_S, replace(AIR, place=None)) == []


def test_it_goes_round_and_round_and_an_order_of_a_person_ends_that_well() -> None:
    one = orbit()
    there = [one.step(10.0, is_at(POINTS[0]))[0]]
    there += [one.step(20.0 + n, is_at(POINTS[(n + 1) % 3]))[0] for n in range(6)]
    assert there == [FlyTo(*POINTS[n % 3], take_over=False) for n in (1, 2, 0, 1, 2, 0, 1)]
    assert one.rounds == pytest.approx(2.0)
    one.drop("overtaken by hold", by_person=True)
    assert one.ended is not None
    assert (one.ended.state, one.ended.reason) == (OrderState.DONE, "2.0 rounds flown; overtaken by hold")
    other = orbit()
    other.step(10.0, is_at(POINTS[0]))
    other.drop("out of the agent's hands")
    assert other.ended is not None
    assert other.ended.state is OrderState.REFUSED


def test_an_arc_is_flown_to_and_fro() -> None:
    one = orbit(closed=False)
    there = [one.step(10.0, is_at(POINTS[0]))[0]]
    there += [one.step(20.0 + n, is_at(POINTS[at]))[0] for n, at in enumerate((1, 2, 1, 0))]
    assert there == [FlyTo(*POINTS[n], take_over=False) for n in (1, 2, 1, 0, 1)]


def test_an_autopilot_that_flies_circles_by_itself_is_asked_to_and_stopped_with_its_mode() -> None:
    one = orbit(circles=True)
    assert one.step(10.0, is_at(POINTS[0])) == [Circle(*MIDDLE[:2], 600.0, 90.0)]
    assert one.step(30.0, is_at(POINTS[1])) == []
    assert one.step(31.0, is_at(POINTS[1], battery_percent=20.0)) == [Stay(take_over=True)]
    arc = orbit(closed=False, circles=True)
    assert arc.step(10.0, is_at(POINTS[0])) == [FlyTo(*POINTS[1], take_over=False)], "no arc is its own"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OrderKind.RETURN, "home and disarmed, 0.4 m from home"),
        (OrderKind.LAND, "landed and disarmed, 0.4 m from home"),
    ],
)
def test_coming_down_is_done_on_the_ground(kind: OrderKind, words: str) -> None:
    one = sent(kind, Journey(HERE))
    assert one.step(50.0, AIR) == []
    assert not has_ended(one)
    one.step(90.0, replace(AIR, armed=False, home_m=0.4))
    assert one.ended is not None
    assert (one.ended.state, one.ended.reason) == (OrderState.DONE, words)


def test_an_action_that_fails_ends_it_with_what_the_autopilot_said() -> None:
    one = go()
    one.failed("DO_REPOSITION denied")
    assert one.ended is not None
    assert (one.ended.state, one.ended.reason, one.over) == (OrderState.REFUSED, "DO_REPOSITION denied", True)
