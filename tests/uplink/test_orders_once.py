"""An order is carried out at most once and never late: over restarts, sleeping machines, jumping clocks."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from uplink import clock as uplink_clock
from uplink.client import UplinkClient
from uplink.messages import Order, OrderKind, OrderResult, OrderState
from uplink.orders import OrderIntake
from uplink.outbox import Outbox
from uplink.station.answers import OrderFate
from uplink.station.app import create_app, running
from uplink.station.orders import EXPIRES_S, STAND_DOWN_EXPIRES_S, OrderBook

from .makers import (
    DRONE,
    KEY,
    NOON,
    OTHER_DRONE,
    as_json,
    auth,
    eventually,
    make_config,
    make_state,
)
from .test_control import ANN, ANN_KEY, Clock, order, station_of, with_operators
from .test_orders import body, make_order, result_of

RUN, NEXT_RUN = uuid4(), uuid4()
NOT_STAND_DOWN = [kind for kind in OrderKind if kind is not OrderKind.STAND_DOWN]


async def report(http: httpx.AsyncClient, run: UUID, *results: OrderResult) -> list[Any]:
    """A state of one run of the drone's agent; the orders in the answer."""
    state = make_state().model_copy(update={"run": run, "orders": list(results)})
    answer = await http.put(f"/drones/{DRONE}/state", json=as_json(state), headers=auth())
    orders: list[Any] = answer.json()["orders"]
    return orders


# --- an agent that is started anew --------------------------------------------------------------------


@pytest.mark.parametrize("kind", NOT_STAND_DOWN)
def test_an_order_that_was_handed_to_an_agent_is_not_handed_to_the_next_one(kind: OrderKind) -> None:
    book = OrderBook()
    book.heard_run(DRONE, RUN)
    book.give(make_order(kind), 0.0)
    assert [one.run for one in book.waiting_for(DRONE, 1.0)] == [RUN]
    (lost,) = book.heard_run(DRONE, NEXT_RUN)
    assert (lost.fate, "not known" in lost.reason) == (OrderFate.LOST, True)
    assert book.waiting_for(DRONE, 1.0) == []


def test_an_order_given_before_the_drone_was_heard_is_for_the_first_run_that_is_heard() -> None:
    book = OrderBook()
    book.give(make_order(OrderKind.PAUSE), 0.0)
    assert book.heard_run(DRONE, RUN) == []
    assert [one.run for one in book.waiting_for(DRONE, 1.0)] == [RUN]
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
    assert book.waiting_for(DRONE, 1.0) == [stand_down]
    book.heard(DRONE, [result_of(stand_down, OrderState.ACCEPTED)])
    book.heard_run(DRONE, NEXT_RUN)
    assert book.waiting_for(DRONE, 2.0) == []
    assert [one.fate for one in book.heard_run(DRONE, RUN)] == [OrderFate.WAITING]
    assert book.waiting_for(DRONE, 3.0) == [stand_down]
    assert book.waiting_for(DRONE, STAND_DOWN_EXPIRES_S) == [], "no longer than from when it was given"


@pytest.mark.parametrize("kind", NOT_STAND_DOWN)
@pytest.mark.parametrize("run", [None, NEXT_RUN])
def test_an_agent_leaves_alone_what_is_for_another_run(kind: OrderKind, run: UUID | None) -> None:
    seen: list[Order] = []
    intake = OrderIntake(DRONE, RUN, seen.append)
    mine = make_order(kind, run=RUN)
    intake.take(body(make_order(kind, run=run), mine), 0.1)
    assert seen == [mine]


async def test_an_agent_that_dies_with_an_order_in_its_hand_does_not_get_it_again(tmp_path: Path) -> None:
    """The real client over loopback: taken, no result told, killed, started again within the order's time."""
    seen: list[tuple[str, OrderKind]] = []
    heard: list[str] = []

    @asynccontextmanager
    async def agent(name: str, url: str, outbox: Outbox) -> AsyncIterator[None]:
        def take(order: Order) -> None:
            seen.append((name, order.kind))

        client = UplinkClient(url, DRONE, KEY, outbox, on_order=take, state_interval_s=0.01)

        async def report_on() -> None:
            while True:
                client.set_state(make_state(mode=name))
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(client.run()), asyncio.create_task(report_on())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    with Outbox(tmp_path / "outbox.db") as outbox:
        async with (
            running(make_config(tmp_path)) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        ):

            async def has_taken(*expected: tuple[str, OrderKind]) -> None:
                await eventually(lambda: seen == list(expected))

            async def speaks(name: str) -> bool:
                heard[:] = [state["mode"] for state in (await http.get("/drones")).json()]
                return heard == [name]

            async def fates() -> list[str]:
                return [one["fate"] for one in (await http.get("/orders")).json()]

            async with agent("first", url, outbox):
                await eventually(lambda: speaks("first"))
                await http.post(f"/drones/{DRONE}/lease", headers=ANN)
                await order(http, "grant")
                await has_taken(("first", OrderKind.GRANT))
            async with agent("second", url, outbox):
                await eventually(lambda: speaks("second"))
                assert await fates() == ["lost"]
                await order(http, "pause")
                await has_taken(("first", OrderKind.GRANT), ("second", OrderKind.PAUSE))


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
    defaults = inspect.signature(create_app).parameters, inspect.signature(UplinkClient).parameters
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
    book.give(old, 0.0)
    assert [one.id for one in book.give(new, EXPIRES_S)] == [new.id]
    assert book.waiting_for(DRONE, EXPIRES_S) == [new]
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


async def test_behind_a_proxy_orders_need_operators_on_loopback_too(tmp_path: Path) -> None:
    name = "station.example.org"
    through = ANN | {"Host": name, "Origin": f"https://{name}"}
    async with station_of(make_config(tmp_path)) as http:
        assert (await http.post("/stand-down", headers=through)).status_code == 400, "not its own name"
    async with station_of(make_config(tmp_path).model_copy(update={"names": [name]})) as http:
        assert (await http.post("/stand-down", headers=through)).status_code == 403
    async with station_of(with_operators(tmp_path, names=[name])) as http:
        assert (await http.post("/stand-down", headers=through)).status_code == 401
        assert (await http.post("/stand-down", headers=through | auth(ANN_KEY))).status_code == 202


async def test_no_key_of_a_person_or_a_drone_gets_into_log_or_records(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with station_of(with_operators(tmp_path)) as http:
        await report(http, RUN)
        for key in (ANN_KEY, "guess-" * 6):
            who = ANN | auth(key)
            await http.post(f"/drones/{DRONE}/lease", headers=who)
            await order(http, "grant", who)
            await http.post(f"/drones/{DRONE}/orders", content=b"{", headers=who)
        assert "grant" in caplog.text, "something was logged"
        records = (await http.get("/orders")).text + (await http.get("/snapshot")).text
    on_disk = b"".join(
        file.read_bytes() for file in (tmp_path / "station").rglob("*") if file.is_file()
    ).decode("latin-1")
    for secret in (ANN_KEY, "guess-" * 6, KEY, ANN["X-Emberwatch-Session"]):
        assert secret not in caplog.text
        assert secret not in records
        assert secret not in on_disk
