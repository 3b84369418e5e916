"""Speaks to a station as a drone does: over its link, state by state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol
from uuid import UUID

import httpx
from starlette.types import ASGIApp, Message
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from uplink.messages import DroneState, OrderResult, SignedOrder, StationWord

from .makers import DRONE, KEY, OTHER_DRONE, OTHER_KEY, auth, make_state

CLOCK_S = 100.0
KEYS = {DRONE: KEY, OTHER_DRONE: OTHER_KEY}


class Refused(Exception):  # noqa: N818 (an answer, like any other)
    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"HTTP {status}")


class Socket(Protocol):
    async def send(self, message: str, /) -> None: ...
    async def recv(self) -> str | bytes: ...


class Drone:
    """One open link of one drone."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.refused = ""
        self.sent = 0

    async def hear(self) -> StationWord:
        async with asyncio.timeout(10):
            return StationWord.model_validate_json(await self.socket.recv())

    async def say(self, state: DroneState | str) -> list[SignedOrder]:
        """Returns when the station has dealt with it; the orders that came before its answer."""
        await self.socket.send(state if isinstance(state, str) else state.model_dump_json())
        self.sent += 1
        orders: list[SignedOrder] = []
        while True:
            word = await self.hear()
            if word.order is not None:
                orders.append(word.order)
            if word.heard == self.sent:
                self.refused = word.refused
                return orders


@asynccontextmanager
async def linked(
    http: httpx.AsyncClient, drone_id: str = DRONE, key: str | None = None
) -> AsyncIterator[Drone]:
    """Opens the link of a drone with the station that ``http`` speaks to. Raises Refused."""
    headers = auth(KEYS[drone_id] if key is None else key)
    path = f"/api/v1/drones/{drone_id}/link"
    if isinstance(http._transport, httpx.ASGITransport):
        async with _inside(http._transport.app, path, headers) as socket:
            yield Drone(socket)
        return
    url = f"ws://{http.base_url.netloc.decode()}{path}"
    try:
        async with connect(url, additional_headers=headers, proxy=None) as outside:
            yield Drone(outside)
    except InvalidStatus as refusal:
        raise Refused(refusal.response.status_code) from None


def state_of(
    drone_id: str = DRONE, *results: OrderResult, run: UUID | None = None, **change: Any
) -> DroneState:
    """A state as a drone's link sends it."""
    said = {"run": run, "clock_s": CLOCK_S, "orders": list(results), **change}
    return make_state(drone_id).model_copy(update=said)


async def tell(http: httpx.AsyncClient, state: DroneState) -> list[Any]:
    """One state over a link of its own; the orders that came for it."""
    async with linked(http, state.drone_id) as drone:
        orders = await drone.say(state)
        assert drone.refused == ""
        return [json.loads(one.order) for one in orders]


# --- the same within the process ----------------------------------------------------------------------


class _Inside:
    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: str, /) -> None:
        await self.to_app.put({"type": "websocket.receive", "text": message})

    async def recv(self) -> str | bytes:
        message = await self.from_app.get()
        assert message["type"] == "websocket.send", message
        text: str = message["text"]
        return text


@asynccontextmanager
async def _inside(app: ASGIApp, path: str, headers: dict[str, str]) -> AsyncIterator[_Inside]:
    inside = _Inside()
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "subprotocols": [],
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"host": "127.0.0.1", **headers}.items()
        ],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    await inside.to_app.put({"type": "websocket.connect"})
    served: asyncio.Task[None] = asyncio.create_task(
        app(scope, inside.to_app.get, inside.from_app.put)  # type: ignore[arg-type]
    )
    try:
        answer = await inside.from_app.get()
        if answer["type"] != "websocket.accept":
            raise Refused(answer.get("status", 403))
        yield inside
    finally:
        await inside.to_app.put({"type": "websocket.disconnect", "code": 1000})
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await served
