"""The drone's client against a real station over loopback, with everything that goes wrong in between."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uuid6
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from uplink.backoff import Backoff
from uplink.client import UplinkClient
from uplink.errors import UplinkError
from uplink.link import StationLink
from uplink.outbox import Outbox
from uplink.outbox_reader import dead_letters
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.server import listen, running
from uplink.verdict import Verdict, judge

from .makers import (
    DRONE,
    KEY,
    OTHER_DRONE,
    OTHER_KEY,
    as_json,
    auth,
    by_hash,
    eventually,
    make_alert,
    make_config,
    make_patrol,
    make_picture,
    sha256_of,
)
from .receiver import receiving

QUICK = Backoff(first_s=0.01, max_s=0.03)


class Faults:
    """ASGI middleware that notes every write and answers some of them with an error of the test's choice."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.errors: dict[str, list[int]] = {}  # part of a path -> the statuses to answer with, in turn

    def into(self, app: ASGIApp) -> ASGIApp:
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] in ("PUT", "PATCH"):
                self.writes.append(scope["path"].removeprefix("/api/v1"))
                for part, statuses in self.errors.items():
                    if part in scope["path"] and statuses:
                        answer = PlainTextResponse("as told", status_code=statuses.pop(0))
                        await answer(scope, receive, send)
                        return
            await app(scope, receive, send)

        return faulty


@pytest.fixture
def outbox(tmp_path: Path) -> Any:
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield outbox


