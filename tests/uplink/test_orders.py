"""The station's order book, and how it goes with the drone's intake over a line that breaks."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from uplink.messages import Order, OrderKind, OrderResult, OrderState
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationKey, StationPublicKey
from uplink.orders import OrderIntake
from uplink.station.answers import LoggedOrder, OrderFate
from uplink.station.orders import (
    EXPIRES_S,
    LATEST,
    OVERTAKES,
    STAND_DOWN_EXPIRES_S,
    DroneClock,
    OrderBook,
)

from .makers import DRONE, NOON, OTHER_DRONE

LOSS = 0.3
RUN, NEXT_RUN = uuid4(), uuid4()
NOW_S = 5000.0  # by the drone's clock


def make_order(
    kind: OrderKind,
    *,
    drone_id: str = DRONE,
    alert_id: UUID | None = None,
    run: UUID | None = None,
    **more: Any,
) -> Order:
    return Order(
        id=uuid4(), drone_id=drone_id, kind=kind, by="Ann", at=NOON, alert_id=alert_id, run=run, **more
    )


def result_of(order: Order, state: OrderState = OrderState.DONE, reason: str = "") -> OrderResult:
    return OrderResult(order_id=order.id, kind=order.kind, state=state, reason=reason, at=NOON)


def fates(book: OrderBook) -> list[OrderFate]:
    return [order.fate for order in book.latest]


def book_of() -> OrderBook:
    """Of a station that has heard its drones."""
    book = OrderBook()
    for drone_id in (DRONE, OTHER_DRONE):
        book.heard_run(drone_id, RUN)
    return book


def sent(book: OrderBook, now_s: float, *, link: int = 1, drone_id: str = DRONE) -> list[UUID]:
    """What goes out on a link."""
    return [order.id for order in book.send(drone_id, DroneClock(link, 0.0), now_s, 1)]


# --- the station's book -------------------------------------------------------------------------------


def test_an_order_goes_out_once_on_each_link_until_the_drone_tells_a_result() -> None:
    book, order = book_of(), make_order(OrderKind.START)
    book.give(order, 0.0)
    assert sent(book, 1.0, link=1) == [order.id]
    assert sent(book, 2.0, link=1) == []
    assert sent(book, 2.0, link=2) == [order.id]
    assert sent(book, 1.0, link=3, drone_id=OTHER_DRONE) == []
    (told,) = book.heard(DRONE, [result_of(order, OrderState.ACCEPTED)])
    assert told.fate is OrderFate.ACCEPTED
    assert sent(book, 3.0, link=4) == []
    assert book.heard(DRONE, [result_of(order, OrderState.ACCEPTED)]) == [], "repeats are no news"
    (told,) = book.heard(DRONE, [result_of(order, OrderState.REFUSED, "PreArm: no fence")])
    assert (told.fate, told.reason) == (OrderFate.REFUSED, "PreArm: no fence")
    assert book.heard(DRONE, [result_of(order, OrderState.ACCEPTED)]) == [], "what is final stays"


@pytest.mark.parametrize("kind", list(OrderKind))
def test_what_is_not_fetched_in_time_is_void(kind: OrderKind) -> None:
    book, order = book_of(), make_order(kind)
    book.give(order, 100.0)
    lasts_s = STAND_DOWN_EXPIRES_S if kind is OrderKind.STAND_DOWN else EXPIRES_S
    assert book.expire(100.0 + lasts_s - 0.01) == []
    assert sent(book, 100.0 + lasts_s) == [], "even before anybody looks"
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
    book, first, second = book_of(), make_order(earlier), make_order(later)
    book.give(first, 0.0)
    changed = book.give(second, 1.0)
    waiting = sent(book, 1.0)
    if earlier is later:
        assert (changed, waiting) == ([], [first.id]), "pressed twice is ordered once"
    elif earlier in OVERTAKES.get(later, ()):
        assert [one.fate for one in changed] == [OrderFate.OVERTAKEN, OrderFate.WAITING]
        assert waiting == [second.id]
    else:
        assert set(waiting) == {first.id, second.id}


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
    book, one, other = book_of(), uuid4(), uuid4()
    book.give(make_order(OrderKind.LOOK_AGAIN, alert_id=one), 0.0)
    keep = make_order(OrderKind.LOOK_AGAIN, alert_id=other)
    book.give(keep, 0.0)
    decline = make_order(OrderKind.NO_LOOK, alert_id=one)
    book.give(decline, 0.0)
    assert sent(book, 0.0) == [keep.id, decline.id]


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
    assert sent(book, 1.0) == [stand_down.id]


def test_a_stand_down_outlives_a_restart_of_the_station() -> None:
    book, order = OrderBook(), make_order(OrderKind.STAND_DOWN)
    book.restore(LoggedOrder.model_validate(order.model_dump()), 20.0, 1000.0)
    assert sent(book, 1019.0, link=1) == [order.id]
    assert sent(book, 1020.0, link=2) == []


def test_numbers_rise_over_links_and_orders_and_never_fall_behind_the_drone_or_the_calendar() -> None:
    book, numbers = book_of(), []
    asked = [1000, 1000, 500, 2**40, 7]  # a clock that is set back, a backup that is put back, a drone ahead
    for link, least in enumerate(asked, 1):
        book.give(make_order(OrderKind.LOOK_AGAIN, alert_id=uuid4()), 0.0)
        told = book.send(DRONE, DroneClock(link, 0.0), 0.0, least)
        assert [order.sequence for order in told] == sorted(order.sequence or 0 for order in told)
        assert all((order.sequence or 0) >= least for order in told)
        numbers += [order.sequence or 0 for order in told]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 1 + 2 + 3 + 4 + 5, "all that waits goes out on each link"


def test_stand_down_and_revoke_go_first() -> None:
    book = book_of()
    pause, revoke = make_order(OrderKind.PAUSE), make_order(OrderKind.REVOKE)
    book.give(pause, 0.0)
    book.give(revoke, 0.0)
    assert sent(book, 0.0) == [revoke.id, pause.id]


def test_an_order_is_void_by_the_drones_clock_when_it_is_void_here() -> None:
    book = book_of()
    book.give(make_order(OrderKind.START), 100.0)
    (order,) = book.send(DRONE, DroneClock(1, ahead_s=5000.0), 104.0, 1)
    assert order.expires_s == 5000.0 + 100.0 + EXPIRES_S


def test_nothing_but_a_stand_down_goes_out_before_the_run_of_the_agent_is_known() -> None:
    book = OrderBook()
    book.give(make_order(OrderKind.START), 0.0)
    assert sent(book, 0.0, link=1) == []
    book.heard_run(DRONE, RUN)
    assert len(sent(book, 0.0, link=1)) == 1


# --- both together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
async def test_over_a_line_that_breaks_again_and_again_each_order_runs_at_most_once_and_its_fate_is_known(
    tmp_path: Path, seed: int
) -> None:
    """A third of what goes either way is lost, with the line: what was sent on it is sent on the next. The
    drone repeats its latest results in every state."""
    rng, key = random.Random(seed), StationKey.open(tmp_path)
    book, ran, results, given = book_of(), list[UUID](), list[OrderResult](), list[UUID]()

    def run(order: Order) -> None:
        ran.append(order.id)
        results.append(result_of(order))

    now_s, link = 0.0, 1
    intake = OrderIntake(
        DRONE,
        RUN,
        run,
        key=StationPublicKey.parse(key.public),
        sequence=OrderSequence(tmp_path / "s"),
        clock=lambda: now_s + NOW_S,
    )
    for step in range(400):
        now_s = step * 0.5
        if step % 40 == 0:
            kind = (OrderKind.GRANT, OrderKind.START, OrderKind.PAUSE)[step // 40 % 3]
            order = make_order(kind)
            given.append(order.id)
            book.give(order, now_s)
        book.expire(now_s)
        if rng.random() < LOSS:
            link += 1
            continue
        book.heard(DRONE, [*results[-8:], *intake.refusals])
        for one in book.send(DRONE, DroneClock(link, NOW_S - 0.2), now_s, 1):
            if rng.random() < LOSS:
                link += 1
                break
            await intake.take(key.sign(one))
    assert ran == given, "each once, in order: thirty tries of a half lost line"
    assert set(fates(book)) == {OrderFate.DONE}
