"""Leases and orders through the station's interface: who may, what reaches the drone, what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect

from uplink.client import UplinkClient
from uplink.messages import Order, OrderKind, OrderResult, OrderState
from uplink.outbox import Outbox
from uplink.station.app import create_app, running
from uplink.station.config import OperatorConfig, StationConfig
from uplink.station.lease import LEASE_S
from uplink.station.orders import EXPIRES_S, STAND_DOWN_EXPIRES_S

from .makers import (
    DRONE,
    KEY,
    NOON,
    OTHER_DRONE,
    OTHER_KEY,
    as_json,
    auth,
    eventually,
    make_config,
    make_state,
    write_secret,
)

ANN = {"X-Emberwatch-Session": "a" * 32}
BOB = {"X-Emberwatch-Session": "b" * 32}
ANN_KEY, BOB_KEY = "ann-" * 8, "bob-" * 8


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@asynccontextmanager
async def station_of(
    config: StationConfig, clock: Clock | None = None, wall: Clock | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    more: dict[str, Any] = {"monotonic": clock} if clock else {}
    if wall:
        more["clock"] = wall
    app = create_app(config, **more)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=httpx.ASGITransport(app)) as http,
    ):
        yield http


async def report(http: httpx.AsyncClient, *results: OrderResult, drone_id: str = DRONE) -> list[Any]:
    """A drone's state; the orders in the answer."""
    state = make_state(drone_id).model_copy(update={"orders": list(results)})
    key = KEY if drone_id == DRONE else OTHER_KEY
    answer = await http.put(f"/drones/{drone_id}/state", json=as_json(state), headers=auth(key))
    assert answer.status_code == 200, answer.text
    orders: list[Any] = answer.json()["orders"]
    return orders


async def order(http: httpx.AsyncClient, kind: str, who: dict[str, str] = ANN, **more: Any) -> httpx.Response:
    return await http.post(f"/drones/{DRONE}/orders", json={"kind": kind, **more}, headers=who)


def with_operators(folder: Path, **change: Any) -> StationConfig:
    people = [
        OperatorConfig(name="Ann", key_file=write_secret(folder / "ann.key", ANN_KEY)),
        OperatorConfig(name="Bob", key_file=write_secret(folder / "bob.key", BOB_KEY)),
    ]
    return make_config(folder).model_copy(update={"operators": people, **change})


async def test_an_order_reaches_its_drone_once_its_result_is_told_and_all_is_logged(
    station: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "uplink.station.control")
    await report(station)
    await report(station, drone_id=OTHER_DRONE)
    assert (await station.post(f"/drones/{DRONE}/lease", headers=ANN)).json()["holder"] == "operator"
    given = (await order(station, "grant")).json()
    assert (given["kind"], given["by"], given["fate"]) == ("grant", "operator", "waiting")
    assert await report(station, drone_id=OTHER_DRONE) == []
    (told,) = await report(station)
    assert told["id"] == given["id"]
    assert [told] == await report(station), "repeated until there is a result"
    result = OrderResult(
        order_id=given["id"], kind=OrderKind.GRANT, state=OrderState.REFUSED, reason="veto", at=NOON
    )
    assert await report(station, result) == []
    (logged,) = (await station.get("/orders")).json()
    assert (logged["id"], logged["fate"], logged["reason"]) == (given["id"], "refused", "veto")
    assert (await station.get("/snapshot")).json()["orders"] == [logged]
    said = [record.getMessage() for record in caplog.records if record.name == "uplink.station.control"]
    assert said == [
        f"operator orders {DRONE}: grant",
        f"operator's order to {DRONE}, grant: refused (veto)",
    ]


async def test_only_who_has_control_gives_orders_and_a_stand_down_needs_none(
    station: httpx.AsyncClient,
) -> None:
    await report(station)
    await report(station, drone_id=OTHER_DRONE)
    assert (await order(station, "start")).status_code == 409
    await station.post(f"/drones/{DRONE}/lease", headers=ANN)
    assert (await station.post(f"/drones/{DRONE}/lease", headers=BOB)).status_code == 409
    assert (await order(station, "start", BOB)).status_code == 409
    assert await report(station) == []
    everyone = await station.post("/stand-down", headers=BOB)
    assert everyone.status_code == 202
    assert {one["drone_id"] for one in everyone.json()} == {DRONE, OTHER_DRONE}
    for drone_id in (DRONE, OTHER_DRONE):
        assert [one["kind"] for one in await report(station, drone_id=drone_id)] == ["stand down"]
    refused = await order(station, "start")
    assert (refused.status_code, "stand-down" in refused.json()["detail"]) == (409, True)


