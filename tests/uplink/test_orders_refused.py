"""Who may not order a drone, and what may not be ordered: refused, logged, and nothing is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from uplink.station.store.audit import AuditFilter

from .drone import linked, state_of
from .makers import DRONE, KEY, auth, eventually
from .people import Station, page_number, station_with_people

RUN = uuid4()
GRANT = (f"/drones/{DRONE}/orders", {"kind": "grant"})
STAND_DOWN: tuple[str, Any] = ("/stand-down", None)


async def _nobody(people: Station) -> httpx.AsyncClient:
    return await people.nobody()


async def _viewer(people: Station) -> httpx.AsyncClient:
    return await people.person("Vera")


async def _pilot(people: Station) -> httpx.AsyncClient:
    return await people.person("Pia")


async def _pilot_without_csrf(people: Station) -> httpx.AsyncClient:
    http = await people.person("Pia")
    del http.headers["X-Emberwatch-Csrf"]
    return http


async def _pilot_of_another_site(people: Station) -> httpx.AsyncClient:
    http = await people.person("Pia")
    http.headers["Origin"] = "https://evil.example"
    return http


async def _drone(people: Station) -> httpx.AsyncClient:
    http = await people.nobody()
    http.headers.update(auth(KEY) | {"X-Emberwatch-Session": page_number("drone")})
    return http


REFUSALS: list[tuple[Callable[[Station], Awaitable[httpx.AsyncClient]], tuple[str, Any], int]] = [
    (_nobody, GRANT, 401),
    (_nobody, STAND_DOWN, 401),
    (_viewer, GRANT, 403),
    (_viewer, STAND_DOWN, 403),
    (_pilot_without_csrf, STAND_DOWN, 403),
    (_pilot_of_another_site, STAND_DOWN, 403),
    (_drone, GRANT, 401),
    (_drone, STAND_DOWN, 401),
    (_pilot, GRANT, 409),
    (_pilot, ("/drones/nobody/orders", {"kind": "grant"}), 404),
    (_pilot, (f"/drones/{DRONE}/orders", {"kind": "dance"}), 422),
    (_pilot, (f"/drones/{DRONE}/orders", {"kind": "grant", "by": "Ada"}), 422),
    (_pilot, (f"/drones/{DRONE}/orders", {"kind": "grant' or '1'='1"}), 422),
    (_pilot, ("/drones/..%2f..%2fetc/orders", {"kind": "grant"}), 405),
]


async def test_an_order_of_who_may_not_give_it_reaches_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with station_with_people(tmp_path) as people, linked(await people.nobody()) as drone:
        await drone.say(state_of(run=RUN))
        for who, (path, body), status in REFUSALS:
            case = (who.__name__, path, body)
            answer = await (await who(people)).post(path, json=body)
            assert answer.status_code == status, case
            assert await drone.say(state_of(run=RUN)) == [], case
            assert await people.services.store.orders.newest(10) == [], case
        deeds = await people.services.store.audit.newest(500)
        assert not [deed for deed in deeds if deed.what.startswith("order.")]
    for status in (401, 403):
        assert f"refused with {status}" in caplog.text


async def test_a_pilot_with_control_is_obeyed_and_named(tmp_path: Path) -> None:
    async with station_with_people(tmp_path) as people:
        pia = await people.person("Pia")
        async with linked(await people.nobody()) as drone:
            await drone.say(state_of(run=RUN))
            await pia.post(f"/drones/{DRONE}/lease")
            path, body = GRANT
            given = (await pia.post(path, json=body)).json()
            word = await drone.hear()
        assert word.order is not None
        assert '"by":"Pia"' in word.order.order

        async def noted() -> bool:
            deeds = await people.services.store.audit.newest(10, wanted=AuditFilter(about=given["id"]))
            told = [(deed.who, deed.what) for deed in reversed(deeds)]
            return told == [("Pia", "order.given"), ("station", "order.sent")]

        await eventually(noted)
