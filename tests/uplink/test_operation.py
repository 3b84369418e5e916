"""How a station tells how it does, and how it stops."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from edge.logs import JsonLines
from uplink.errors import StoreError
from uplink.station.app import create_app
from uplink.station.health import LEAST_ROOM_BYTES, LITTLE_ROOM_BYTES, HealthCheck
from uplink.station.server import running
from uplink.station.services import Services
from uplink.station.store.store import Store
from uplink.station.works import WELL_AFTER_S, Works
from uplink.systemd import notify, watchdog_s

from .makers import (
    as_json,
    auth,
    eventually,
    make_alert,
    make_config,
    make_picture,
    make_state,
    sha256_of,
)

NOW_S = 1_800_000_000.0


class House:
    """A store whose health is asked; ``free_bytes`` and the clocks are as the test says."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.free_bytes = 10 * LITTLE_ROOM_BYTES
        self.monotonic_s = 1000.0
        self.works = Works(lambda: self.monotonic_s)
        self.check = HealthCheck(
            self.store,
            self.works,
            folder,
            clock=lambda: NOW_S,
            monotonic=lambda: self.monotonic_s,
            free_bytes=lambda _: self.free_bytes,
        )

    async def status(self) -> str:
        self.monotonic_s += 10.0
        health = await self.check.ask()
        assert (health.status == "ok") is not bool(health.problems)
        return health.status


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_health_is_asked_of_the_disk_and_not_of_the_process(house: House) -> None:
    assert await house.status() == "ok"
    for free_bytes, status in ((LITTLE_ROOM_BYTES - 1, "degraded"), (LEAST_ROOM_BYTES - 1, "failing")):
        house.free_bytes = free_bytes
        assert await house.status() == status
    house.store.close()


async def test_a_database_that_cannot_be_written_is_failing(house: House) -> None:
    assert await house.status() == "ok"
    house.store._database._connection.conn.execute("PRAGMA query_only = 1")  # as a disk gone read-only
    assert await house.status() == "failing"
    house.store._database._connection.conn.execute("PRAGMA query_only = 0")
    assert await house.status() == "ok"
    house.store.close()


async def test_pictures_that_nobody_checks_are_told(house: House) -> None:
    for age_s, status in ((599.0, "ok"), (601.0, "degraded")):
        data = make_picture(status)
        await house.store.media.put(sha256_of(data), data, drone_id="a", now_s=NOW_S - age_s)
        assert await house.status() == status
    house.store.close()


async def test_a_task_that_fails_is_told_until_it_has_been_well_for_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def at_once(_: float) -> None:
        return None

    async def breaks_once() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StoreError("the disk is full")

    monkeypatch.setattr("uplink.station.works.asyncio.sleep", at_once)
    await house.works.keep("webhooks", breaks_once)
    assert calls == 2, "it is started again"
    assert await house.status() == "degraded"
    assert (await house.check.ask()).problems == ["webhooks failed and was started again"]
    house.monotonic_s += WELL_AFTER_S
    assert await house.status() == "ok"
    house.store.close()


async def test_who_asks_often_does_not_make_the_disk_busy(house: House) -> None:
    asked = 0
    check = house.store.check

    async def counted(*, now_s: float) -> None:
        nonlocal asked
        asked += 1
        await check(now_s=now_s)

    house.store.check = counted  # type: ignore[method-assign]
    await asyncio.gather(*(house.check.ask() for _ in range(50)))
    assert asked == 1
    house.store.close()


@asynccontextmanager
async def _station(folder: Path, **change: Any) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    config = make_config(folder).model_copy(update=change)
    app = create_app(config)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1", transport=httpx.ASGITransport(app)) as http,
    ):
        yield app, http


async def test_a_station_that_cannot_write_says_503_at_both_addresses(tmp_path: Path) -> None:
    async with _station(tmp_path) as (app, http):
        services: Services = app.state.services
        for path in ("/healthz", "/api/v1/healthz"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["status"]) in ((200, "ok"), (200, "degraded"))
        services.store._database._connection.conn.execute("PRAGMA query_only = 1")
        services.health._last = None
        for path in ("/healthz", "/api/v1/healthz"):
            answer = await http.get(path)
            assert answer.status_code == 503
            assert answer.json()["problems"][0] == "the database cannot be written"
        alert = make_alert()
        put = await http.put(f"/api/v1/alerts/{alert.id}", json=as_json(alert), headers=auth())
        assert put.status_code == 503
        services.store._database._connection.conn.execute("PRAGMA query_only = 0")


