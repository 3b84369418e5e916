"""The live view: pictures come in from a drone, and go to the pages that watch it. None is stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.types import Message

from uplink.errors import StoreError
from uplink.gcj02 import is_wgs84
from uplink.live_view.frame import ViewFrameError, unpack_frame
from uplink.live_view.words import ViewAsked, ViewSaid
from uplink.station.people import Person
from uplink.station.rate_limit import RateLimit
from uplink.station.routes.drone_link import is_own_drone
from uplink.station.routes.live import INTERNAL_ERROR, POLICY_VIOLATION
from uplink.station.services import Services
from uplink.station.store.audit import Deed
from uplink.station.views import NOBODY, Stream, TooManyViewersError, Viewer

log = logging.getLogger(__name__)

router = APIRouter(tags=["drones"])

NOT_UNDERSTOOD = 1007
NO_SUCH_DRONE = 4404
TRY_LATER = 1013
BURST, EVERY_S = 60, 1 / 30  # messages of one drone; it sends 15 pictures a second at most
STATE_EVERY_S = 2.0


@router.websocket("/drones/{drone_id}/pictures")
async def pictures(websocket: WebSocket, drone_id: str) -> None:
    """A drone's pictures while somebody watches: a `ViewFrame` and a JPEG each; words are `ViewSaid` from it
    and `ViewAsked` to it."""
    services: Services = websocket.app.state.services
    if not await is_own_drone(websocket, services, drone_id):
        return
    await websocket.accept()
    stream = services.views.open(drone_id)
    if stream is None:
        await _close(websocket, NOBODY, "nobody watches")
        return
    parts = [
        asyncio.create_task(part)
        for part in (_take(websocket, services, stream), _ask(websocket, stream), stream.ended.wait())
    ]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if stream.ended.is_set():
            await _close(websocket, stream.end_code, stream.end_reason)
    finally:
        services.views.close(stream)
        for part in parts:
            part.cancel()
        for outcome in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                log.error("the pictures of drone %s broke off", drone_id, exc_info=outcome)


async def _take(websocket: WebSocket, services: Services, stream: Stream) -> None:
    """What the drone sends, until it is gone or sends what it should not."""
    limit = RateLimit(BURST, EVERY_S)
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        now_s = services.control.now_s()
        code, why = 0, ""
        if limit.wait_s("", now_s) > 0:
            code, why = POLICY_VIOLATION, "more than 30 messages a second"
        else:
            limit.take("", now_s)
            try:
                _hear(message, services, stream)
            except (ViewFrameError, ValidationError) as error:
                code = NOT_UNDERSTOOD
                why = error.message if isinstance(error, ViewFrameError) else "its words are not understood"
        if code:
            log.warning("the pictures of drone %s are refused: %s", stream.drone_id, why)
            await _close(websocket, code, why)
            return


def _hear(message: Message, services: Services, stream: Stream) -> None:
    """Raises ViewFrameError or ValidationError."""
    data, text = message.get("bytes"), message.get("text")
    if isinstance(data, bytes):
        frame, _ = unpack_frame(data)
        if not is_wgs84(frame):
            raise ViewFrameError("drones send WGS 84 positions only")
        services.views.show(stream, frame, data)
    elif isinstance(text, str):
        said = ViewSaid.model_validate_json(text)
        if not is_wgs84(said):
            raise ViewFrameError("drones send WGS 84 positions only")
        services.views.said(stream, said)


async def _ask(websocket: WebSocket, stream: Stream) -> None:
    while True:
        await stream.has_texts.wait()
        for text in stream.take_texts():
            await websocket.send_text(text)


@router.websocket("/drones/{drone_id}/view")
async def view(websocket: WebSocket, drone_id: str) -> None:
    """What a drone's camera sees now: `ViewFrame`s with a JPEG each, `ViewSaid`; a page says `ViewAsked`."""
    services: Services = websocket.app.state.services
    try:
        person = services.access.identify(websocket)
    except HTTPException:
        await _close(websocket, POLICY_VIOLATION)
        return
    await websocket.accept()
    if drone_id not in services.keys.known and not services.fleet.knows(drone_id):
        await _close(websocket, NO_SUCH_DRONE, "there is no such drone")
        return
    try:
        viewer = services.views.watch(drone_id)
    except TooManyViewersError as reason:
        await _close(websocket, TRY_LATER, reason.message)
        return
    parts = [
        asyncio.create_task(part)
        for part in (
            _show(websocket, viewer),
            _listen(websocket, viewer),
            _keep_told(services, drone_id, viewer),
            services.access.until_over(websocket),
        )
    ]
    try:
        await _record_look(services, person, drone_id)
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if parts[3] in done:
            await _close(websocket, POLICY_VIOLATION)
        elif parts[1] not in done or parts[1].exception() is not None:
            await _close(websocket, INTERNAL_ERROR)
    finally:
        services.views.leave(drone_id, viewer)
        for part in parts:
            part.cancel()
        for outcome in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | RuntimeError):
                log.error("a view of drone %s broke", drone_id, exc_info=outcome)


async def _show(websocket: WebSocket, viewer: Viewer) -> None:
    while True:
        message = await viewer.next()
        if isinstance(message, str):
            await websocket.send_text(message)
        else:
            await websocket.send_bytes(message)


async def _listen(websocket: WebSocket, viewer: Viewer) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            text = await websocket.receive_text()
            try:
                viewer.hear(ViewAsked.model_validate_json(text))
            except ValidationError:
                continue  # of a newer page than this station: what it asks for is not known here


async def _keep_told(services: Services, drone_id: str, viewer: Viewer) -> None:
    """The state as it is, so that a page notices a line that went dead."""
    while True:
        await asyncio.sleep(STATE_EVERY_S)
        viewer.remind()
        services.views.tell_state(drone_id)


async def _close(websocket: WebSocket, code: int, reason: str = "") -> None:
    """It may have gone by itself in the meantime."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(code, reason[:120])


async def _record_look(services: Services, person: Person, drone_id: str) -> None:
    """As with pictures of alerts: who looked, once an hour; a disk that is full hides nothing."""
    now_s, what = services.clock(), f"view {drone_id}"
    if not services.looks.is_new(person.name, what, now_s):
        return
    try:
        await services.store.audit.write(Deed(person.name, "view.seen", drone_id), now_s=now_s)
    except StoreError as reason:
        services.looks.forget(person.name, what)
        log.warning("%s watches drone %s, which could not be recorded: %s", person.name, drone_id, reason)
