"""How the drone's courier goes about a station that is slow, full, strict or gone: hours of it, at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from uplink.client import UplinkClient
from uplink.media_upload import PIECE_BYTES
from uplink.metering import Metering
from uplink.outbox import Outbox
from uplink.outbox_reader import dead_letters, send_again, waiting
from uplink.verdict import LONGEST_RETRY_AFTER_S, retry_after_s

from .jumping_clock import now_s, run_at_once
from .makers import DRONE, KEY, by_hash, make_alert, make_patrol, make_picture, sha256_of
from .test_ground import GROUND, searched

HOUR_S = 3600.0
SMALL, LARGE = make_picture("small", size=1000), make_picture("large", size=3 * PIECE_BYTES)


@dataclass
class Station:
    """Keeps what it is sent, unless the test answers first. ``asked`` is every request: when, and what."""

    asked: list[tuple[float, str, str]] = field(default_factory=list)
    alerts: dict[str, int] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    patrols: int = 0
    before: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.asked.append((now_s(), request.method, path))
        answer = self.before(request)
        if answer is not None:
            return answer
        _, kind, thing, *_ = path.split("/")
        if kind == "drones":
            self.patrols += 1
            return httpx.Response(200, json={})
        if kind == "alerts":
            revision = json.loads(request.content)["revision"]
            self.alerts[thing] = max(revision, self.alerts.get(thing, 0))
            return httpx.Response(200, json={"id": thing, "revision": self.alerts[thing]})
        if request.method == "HEAD":
            have = len(self.parts.get(thing, b""))
            complete = "?1" if thing in self.media else "?0"
            return httpx.Response(200, headers={"Upload-Offset": str(have), "Upload-Complete": complete})
        if request.method == "PUT":
            return self._whole(thing, request.content)
        return self._piece(thing, request)

    def when(self, part: str) -> list[float]:
        """When something whose path or method has this in it was asked."""
        return [at_s for at_s, method, path in self.asked if part in f"{method} {path}"]

    def _whole(self, sha256: str, data: bytes) -> httpx.Response:
        self.parts.pop(sha256, None)
        if hashlib.sha256(data).hexdigest() != sha256:
            return httpx.Response(422, json={"detail": "the body does not match its SHA-256"})
        self.media[sha256] = data
        told = {"sha256": sha256, "offset_bytes": len(data), "size_bytes": len(data), "complete": True}
        return httpx.Response(200, json=told)

    def _piece(self, sha256: str, request: httpx.Request) -> httpx.Response:
        have, size = self.parts.get(sha256, b""), int(request.headers["Upload-Length"])
        if int(request.headers["Upload-Offset"]) != len(have):
            return httpx.Response(409, headers={"Upload-Offset": str(len(have))})
        have += request.content
        if len(have) == size:
            return self._whole(sha256, have)
        self.parts[sha256] = have
        told = {"sha256": sha256, "offset_bytes": len(have), "size_bytes": size, "complete": False}
        return httpx.Response(200, json=told)


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Station:
    """What every client of this test talks to. Nothing goes to another thread, so that no time is lost."""
    station = Station()

    def http(url: str, key: str, tls: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=url, transport=httpx.MockTransport(station.answer))

    async def at_once(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return work(*args, **named)

    monkeypatch.setattr("uplink.client.station_http", http)
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    return station


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with Outbox(path) as outbox:
        yield outbox


def _tell(
    outbox: Outbox,
    story: Callable[[UplinkClient], Coroutine[Any, Any, None]],
    metering: Metering | None = None,
) -> None:
    """The story, beside a client that delivers the outbox."""

    async def told() -> None:
        client = UplinkClient(
            "http://station", DRONE, KEY, outbox, metering=metering, clock=asyncio.get_running_loop().time
        )
        running = asyncio.create_task(client.run())
        await story(client)
        assert not running.done(), "the client never ends by itself"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_at_once(told())


def test_after_hours_without_a_station_everything_is_there_within_a_minute(
    station: Station, outbox: Outbox
) -> None:
    def gone(request: httpx.Request) -> None:
        if now_s() < 2 * HOUR_S:
            raise httpx.ConnectError("no route to host")

    station.before = gone

    async def story(_: UplinkClient) -> None:
        for number in range(8):
            picture = make_picture(str(number))
            outbox.put_alert(make_alert(), by_hash(picture))
            await asyncio.sleep(HOUR_S / 4)
        await asyncio.sleep(60)
        assert outbox.waiting() == outbox.media_waiting() == 0

    _tell(outbox, story)
    assert len(station.alerts) == len(station.media) == 8
    probes = [at_s for at_s in station.when("/") if at_s < 2 * HOUR_S]
    assert 2 * 120 <= len(probes) <= 2 * 250, "one in 15 to 30 s"
    assert outbox.refused().count == 0


def test_a_jump_of_the_wall_clock_changes_nothing(
    station: Station, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.before = lambda request: httpx.Response(503) if now_s() < 100 else None

    async def story(_: UplinkClient) -> None:
        for jump_s in (-1e9, 0.0, 1e9):
            monkeypatch.setattr("time.time", lambda jump_s=jump_s: 2e9 + jump_s)
            outbox.put_alert(make_alert())
            await asyncio.sleep(30)
        await asyncio.sleep(60)
        assert outbox.waiting() == 0

    _tell(outbox, story)
    assert len(station.alerts) == 3


def test_a_large_picture_goes_in_pieces_and_alerts_go_in_between(station: Station, outbox: Outbox) -> None:
    first, second = make_alert(), make_alert()

    def put_another(request: httpx.Request) -> None:
        if request.method == "PATCH" and request.headers["Upload-Offset"] == str(PIECE_BYTES):
            outbox.put_alert(second)

    station.before = put_another

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(first, by_hash(LARGE))
        await asyncio.sleep(1)

    _tell(outbox, story)
    assert station.media == by_hash(LARGE)
    methods = [method for _, method, path in station.asked if "/drones" not in path]
    assert methods == ["PUT", "HEAD", "PATCH", "PATCH", "PUT", "PATCH", "PATCH"]


def test_a_picture_is_gone_on_with_where_the_station_says_that_it_broke(
    station: Station, outbox: Outbox
) -> None:
    sent: list[int] = []

    def breaks(request: httpx.Request) -> None:
        if request.url.path.startswith("/api/v1/media"):
            sent.append(len(request.content))
            if sent == [len(SMALL)]:
                station.parts[sha256_of(SMALL)] = request.content[:700]
                raise httpx.ReadError("the line broke")

    station.before = breaks

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(SMALL))
        await asyncio.sleep(5)

    _tell(outbox, story)
    assert station.media == by_hash(SMALL)
    assert sent == [len(SMALL), 0, len(SMALL) - 700]


def test_a_picture_that_the_station_has_is_not_sent_again(station: Station, outbox: Outbox) -> None:
    def answer_is_lost(request: httpx.Request) -> None:
        if len(station.when("PUT /media")) == 1 and request.method == "PUT" and not station.media:
            station.media[sha256_of(SMALL)] = SMALL
            if "/media" in request.url.path:
                raise httpx.ReadError("the line broke")
            station.media.clear()

    station.before = answer_is_lost

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(SMALL))
        await asyncio.sleep(5)
        assert outbox.media_waiting() == 0

    _tell(outbox, story)
    assert len(station.when("PUT /media")) == 1
    assert len(station.when("HEAD /media")) == 1


def test_a_part_that_was_mixed_up_at_the_station_costs_no_picture(station: Station, outbox: Outbox) -> None:
    station.parts[sha256_of(LARGE)] = b"?" * 10

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(LARGE))
        await asyncio.sleep(10)

    _tell(outbox, story)
    assert station.media == by_hash(LARGE)
    assert outbox.refused().count == 0


def test_a_picture_whose_bytes_changed_on_the_drone_is_a_dead_letter(
    station: Station, outbox: Outbox, path: Path
) -> None:
    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(SMALL))
        outbox._file.run(lambda db: db.execute("update media set data = ?", [SMALL[:-1] + b"?"]))
        await asyncio.sleep(10)

    _tell(outbox, story)
    (letter,) = dead_letters(path)
    assert letter.key == sha256_of(SMALL)
    assert "damaged on the drone" in letter.reason


def test_too_many_pictures_hold_up_pictures_only(station: Station, outbox: Outbox) -> None:
    def too_many(request: httpx.Request) -> httpx.Response | None:
        if "/media" in request.url.path and now_s() < 100:
            return httpx.Response(429, headers={"Retry-After": "100"})
        return None

    station.before = too_many

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(SMALL, make_picture("another")))
        for _number in range(10):
            await asyncio.sleep(5)
            outbox.put_alert(make_alert())
        await asyncio.sleep(100)

    _tell(outbox, story)
    assert [at_s >= 100 for at_s in station.when("/media")] == [False, True, True, True]
    assert sum(at_s < 60 for at_s in station.when("/alerts")) == 11
    assert len(station.media) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_station_that_asks_for_patience_gets_it(station: Station, outbox: Outbox, status: int) -> None:
    station.before = lambda request: (
        httpx.Response(status, headers={"Retry-After": "90"}) if now_s() < 60 else None
    )

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert())
        outbox.put_alert(make_alert())
        await asyncio.sleep(120)

    _tell(outbox, story)
    first, second, third = station.when("/alerts")
    assert 90 <= second - first <= 1.2 * 90, "the other alert waits, too"
    assert len(station.alerts) == 2
    assert third - first <= 1.2 * 90


def test_how_long_to_be_patient_is_read_against_the_clock_of_who_asks() -> None:
    assert retry_after_s({"retry-after": "7"}) == 7
    assert retry_after_s({"retry-after": "99999999"}) == LONGEST_RETRY_AFTER_S
    noon, later = "Wed, 01 Jul 1970 12:00:00 GMT", "Wed, 01 Jul 1970 12:00:30 GMT"
    assert retry_after_s({"retry-after": later, "date": noon}) == 30
    assert retry_after_s({"retry-after": noon, "date": later}) == 0
    for nonsense in (
        {},
        {"retry-after": ""},
        {"retry-after": "soon"},
        {"retry-after": later},
        {"retry-after": "-5"},
    ):
        assert retry_after_s(nonsense) == 0


def test_over_a_metered_link_alerts_and_small_pictures_go_and_the_rest_over_the_next_other(
    station: Station, outbox: Outbox
) -> None:
    def interface_to(host: str, port: int) -> str:
        assert (host, port) == ("station", 80)
        return "wwan0" if now_s() < 100 else "wlan0"

    metering = Metering(
        "http://station",
        metered=False,
        interfaces=["wwan0"],
        picture_bytes=2000,
        clock=now_s,
        interface_to=interface_to,
    )

    async def story(client: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(LARGE, SMALL))
        await asyncio.sleep(90)
        assert client.metered
        assert station.media == by_hash(SMALL)
        assert (outbox.waiting(), outbox.media_waiting()) == (0, 1)
        await asyncio.sleep(30)
        assert not client.metered

    _tell(outbox, story, metering)
    assert station.media == by_hash(LARGE, SMALL)


def test_a_link_that_is_said_to_be_metered_always_is(station: Station, outbox: Outbox) -> None:
    metering = Metering("http://station", metered=True, interfaces=[], picture_bytes=0)

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert(), by_hash(SMALL))
        await asyncio.sleep(HOUR_S)

    _tell(outbox, story, metering)
    assert len(station.alerts) == 1
    assert station.media == {}


def test_a_dead_letter_that_a_person_sends_again_goes_without_anything_being_started_anew(
    station: Station, outbox: Outbox, path: Path
) -> None:
    alert = make_alert()
    station.before = lambda request: httpx.Response(422, json={"detail": "no"}) if now_s() < 50 else None

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(alert)
        await asyncio.sleep(60)
        assert outbox.refused().latest_reason == "HTTP 422: no"
        send_again(path)
        await asyncio.sleep(10)

    _tell(outbox, story)
    assert station.alerts == {str(alert.id): 1}
    assert outbox.refused().count == 0


def test_why_something_is_not_there_yet_can_be_looked_up(
    station: Station, outbox: Outbox, path: Path
) -> None:
    station.before = lambda request: httpx.Response(500, json={"detail": "oh"})

    async def story(_: UplinkClient) -> None:
        outbox.put_alert(make_alert())
        await asyncio.sleep(10)
        (one,) = waiting(path)
        assert one.last_reason == "HTTP 500: oh"
        assert one.attempts == len(station.when("/alerts")) > 2

    _tell(outbox, story)


def test_when_the_station_is_heard_another_way_nothing_waits_for_the_next_try_and_it_gets_the_patrol_again(
    station: Station, outbox: Outbox
) -> None:
    def gone(request: httpx.Request) -> None:
        if 10 < now_s() < 600:
            raise httpx.ConnectError("no route to host")

    station.before = gone

    async def story(client: UplinkClient) -> None:
        outbox.put_patrol(make_patrol())
        await asyncio.sleep(11)
        assert station.patrols == 1
        outbox.put_alert(make_alert())
        await asyncio.sleep(589)
        client.station_is_heard()
        await asyncio.sleep(0.001)
        assert outbox.waiting() == 0
        assert station.patrols == 2

    _tell(outbox, story)


def test_what_the_station_shows_of_the_drone_goes_once_each_and_searched_ground_after_alerts(
    station: Station, outbox: Outbox
) -> None:
    refusing = True
    station.before = lambda request: (
        httpx.Response(500) if refusing and "/alerts" in request.url.path else None
    )

    async def story(client: UplinkClient) -> None:
        nonlocal refusing
        outbox.put_alert(make_alert())
        client.show(GROUND)
        client.show(searched())
        await asyncio.sleep(30)
        shown = [path for _, _, path in station.asked if path.startswith("/drones")]
        assert shown == [f"/drones/{DRONE}/ground"], "an alert waits"
        refusing = False
        await asyncio.sleep(600)
        client.show(searched())
        client.show(GROUND.model_copy(update={"rally": []}))
        await asyncio.sleep(60)
        shown = [path.rpartition("/")[2] for _, _, path in station.asked if path.startswith("/drones")]
        assert shown == ["ground", "searched", "ground"]

    _tell(outbox, story)
