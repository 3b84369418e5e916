"""Open pages hear of changes, and a slow one costs nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from uplink.station.live import FRAME_CHARACTERS, TEXTS_AHEAD, LiveHub, LivePage, event
from uplink.station.server import running
from uplink.station.services import Services

from .drone import linked
from .listener import Listener
from .makers import as_json, auth, eventually, make_alert, make_config, make_patrol, make_state


def _socket_url(served: httpx.AsyncClient) -> str:
    return str(served.base_url).replace("http://", "ws://") + "live"


async def test_first_a_snapshot_then_each_change(served: httpx.AsyncClient) -> None:
    alert = make_alert()
    await served.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
    async with connect(_socket_url(served), proxy=None) as page, linked(served) as drone:
        heard = Listener(page)
        kind, data = await heard.next()
        assert kind == "snapshot"
        again = (await served.get("/snapshot")).json()
        assert data | {"now": ""} == again | {"now": ""}

        await drone.say(make_state())
        assert await heard.next() == ("drone", as_json(make_state()))
        await served.put("/drones/ember-1/patrol", json=as_json(make_patrol()), headers=auth())
        assert await heard.next() == ("patrol", as_json(make_patrol()))
        newer = make_alert(alert.id, 2)
        await served.put(f"/alerts/{alert.id}", json=as_json(newer), headers=auth())
        kind, data = await heard.next()
        while kind != "alert":
            kind, data = await heard.next()
        assert data["revision"] == 2
        assert data == (await served.get(f"/alerts/{alert.id}")).json()

        await served.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
        await drone.say(make_state(mode="RTL"))
        kinds = []
        while kind != "drone":
            kind, data = await heard.next()
            kinds.append(kind)
        assert data["mode"] == "RTL"
        assert "alert" not in kinds, "an old revision is no news"


async def test_a_page_that_cannot_be_told_more_is_sent_away_to_connect_anew(
    served: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(services: Services) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Services, "snapshot", broken)
    async with connect(_socket_url(served), proxy=None) as page:
        with pytest.raises(ConnectionClosed) as caught:
            async with asyncio.timeout(5):
                await page.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011


async def test_a_page_of_another_site_is_turned_away(served: httpx.AsyncClient) -> None:
    with pytest.raises(InvalidStatus):
        await connect(_socket_url(served), origin="https://evil.example", proxy=None)  # type: ignore[arg-type]
    own = f"http://{served.base_url.netloc.decode()}"
    async with connect(_socket_url(served), origin=own, proxy=None) as page:  # type: ignore[arg-type]
        assert (await Listener(page).next())[0] == "snapshot"


def told(hub: LiveHub, number: int) -> list[str]:
    """What the drones' modes are told to be after that message."""
    news = hub.since(number)
    assert news is not None
    return [json.loads(one)["data"]["mode"] for one in news[1]]


def hub_of(drones: int, **change: Any) -> LiveHub:
    """With one page open, and a state of each drone published; the mode is the drone's number."""
    hub = LiveHub(**change)
    hub.join()
    for number in range(drones):
        hub.publish("drone", f"d{number}", make_state(f"d{number}", mode=str(number)))
    return hub


async def test_of_one_thing_only_the_newest_message_is_told() -> None:
    hub = hub_of(3)
    for number in range(500):
        hub.publish("drone", "d0", make_state("d0", mode=f"RTL {number}"))
    assert told(hub, 0) == ["1", "2", "RTL 499"]
    assert told(hub, 2) == ["2", "RTL 499"]
    assert told(hub, hub.number) == []


async def test_a_page_is_told_together_what_changed_since_it_was_told_last() -> None:
    hub = LiveHub()
    page = hub.join()
    assert await page.news() is None, "the snapshot comes first"
    for drone_id in ("a", "b", "a"):
        hub.publish("drone", drone_id, make_state(drone_id))
    text = await page.news()
    assert text is not None
    assert [one["data"]["drone_id"] for one in json.loads(text)] == ["b", "a"]
    waiting = asyncio.create_task(page.news())
    await asyncio.sleep(0)
    assert not waiting.done()
    hub.publish("drone", "b", make_state("b"))
    assert "b" in str(await waiting)


async def test_a_page_too_far_behind_gets_a_new_snapshot() -> None:
    hub = hub_of(10, length=4)
    assert hub.since(5) is None, "message 6 is gone, and nothing took its place"
    assert told(hub, 6) == ["6", "7", "8", "9"]
    page = hub.join()
    assert await page.news() is None


async def test_what_is_too_much_for_one_text_comes_in_several_the_oldest_first() -> None:
    hub = hub_of(1000)
    size = len(event("drone", make_state("d1")))
    number, parts = 0, []
    while news := hub.since(number):
        number, events = news
        if not events:
            break
        assert sum(map(len, events)) <= FRAME_CHARACTERS
        parts.append(events)
    assert len(parts) == pytest.approx(1000 * size / FRAME_CHARACTERS, abs=1)
    modes = [json.loads(one)["data"]["mode"] for part in parts for one in part]
    assert modes == [str(number) for number in range(1000)]


async def test_a_page_that_answers_is_told_no_more_than_a_few_texts_ahead() -> None:
    hub = LiveHub()
    silent, answering = hub.join(), hub.join()
    answering.answered()
    for _ in range(TEXTS_AHEAD):
        await answering.has_read()
    next_text = asyncio.create_task(answering.has_read())
    for _ in range(100):
        await silent.has_read()
    assert not next_text.done()
    answering.answered()
    await next_text


async def test_what_a_page_says_after_a_text_is_its_answer(
    served: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[LivePage] = []

    def note(page: LivePage) -> None:
        answered.append(page)

    monkeypatch.setattr(LivePage, "answered", note)
    async with connect(_socket_url(served), proxy=None) as page:
        await page.recv()
        await page.send("read")
        await eventually(lambda: len(answered) == 1)


async def test_with_no_page_open_nothing_is_kept() -> None:
    hub = LiveHub()
    page = hub.join()
    await page.news()
    hub.publish("drone", "a", make_state("a"))
    hub.leave(page)
    hub.publish("drone", "a", make_state("a"))
    assert not hub._line
    again = hub.join()
    assert await again.news() is None


async def test_a_station_that_stops_says_goodbye_to_its_pages(tmp_path: Path) -> None:
    async with running(make_config(tmp_path)) as url:
        page = await connect(f"{url.replace('http', 'ws')}/api/v1/live", proxy=None)
        assert (await Listener(page).next())[0] == "snapshot"
    with pytest.raises(ConnectionClosed):
        await Listener(page).next()
    await page.close()
