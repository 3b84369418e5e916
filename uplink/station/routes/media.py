"""The pictures that go with alerts, under the SHA-256 of their bytes: what people see of them."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response

from uplink.errors import StoreError
from uplink.messages import Sha256
from uplink.station.answers import ExportRequest, Invalid, MediaHold, MediaRecord, Problem
from uplink.station.people import Person
from uplink.station.picture_export import OutsideError, blurred
from uplink.station.routes.dependencies import (
    WHO,
    AdminDep,
    PilotDep,
    ServicesDep,
    Sha256Path,
    ViewerDep,
)
from uplink.station.services import Services
from uplink.station.store.audit import Deed
from uplink.station.store.media import MediaRow, MediaState

log = logging.getLogger(__name__)

router = APIRouter(prefix="/media", tags=["media"])

NOT_SHOWN: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "in quarantine: it could not be decoded; or not for who asks"},
    404: {"model": Problem, "description": "not here, or not here yet: pictures follow their alert"},
    410: {"model": Problem, "description": "no longer kept"},
    425: {"model": Problem, "description": "here, and not checked yet: ask again in a moment"},
}
# A browser asks again after an hour, so that every hour of looking is on record, and nothing is kept by one
# that another person signs in at.
PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "Vary": "Cookie, Authorization",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
PICTURE: dict[str, Any] = {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


@router.get("", responses=WHO)
async def all_media(
    services: ServicesDep,
    _: AdminDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[Sha256 | None, Query(description="the last one of the page before")] = None,
    state: Annotated[
        Literal["unchecked", "shown", "quarantined", "leaving", "gone"] | None,
        Query(description="only those that stand so"),
    ] = None,
) -> list[MediaRecord]:
    """How pictures stand, the latest received first; those in quarantine with what is wrong with them."""
    rows = await services.store.media.newest(
        limit, before=before, state=None if state is None else MediaState(state)
    )
    return [_record(row) for row in rows]


@router.get(
    "/{sha256}",
    response_class=FileResponse,
    responses={
        **WHO,
        **NOT_SHOWN,
        200: {**PICTURE, "description": "the picture"},
        304: {"description": "as before"},
    },
)
async def media(sha256: Sha256Path, request: Request, services: ServicesDep, person: ViewerDep) -> Response:
    """A picture, made anew from what the drone sent. Who looks at it is recorded, once an hour."""
    await fit_to_be_shown(sha256, services)
    await record_look(sha256, services, person)
    headers = {**PICTURE_HEADERS, "ETag": f'"{sha256}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(services.store.media.shown(sha256), media_type="image/jpeg", headers=headers)


@router.get(
    "/{sha256}/original",
    response_class=FileResponse,
    responses={
        **WHO,
        200: {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "description": "the bytes, to be saved",
        },
        404: {"model": Problem, "description": "not here, or no longer"},
    },
)
async def original(sha256: Sha256Path, services: ServicesDep, person: AdminDep) -> FileResponse:
    """The bytes as the drone sent them, unchecked: evidence, and to be handled as what it is. Recorded."""
    path = await services.store.media.find(sha256)
    if path is None:
        raise HTTPException(404, "this picture is not here")
    deed = Deed(person.name, "media.original", sha256, {"size_bytes": path.stat().st_size})
    await services.store.audit.write(deed, now_s=services.clock())
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=f"{sha256}.jpg",
        headers={**PICTURE_HEADERS, "Cache-Control": "no-store"},
    )


@router.put("/{sha256}/hold", status_code=204, responses={**WHO, 404: NOT_SHOWN[404]})
async def hold(sha256: Sha256Path, wanted: MediaHold, services: ServicesDep, person: AdminDep) -> None:
    """Keeps a picture for good, whatever the policy says."""
    await _set_hold(sha256, wanted.reason, services, person)


@router.delete("/{sha256}/hold", status_code=204, responses={**WHO, 404: NOT_SHOWN[404]})
async def release(sha256: Sha256Path, services: ServicesDep, person: AdminDep) -> None:
    """Leaves a picture to the policy again."""
    await _set_hold(sha256, "", services, person)


@router.post(
    "/{sha256}/export",
    response_class=Response,
    responses={
        **WHO,
        **NOT_SHOWN,
        200: {**PICTURE, "description": "the picture, to be saved"},
        422: {"model": Invalid, "description": "a box is not in the picture"},
    },
)
async def export(
    sha256: Sha256Path, wanted: ExportRequest, services: ServicesDep, person: PilotDep
) -> Response:
    """A picture to hand on, with people and plates blurred where the request says they are. Recorded.

    Nothing is looked for: a person has to see what is to be blurred, and to check what comes out.
    """
    await fit_to_be_shown(sha256, services)
    try:
        jpeg = await asyncio.to_thread(blurred, services.store.media.shown(sha256), wanted.blur)
    except OutsideError as reason:
        raise HTTPException(422, reason.message) from None
    deed = Deed(person.name, "media.exported", sha256, {"blurred": wanted.blur})
    await services.store.audit.write(deed, now_s=services.clock())
    headers = {
        **PICTURE_HEADERS,
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{sha256[:12]}-export.jpg"',
    }
    return Response(jpeg, media_type="image/jpeg", headers=headers)


async def _set_hold(sha256: str, reason: str, services: Services, person: Person) -> None:
    if not await services.store.media.set_hold(sha256, reason, who=person.name, now_s=services.clock()):
        raise HTTPException(404, "this picture is not here")


async def fit_to_be_shown(sha256: str, services: Services) -> None:
    """Else says why not: 403, 404, 410 or 425."""
    row = await services.store.media.get(sha256)
    if row is None:
        raise HTTPException(404, "this picture is not here (yet)")
    if row.state is MediaState.QUARANTINED:
        raise HTTPException(403, "this picture could not be decoded and is shown to nobody")
    if row.state in (MediaState.LEAVING, MediaState.GONE):
        raise HTTPException(410, "this picture is no longer kept")
    if row.state is MediaState.SHOWN and not services.store.media.shown(sha256).exists():
        await services.store.media.mark_unchecked(sha256)
    elif row.state is MediaState.SHOWN:
        return
    services.pictures.want(sha256)
    raise HTTPException(425, "this picture is not checked yet", headers={"Retry-After": "1"})


async def record_look(sha256: str, services: Services, person: Person) -> None:
    """A disk that is full does not hide a fire: then the look is told to the log."""
    now_s = services.clock()
    if not services.looks.is_new(person.name, sha256, now_s):
        return
    try:
        await services.store.audit.write(Deed(person.name, "media.seen", sha256), now_s=now_s)
    except StoreError as reason:
        services.looks.forget(person.name, sha256)
        log.warning("%s looks at picture %s, which could not be recorded: %s", person.name, sha256, reason)


def _record(row: MediaRow) -> MediaRecord:
    return MediaRecord(
        sha256=row.sha256,
        drone_id=row.drone_id,
        size_bytes=row.size_bytes,
        received_at=datetime.fromtimestamp(row.received_at_s, UTC),
        state=row.state.value,
        flaw=row.flaw,
        hold=row.hold,
    )
