"""An order is carried out at most once and never late: over restarts, sleeping machines, jumping clocks."""

from __future__ import annotations

import inspect
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from uplink import clock as uplink_clock
from uplink.drone_link import DroneLink
from uplink.messages import Order, OrderKind, OrderResult, OrderState
from uplink.station.answers import OrderFate
from uplink.station.app import create_app
from uplink.station.orders import EXPIRES_S, STAND_DOWN_EXPIRES_S, DroneClock, OrderBook

from .drone import state_of, tell
from .makers import DRONE, NOON, OTHER_DRONE, make_config
from .test_control import ANN, Clock, order, station_of
from .test_orders import make_order, result_of

RUN, NEXT_RUN = uuid4(), uuid4()
NOT_STAND_DOWN = [kind for kind in OrderKind if kind is not OrderKind.STAND_DOWN]


async def report(http: httpx.AsyncClient, run: UUID, *results: OrderResult) -> list[Any]:
    """A state of one run of the drone's agent, over a link of its own; the orders that come on it."""
    return await tell(http, state_of(DRONE, *results, run=run))


def sent(book: OrderBook, now_s: float, *, link: int = 1) -> list[Order]:
    """What goes out on a link, as the drone knows it."""
    names = set(Order.model_fields)
    orders = book.send(DRONE, DroneClock(link, 0.0), now_s, 1)
    return [Order.model_validate(order.model_dump(include=names)) for order in orders]


# --- an agent that is started anew --------------------------------------------------------------------


@pytest.mark.parametrize("kind", NOT_STAND_DOWN)
def test_an_order_that_was_handed_to_an_agent_is_not_handed_to_the_next_one(kind: OrderKind) -> None:
    book = OrderBook()
    book.heard_run(DRONE, RUN)
    book.give(make_order(kind), 0.0)
    assert [one.run for one in sent(book, 1.0)] == [RUN]
    (lost,) = book.heard_run(DRONE, NEXT_RUN)
    assert (lost.fate, "not known" in lost.reason) == (OrderFate.LOST, True)
    assert sent(book, 1.0, link=2) == []


def test_an_order_given_before_the_drone_was_heard_is_for_the_first_run_that_is_heard() -> None:
    book = OrderBook()
    book.give(make_order(OrderKind.PAUSE), 0.0)
    assert book.heard_run(DRONE, RUN) == []
    assert [one.run for one in sent(book, 1.0)] == [RUN]
    assert [one.fate for one in book.heard_run(DRONE, NEXT_RUN)] == [OrderFate.LOST]


def test_what_an_agent_had_begun_is_lost_with_it_unless_it_tells_the_end_after_all() -> None:
    book, start = OrderBook(), make_order(OrderKind.START)
    book.heard_run(DRONE, RUN)
    book.give(start, 0.0)
    book.heard(DRONE, [result_of(start, OrderState.ACCEPTED)])
    assert [one.fate for one in book.heard_run(DRONE, NEXT_RUN)] == [OrderFate.LOST]
    assert book.heard_run(DRONE, NEXT_RUN) == [], "said once"
    assert [one.fate for one in book.heard(DRONE, [result_of(start)])] == [OrderFate.DONE]


def test_a_stand_down_is_for_every_run_and_one_that_was_only_begun_waits_again() -> None:
    book, stand_down = OrderBook(), make_order(OrderKind.STAND_DOWN)
    book.heard_run(DRONE, RUN)
    book.give(stand_down, 0.0)
    assert book.heard_run(DRONE, NEXT_RUN) == []
    assert [one.id for one in sent(book, 1.0, link=1)] == [stand_down.id]
    book.heard(DRONE, [result_of(stand_down, OrderState.ACCEPTED)])
    book.heard_run(DRONE, NEXT_RUN)
    assert sent(book, 2.0, link=2) == []
    assert [one.fate for one in book.heard_run(DRONE, RUN)] == [OrderFate.WAITING]
    assert [one.id for one in sent(book, 3.0, link=3)] == [stand_down.id]
    assert sent(book, STAND_DOWN_EXPIRES_S, link=4) == [], "no longer than from when it was given"


