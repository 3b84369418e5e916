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
from fastapi import FastAPI
from websockets.asyncio.client import connect

from uplink.errors import StoreError
from uplink.messages import Order, OrderKind, OrderResult, OrderState
from uplink.order_signing import StationPublicKey
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.lease import LEASE_S
from uplink.station.orders import EXPIRES_S, STAND_DOWN_EXPIRES_S
from uplink.station.store.audit import AuditFilter
from uplink.station.store.orders import OrderLog

from .drone import CLOCK_S, linked, state_of, tell
from .listener import Listener
from .makers import DRONE, NOON, OTHER_DRONE, eventually, make_config

ANN = {"X-Emberwatch-Session": "a" * 32}
BOB = {"X-Emberwatch-Session": "b" * 32}
RUN = uuid4()


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
    async with inside(create_app(config, **more)) as http:
        yield http


@asynccontextmanager
async def inside(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=httpx.ASGITransport(app)) as http,
    ):
        yield http


async def report(http: httpx.AsyncClient, *results: OrderResult, drone_id: str = DRONE) -> list[Any]:
    """A drone's state over a link of its own; the orders that come on it."""
    return await tell(http, state_of(drone_id, *results, run=RUN))


async def order(http: httpx.AsyncClient, kind: str, who: dict[str, str] = ANN, **more: Any) -> httpx.Response:
    return await http.post(f"/drones/{DRONE}/orders", json={"kind": kind, **more}, headers=who)


