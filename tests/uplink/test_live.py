"""Open pages hear of changes, and a slow one costs nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from uplink.station.app import running
from uplink.station.live import LiveHub, LiveQueue
from uplink.station.services import Services

from .makers import as_json, auth, make_alert, make_config, make_patrol, make_state


def _socket_url(served: httpx.AsyncClient) -> str:
    return str(served.base_url).replace("http://", "ws://") + "live"


async def _next(page: ClientConnection) -> tuple[str, Any]:
    async with asyncio.timeout(5):
        message = json.loads(await page.recv())
    return message["type"], message["data"]


async def test_first_a_snapshot_then_each_change(served: httpx.AsyncClient) -> None:
    alert = make_alert()
    await served.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
    async with connect(_socket_url(served), proxy=None) as page:
        kind, data = await _next(page)
        assert kind == "snapshot"
        assert data == (await served.get("/snapshot")).json()

        await served.put("/drones/ember-1/state", json=as_json(make_state()), headers=auth())
        assert await _next(page) == ("drone", as_json(make_state()))
        await served.put("/drones/ember-1/patrol", json=as_json(make_patrol()), headers=auth())
        assert await _next(page) == ("patrol", as_json(make_patrol()))
        newer = make_alert(alert.id, 2)
        await served.put(f"/alerts/{alert.id}", json=as_json(newer), headers=auth())
        kind, data = await _next(page)
        assert (kind, data["revision"]) == ("alert", 2)
        assert data == (await served.get(f"/alerts/{alert.id}")).json()

        await served.put(f"/alerts/{alert.id}", json=as_json(alert), headers=auth())
        await served.put("/drones/ember-1/state", json=as_json(make_state(mode="RTL")), headers=auth())
        kind, data = await _next(page)
        assert (kind, data["mode"]) == ("drone", "RTL"), "an old revision is no news"


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
        assert (await _next(page))[0] == "snapshot"


async def test_of_one_thing_only_the_newest_message_waits() -> None:
    hub = LiveHub()
    slow = hub.join()
    assert await slow.take() is None, "the snapshot comes first"
    for number in range(500):
        hub.publish("drone", "ember-1", make_state(mode=str(number)))
    hub.publish("alert", "a", make_alert())
    first, second = await slow.take(), await slow.take()
    assert first is not None
    assert second is not None
    assert json.loads(first)["data"]["mode"] == "499"
    assert json.loads(second)["type"] == "alert"


async def test_a_page_too_far_behind_gets_a_new_snapshot() -> None:
    queue = LiveQueue(length=3)
    assert await queue.take() is None
    for number in range(10):
        queue.put("alert", str(number), str(number))
    assert await queue.take() is None
    assert await queue.take() == "9"


async def test_a_station_that_stops_says_goodbye_to_its_pages(tmp_path: Path) -> None:
    async with running(make_config(tmp_path)) as url:
        page = await connect(f"{url.replace('http', 'ws')}/api/v1/live", proxy=None)
        assert (await _next(page))[0] == "snapshot"
    with pytest.raises(ConnectionClosed):
        await _next(page)
    await page.close()