async def test_control_passes_on_by_hand_over_by_letting_go_and_by_expiry(tmp_path: Path) -> None:
    clock = Clock()
    async with station_of(make_config(tmp_path), clock) as http:
        await report(http)
        lease = f"/drones/{DRONE}/lease"
        await http.post(lease, headers=ANN)
        assert (await http.put(lease, json={"hand_over": True}, headers=ANN)).status_code == 409
        assert (await http.post(lease, headers=BOB)).status_code == 409
        assert (await http.put(lease, json={"hand_over": True}, headers=BOB)).status_code == 409
        handed = (await http.put(lease, json={"hand_over": True}, headers=ANN)).json()
        mine = (await http.get("/operator", headers=BOB)).json()["tag"]
        assert (handed["holder_tag"], handed["asking"]) == (mine, None)
        assert (await order(http, "grant", ANN)).status_code == 409
        assert (await http.delete(lease, headers=ANN)).status_code == 409
        assert (await http.delete(lease, headers=BOB)).json()["holder"] is None
        await http.post(lease, headers=ANN)
        clock.s += LEASE_S - 1
        assert (await http.put(lease, json={}, headers=ANN)).status_code == 200
        clock.s += LEASE_S
        assert (await http.put(lease, json={}, headers=ANN)).status_code == 409
        assert (await order(http, "grant", ANN)).status_code == 409
        assert (await http.post(lease, headers=BOB)).status_code == 200


async def test_a_stand_down_of_all_does_not_ask_fixed_cameras(station: httpx.AsyncClient) -> None:
    mast = make_state(OTHER_DRONE).model_copy(update={"fixed": True})
    await station.put(f"/drones/{OTHER_DRONE}/state", json=as_json(mast), headers=auth(OTHER_KEY))
    everyone = await station.post("/stand-down", headers=BOB)
    assert [one["drone_id"] for one in everyone.json()] == [DRONE]


