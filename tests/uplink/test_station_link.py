"""The station's end of a drone's line: who may have one, which counts, what is taken on it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from uplink.backoff import Backoff
from uplink.station.app import create_app
from uplink.station.server import running
from uplink.station.store.keys import StoredKey

from .drone import Refused, linked, state_of, tell
from .makers import (
    DRONE,
    KEY,
    OTHER_DRONE,
    OTHER_KEY,
    as_json,
    eventually,
    make_config,
    make_state,
)
from .test_control import ANN
from .test_drone_link import agent, speaks, url_of
from .test_drone_link import station as station_at


@pytest.mark.parametrize(
    ("key", "status"), [("", 401), ("w" * 32, 401), (KEY[:-1], 401), (OTHER_KEY, 403), (KEY, 0)]
)
async def test_only_the_drone_itself_has_a_line(served: httpx.AsyncClient, key: str, status: int) -> None:
    try:
        async with linked(served, DRONE, key) as drone:
            await drone.say(state_of())
        answered = 0
    except Refused as refusal:
        answered = refusal.status
    assert answered == status
    assert len((await served.get("/drones")).json()) == (0 if status else 1)


async def test_the_latest_line_of_a_drone_is_the_one_that_counts(station: httpx.AsyncClient) -> None:
    async with linked(station) as old, linked(station) as new:
        await new.say(state_of())
        message = await old.socket.from_app.get()  # type: ignore[attr-defined]
        assert (message["type"], message["code"]) == ("websocket.close", 4001)
        await station.post("/stand-down", headers=ANN)
        assert (await new.hear()).order is not None


async def test_two_agents_with_one_key_do_not_fight_without_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        station_at(tmp_path) as http,
        agent(url_of(http), tmp_path, name="first") as first,
    ):
        await speaks(http, "first")
        first.link._backoff = Backoff(first_s=0.01, max_s=60.0)
        async with agent(url_of(http), tmp_path, name="second") as second:
            await eventually(lambda: "is its key in use twice?" in caplog.text)
            await speaks(http, "second")
            assert second.link.connected


async def test_a_drone_whose_key_is_revoked_is_shut_out_at_once_and_its_orders_stay_undone(
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
        app.state.services.keys.replace([StoredKey(DRONE, None, True, 0.0)])
        await eventually(lambda: not drone.link.connected)
        drone.name = "unheard"
        everyone = await http.post("/stand-down", headers=ANN)
        assert everyone.is_success
        with pytest.raises(Refused, match="401"):
            async with linked(http):
                pass
        assert [state["mode"] for state in (await http.get("/drones")).json()] == ["AUTO"]
        assert drone.taken == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        (json.dumps(as_json(make_state()) | {"mood": "good"}), "mood"),
        (json.dumps(as_json(make_state()) | {"heading_deg": 400}), "heading_deg"),
        (json.dumps(as_json(make_state()) | {"height_home_m": float("nan")}), "height_home_m"),
        (make_state(OTHER_DRONE).model_dump_json(), "on the link of ember-1"),
        (json.dumps(as_json(make_state()) | {"orders": [{}] * 13}), "orders"),
    ],
)
async def test_a_state_that_is_none_is_refused_with_the_place_and_the_line_stays(
    station: httpx.AsyncClient, text: str, why: str
) -> None:
    async with linked(station) as drone:
        await drone.say(text)
        assert why in drone.refused
        assert (await station.get("/drones")).json() == []
        await drone.say(state_of())
        assert drone.refused == ""
        assert len((await station.get("/drones")).json()) == 1


async def test_what_is_too_large_for_a_state_ends_the_line(served: httpx.AsyncClient) -> None:
    async with linked(served) as drone:
        with pytest.raises(Exception, match="1009"):
            await drone.say("[" * 200_000)
    assert (await served.get("/drones")).json() == []


async def test_a_drone_that_does_not_say_what_its_clock_shows_is_sent_no_order(
    station: httpx.AsyncClient,
) -> None:
    assert await tell(station, state_of(clock_s=None)) == []
    await station.post("/stand-down", headers=ANN)
    assert await tell(station, state_of(clock_s=None)) == []
    assert len(await tell(station, state_of())) == 1
