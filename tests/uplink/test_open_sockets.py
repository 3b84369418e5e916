"""What is open when a right ends: the live socket of a page, and the link of a drone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from uplink.station import access
from uplink.station.app import create_app
from uplink.station.server import running
from uplink.station.sessions import IDLE_S, LIFETIME_S

from .drone import Refused, linked, state_of
from .makers import DRONE, OTHER_DRONE, auth, make_config
from .people import cheap_passwords, settle_in, sign_in


class Clock:
    def __init__(self) -> None:
        self.s = 1_000_000.0

    def __call__(self) -> float:
        return self.s


class Station:
    def __init__(self, url: str, services: Any, clock: Clock) -> None:
        self.url = url
        self.access: access.Access = services.access
        self.clock = clock

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"{self.url}/api/v1", trust_env=False)

    def live(self, headers: dict[str, str]) -> Any:
        return connect(
            f"{self.url.replace('http', 'ws')}/api/v1/live", additional_headers=headers, proxy=None
        )


@pytest_asyncio.fixture
async def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Station]:
    monkeypatch.setattr(access, "LOOK_EVERY_S", 0.01)
    config, clock = make_config(tmp_path).model_copy(update={"sign_in": True}), Clock()
    await settle_in(config.data_dir)
    app = create_app(config, clock=clock)
    with cheap_passwords():
        async with running(config, app) as url, httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{url}/healthz")).status_code == 200  # it has begun
            yield Station(url, app.state.services, clock)


async def cookie_of(http: httpx.AsyncClient, name: str) -> dict[str, str]:
    assert (await sign_in(http, name)).status_code == 200
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in http.cookies.items())}


async def ended(socket: ClientConnection) -> int | None:
    """The code with which the station closes it."""
    try:
        async with asyncio.timeout(10):
            while True:
                await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("headers", [{}, {"Cookie": "emberwatch=guessed"}, auth("g" * 43)])
async def test_nobody_hears_anything_without_a_session(station: Station, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await station.live(headers)
    assert refused.value.response.status_code == 403


async def test_another_site_hears_nothing_with_the_session_of_who_visits_it(station: Station) -> None:
    async with station.http() as http:
        cookie = await cookie_of(http, "Vera")
        with pytest.raises(InvalidStatus):
            await station.live(cookie | {"Origin": "http://evil.example"})
        async with station.live(cookie | {"Origin": station.url}) as page:
            assert '"snapshot"' in str(await page.recv())


@pytest.mark.parametrize("how", ["signs out", "is removed", "another password"])
async def test_it_ends_with_the_session(station: Station, how: str) -> None:
    async with station.http() as http, station.http() as other:
        cookie, others = await cookie_of(http, "Vera"), await cookie_of(other, "Pia")
        async with station.live(cookie) as page, station.live(others) as stays:
            await page.recv()
            await stays.recv()
            if how == "signs out":
                assert (await http.delete("/session")).status_code == 204
            elif how == "is removed":
                await station.access.remove_user("Vera", by="Ada")
            else:
                await station.access.set_password("Vera", "a password of mine", by="Ada")
            assert await ended(page) == 1008
            pong = await stays.ping()
            await asyncio.wait_for(pong, 5)
        with pytest.raises(InvalidStatus):
            await station.live(cookie)


async def test_an_open_page_uses_its_session_and_after_a_shift_it_is_over_all_the_same(
    station: Station,
) -> None:
    async with station.http() as http:
        cookie = await cookie_of(http, "Vera")
        async with station.live(cookie) as page:
            await page.recv()
            begun_s = station.clock.s
            while station.clock.s < begun_s + LIFETIME_S - IDLE_S:
                station.clock.s += IDLE_S - 60
                await looked(station)
            assert (await http.get("/drones")).status_code == 200
            station.clock.s = begun_s + LIFETIME_S
            assert await ended(page) == 1008


async def looked(station: Station) -> None:
    """Until the open page has used its session at the time that it is now."""
    async with asyncio.timeout(10):
        while True:
            (session,) = station.access._sessions._by_digest.values()
            if session.used_at_s == station.clock.s:
                return
            await asyncio.sleep(0.01)


async def test_a_program_hears_until_its_token_is_taken_away(station: Station) -> None:
    from uplink.station.people import Role

    token = await station.access.add_token("gis", Role.VIEWER, by="Ada")
    async with station.live(auth(token)) as program:
        await program.recv()
        await station.access.remove_token("gis", by="Ada")
        assert await ended(program) == 1008


@pytest.mark.parametrize("how", ["revoked", "another key"])
async def test_the_link_of_a_drone_is_closed_when_its_key_is_gone(station: Station, how: str) -> None:
    async with station.http() as http, linked(http) as drone, linked(http, OTHER_DRONE) as other:
        await drone.say(state_of())
        if how == "revoked":
            await station.access.revoke_drone_key(DRONE, by="Ada")
        else:
            await station.access.make_drone_key(DRONE, by="Ada")
        assert await ended(drone.socket) == 4003  # type: ignore[arg-type]
        await other.say(state_of(OTHER_DRONE))
        with pytest.raises(Refused) as refused:
            async with linked(http):
                pass
        assert refused.value.status == 401