def _figures(text: str) -> dict[tuple[str, str], float]:
    """By name and by the values of its labels."""
    return {
        (
            sample.name.removeprefix("emberwatch_"),
            " ".join(sorted(sample.labels.values(), reverse=True)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_count_what_came_and_how_long_it_took(tmp_path: Path) -> None:
    async with _station(tmp_path) as (app, http):
        for number in range(3):
            alert = make_alert()
            key = auth() if number else auth("w" * 32)
            await http.put(f"/api/v1/alerts/{alert.id}", json=as_json(alert), headers=key)
        data = make_picture()
        await http.put(f"/api/v1/media/{sha256_of(data)}", content=data, headers=auth())
        await http.delete(f"/api/v1/media/{sha256_of(data)}/hold")
        await http.put(f"/api/v1/media/{sha256_of(data)}/hold", json={"reason": "a court asks"})
        services: Services = app.state.services
        state = make_state().model_copy(update={"alerts_waiting": 7})
        services.fleet.put_state(state, services.control.now_s() - 90.0, services.clock())
        answer = await http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        figures = _figures(answer.text)
    assert figures["ingest_seconds_count", "alert 2xx"] == 2
    assert figures["ingest_seconds_count", "alert 4xx"] == 1
    assert figures["ingest_seconds_count", "media 2xx"] == 1
    assert 90.0 <= figures["drone_heard_age_seconds", "ember-1"] < 120.0
    assert figures["drone_alerts_waiting", "ember-1"] == 7
    assert figures["deliveries", "waiting"] == figures["deliveries", "dead"] == 0
    assert figures["commit_seconds_count", ""] >= 3
    assert figures["disk_free_bytes", ""] > 0
    assert figures["database_readable", ""] == 1


async def test_metrics_are_for_those_who_may_look(tmp_path: Path) -> None:
    async with _station(tmp_path, sign_in=True) as (_, http):
        assert (await http.get("/metrics")).status_code == 401
        assert (await http.get("/metrics", headers=auth())).status_code == 401, "a drone's key is no token"
        assert (await http.get("/healthz")).status_code == 200


def _line(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines().format(record)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_log_line_is_one_object_with_the_fields_of_its_event() -> None:
    record = logging.makeLogRecord(
        {
            "name": "uplink.station",
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "webhook %s\nfails",
            "args": ("a.example",),
            "created": 0.5,
            "host": "a.example",
            "path": Path("/x"),
        }
    )
    assert _line(record) == {
        "at": "1970-01-01T00:00:00.500+00:00",
        "level": "warning",
        "logger": "uplink.station",
        "message": "webhook a.example\nfails",
        "host": "a.example",
        "path": "/x",
    }


def test_a_traceback_is_a_field_of_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "broke", None, sys.exc_info())
    assert _line(record)["traceback"].endswith("ValueError: no")


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """What systemd listens on."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return listener


def _heard(listener: socket.socket) -> list[str]:
    said = []
    try:
        while True:
            said.append(listener.recv(100).decode())
    except BlockingIOError:
        return said


async def test_systemd_hears_when_it_is_ready_that_it_lives_and_that_it_stops(
    tmp_path: Path, systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    async with running(make_config(tmp_path)):
        said: list[str] = []

        def lives() -> bool:
            said.extend(_heard(systemd))
            return "WATCHDOG=1" in said

        await eventually(lives)
        assert said == ["READY=1", "WATCHDOG=1"]
    assert _heard(systemd) == ["STOPPING=1"]
    systemd.close()


async def test_a_database_that_hangs_is_not_said_to_live(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*, now_s: float) -> None:
        await asyncio.sleep(3600)

    assert await house.check.answers()
    monkeypatch.setattr("uplink.station.health.ANSWER_WITHIN_S", 0.01)
    monkeypatch.setattr(house.store, "check", hangs)
    assert not await house.check.answers()
    assert await house.status() == "failing"
    house.store.close()


def test_without_systemd_nothing_is_said_and_another_ones_watchdog_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    notify("READY=1")
    assert watchdog_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    assert watchdog_s() == 3.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_s() is None
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    notify("READY=1")
    assert "could not be told" in caplog.text


async def test_an_upload_that_is_under_way_is_finished_before_the_station_stops(tmp_path: Path) -> None:
    data = make_picture(size=200_000)
    async with running(make_config(tmp_path)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        head = (
            f"PUT /api/v1/media/{sha256_of(data)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: {auth()['Authorization']}\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data[:100_000])
        await writer.drain()
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.get(f"{url}/healthz")  # the station is there, and has begun with what came before

        async def the_rest() -> bytes:
            # Until nobody new is let in: then the station is stopping.
            while True:
                try:
                    _, other = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
                    other.close()
                except OSError:
                    break
                await asyncio.sleep(0.01)
            writer.write(data[100_000:])
            return await reader.readuntil(b"\r\n\r\n")

        finishing = asyncio.create_task(the_rest())
    assert (await finishing).startswith(b"HTTP/1.1 200")
    writer.close()
    (kept,) = (tmp_path / "station" / "media").glob("*/*.jpg")
    assert kept.read_bytes() == data
