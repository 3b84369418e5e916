"""The whole picture once, then what changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter, Depends, HTTPException, WebSocket, WebSocketDisconnect

from uplink.station.answers import Snapshot
from uplink.station.live import PACE_S, LivePage, event, text_of
from uplink.station.routes.dependencies import WHO, ServicesDep, viewer
from uplink.station.services import Services

log = logging.getLogger(__name__)

router = APIRouter(tags=["live"])

POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


@router.get("/snapshot", dependencies=[Depends(viewer)], responses=WHO)
async def snapshot(services: ServicesDep) -> Snapshot:
    """Everything that a page needs to begin; ``/live`` goes on from there."""
    return await services.snapshot()


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    """Texts with lists of events: first a snapshot, then what changes; far behind, a new snapshot."""
    services: Services = websocket.app.state.services
    try:
        services.access.identify(websocket)
    except HTTPException:
        await websocket.close(POLICY_VIOLATION)
        return
    await websocket.accept()
    page = services.live.join()
    telling = asyncio.create_task(_tell(websocket, services, page))
    leaving = asyncio.create_task(_until_it_leaves(websocket, page))
    over = asyncio.create_task(services.access.until_over(websocket))
    try:
        await asyncio.wait({telling, leaving, over}, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            await websocket.close(POLICY_VIOLATION)
        elif not leaving.done():
            # Nothing more can be told: a page that is left with an open socket would believe itself live.
            log.error("a page is sent away to connect anew: %s", telling.exception())
            await websocket.close(INTERNAL_ERROR)
    finally:
        services.live.leave(page)
        telling.cancel()
        leaving.cancel()
        over.cancel()
        await asyncio.gather(telling, leaving, over, return_exceptions=True)


async def _until_it_leaves(websocket: WebSocket, page: LivePage) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
            page.answered()


async def _tell(websocket: WebSocket, services: Services, page: LivePage) -> None:
    while True:
        text = await page.news()
        if text is None:
            text = text_of([event("snapshot", await services.snapshot())])
        await websocket.send_text(text)
        await asyncio.sleep(PACE_S)
        await page.has_read()
