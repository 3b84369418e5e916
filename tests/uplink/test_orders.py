"""The order book and the drone's intake: each order once, none late, over a wire that loses a third."""

from __future__ import annotations

import json
import random
from uuid import UUID, uuid4

import pytest

from uplink.messages import Order, OrderKind, OrderResult, Orders, OrderState
from uplink.orders import FRESH_S, OrderIntake
from uplink.station.answers import LoggedOrder, OrderFate
from uplink.station.orders import EXPIRES_S, LATEST, OVERTAKES, STAND_DOWN_EXPIRES_S, OrderBook

from .makers import DRONE, NOON, OTHER_DRONE

LOSS = 0.3
RUN, NEXT_RUN = uuid4(), uuid4()


def make_order(
    kind: OrderKind, *, drone_id: str = DRONE, alert_id: UUID | None = None, run: UUID | None = None
) -> Order:
    return Order(id=uuid4(), drone_id=drone_id, kind=kind, by="Ann", at=NOON, alert_id=alert_id, run=run)


def result_of(order: Order, state: OrderState = OrderState.DONE, reason: str = "") -> OrderResult:
    return OrderResult(order_id=order.id, kind=order.kind, state=state, reason=reason, at=NOON)


def fates(book: OrderBook) -> list[OrderFate]:
    return [order.fate for order in book.latest]


def body(*orders: Order) -> bytes:
    return Orders(orders=list(orders)).model_dump_json().encode()


# --- the station's book -------------------------------------------------------------------------------


def test_an_order_is_repeated_until_the_drone_tells_a_result() -> None:
    book, order = OrderBook(), make_order(OrderKind.START)
    book.give(order, 0.0)
    assert book.waiting_for(DRONE, 1.0) == book.waiting_for(DRONE, 2.0) == [order]
    assert book.waiting_for(OTHER_DRONE, 1.0) == []
    (told,) = book.heard(DRONE, [result_of(order, OrderState.ACCEPTED)])
    assert told.fate is OrderFate.ACCEPTED
    assert book.waiting_for(DRONE, 3.0) == []
    assert book.heard(DRONE, [result_of(order, OrderState.ACCEPTED)]) == [], "repeats are no news"
    (told,) = book.heard(DRONE, [result_of(order, OrderState.REFUSED, "PreArm: no fence")])
    assert (told.fate, told.reason) == (OrderFate.REFUSED, "PreArm: no fence")
    assert book.heard(DRONE, [result_of(order, OrderState.ACCEPTED)]) == [], "what is final stays"


@pytest.mark.parametrize("kind", list(OrderKind))
def test_what_is_not_fetched_in_time_is_void(kind: OrderKind) -> None:
    book, order = OrderBook(), make_order(kind)
    book.give(order, 100.0)
    lasts_s = STAND_DOWN_EXPIRES_S if kind is OrderKind.STAND_DOWN else EXPIRES_S
    assert book.expire(100.0 + lasts_s - 0.01) == []
    assert book.waiting_for(DRONE, 100.0 + lasts_s) == [], "even before anybody looks"
    assert [one.fate for one in book.expire(100.0 + lasts_s)] == [OrderFate.EXPIRED]
    assert book.expire(1e6) == []


def test_a_result_that_comes_after_the_end_is_what_happened() -> None:
    book, order = OrderBook(), make_order(OrderKind.PAUSE)
    book.give(order, 0.0)
    book.expire(EXPIRES_S)
    (told,) = book.heard(DRONE, [result_of(order)])
    assert told.fate is OrderFate.DONE


@pytest.mark.parametrize("later", list(OrderKind))
@pytest.mark.parametrize("earlier", list(OrderKind))
def test_what_takes_away_overtakes(earlier: OrderKind, later: OrderKind) -> None:
    book, first, second = OrderBook(), make_order(earlier), make_order(later)
    book.give(first, 0.0)
    changed = book.give(second, 1.0)
    waiting = book.waiting_for(DRONE, 1.0)
    if earlier is later:
        assert (changed, waiting) == ([], [first]), "pressed twice is ordered once"
    elif earlier in OVERTAKES.get(later, ()):
        assert [one.fate for one in changed] == [OrderFate.OVERTAKEN, OrderFate.WAITING]
        assert waiting == [second]
    else:
        assert set(waiting) == {first, second}


def test_nothing_survives_a_stand_down_but_a_revoke() -> None:
    kept = set(OrderKind) - OVERTAKES[OrderKind.STAND_DOWN]
    assert kept == {OrderKind.STAND_DOWN, OrderKind.REVOKE}
    book = OrderBook()
    stand_down = make_order(OrderKind.STAND_DOWN)
    book.give(stand_down, 0.0)
    for kind in OrderKind:
        assert bool(book.objection(DRONE, kind, 0.0)) is (kind not in kept)
        assert book.objection(OTHER_DRONE, kind, 0.0) == ""
    book.heard(DRONE, [result_of(stand_down, OrderState.ACCEPTED)])
    assert book.objection(DRONE, OrderKind.GRANT, 0.0) == ""


def test_declining_one_look_leaves_the_other() -> None:
    book, one, other = OrderBook(), uuid4(), uuid4()
    book.give(make_order(OrderKind.LOOK_AGAIN, alert_id=one), 0.0)
    keep = make_order(OrderKind.LOOK_AGAIN, alert_id=other)
    book.give(keep, 0.0)
    decline = make_order(OrderKind.NO_LOOK, alert_id=one)
    book.give(decline, 0.0)
    assert book.waiting_for(DRONE, 0.0) == [keep, decline]


