"""Listens to a station as a page does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection


class Listener:
    """Reads the live socket event by event."""

    def __init__(self, page: ClientConnection) -> None:
        self._page = page
        self._events: list[Any] = []

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(5):
            while not self._events:
                self._events = json.loads(await self._page.recv())
        event = self._events.pop(0)
        return event["type"], event["data"]
