"""The drone's line against a real station over loopback, with everything that goes wrong in between."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from uplink.backoff import Backoff
from uplink.drone_link import IN_FLIGHT, DroneLink
from uplink.errors import UplinkError
from uplink.messages import DroneState, Order, OrderKind, OrderResult, OrderState, StationWord
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationKey, StationPublicKey
from uplink.orders import FORGED, NO_KEY, OTHER_RUN
from uplink.station.app import create_app
from uplink.station.server import listen, running

from .makers import (
    DRONE,
    KEY,
    NOON,
    auth,
    eventually,
    make_alert,
    make_config,
    make_state,
)
from .receiver import receiving
from .test_control import ANN, deeds_of, order

QUICK = Backoff(first_s=0.01, max_s=0.03)


@dataclass
class Agent:
    """Reports as an agent does, and keeps what it is ordered."""

    link: DroneLink
    name: str
    taken: list[Order] = field(default_factory=list)
    tells_results: bool = True

    @property
    def kinds(self) -> list[OrderKind]:
        return [order.kind for order in self.taken]

    async def report(self) -> None:
        while True:
            results = [
                OrderResult(order_id=one.id, kind=one.kind, state=OrderState.DONE, at=NOON)
                for one in self.taken[-8:]
                if self.tells_results
            ]
            self.link.set_state(make_state(mode=self.name).model_copy(update={"orders": results}))
            await asyncio.sleep(0.01)


@asynccontextmanager
async def agent(
    url: str, folder: Path, *, name: str = "AUTO", key: str = KEY, knows: str | None = "station"
) -> AsyncIterator[Agent]:
    """``knows``: the folder of the station whose key the drone has."""
    taken: list[Order] = []
    station_key = None if knows is None else StationPublicKey.parse(StationKey.open(folder / knows).public)
    link = DroneLink(
        url,
        DRONE,
        key,
        on_order=taken.append,
        station_key=station_key,
        sequence=OrderSequence(folder / "order.sequence"),
        backoff=QUICK,
    )
    it = Agent(link, name, taken)
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(it.report())]
    try:
        yield it
        assert not any(task.done() for task in tasks), "it never ends by itself"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def station(folder: Path, port: int = 0) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(make_config(folder, port=port)) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        yield http


def url_of(http: httpx.AsyncClient) -> str:
    return f"http://{http.base_url.netloc.decode()}"


def free_port() -> int:
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    listener.close()
    return port


async def speaks(http: httpx.AsyncClient, name: str) -> None:
    """Until the station has heard a state with this mode."""

    async def heard() -> bool:
        return [state["mode"] for state in (await http.get("/drones")).json()] == [name]

    await eventually(heard)


async def fates(http: httpx.AsyncClient) -> list[str]:
    return [one["fate"] for one in reversed((await http.get("/orders")).json())]


async def become(http: httpx.AsyncClient, *expected: str) -> None:
    async def are() -> bool:
        return await fates(http) == list(expected)

    await eventually(are)


# --- orders -------------------------------------------------------------------------------------------


async def test_the_drone_takes_each_order_once_and_the_station_hears_what_came_of_it(tmp_path: Path) -> None:
    async with station(tmp_path) as http, agent(url_of(http), tmp_path) as drone:
        await speaks(http, "AUTO")
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        for kind in ("grant", "start"):
            await order(http, kind)
        await become(http, "done", "done")
        assert drone.kinds == [OrderKind.GRANT, OrderKind.START]
        assert drone.taken[0].sequence is not None
        (state,) = (await http.get("/drones")).json()
        assert state["order_sequence"] == drone.taken[-1].sequence


async def test_an_order_goes_out_again_when_the_line_broke_and_is_not_carried_out_again(
    tmp_path: Path,
) -> None:
    config = make_config(tmp_path)
    app = create_app(config)
    async with (
        running(config, app) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
        agent(url, tmp_path) as drone,
    ):
        await speaks(http, "AUTO")
        await http.post(f"/drones/{DRONE}/lease", headers=ANN)
        drone.tells_results = False  # as if the line broke before it could
        given = (await order(http, "look again", alert_id=str(make_alert().id))).json()["id"]
        await eventually(lambda: len(drone.taken) == 1)
        links = app.state.services.control.links
        first = links._links[DRONE]
        first.end(1012, "for a test")
        await eventually(lambda: links._links.get(DRONE, first) is not first)

        async def sent_twice() -> bool:
            return [what for _, what, _ in await deeds_of(app, given)].count("order.sent") == 2

        await eventually(sent_twice)
        drone.tells_results = True
        await become(http, "done")
        assert len(drone.taken) == 1


async def test_an_agent_that_dies_with_an_order_in_its_hand_does_not_get_it_again(tmp_path: Path) -> None:
    async with station(tmp_path) as http:
        async with agent(url_of(http), tmp_path, name="first") as first:
            await speaks(http, "first")
            await http.post(f"/drones/{DRONE}/lease", headers=ANN)
            first.tells_results = False
            await order(http, "grant")
            await eventually(lambda: first.kinds == [OrderKind.GRANT])
        async with agent(url_of(http), tmp_path, name="second") as second:
            await speaks(http, "second")
            await become(http, "lost")
            await order(http, "pause")
            await become(http, "lost", "done")
            assert second.kinds == [OrderKind.PAUSE]


@pytest.mark.parametrize(("knows", "reason"), [(None, NO_KEY), ("another", FORGED)])
async def test_a_drone_of_another_station_or_of_none_obeys_nobody_and_goes_on_telling(
    tmp_path: Path, knows: str | None, reason: str
) -> None:
    async with station(tmp_path) as http, agent(url_of(http), tmp_path, knows=knows) as drone:
        await speaks(http, "AUTO")
        await http.post("/stand-down", headers=ANN)

        async def refused() -> bool:
            log = (await http.get("/orders")).json()
            return any((one["fate"], one["reason"]) == ("refused", reason) for one in log)

        await eventually(refused)
        assert drone.taken == []
        drone.name = "RTL"
        await speaks(http, "RTL")
        (state,) = (await http.get("/drones")).json()
        assert state["objection"] == (NO_KEY if knows is None else "")


class Eavesdropper:
    """Stands between a drone and its station: hears every order, and may say some again."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.drone: ServerConnection | None = None

    @asynccontextmanager
    async def between(self, http: httpx.AsyncClient) -> AsyncIterator[str]:
        target = f"ws://{http.base_url.netloc.decode()}"

        async def relay(drone: ServerConnection) -> None:
            assert drone.request is not None
            async with connect(
                f"{target}{drone.request.path}", additional_headers=auth(), proxy=None
            ) as station:
                self.drone = drone

                async def down() -> None:
                    async for text in station:
                        if StationWord.model_validate_json(text).order is not None:
                            self.heard.append(str(text))
                        await drone.send(text)

                going_down = asyncio.create_task(down())
                try:
                    async for text in drone:
                        await station.send(text)
                finally:
                    going_down.cancel()
                    await asyncio.gather(going_down, return_exceptions=True)

        async with serve(relay, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"http://127.0.0.1:{port}"


async def test_who_has_heard_every_order_can_make_the_drone_do_nothing(tmp_path: Path) -> None:
    spy = Eavesdropper()
    async with station(tmp_path) as http, spy.between(http) as url:
        async with agent(url, tmp_path) as drone:
            await speaks(http, "AUTO")
            await http.post(f"/drones/{DRONE}/lease", headers=ANN)
            for kind in ("grant", "start", "revoke"):
                await order(http, kind)
            await become(http, "done", "done", "done")
            assert spy.drone is not None
            for text in spy.heard:
                await spy.drone.send(text)
            drone.name = "after"
            await speaks(http, "after")
            assert drone.kinds == [OrderKind.GRANT, OrderKind.START, OrderKind.REVOKE]
        async with agent(url, tmp_path, name="anew") as drone:
            await speaks(http, "anew")
            for text in spy.heard:
                await spy.drone.send(text)
            forged = json.loads(spy.heard[0])
            forged["order"]["order"] = forged["order"]["order"].replace("grant", "start")
            await spy.drone.send(json.dumps(forged))
            drone.name = "still"
            await speaks(http, "still")
            assert drone.taken == []
        assert await fates(http) == ["done", "done", "done"], "nothing of it changed at the station"
        (state,) = (await http.get("/drones")).json()
        assert {one["reason"] for one in state["orders"]} <= {OTHER_RUN, FORGED}


# --- states -------------------------------------------------------------------------------------------


async def test_a_station_that_comes_late_goes_and_returns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    async with agent(f"http://127.0.0.1:{port}", tmp_path) as drone:
        await eventually(lambda: "out of reach" in caplog.text)
        for visit in range(2):
            async with station(tmp_path, port) as http:
                drone.name = f"visit {visit}"
                await speaks(http, drone.name)
                assert drone.link.connected
                await http.post("/stand-down", headers=ANN)
                await eventually(lambda visit=visit: len(drone.taken) == visit + 1)  # type: ignore[misc]
            await eventually(lambda: not drone.link.connected)
    said = [one.getMessage() for one in caplog.records if one.name == "uplink.link"]
    assert ["out of reach" in line for line in said] == [True, False, True, False, True], said


@asynccontextmanager
async def odd_station(
    answer: Callable[[ServerConnection, int, DroneState], Any],
) -> AsyncIterator[tuple[str, list[DroneState]]]:
    """Not ours: it takes states and answers as the test says."""
    heard: list[DroneState] = []

    async def talk(socket: ServerConnection) -> None:
        count = 0
        async for text in socket:
            count += 1
            heard.append(DroneState.model_validate_json(text))
            await answer(socket, count, heard[-1])

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}", heard


