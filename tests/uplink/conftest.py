"""A station, and somebody who talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from uplink.station.app import create_app, running

from .makers import make_config


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