@asynccontextmanager
async def _client(url: str, outbox: Outbox, *, key: str = KEY) -> AsyncIterator[UplinkClient]:
    client = UplinkClient(url, DRONE, key, outbox, link_backoff=QUICK, item_backoff=QUICK)
    task = asyncio.create_task(client.run())
    try:
        yield client
        assert not task.done(), "the client never ends by itself"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _station(config: StationConfig, faults: Faults | None = None) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(config)
    if faults is not None:
        app.add_middleware(faults.into)
    async with (
        running(config, app) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        yield http


def _has_picture(folder: Path, picture: bytes) -> bool:
    """Whether the station of ``make_config(folder)`` keeps these very bytes."""
    sha256 = sha256_of(picture)
    path = folder / "station" / "media" / sha256[:2] / f"{sha256}.jpg"
    return path.is_file() and path.read_bytes() == picture


def _url(station: httpx.AsyncClient) -> str:
    return str(station.base_url).removesuffix("/api/v1/")


def _free_port() -> int:
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    listener.close()
    return port


async def _emptied(outbox: Outbox) -> None:
    await eventually(lambda: outbox.next_item() is None)


async def test_alerts_arrive_before_their_pictures(
    tmp_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # is none of the drone's business
    faults = Faults()
    pictures = [make_picture(str(number), size=40_000) for number in range(5)]
    alerts = [make_alert(pictures=(picture,)) for picture in pictures]
    for alert, picture in zip(alerts, pictures, strict=True):
        outbox.put_alert(alert, by_hash(picture))
    async with _station(make_config(tmp_path), faults) as station, _client(_url(station), outbox):
        await _emptied(outbox)
        stored = {alert["id"]: alert for alert in (await station.get("/alerts")).json()}
        assert all(_has_picture(tmp_path, picture) for picture in pictures)
    for alert in alerts:
        assert stored[str(alert.id)].items() >= as_json(alert).items()
    assert faults.writes == [
        *[f"/alerts/{alert.id}" for alert in alerts],
        *[f"/media/{sha256_of(picture)}" for picture in pictures],
    ]


async def test_a_station_that_comes_late_goes_and_returns(
    tmp_path: Path, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = make_config(tmp_path, port=_free_port())
    outbox.put_patrol(make_patrol())
    async with _client(f"http://127.0.0.1:{config.port}", outbox) as client:
        outbox.put_alert(make_alert())
        await eventually(lambda: "out of reach" in caplog.text)
        for visit in range(2):
            async with _station(config) as station:
                await _emptied(outbox)
                await eventually(lambda: client.connected)
                await _seen(station, "patrols", [as_json(make_patrol())])
                assert len((await station.get("/alerts")).json()) == visit + 1
            outbox.put_alert(make_alert())
            await eventually(lambda: not client.connected)
    said = [record.getMessage() for record in caplog.records if record.name == "uplink.link"]
    assert ["out of reach" in line for line in said] == [True, False, True, False, True], said
    assert not [record for record in caplog.records if record.name == "httpx"]


async def _seen(station: httpx.AsyncClient, part: str, expected: Any) -> None:
    async def shown() -> bool:
        return bool((await station.get("/snapshot")).json()[part] == expected)

    await eventually(shown)


async def test_the_patrol_is_told_again_when_it_changes_and_after_a_loss(
    tmp_path: Path, outbox: Outbox
) -> None:
    faults = Faults()
    config = make_config(tmp_path, port=_free_port())
    outbox.put_patrol(make_patrol("first"))
    async with _client(f"http://127.0.0.1:{config.port}", outbox) as client:
        async with _station(config, faults) as station:
            await _seen(station, "patrols", [as_json(make_patrol("first"))])
            outbox.put_patrol(make_patrol("second"))
            await _seen(station, "patrols", [as_json(make_patrol("second"))])
        assert faults.writes == ["/drones/ember-1/patrol"] * 2, "once each"
        outbox.put_alert(make_alert())
        await eventually(lambda: not client.connected)
        forgetful = config.model_copy(update={"data_dir": tmp_path / "another"})
        async with _station(forgetful) as station:
            await _seen(station, "patrols", [as_json(make_patrol("second"))])


async def test_poisoned_items_do_not_hold_up_their_neighbours(
    tmp_path: Path, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    oversized, sound_picture = make_picture(size=20 * 1024 * 1024), make_picture()
    taken_id = uuid6.uuid7()
    sound = [make_alert(), make_alert(), make_alert(pictures=(sound_picture,))]
    wrong_schema = make_alert().model_copy(update={"looks": -1})
    bad_json = make_alert()
    async with _station(make_config(tmp_path)) as station:
        theirs = make_alert(taken_id, drone_id=OTHER_DRONE)
        await station.put(f"/alerts/{taken_id}", json=as_json(theirs), headers=auth(OTHER_KEY))
        outbox.put_alert(wrong_schema)
        outbox.put_alert(bad_json)
        half = [bad_json.model_dump_json()[:-20], str(bad_json.id)]
        outbox._file.run(lambda db: db.execute("update alerts set body = ? where id = ?", half))
        outbox.put_alert(sound[0])
        outbox.put_alert(make_alert(taken_id))
        outbox.put_alert(sound[1], by_hash(oversized))
        outbox.put_alert(sound[2], by_hash(sound_picture))
        async with _client(_url(station), outbox):
            await _emptied(outbox)
        ids = {alert["id"] for alert in (await station.get("/alerts")).json()}
        assert ids == {str(taken_id), *(str(alert.id) for alert in sound)}
        assert _has_picture(tmp_path, sound_picture)
    reasons = {letter.key: letter.reason for letter in dead_letters(tmp_path / "outbox.db")}
    assert reasons.keys() == {str(wrong_schema.id), str(bad_json.id), str(taken_id), sha256_of(oversized)}
    assert "JSON" in reasons[str(bad_json.id)]
    assert "422" in reasons[str(wrong_schema.id)]
    assert "looks" in reasons[str(wrong_schema.id)]
    assert "another drone" in reasons[str(taken_id)]
    assert "413" in reasons[sha256_of(oversized)]
    assert caplog.text.count("dead letter") == 4


async def test_alerts_that_fail_for_now_are_sent_again_and_hold_up_nobody(
    tmp_path: Path, outbox: Outbox
) -> None:
    faults = Faults()
    troubles = ([500, 500, 500], [403], [404], [408], [425], [429], [503, 502])
    stubborn = [make_alert() for _ in troubles]
    neighbour = make_alert()
    for alert, statuses in zip(stubborn, troubles, strict=True):
        faults.errors[str(alert.id)] = list(statuses)
        outbox.put_alert(alert)
    outbox.put_alert(neighbour)
    async with _station(make_config(tmp_path), faults) as station, _client(_url(station), outbox):
        await _emptied(outbox)
        assert len((await station.get("/alerts")).json()) == len(troubles) + 1
    assert outbox.refused().count == 0
    for alert, statuses in zip(stubborn, troubles, strict=True):
        assert faults.writes.count(f"/alerts/{alert.id}") == len(statuses) + 1
    assert faults.writes.count(f"/alerts/{neighbour.id}") == 1


async def test_an_alert_that_always_fails_holds_up_nobody(tmp_path: Path, outbox: Outbox) -> None:
    for status in (500, 503):
        faults = Faults()
        picture = make_picture(str(status))
        hopeless, neighbour = make_alert(), make_alert()
        faults.errors[str(hopeless.id)] = [status] * 100_000
        outbox.put_alert(hopeless)
        outbox.put_alert(neighbour, by_hash(picture))
        async with _station(make_config(tmp_path), faults) as station, _client(_url(station), outbox):
            await eventually(lambda picture=picture: _has_picture(tmp_path, picture))  # type: ignore[misc]
            assert (await station.get(f"/alerts/{neighbour.id}")).status_code == 200
        assert outbox.refused().count == 0


async def test_a_key_that_is_not_known_yet_costs_no_alert(
    tmp_path: Path, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.put_alert(make_alert())
    async with _station(make_config(tmp_path)) as station:
        async with _client(_url(station), outbox, key="w" * 32):
            await eventually(lambda: "HTTP 401" in caplog.text)
        assert outbox.waiting() == 1
        assert outbox.refused().count == 0
        async with _client(_url(station), outbox):
            await _emptied(outbox)


async def test_a_captive_portal_is_not_taken_for_the_station(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    picture = make_picture()
    outbox.put_alert(make_alert(), by_hash(picture))
    for status, body in ((200, b"<html>Pay here</html>"), (200, b"[]"), (302, b""), (404, b"")):
        async with receiving(status, body=body) as portal:
            async with _client(portal.url.removesuffix("/hook/token-in-path"), outbox):
                await eventually(lambda portal=portal: len(portal.received) >= 2)  # type: ignore[misc]
            assert outbox.waiting() == 1
            assert outbox.refused().count == 0


@pytest.mark.parametrize("seed", range(3))
async def test_revisions_put_in_shuffled_order_end_in_the_same_alert(
    tmp_path: Path, outbox: Outbox, seed: int
) -> None:
    alert_id = uuid6.uuid7()
    alerts = [make_alert(alert_id, revision) for revision in range(1, 9)]
    random.Random(seed).shuffle(alerts)
    async with _station(make_config(tmp_path)) as station, _client(_url(station), outbox):
        for alert in alerts:
            outbox.put_alert(alert)
            if alert.revision % 2:
                await _emptied(outbox)
        await _emptied(outbox)
        stored = (await station.get(f"/alerts/{alert_id}")).json()
    assert stored.items() >= as_json(make_alert(alert_id, 8)).items()


async def test_what_was_not_sent_when_the_client_stopped_is_sent_by_the_next(
    tmp_path: Path, outbox: Outbox
) -> None:
    config = make_config(tmp_path, port=_free_port())
    alerts = [make_alert() for _ in range(5)]
    async with _client(f"http://127.0.0.1:{config.port}", outbox):
        for alert in alerts:
            await asyncio.to_thread(outbox.put_alert, alert)
    assert outbox.waiting() == 5
    async with _station(config) as station, _client(_url(station), outbox):
        await _emptied(outbox)
        assert len((await station.get("/alerts")).json()) == 5


@pytest.mark.parametrize("url", ["", "127.0.0.1:8420", "ftp://station", "http://", "http://station:port"])
async def test_an_address_that_is_none_is_said_at_once(outbox: Outbox, url: str) -> None:
    with pytest.raises(UplinkError, match="address is not usable"):
        UplinkClient(url, DRONE, KEY, outbox)


def test_verdicts() -> None:
    table = {
        Verdict.DELIVERED: (200, 201, 204),
        Verdict.OUT_OF_REACH: (301, 302, 307, 401, 502, 503, 504),
        Verdict.TOO_OFTEN: (429,),
        Verdict.LATER: (400, 403, 404, 405, 408, 410, 411, 421, 425, 500, 501, 507),
        Verdict.REFUSED: (409, 413, 415, 422),
    }
    assert {status: judge(status) for statuses in table.values() for status in statuses} == {
        status: verdict for verdict, statuses in table.items() for status in statuses
    }


def test_the_link_waits_longer_and_longer_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    link = StationLink("http://station", Backoff(first_s=1.0, max_s=30.0), random.Random(1))
    now_s, waits = 100.0, []
    for _ in range(8):
        link.lost(now_s, "no route")
        link.lost(now_s, "no route")  # the other task's request, under way at the same time
        waits.append(link.wait_s(now_s))
        now_s += waits[-1]
    for wait_s, full_s in zip(waits, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert full_s / 2 <= wait_s <= full_s
    assert len(set(waits)) == len(waits), "with jitter"
    assert link.reached(now_s)
    assert not link.reached(now_s)
    assert link.wait_s(now_s) == 0.0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
