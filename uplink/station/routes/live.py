"""The whole picture once, then what changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from uplink.station.answers import Snapshot
from uplink.station.live import LiveQueue, envelope
from uplink.station.routes.dependencies import ServicesDep
from uplink.station.services import Services

log = logging.getLogger(__name__)

router = APIRouter(tags=["live"])

POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


@router.get("/snapshot")
async def snapshot(services: ServicesDep) -> Snapshot:
    """Everything that a page needs to begin; ``/live`` goes on from there."""
    return await services.snapshot()


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    """First a snapshot, then each change; a page that falls far behind gets a new snapshot."""
    if _from_another_site(websocket):
        await websocket.close(POLICY_VIOLATION)
        return
    services: Services = websocket.app.state.services
    await websocket.accept()
    queue = services.live.join()
    telling = asyncio.create_task(_tell(websocket, services, queue))
    leaving = asyncio.create_task(_until_it_leaves(websocket))
    try:
        await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not leaving.done():
            # Nothing more can be told: a page that is left with an open socket would believe itself live.
            log.error("a page is sent away to connect anew: %s", telling.exception())
            await websocket.close(INTERNAL_ERROR)
    finally:
        services.live.leave(queue)
        telling.cancel()
        leaving.cancel()
        await asyncio.gather(telling, leaving, return_exceptions=True)


async def _until_it_leaves(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()  # a page has nothing to say here


async def _tell(websocket: WebSocket, services: Services, queue: LiveQueue) -> None:
    while True:
        message = await queue.take()
        if message is None:
            message = envelope("snapshot", await services.snapshot())
        await websocket.send_text(message)


def _from_another_site(websocket: WebSocket) -> bool:
    """Browsers let any site open a socket to any host, so the origin they name has to be our own."""
    origin = websocket.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != websocket.headers.get("host")