async def test_orders_run_out_and_a_stand_down_outlives_the_station(tmp_path: Path) -> None:
    clock, wall = Clock(), Clock()
    config = make_config(tmp_path)
    async with station_of(config, clock, wall) as http:
        await report(http)
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        await order(http, "pause")
        clock.s += EXPIRES_S
        assert await report(http) == []
        await http.post("/stand-down", headers=ANN)
    wall.s += 100
    async with station_of(config, Clock(), wall) as http:
        assert [one["kind"] for one in await report(http)] == ["stand down"]
    wall.s += STAND_DOWN_EXPIRES_S
    async with station_of(config, Clock(), wall) as http:
        assert await report(http) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-Emberwatch-Session": "short"}, 403),
        ({**ANN, "Origin": "http://evil.example"}, 403),
        ({**ANN, "Origin": "http://127.0.0.1"}, 202),
        (ANN, 202),
    ],
)
async def test_another_site_gives_no_orders(
    station: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await report(station)
    assert (await station.post("/stand-down", headers=headers)).status_code == status
    assert len(await report(station)) == (1 if status == 202 else 0)


async def test_operators_are_known_by_their_keys(tmp_path: Path) -> None:
    async with station_of(with_operators(tmp_path)) as http:
        await report(http)
        assert (await http.post("/stand-down", headers=ANN)).status_code == 401
        assert (await http.post("/stand-down", headers=ANN | auth("x" * 32))).status_code == 401
        assert (await http.post("/stand-down", headers=ANN | auth(KEY))).status_code == 401, "a drone's key"
        who = (await http.get("/operator", headers=ANN)).json()
        assert (who["name"], who["needs_key"], who["orders_possible"]) == (None, True, True)
        assert (await http.get("/operator", headers=ANN | auth(ANN_KEY))).json()["name"] == "Ann"
        given = (await http.post("/stand-down", headers=BOB | auth(BOB_KEY))).json()
        assert {one["by"] for one in given} == {"Bob"}


async def test_on_a_network_nobody_gives_orders_until_operators_are_named(tmp_path: Path) -> None:
    open_to_all = make_config(tmp_path).model_copy(update={"host": "0.0.0.0"})  # noqa: S104 (not served)
    async with station_of(open_to_all) as http:
        await report(http)
        assert (await http.get("/operator", headers=ANN)).json()["orders_possible"] is False
        for answer in (
            await http.post("/stand-down", headers=ANN),
            await http.post(f"/drones/{DRONE}/lease", headers=ANN),
        ):
            assert answer.status_code == 403
    config = with_operators(tmp_path, host="0.0.0.0", data_dir=tmp_path / "other")  # noqa: S104
    async with station_of(config) as http:
        await report(http)
        assert (await http.post("/stand-down", headers=ANN | auth(ANN_KEY))).status_code == 202


async def test_orders_that_make_no_sense_are_refused(station: httpx.AsyncClient) -> None:
    assert (await station.post("/drones/nobody/lease", headers=ANN)).status_code == 404
    await report(station)
    await station.post(f"/drones/{DRONE}/lease", headers=ANN)
    assert (await order(station, "dance")).status_code == 422
    assert (await order(station, "look again")).status_code == 422
    assert (await order(station, "start", alert_id=str(uuid4()))).status_code == 422
    assert (await order(station, "look again", alert_id=str(uuid4()))).status_code == 202


async def test_pages_hear_of_leases_and_orders(served: httpx.AsyncClient) -> None:
    await report(served)
    async with connect(str(served.base_url).replace("http://", "ws://") + "live", proxy=None) as page:
        assert json.loads(await page.recv())["type"] == "snapshot"
        await served.post(f"/drones/{DRONE}/lease", headers=ANN)
        await order(served, "grant")
        async with asyncio.timeout(5):
            heard = [json.loads(await page.recv()) for _ in range(2)]
    assert [one["type"] for one in heard] == ["lease", "order"]
    assert "a" * 32 not in json.dumps(heard), "the session is the page's secret"


async def test_a_full_log_does_not_keep_a_drone_in_the_air(
    station: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from uplink.errors import StoreError
    from uplink.station.store.orders import OrderLog

    await report(station)
    real = OrderLog.write

    async def full(self: OrderLog, orders: Any, *, now_s: float) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(OrderLog, "write", full)
    assert (await station.post("/stand-down", headers=ANN)).status_code == 202
    assert [one["kind"] for one in await report(station)] == ["stand down"]
    assert (await station.get("/orders")).json() == []
    monkeypatch.setattr(OrderLog, "write", real)

    async def logged() -> bool:
        return len((await station.get("/orders")).json()) == 2  # one for each drone

    await eventually(logged)


async def test_the_drones_client_gives_each_order_on_once(tmp_path: Path) -> None:
    """The real client against the real station over loopback, reporting as an agent does."""
    seen: list[Order] = []
    outbox = Outbox(tmp_path / "outbox")
    async with running(make_config(tmp_path)) as url:
        client = UplinkClient(url, DRONE, KEY, outbox, on_order=seen.append, state_interval_s=0.01)
        task = asyncio.create_task(client.run())

        async def drone() -> None:
            while True:
                done = [
                    OrderResult(order_id=one.id, kind=one.kind, state=OrderState.DONE, at=NOON)
                    for one in seen[-8:]
                ]
                late = done if len(seen) > 1 else []  # the first result is held back: repeats must not run
                client.set_state(make_state().model_copy(update={"orders": late}))
                await asyncio.sleep(0.01)

        agent = asyncio.create_task(drone())
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http:

            async def known() -> bool:
                return len((await http.get("/drones")).json()) == 1

            await eventually(known)
            await http.post(f"/drones/{DRONE}/lease", headers=ANN)
            await order(http, "grant")
            await eventually(lambda: len(seen) == 1)
            await order(http, "start")
            await eventually(lambda: len(seen) == 2)

            async def all_done() -> bool:
                return [one["fate"] for one in (await http.get("/orders")).json()] == ["done", "done"]

            await eventually(all_done)
            assert [one.kind for one in seen] == [OrderKind.GRANT, OrderKind.START]
        for one in (agent, task):
            one.cancel()
        await asyncio.gather(agent, task, return_exceptions=True)
    outbox.close()