# --- a station that is started anew, or sleeps --------------------------------------------------------


async def test_a_station_started_again_still_hears_the_end_of_what_was_begun(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    async with station_of(config) as http:
        await report(http, RUN)
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        given = (await order(http, "pause")).json()
        accepted = OrderResult(order_id=given["id"], kind=OrderKind.PAUSE, state=OrderState.ACCEPTED, at=NOON)
        await report(http, RUN, accepted)
    async with station_of(config) as http:
        done = accepted.model_copy(update={"state": OrderState.DONE})
        assert await report(http, RUN, done) == [], "and it is not given again"
        assert [one["fate"] for one in (await http.get("/orders")).json()] == ["done"]


async def test_an_order_does_not_survive_a_laptop_lid(tmp_path: Path) -> None:
    """The station's clock counts while the machine sleeps; order and lease are void when it wakes."""
    clock = Clock()
    async with station_of(make_config(tmp_path), clock) as http:
        await report(http, RUN)
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        await order(http, "start")
        clock.s += 3600.0
        assert await report(http, RUN) == []
        assert (await order(http, "start")).status_code == 409


def test_the_clock_of_orders_and_leases_counts_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {time.CLOCK_BOOTTIME: 7.0}
    monkeypatch.setattr(time, "clock_gettime", asked.__getitem__)
    assert uplink_clock.elapsed_s() == 7.0
    defaults = inspect.signature(create_app).parameters, inspect.signature(DroneLink).parameters
    assert [defaults[0]["monotonic"].default, defaults[1]["clock"].default] == [uplink_clock.elapsed_s] * 2


async def test_the_wall_clock_may_jump_by_years_and_changes_no_order(tmp_path: Path) -> None:
    clock, wall = Clock(), Clock()
    async with station_of(make_config(tmp_path), clock, wall) as http:
        await report(http, RUN)
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        for jump_s in (3e8, -6e8):
            wall.s = max(0.0, wall.s + jump_s)
            given = (await order(http, "pause")).json()
            assert [one["id"] for one in await report(http, RUN)] == [given["id"]]
            clock.s += EXPIRES_S
            assert await report(http, RUN) == []


def test_an_order_like_one_that_has_run_out_is_a_new_one() -> None:
    """Nobody has written the old one off yet: it must not swallow the new one, nor keep others out."""
    book, old, new = OrderBook(), make_order(OrderKind.PAUSE), make_order(OrderKind.PAUSE)
    book.heard_run(DRONE, RUN)
    book.give(old, 0.0)
    assert [one.id for one in book.give(new, EXPIRES_S)] == [new.id]
    assert [one.id for one in sent(book, EXPIRES_S)] == [new.id]
    book.give(make_order(OrderKind.STAND_DOWN), EXPIRES_S)
    assert book.objection(DRONE, OrderKind.GRANT, EXPIRES_S)
    assert not book.objection(DRONE, OrderKind.GRANT, EXPIRES_S + STAND_DOWN_EXPIRES_S)


# --- who ----------------------------------------------------------------------------------------------


async def test_a_stand_down_is_for_drones_too_that_have_not_been_heard_yet(
    station: httpx.AsyncClient,
) -> None:
    await station.post("/stand-down", headers=ANN)
    assert [one["kind"] for one in await report(station, RUN)] == ["stand down"]
    assert {one["drone_id"] for one in (await station.get("/orders")).json()} == {DRONE, OTHER_DRONE}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_drone_that_nobody_has_heard_has_no_lease(station: httpx.AsyncClient, method: str) -> None:
    answer = await station.request(method, "/drones/nobody-9/lease", headers=ANN)
    assert answer.status_code == 404
    assert (await order(station, "start")).status_code == 404
    assert (await station.get("/snapshot")).json()["leases"] == []
