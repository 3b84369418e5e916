"""People at pages: a station with users, and somebody who is signed in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from uplink.station import passwords
from uplink.station.app import create_app
from uplink.station.config import StationConfig
from uplink.station.people import Role
from uplink.station.store.beside import StoreBeside
from uplink.station.store.users import UserStore

from .makers import DRONE, auth, make_config

# Checked as any other, and cheap: the parameters stand in the hash.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PEOPLE = {"Vera": Role.VIEWER, "Pia": Role.PILOT, "Ada": Role.ADMIN}


def password_of(name: str) -> str:
    return f"{name.lower()} has a long password"


def page_number(name: str) -> str:
    return name.lower().ljust(32, "-")


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Checking one takes a second of a busy core by intent; here it need not."""
    passwords._nobodys.cache_clear()
    with patch.object(passwords, "_hasher", _HASHER):
        yield
    passwords._nobodys.cache_clear()


async def settle_in(data_dir: Path, people: dict[str, Role] = PEOPLE) -> None:
    """Users, before the station starts."""
    store = StoreBeside(data_dir)
    try:
        await _add_people(store.users, people)
    finally:
        store.close()


async def _add_people(users: UserStore, people: dict[str, Role]) -> None:
    for name, role in people.items():
        await users.add(name, role, _HASHER.hash(password_of(name)), by="a test", now_s=0.0)


class Station:
    """A running station with ``PEOPLE``, called within the process."""

    def __init__(self, app: FastAPI, data_dir: Path, stack: AsyncExitStack) -> None:
        self.app = app
        self.data_dir = data_dir
        self._stack = stack

    @property
    def services(self) -> Any:
        return self.app.state.services

    async def clear(self) -> None:
        """``PEOPLE`` and nobody else, nobody signed in, no key but the configuration's."""

        def work(db: Any) -> None:
            for table in ("users", "sessions", "tokens", "drone_keys"):
                db.execute(f"delete from {table}")  # noqa: S608

        await self.services.store._database.run(work)
        await _add_people(self.services.store.users, PEOPLE)
        await self.services.access.reload()

    async def nobody(self, address: str = "127.0.0.1", host: str = "127.0.0.1") -> httpx.AsyncClient:
        """A browser of which the station knows nothing."""
        transport = httpx.ASGITransport(self.app, client=(address, 40000))
        return await self._stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://{host}/api/v1", transport=transport)
        )

    async def person(self, name: str, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """Somebody at a page, signed in."""
        http = await self.nobody(address)
        answer = await sign_in(http, name)
        assert answer.status_code == 200, answer.text
        return http


@asynccontextmanager
async def station_with_people(folder: Path, **more: Any) -> AsyncIterator[Station]:
    """``more`` goes to the application, or is a ``config``."""
    config: StationConfig = more.pop("config", None) or make_config(folder).model_copy(
        update={"sign_in": True}
    )
    if not (config.data_dir / "station.db").exists():
        await settle_in(config.data_dir)
    app = create_app(config, **more)
    async with AsyncExitStack() as stack:
        stack.enter_context(cheap_passwords())
        await stack.enter_async_context(app.router.lifespan_context(app))
        yield Station(app, config.data_dir, stack)


async def sign_in(http: httpx.AsyncClient, name: str, password: str | None = None) -> httpx.Response:
    """As the page does it; the client then sends what the page would."""
    http.headers["X-Emberwatch-Session"] = page_number(name)
    answer = await http.post(
        "/session", json={"name": name, "password": password_of(name) if password is None else password}
    )
    if answer.is_success:
        http.headers["X-Emberwatch-Csrf"] = answer.json()["csrf_token"]
    return answer


class Clock:
    def __init__(self) -> None:
        self.s = 1_000_000.0

    def __call__(self) -> float:
        return self.s


async def deeds(station: Station) -> list[tuple[str, str, str]]:
    """The oldest first."""
    entries = await station.services.store.audit.newest(500)
    return [(one.who, one.what, one.about) for one in reversed(entries)]


async def heard(station: Station, key: str) -> int:
    """What a drone with this key is answered: 401, or that its patrol makes no sense."""
    http = await station.nobody()
    return (await http.put(f"/drones/{DRONE}/patrol", json={}, headers=auth(key))).status_code
