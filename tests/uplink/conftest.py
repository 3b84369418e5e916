"""A station, and somebody who talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from uplink.station.app import create_app
from uplink.station.server import running

from .makers import make_config
from .package_makers import fire, whole
from .page_harness import browsers, ground, open_ground
from .people import Station, station_with_people

__all__ = ["browsers", "fire", "ground", "open_ground", "whole"]


@pytest_asyncio.fixture
async def station(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A fresh station without webhooks, called within the process. Paths begin below ``/api/v1``."""
    app = create_app(make_config(tmp_path))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=transport) as http,
    ):
        yield http


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The same over a real socket on loopback."""
    async with (
        running(make_config(tmp_path)) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http,
    ):
        yield http


# Making an application takes longer than most stories of people: one for all of a file, cleared in between.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def station_of_all(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    async with station_with_people(tmp_path_factory.mktemp("people")) as station:
        yield station


@pytest_asyncio.fixture(loop_scope="module")
async def people(station_of_all: Station) -> Station:
    await station_of_all.clear()
    return station_of_all
