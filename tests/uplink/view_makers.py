"""Pictures of a live view, and somebody who sends and watches them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from uplink.live_view.frame import pack_frame, unpack_frame
from uplink.live_view.words import ViewAsked, ViewBox, ViewFrame, ViewLine, ViewSaid, ViewState

from .makers import DRONE, HOME, KEY, NOON, auth, make_jpeg

PATIENCE_S = 10


def make_frame(frame: int, *, boxes: int = 0, **change: Any) -> ViewFrame:
    box = ViewBox(
        label="fire",
        score=0.8,
        box=(0.25, 0.25, 0.5, 0.75),
        position=HOME,
        plus_minus_m=12.3,
        alert_id=uuid.UUID(int=7),
    )
    said: dict[str, Any] = {
        "frame": frame,
        "captured_at": NOON,
        "time_source": "gnss",
        "sent_ms": 1000.0 * frame,
        "age_ms": 40.0,
        "width_px": 64,
        "height_px": 48,
        "boxes": [box] * boxes,
        "boxes_age_ms": 60.0 if boxes else None,
        "line": ViewLine(frames_per_s=5, quality=60, kbit_s=400),
    }
    return ViewFrame.model_validate(said | change)


def packed(frame: int, **change: Any) -> bytes:
    return pack_frame(make_frame(frame, **change), make_jpeg(frame % 50))


class Sending:
    """A drone's pictures' socket, spoken by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, data: bytes | str) -> None:
        await self.socket.send(data)

    async def hear(self) -> ViewAsked:
        async with asyncio.timeout(PATIENCE_S):
            return ViewAsked.model_validate_json(await self.socket.recv())


class Watching:
    """A page's view, spoken by hand; it acknowledges nothing by itself."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.states: list[ViewState] = []

    async def next(self) -> ViewFrame | ViewSaid:
        """The next picture or answer; states are kept aside."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.socket.recv()
                if isinstance(message, bytes):
                    return unpack_frame(message)[0]
                said = ViewSaid.model_validate_json(message)
                if said.state is None:
                    return said
                self.states.append(said.state)

    async def told(self) -> None:
        """The first word of the station: how it stands."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self.socket.recv()
        said = ViewSaid.model_validate_json(message)
        assert said.state is not None
        self.states.append(said.state)

    async def frame(self) -> ViewFrame:
        got = await self.next()
        assert isinstance(got, ViewFrame), got
        return got

    async def state(self, wanted: str, since: int = 0) -> ViewState:
        """Until it is so, of those told after so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.states) <= since or self.states[-1].state != wanted:
                message = await self.socket.recv()
                if isinstance(message, str):
                    said = ViewSaid.model_validate_json(message)
                    if said.state is not None:
                        self.states.append(said.state)
        return self.states[-1]

    async def say(self, **asked: Any) -> None:
        await self.socket.send(ViewAsked.model_validate(asked).model_dump_json(exclude_defaults=True))


def socket_url(http: httpx.AsyncClient, what: str, drone_id: str = DRONE) -> str:
    return f"ws://{http.base_url.netloc.decode()}/api/v1/drones/{drone_id}/{what}"


@asynccontextmanager
async def sending(http: httpx.AsyncClient, key: str = KEY, drone_id: str = DRONE) -> AsyncIterator[Sending]:
    url = socket_url(http, "pictures", drone_id)
    async with connect(url, additional_headers=auth(key), proxy=None) as socket:
        yield Sending(socket)


@asynccontextmanager
async def watching(http: httpx.AsyncClient, drone_id: str = DRONE) -> AsyncIterator[Watching]:
    """The page counts as one that watches from here on."""
    async with connect(socket_url(http, "view", drone_id), proxy=None) as socket:
        page = Watching(socket)
        await page.told()
        yield page