async def test_states_that_are_not_answered_are_few_and_the_next_is_the_newest(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow(socket: ServerConnection, count: int, _: DroneState) -> None:
        if count >= IN_FLIGHT:
            await release.wait()
        await socket.send(StationWord(heard=count).model_dump_json())

    async with odd_station(slow) as (url, heard):
        link = DroneLink(
            url, DRONE, KEY, on_order=print, station_key=None, sequence=OrderSequence(tmp_path / "s")
        )
        running_link = asyncio.create_task(link.run())
        for number in range(200):
            link.set_state(make_state(mode=str(number)))
            await asyncio.sleep(0.001)
        before = len(heard)
        release.set()
        await eventually(lambda: heard[-1].mode == "199")
        running_link.cancel()
        await asyncio.gather(running_link, return_exceptions=True)
    assert before == IN_FLIGHT
    assert len(heard) <= 2 * IN_FLIGHT, "nothing waits in a queue"


async def test_a_station_that_answers_no_more_is_left_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("uplink.drone_link.ANSWER_TIMEOUT_S", 0.05)
    lines: set[int] = set()

    async def mute(socket: ServerConnection, count: int, _: DroneState) -> None:
        lines.add(id(socket))
        if len(lines) > 1:
            await socket.send(StationWord(heard=count).model_dump_json())

    async with odd_station(mute) as (url, _), agent(url, tmp_path) as drone:
        await eventually(lambda: drone.link.connected)
    assert len(lines) == 2
    assert "no answer" in caplog.text


async def test_a_mistake_in_it_costs_the_line_for_a_moment_and_never_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sound = DroneLink._whole_state
    mistakes = iter([ArithmeticError("one"), ArithmeticError("two")])

    def mistaken(link: DroneLink) -> str:
        for mistake in mistakes:
            raise mistake
        return sound(link)

    monkeypatch.setattr(DroneLink, "_whole_state", mistaken)

    async def ok(socket: ServerConnection, count: int, _: DroneState) -> None:
        await socket.send(StationWord(heard=count).model_dump_json())

    async with odd_station(ok) as (url, _), agent(url, tmp_path) as drone:
        await eventually(lambda: drone.link.connected)
    assert caplog.text.count("the link to the station failed") == 1


async def test_the_state_says_what_only_the_line_knows(tmp_path: Path) -> None:
    async def ok(socket: ServerConnection, count: int, _: DroneState) -> None:
        await socket.send(StationWord(heard=count).model_dump_json())

    async with odd_station(ok) as (url, heard):
        for _ in range(2):
            async with agent(url, tmp_path):
                seen = len(heard)
                await eventually(lambda seen=seen: len(heard) > seen + 2)  # type: ignore[misc]
    runs = list(dict.fromkeys(state.run for state in heard))
    assert len(runs) == 2
    assert None not in runs
    clocks = [state.clock_s for state in heard if state.clock_s is not None]
    assert len(clocks) == len(heard)
    assert clocks == sorted(set(clocks))


async def test_a_state_that_the_station_refuses_is_said_once_and_the_line_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def picky(socket: ServerConnection, count: int, _: DroneState) -> None:
        await socket.send(StationWord(heard=count, refused="mood: unknown").model_dump_json())

    async with odd_station(picky) as (url, heard), agent(url, tmp_path) as drone:
        await eventually(lambda: len(heard) > 10)
        assert drone.link.connected
    assert caplog.text.count("refuses the drone's state: mood: unknown") == 1


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>Pay here"), (302, b""), (401, b"{}"), (404, b""), (503, b"")]
)
async def test_what_is_no_station_is_not_taken_for_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        receiving(status, body=body) as portal,
        agent(portal.url.removesuffix("/hook/token-in-path"), tmp_path) as drone,
    ):
        await eventually(lambda: "out of reach" in caplog.text)
        assert not drone.link.connected
        assert f"HTTP {status}" in caplog.text
    assert KEY not in caplog.text


async def test_a_redirect_is_not_followed_with_the_drones_key(
    served: httpx.AsyncClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def elsewhere(socket: ServerConnection, request: Request) -> Response:
        answer = socket.respond(302, "")
        answer.headers["Location"] = f"ws://{served.base_url.netloc.decode()}{request.path}"
        return answer

    async def never(_: ServerConnection) -> None:
        raise AssertionError

    async with serve(never, "127.0.0.1", 0, process_request=elsewhere) as portal:
        port = next(iter(portal.sockets)).getsockname()[1]
        async with agent(f"http://127.0.0.1:{port}", tmp_path):
            await eventually(lambda: "out of reach (HTTP 302)" in caplog.text)
    assert (await served.get("/drones")).json() == []


@pytest.mark.parametrize("url", ["", "127.0.0.1:8420", "ftp://station", "http://"])
def test_an_address_that_is_none_is_said_at_once(tmp_path: Path, url: str) -> None:
    with pytest.raises(UplinkError, match="address is not usable"):
        DroneLink(url, DRONE, KEY, on_order=print, station_key=None, sequence=OrderSequence(tmp_path / "s"))
