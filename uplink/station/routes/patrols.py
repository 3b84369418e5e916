"""The library of patrols: draw, plan, check, keep, hand on."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from flight.plans.patrol_writer import to_toml
from uplink.errors import NotPossibleError
from uplink.messages import OrderKind
from uplink.station.answers import LoggedOrder, Problem
from uplink.station.patrol_answers import (
    CameraChoice,
    ImportedPatrol,
    PatrolDraft,
    PatrolPreview,
    PatrolSendRequest,
    PatrolSummary,
    PatrolVersion,
    StoredPatrol,
)
from uplink.station.routes.dependencies import (
    WHO,
    PilotDep,
    SenderOnItsOwnPath,
    ServicesDep,
    Sha256Path,
    as_problems,
    viewer,
)
from uplink.station.routes.lease import HELD, must_be_known

router = APIRouter(tags=["patrols"])

FOUND: dict[int | str, dict[str, Any]] = {
    **WHO,
    404: {"model": Problem, "description": "there is no such patrol"},
}
CHANGED: dict[int | str, dict[str, Any]] = {
    **FOUND,
    409: {"model": Problem, "description": "somebody was faster, or it cannot be as things stand"},
}
PLANS: dict[int | str, dict[str, Any]] = {
    **WHO,
    409: {"model": Problem, "description": "this station plans no patrols"},
}
_AS_PROBLEM = as_problems(404)[404]
LATEST = Query(description="the version that was seen; another one means that somebody was faster")


@router.get("/patrols", dependencies=[Depends(viewer)], responses=FOUND)
async def patrols(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="the last patrol of the page before")] = None,
) -> list[PatrolSummary]:
    """The patrols of the library, the last changed first."""
    return await services.patrols.list(limit, before)


@router.post("/patrols", status_code=201, responses=CHANGED, response_model_exclude_unset=True)
async def add(draft: PatrolDraft, who: PilotDep, services: ServicesDep) -> StoredPatrol:
    """A new patrol. It is kept even where it cannot be planned yet: `preview` says why."""
    return await services.patrols.add(draft, who.name)


@router.post("/patrols/plan", dependencies=[Depends(viewer)], responses=PLANS)
async def plan(draft: PatrolDraft, services: ServicesDep) -> PatrolPreview:
    """What would come of a patrol: flights, times, battery, what is seen, and what is not safe. Nothing is
    kept. It needs no drone."""
    return await services.patrols.preview(draft)


@router.get("/patrols/cameras", dependencies=[Depends(viewer)], responses=PLANS)
async def cameras(services: ServicesDep) -> list[CameraChoice]:
    """The cameras that a patrol may be planned for."""
    return await services.patrols.planner.cameras()


@router.post(
    "/patrols/import",
    dependencies=[Depends(viewer)],
    response_model_exclude_unset=True,
    responses={**WHO, 409: {"model": Problem, "description": "the file cannot be used, and what to do"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def read(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Query(min_length=1, max_length=200, description="what the file is called")],
) -> ImportedPatrol:
    """What a file has in it, to go on with: a .plan of QGroundControl, a .waypoints (QGC WPL 110), a patrol
    file (.toml), or the polygon or line of a GeoJSON, KML or KMZ. Nothing is kept."""
    content = await request.body()
    if not content:
        raise NotPossibleError(f"{name} is empty")
    return await services.patrols.planner.read(name, content)


@router.get(
    "/patrols/{patrol_id}",
    dependencies=[Depends(viewer)],
    responses=FOUND,
    response_model_exclude_unset=True,
)
async def patrol(
    patrol_id: UUID,
    services: ServicesDep,
    version: Annotated[
        PatrolVersion | None, Query(description="left out: the newest; the last 50 are kept")
    ] = None,
) -> StoredPatrol:
    """One patrol as it was drawn and what was planned of it."""
    return await services.patrols.get(patrol_id, version)


@router.put("/patrols/{patrol_id}", responses=CHANGED, response_model_exclude_unset=True)
async def change(
    patrol_id: UUID,
    draft: PatrolDraft,
    who: PilotDep,
    services: ServicesDep,
    version: Annotated[PatrolVersion, LATEST],
) -> StoredPatrol:
    """The next version of a patrol. A drone that has an earlier one keeps it until it is sent this one."""
    return await services.patrols.change(patrol_id, version, draft, who.name)


@router.delete("/patrols/{patrol_id}", status_code=204, responses=CHANGED)
async def delete(
    patrol_id: UUID, who: PilotDep, services: ServicesDep, version: Annotated[PatrolVersion, LATEST]
) -> None:
    """Takes a patrol out of the library. A drone that has it keeps it."""
    await services.patrols.delete(patrol_id, version, who.name)


@router.get(
    "/patrols/{patrol_id}/file",
    dependencies=[Depends(viewer)],
    response_class=Response,
    responses={
        **as_problems(400, 401, 403, 404, 413, 422, 503),
        409: _AS_PROBLEM | {"description": "it cannot be, as things stand"},
        200: {
            "content": {"application/json": {}, "application/toml": {}},
            "description": "the file, to be saved",
        },
    },
)
async def file(
    patrol_id: UUID,
    services: ServicesDep,
    kind: Annotated[Literal["plan", "toml"], Query(alias="as")] = "plan",
    flight: Annotated[int, Query(ge=1, le=50, description="of a .plan: which flight")] = 1,
) -> Response:
    """One of its flights for QGroundControl, or its patrol file."""
    stored = await services.patrols.get(patrol_id)
    name = stored.draft.patrol.name
    if kind == "toml":
        if stored.draft.plan_text is not None:
            raise NotPossibleError("a ready-made plan has no patrol file: take it as a .plan")
        return _download(to_toml(stored.draft.patrol), "application/toml", f"{name}.toml")
    text = await services.patrols.plan_file(patrol_id, flight)
    return _download(text, "application/json", f"{name} {flight}.plan")


@router.post("/patrols/{patrol_id}/send", status_code=202, responses={**HELD, **CHANGED})
async def send(
    patrol_id: UUID, wanted: PatrolSendRequest, who: PilotDep, services: ServicesDep
) -> LoggedOrder:
    """Orders a drone to load the newest version of a patrol, from who has control of it. The drone holds it
    against its own limits and terrain, uploads it to its autopilot, and reads it back.

    202: the station has the order. What becomes of it is told by the drone.
    """
    control, drone_id = services.control, wanted.drone_id
    must_be_known(drone_id, services)
    if control.lease(drone_id).holder(control.now_s()) != who:
        raise HTTPException(409, f"take control of {drone_id} first")
    ref = await services.patrols.to_send(patrol_id, wanted.version)
    if objection := control.objection(drone_id, OrderKind.LOAD_PATROL):
        raise HTTPException(409, objection)
    return await control.give(drone_id, OrderKind.LOAD_PATROL, who.name, None, patrol=ref)


@router.get(
    "/drones/{drone_id}/patrols/{sha256}",
    response_class=Response,
    responses={
        **as_problems(400, 401, 403, 404, 413, 422, 503),
        200: {"content": {"application/json": {}}, "description": "the patrol's bytes"},
    },
)
async def package(_drone: SenderOnItsOwnPath, sha256: Sha256Path, services: ServicesDep) -> Response:
    """A patrol as drones load it, for the order `load patrol`."""
    found = await services.store.patrols.package(sha256)
    if found is None:
        raise HTTPException(404, "no patrol has this hash")
    return Response(found, media_type="application/json")


def _download(text: str, media_type: str, name: str) -> Response:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "patrol"
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(text, media_type=media_type, headers={"Content-Disposition": disposition})