async def test_an_order_reaches_its_drone_at_once_its_result_is_told_and_all_is_logged(
    station: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "uplink.station.control")
    async with linked(station) as drone, linked(station, OTHER_DRONE) as other:
        await drone.say(state_of(run=RUN))
        await other.say(state_of(OTHER_DRONE, run=RUN))
        lease = await station.post(f"/drones/{DRONE}/lease", headers=ANN)
        assert lease.json()["holder"] == "operator"
        given = (await order(station, "grant")).json()
        assert (given["kind"], given["by"], given["fate"]) == ("grant", "operator", "waiting")
        word = await drone.hear()
        assert word.order is not None, "it comes by itself"
        told = Order.model_validate_json(word.order.order)
        assert (str(told.id), told.kind, told.run) == (given["id"], "grant", RUN)
        assert told.expires_s == pytest.approx(CLOCK_S + EXPIRES_S, abs=1.0)
        assert await drone.say(state_of(run=RUN)) == [], "once on one link"
        assert await other.say(state_of(OTHER_DRONE, run=RUN)) == []
    (again,) = await report(station)
    assert again["id"] == given["id"], "and once more on the next, while there is no result"
    assert again["sequence"] > (told.sequence or 0)
    result = OrderResult(
        order_id=told.id, kind=OrderKind.GRANT, state=OrderState.REFUSED, reason="veto", at=NOON
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


async def deeds_of(app: FastAPI, about: str) -> list[tuple[str, str, Any]]:
    """What the audit log says of an order, the oldest first."""
    entries = await app.state.services.store.audit.newest(500, wanted=AuditFilter(about=about))
    return [(one.who, one.what, one.detail) for one in reversed(entries)]


async def test_every_order_and_every_turn_of_its_fate_is_in_the_audit_log(tmp_path: Path) -> None:
    clock = Clock()
    app = create_app(make_config(tmp_path), monotonic=clock)
    async with inside(app) as http:
        await report(http)
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        start, pause, revoke = [
            (await order(http, kind)).json()["id"] for kind in ("start", "pause", "revoke")
        ]
        (sent, *_) = await report(http)
        assert sent["id"] == revoke, "it goes before the pause"
        done = OrderResult(order_id=revoke, kind=OrderKind.REVOKE, state=OrderState.DONE, at=NOON)
        await report(http, done)
        clock.s += EXPIRES_S
        async with asyncio.timeout(10):
            while (await http.get("/orders")).json()[1]["fate"] != "expired":
                await asyncio.sleep(0.01)
        told = {about: await deeds_of(app, about) for about in (start, pause, revoke)}
        assert await app.state.services.store.audit.first_break() is None
    assert [(who, what) for who, what, _ in told[start]] == [
        ("operator", "order.given"),
        ("operator", "order.overtaken"),
    ]
    assert [(who, what) for who, what, _ in told[pause]] == [
        ("operator", "order.given"),
        ("station", "order.sent"),
        ("station", "order.sent"),
        ("station", "order.expired"),
    ]
    assert [(who, what) for who, what, _ in told[revoke]] == [
        ("operator", "order.given"),
        ("station", "order.sent"),
        (f"drone {DRONE}", "order.done"),
    ]
    _, _, as_sent = told[revoke][1]
    assert as_sent.items() >= {"drone_id": DRONE, "kind": "revoke", "run": str(RUN)}.items()
    assert (as_sent["sequence"], as_sent["expires_s"]) == (sent["sequence"], sent["expires_s"])


async def test_what_goes_out_is_signed_with_the_key_that_the_station_shows(
    station: httpx.AsyncClient,
) -> None:
    line = (await station.get("/orders/key")).json()["public_key"]
    async with linked(station) as drone:
        await drone.say(state_of(run=RUN))
        await station.post("/stand-down", headers=ANN)
        word = await drone.hear()
    assert word.order is not None
    assert StationPublicKey.parse(line).has_signed(word.order)


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
        mine = (await http.get("/session", headers=BOB)).json()["tag"]
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
    await tell(station, state_of(OTHER_DRONE, fixed=True))
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
        listener = Listener(page)
        assert (await listener.next())[0] == "snapshot"
        await served.post(f"/drones/{DRONE}/lease", headers=ANN)
        await order(served, "grant")
        heard = [await listener.next() for _ in range(2)]
    assert [kind for kind, _ in heard] == ["lease", "order"]
    assert "a" * 32 not in json.dumps(heard), "the session is the page's secret"


async def test_a_full_log_does_not_keep_a_drone_in_the_air(
    station: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await report(station)
    real = OrderLog.write

    async def full(self: OrderLog, changes: Any) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(OrderLog, "write", full)
    assert (await station.post("/stand-down", headers=ANN)).status_code == 202
    assert [one["kind"] for one in await report(station)] == ["stand down"]
    assert (await station.get("/orders")).json() == []
    monkeypatch.setattr(OrderLog, "write", real)

    async def logged() -> bool:
        return len((await station.get("/orders")).json()) == 2  # one for each drone

    await eventually(logged)


async def test_a_log_that_hangs_holds_up_no_order(
    station: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def hangs(self: OrderLog, changes: Any) -> None:
        await released.wait()

    async with linked(station) as drone:
        await drone.say(state_of(run=RUN))
        monkeypatch.setattr(OrderLog, "write", hangs)
        monkeypatch.setattr("uplink.station.control.LOG_FIRST_S", 0.0)
        giving = asyncio.create_task(station.post("/stand-down", headers=ANN))
        assert (await drone.hear()).order is not None
        released.set()
        assert (await giving).status_code == 202


async def test_the_order_log_comes_in_pages(station: httpx.AsyncClient) -> None:
    await report(station)
    await station.post(f"/drones/{DRONE}/lease", headers=ANN)
    given = [(await order(station, "look again", alert_id=str(uuid4()))).json()["id"] for _ in range(5)]
    seen: list[str] = []
    before: dict[str, str] = {}
    while page := (await station.get("/orders", params={"limit": "2", **before})).json():
        seen += [one["id"] for one in page]
        before = {"before": seen[-1]}
    assert seen == list(reversed(given))
    assert (await station.get("/orders", params={"before": str(uuid4())})).status_code == 404


PLACE = {"lat_deg": -35.36, "lon_deg": 149.16}
GO_TO: dict[str, Any] = {"place": PLACE, "height_m": 50, "height_above": "ground"}


@pytest.mark.parametrize(
    ("kind", "wish", "why"),
    [
        ("go to", {}, "go to needs height_above, height_m, place"),
        ("go to", {**GO_TO, "radius_m": 50}, "go to takes no radius_m"),
        ("orbit", GO_TO, "orbit needs radius_m"),
        ("change height", {"height_m": 50}, "change height needs height_above"),
        ("change height", GO_TO, "change height takes no place"),
        ("land", {}, "land needs place"),
        ("hold", {"place": PLACE}, "hold takes no place"),
        ("return", {"height_m": 50, "height_above": "home"}, "return takes no height_above, height_m"),
        ("look at", {}, "look at needs place, radius_m or a tip_id"),
        ("hold", {"only_check": True}, "only_check goes with change height, go to, land, orbit"),
        ("start", {"only_check": True}, "only_check goes with"),
        ("go to", {**GO_TO, "height_m": 5000}, "less than or equal to 1000"),
    ],
)
async def test_an_order_that_says_too_little_or_too_much_is_not_taken(
    station: httpx.AsyncClient, kind: str, wish: dict[str, Any], why: str
) -> None:
    await report(station)
    await station.post(f"/drones/{DRONE}/lease", headers=ANN)
    answer = await order(station, kind, **wish)
    assert answer.status_code == 422
    assert why in answer.text
    assert (await station.get("/orders")).json() == []


async def test_a_check_needs_no_control_and_reaches_the_drone_as_one(station: httpx.AsyncClient) -> None:
    await report(station)
    assert (await order(station, "go to", **GO_TO)).status_code == 409, "an order does"
    given = await order(station, "go to", **GO_TO, only_check=True)
    assert (given.status_code, given.json()["only_check"], given.json()["waits_s"]) == (202, True, EXPIRES_S)
    (told,) = await report(station)
    assert (told["only_check"], told["height_m"], told["height_above"]) == (True, 50.0, "ground")
    await station.post(f"/drones/{DRONE}/lease", headers=ANN)
    await order(station, "go to", **GO_TO)
    fates = {one["only_check"]: one["fate"] for one in (await station.get("/orders")).json()}
    assert fates == {True: "waiting", False: "waiting"}, "neither takes the other's place"
