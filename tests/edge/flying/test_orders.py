"""The order desk: one after the other, each with a known end, and what may overtake."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from edge.flying.flight import PatrolError
from edge.flying.orders import MOST_WAITING, Ending, OrderDesk
from tests.edge.flying.simulation import in_simulation_time
from uplink.messages import Order, OrderKind, OrderState


def order(kind: OrderKind) -> Order:
    return Order(id=uuid4(), drone_id="d1", kind=kind, by="Ann", at=datetime.now(UTC))


class Desk:
    """One at work; its handlers take as long as they are told."""

    def __init__(self) -> None:
        self.done: list[OrderKind] = []
        self.desk = OrderDesk(
            {kind: self._work for kind in OrderKind if kind is not OrderKind.LOOK_AGAIN}
            | {OrderKind.NO_LOOK: self._fails}
        )
        self.error: Exception = PatrolError("there is nothing to decline")
        self._task = asyncio.create_task(self.desk.run())

    async def _work(self, order: Order) -> None:
        await asyncio.sleep(0.0 if order.kind in (OrderKind.STAND_DOWN, OrderKind.REVOKE) else 10.0)
        self.done.append(order.kind)

    async def _fails(self, _order: Order) -> None:
        raise self.error

    def take(self, kind: OrderKind) -> Order:
        taken = order(kind)
        self.desk.take(taken)
        return taken

    def result(self, of: Order) -> tuple[OrderState, str]:
        [found] = [result for result in self.desk.results if result.order_id == of.id]
        return found.state, found.reason

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@in_simulation_time
async def test_orders_are_carried_out_in_turn() -> None:
    desk = Desk()
    first, second = desk.take(OrderKind.GRANT), desk.take(OrderKind.START)
    await asyncio.sleep(11.0)
    assert desk.result(first) == (OrderState.DONE, "")
    assert desk.result(second) == (OrderState.ACCEPTED, "")
    idle = [desk.desk.idle]
    await asyncio.sleep(10.0)
    assert desk.done == [OrderKind.GRANT, OrderKind.START]
    assert [*idle, desk.desk.idle] == [False, True]
    await desk.stop()


@pytest.mark.parametrize("urgent", [OrderKind.STAND_DOWN, OrderKind.REVOKE])
def test_what_is_urgent_breaks_off_what_is_under_way_and_what_waits(urgent: OrderKind) -> None:
    @in_simulation_time
    async def story() -> None:
        desk = Desk()
        under_way, waiting = desk.take(OrderKind.START), desk.take(OrderKind.PAUSE)
        await asyncio.sleep(1.0)
        it = desk.take(urgent)
        await asyncio.sleep(0.1)
        why = (OrderState.REFUSED, f"overtaken by {urgent.value}")
        assert [desk.result(each) for each in (under_way, waiting)] == [why, why]
        assert desk.result(it) == (OrderState.DONE, "")
        assert desk.done == [urgent]
        await desk.stop()

    story()


@pytest.mark.parametrize("first", [OrderKind.STAND_DOWN, OrderKind.REVOKE])
def test_a_stand_down_and_a_revoke_break_off_neither_each_other_and_it_comes_home_first(
    first: OrderKind,
) -> None:
    """Both are in one answer of the station, as after a gap in its link."""

    @in_simulation_time
    async def story() -> None:
        desk = Desk()
        second = OrderKind.REVOKE if first is OrderKind.STAND_DOWN else OrderKind.STAND_DOWN
        both = [desk.take(first), desk.take(second)]
        await asyncio.sleep(10.0)
        assert desk.done == [OrderKind.STAND_DOWN, OrderKind.REVOKE]
        assert [desk.result(each)[0] for each in both] == [OrderState.DONE] * 2
        await desk.stop()

    story()


@in_simulation_time
async def test_a_refusal_says_why_and_the_next_order_is_carried_out() -> None:
    desk = Desk()
    refused, unknown = desk.take(OrderKind.NO_LOOK), desk.take(OrderKind.LOOK_AGAIN)
    await asyncio.sleep(0.1)
    desk.error = ArithmeticError("a division by zero")
    broken = desk.take(OrderKind.NO_LOOK)
    fine = desk.take(OrderKind.GRANT)
    await asyncio.sleep(11.0)
    assert desk.result(refused) == (OrderState.REFUSED, "there is nothing to decline")
    assert desk.result(unknown) == (OrderState.REFUSED, "this drone cannot do that")
    assert desk.result(broken) == (OrderState.REFUSED, "it failed (ArithmeticError)")
    assert desk.result(fine) == (OrderState.DONE, "")
    await desk.stop()


@in_simulation_time
async def test_too_many_orders_are_refused_and_an_urgent_one_never_is() -> None:
    desk = Desk()
    for _ in range(MOST_WAITING + 1):
        desk.take(OrderKind.GRANT)
        await asyncio.sleep(0.0)
    last = desk.take(OrderKind.GRANT)
    assert desk.result(last) == (OrderState.REFUSED, "too many orders at once")
    urgent = desk.take(OrderKind.STAND_DOWN)
    await asyncio.sleep(0.1)
    assert desk.result(urgent)[0] is OrderState.DONE
    assert len(desk.desk.results) <= 8
    await desk.stop()


@in_simulation_time
async def test_a_desk_that_is_closed_in_the_middle_of_an_order_ends() -> None:
    """Or the agent would never end: its task group waits for it."""
    desk = Desk()
    desk.take(OrderKind.START)
    await asyncio.sleep(1.0)
    async with asyncio.timeout(1.0):
        await desk.stop()
    await asyncio.sleep(20.0)
    assert desk.done == []


@in_simulation_time
async def test_an_order_that_takes_minutes_is_accepted_until_its_end_and_holds_up_no_other() -> None:
    later: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    async def goes(_order: Order) -> asyncio.Future[Ending]:
        return later

    desk = Desk()
    desk.desk._handlers = {**desk.desk._handlers, OrderKind.LOOK_AT: goes}
    first, second = desk.take(OrderKind.LOOK_AT), desk.take(OrderKind.PAUSE)
    await asyncio.sleep(11.0)
    assert [desk.result(first)[0], desk.result(second)[0]] == [OrderState.ACCEPTED, OrderState.DONE]
    assert desk.desk.idle
    found = uuid4()
    later.set_result(Ending(OrderState.DONE, "1 alert", (found,)))
    await asyncio.sleep(0.1)
    assert desk.result(first) == (OrderState.DONE, "1 alert")
    assert desk.desk.results[-1].alert_ids == [found]
    await desk.stop()


@pytest.mark.parametrize("kind", [OrderKind.HOLD, OrderKind.RETURN, OrderKind.LAND])
def test_what_stops_or_brings_down_breaks_off_all_but_what_is_more_urgent(kind: OrderKind) -> None:
    @in_simulation_time
    async def story() -> None:
        desk = Desk()
        under_way, waiting = desk.take(OrderKind.START), desk.take(OrderKind.GRANT)
        await asyncio.sleep(1.0)
        it = desk.take(kind)
        await asyncio.sleep(0.1)
        why = (OrderState.REFUSED, f"overtaken by {kind.value}")
        assert [desk.result(each) for each in (under_way, waiting)] == [why, why]
        assert desk.result(it)[0] is OrderState.ACCEPTED
        desk.take(OrderKind.STAND_DOWN)
        await asyncio.sleep(0.1)
        assert desk.result(it) == (OrderState.REFUSED, "overtaken by stand down")
        assert desk.done == [OrderKind.STAND_DOWN]
        await desk.stop()

    story()


@in_simulation_time
async def test_a_check_breaks_off_nothing_and_only_what_can_be_checked_is() -> None:
    desk = Desk()
    under_way = desk.take(OrderKind.START)
    await asyncio.sleep(1.0)
    check = order(OrderKind.LAND).model_copy(update={"only_check": True})
    wrong = order(OrderKind.HOLD).model_copy(update={"only_check": True})
    desk.desk.take(check)
    desk.desk.take(wrong)
    await asyncio.sleep(0.1)
    assert desk.result(under_way)[0] is OrderState.ACCEPTED
    await asyncio.sleep(20.0)
    assert desk.done == [OrderKind.START, OrderKind.LAND]
    assert desk.result(wrong) == (OrderState.REFUSED, "this drone cannot do that")
    await desk.stop()
