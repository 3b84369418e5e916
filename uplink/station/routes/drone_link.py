"""The line of one drone: its states come in, signed orders go out."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from uplink.gcj02 import is_wgs84
from uplink.messages import DroneState, StationWord
from uplink.station.drone_links import OpenLink
from uplink.station.services import Services

log = logging.getLogger(__name__)

router = APIRouter(tags=["drones"])

WATCHED_S = 9.0  # what a drone is told, three times in this long


@router.websocket("/drones/{drone_id}/link")
async def drone_link(websocket: WebSocket, drone_id: str) -> None:
    """A drone's line: each text that it sends is a `DroneState`, each that it gets a `StationWord`."""
    services: Services = websocket.app.state.services
    if not await is_own_drone(websocket, services, drone_id):
        return
    await websocket.accept()
    link = services.control.links.open(drone_id)
    services.views.tell_state(drone_id)
    parts = [
        asyncio.create_task(part)
        for part in (
            _hear(websocket, services, link),
            _order(websocket, services, link),
            _tell_of_viewers(websocket, services, link),
            link.ended.wait(),
        )
    ]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if link.ended.is_set():
            log.info("the link of drone %s is closed: %s", drone_id, link.end_reason)
            await websocket.close(link.end_code, link.end_reason)
    finally:
        services.control.links.close(link)
        services.views.tell_state(drone_id)
        for part in parts:
            part.cancel()
        for outcome in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                log.error("the link of drone %s broke", drone_id, exc_info=outcome)


async def _hear(websocket: WebSocket, services: Services, link: OpenLink) -> None:
    heard = 0
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        heard += 1
        refused = await _take(text, services, link)
        if link.has_orders.is_set():
            await _send_orders(
                websocket, services, link
            )  # before the answer: it is what the state brought about
        await _say(websocket, StationWord(heard=heard, refused=refused))


async def _take(text: str | None, services: Services, link: OpenLink) -> str:
    """Why this state is refused; empty when it was taken."""
    if text is None:
        return "states are text"
    try:
        state = DroneState.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        return f"{where}: {problem['msg']}"[:256]
    if state.drone_id != link.drone_id:
        return f"drone_id is {state.drone_id} on the link of {link.drone_id}"
    # Looking through every field takes longer than all the rest: only where the word can be in it.
    if ("GCJ02" in text or "\\" in text) and not is_wgs84(state):
        return "drones send WGS 84 positions only"
    await services.heard(link, state)
    return ""


async def _order(websocket: WebSocket, services: Services, link: OpenLink) -> None:
    while True:
        await link.has_orders.wait()
        await _send_orders(websocket, services, link)


async def _send_orders(websocket: WebSocket, services: Services, link: OpenLink) -> None:
    link.has_orders.clear()
    orders = services.control.send(link)
    for order in orders:
        await _say(websocket, StationWord(order=order))
    if orders:
        await services.control.write_sent()


async def _tell_of_viewers(websocket: WebSocket, services: Services, link: OpenLink) -> None:
    """That somebody watches the drone, again and again for as long as it is so. A word of its own: a drone
    that does not know it misses nothing else."""
    while True:
        if not services.views.is_watched(link.drone_id):
            await link.is_watched.wait()
        link.is_watched.clear()
        await _say(websocket, StationWord(watched_s=WATCHED_S))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCHED_S / 3):
                await link.is_watched.wait()


async def _say(websocket: WebSocket, word: StationWord) -> None:
    await websocket.send_text(word.model_dump_json(exclude_defaults=True))


async def is_own_drone(websocket: WebSocket, services: Services, drone_id: str) -> bool:
    """Whether it is this drone that connects; it is turned away otherwise."""
    scheme, _, key = websocket.headers.get("authorization", "").partition(" ")
    drone = services.keys.owner_of(key.strip()) if scheme.lower() == "bearer" else None
    if drone is None:
        await _turn_away(websocket, 401, "give the drone's key as a bearer token")
    elif drone != drone_id:
        await _turn_away(websocket, 403, f"this key is not drone {drone_id}'s")
    return drone is not None and drone == drone_id


async def _turn_away(websocket: WebSocket, status: int, why: str) -> None:
    await websocket.send_denial_response(JSONResponse({"detail": why}, status_code=status))