def test_another_drone_has_no_say() -> None:
    book, order = OrderBook(), make_order(OrderKind.START)
    book.give(order, 0.0)
    assert book.heard(OTHER_DRONE, [result_of(order)]) == []
    assert fates(book) == [OrderFate.WAITING]


def test_the_book_is_bounded_and_forgets_nothing_that_waits() -> None:
    book, stand_down = OrderBook(), make_order(OrderKind.STAND_DOWN)
    book.give(stand_down, 0.0)
    for step in range(10 * LATEST):
        order = make_order(OrderKind.START, drone_id=OTHER_DRONE)
        book.give(order, 0.0)
        book.heard(OTHER_DRONE, [result_of(order, OrderState.ACCEPTED if step % 2 else OrderState.DONE)])
    assert len(book.latest) <= 4 * LATEST
    assert book.waiting_for(DRONE, 1.0) == [stand_down]


def test_a_stand_down_outlives_a_restart_of_the_station() -> None:
    book, order = OrderBook(), make_order(OrderKind.STAND_DOWN)
    book.restore(LoggedOrder.model_validate(order.model_dump()), 20.0, 1000.0)
    assert book.waiting_for(DRONE, 1019.0) == [order]
    assert book.waiting_for(DRONE, 1020.0) == []


# --- the drone's intake -------------------------------------------------------------------------------


def test_each_order_is_given_on_once() -> None:
    seen: list[Order] = []
    intake, order = OrderIntake(DRONE, RUN, seen.append), make_order(OrderKind.START, run=RUN)
    for _ in range(5):
        intake.take(body(order), 0.1)
    assert seen == [order]


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>Sign in to the Wi-Fi", b"[]", b'{"orders": 7}', b'{"orders": [{}, 5, null]}', b"\xff"],
)
def test_what_is_no_order_is_left_alone(answer: bytes) -> None:
    seen: list[Order] = []
    OrderIntake(DRONE, RUN, seen.append).take(answer, 0.1)
    assert seen == []


def test_an_order_that_is_not_understood_does_not_hold_up_the_next() -> None:
    seen: list[Order] = []
    order = make_order(OrderKind.STAND_DOWN)
    strange = json.loads(order.model_dump_json()) | {"kind": "dance", "id": str(uuid4())}
    answer = json.dumps({"orders": [strange, json.loads(order.model_dump_json())]}).encode()
    OrderIntake(DRONE, RUN, seen.append).take(answer, 0.1)
    assert seen == [order]


def test_an_order_for_another_drone_is_refused() -> None:
    seen: list[Order] = []
    OrderIntake(DRONE, RUN, seen.append).take(
        body(make_order(OrderKind.START, drone_id=OTHER_DRONE, run=RUN)), 0.1
    )
    assert seen == []


def test_of_a_late_answer_only_what_takes_away_is_taken_and_the_rest_may_come_again() -> None:
    seen: list[Order] = []
    intake = OrderIntake(DRONE, RUN, seen.append)
    start, stand_down = make_order(OrderKind.START, run=RUN), make_order(OrderKind.STAND_DOWN)
    revoke, pause = make_order(OrderKind.REVOKE, run=RUN), make_order(OrderKind.PAUSE, run=RUN)
    foreign = make_order(OrderKind.REVOKE, run=uuid4())
    intake.take(body(start, stand_down, revoke, pause, foreign), FRESH_S + 0.1)
    assert seen == [stand_down, revoke, pause]
    intake.take(body(start), 0.1)
    assert seen == [stand_down, revoke, pause, start]


def test_an_order_that_cannot_be_handed_on_costs_no_other() -> None:
    seen: list[Order] = []

    def handler(order: Order) -> None:
        seen.append(order)
        if order.kind is OrderKind.START:
            raise RuntimeError("boom")

    orders = make_order(OrderKind.START, run=RUN), make_order(OrderKind.STAND_DOWN)
    OrderIntake(DRONE, RUN, handler).take(body(*orders), 0.1)
    assert seen == list(orders)


@pytest.mark.parametrize("seed", range(20))
def test_over_a_wire_that_loses_a_third_each_order_runs_at_most_once_and_its_fate_is_known(seed: int) -> None:
    """Question and answer are lost independently; the drone repeats its latest results in every state."""
    rng = random.Random(seed)
    book, ran, results = OrderBook(), list[UUID](), list[OrderResult]()

    def run(order: Order) -> None:
        ran.append(order.id)
        results.append(result_of(order))

    intake = OrderIntake(DRONE, RUN, run)
    given = []
    book.heard_run(DRONE, RUN)
    now_s = 0.0
    for step in range(400):
        now_s = step * 0.5
        if step % 40 == 0:
            kind = (OrderKind.GRANT, OrderKind.START, OrderKind.PAUSE)[step // 40 % 3]
            given.append(make_order(kind))
            book.give(given[-1], now_s)
        book.expire(now_s)
        if rng.random() < LOSS:
            continue
        book.heard(DRONE, results[-8:])
        answer = body(*book.waiting_for(DRONE, now_s))
        if rng.random() >= LOSS:
            intake.take(answer, 0.2)
    assert ran == [order.id for order in given], "each once, in order: thirty tries of a half lost wire"
    assert set(fates(book)) == {OrderFate.DONE}
