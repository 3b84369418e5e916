"""Incidents: what burns, what people have done about it, and what they do next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse

from uplink.gcj02 import Datum, in_datum
from uplink.messages import DroneId, UtcTime
from uplink.station.answers import Problem, StoredAlert
from uplink.station.incident import MOST_ALERT_IDS, Incident, IncidentState
from uplink.station.incident_answers import (
    IncidentConflict,
    IncidentDetail,
    IncidentMoved,
    MergeRequest,
    SplitAnswer,
    SplitRequest,
    StepKind,
    StepRequest,
    Timeline,
    UndoRequest,
)
from uplink.station.incident_life import NEEDS_REASON
from uplink.station.people import Person
from uplink.station.routes.dependencies import WHO, DatumQuery, PilotDep, ServicesDep, viewer
from uplink.station.routes.versions import NO_VERSION, SeenVersion, tag
from uplink.station.services import Services
from uplink.station.store.incident_reading import (
    IncidentFilter,
    MovedIncidentError,
    Rectangle,
    UnknownIncidentError,
)
from uplink.station.store.incident_settling import IncidentNews
from uplink.station.store.incidents import Actor, IncidentConflictError

router = APIRouter(prefix="/incidents", tags=["incidents"])

FOUND: dict[int | str, dict[str, Any]] = {
    **WHO,
    404: {"model": Problem, "description": "there is no such incident"},
    410: {"model": IncidentMoved, "description": "it has become part of another one"},
}
ACTED: dict[int | str, dict[str, Any]] = {
    **FOUND,
    409: {
        "model": IncidentConflict,
        "description": "somebody was faster, or it does not follow from the state; and how the incident is",
    },
    **NO_VERSION,
}
Refusal = Callable[[Request, Exception], Awaitable[JSONResponse]]
_MOST_OFFSET = 1_000_000


@router.get("", dependencies=[Depends(viewer)], responses=FOUND)
async def incidents(
    services: ServicesDep,
    state: Annotated[list[IncidentState] | None, Query(description="one or more; without: all")] = None,
    since: Annotated[UtcTime | None, Query(description="last seen then or later, by capture")] = None,
    until: Annotated[UtcTime | None, Query(description="confirmed then or earlier, by capture")] = None,
    bbox: Annotated[
        str | None,
        Query(
            pattern=r"^-?\d{1,3}(\.\d{1,20})?(,-?\d{1,3}(\.\d{1,20})?){3}$",
            description="west,south,east,north in degrees of WGS 84; west may be east of east, across 180°",
        ),
    ] = None,
    drone_id: Annotated[DroneId | None, Query(description="with an alert of this drone")] = None,
    label: Annotated[Literal["fire", "smoke"] | None, Query(description="of this class alone")] = None,
    text: Annotated[
        str, Query(max_length=80, description="in its id, in what people said, who they are, whom they sent")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="the last incident of the page before")] = None,
    datum: DatumQuery = "wgs84",
) -> list[Incident]:
    """Incidents by the time of their first confirmation, the newest first."""
    wanted = IncidentFilter(tuple(state or ()), since, until, _rectangle(bbox), drone_id, label, text)
    last = None if before is None else await services.store.incidents.get(before, now_s=services.clock())
    found = await services.store.incidents.newest(limit, last, wanted=wanted, now_s=services.clock())
    return [in_datum(incident, datum) for incident in found]


@router.get("/units", dependencies=[Depends(viewer)], responses=WHO)
async def units(services: ServicesDep, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[str]:
    """Names of who was ever sent to an incident, the latest first."""
    return await services.store.incidents.units(limit)


@router.get("/{incident_id}", dependencies=[Depends(viewer)], responses=FOUND)
async def incident_by_id(
    incident_id: UUID, services: ServicesDep, response: Response, datum: DatumQuery = "wgs84"
) -> IncidentDetail:
    """One incident with its alerts. ``ETag`` is its version, for ``If-Match``."""
    incident = await services.store.incidents.get(incident_id, now_s=services.clock())
    members = await services.store.incidents.members(incident_id, MOST_ALERT_IDS)
    tag(response, incident.version)
    return in_datum(IncidentDetail(**dict(incident), members=members), datum)


@router.get(
    "/{incident_id}/alerts",
    dependencies=[Depends(viewer)],
    responses=FOUND,
)
async def incident_alerts(
    incident_id: UUID,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[UUID | None, Query(description="the last alert of the page before")] = None,
    datum: DatumQuery = "wgs84",
) -> list[StoredAlert]:
    """All of an incident's alerts by time of confirmation, the oldest first."""
    await services.store.incidents.get(incident_id, now_s=services.clock())
    last = None if after is None else await services.store.alerts.get(after)
    if after is not None and last is None:
        raise HTTPException(404, f"there is no alert {after}")
    found = await services.store.incidents.members(incident_id, limit, last)
    return [in_datum(alert, datum) for alert in found]


@router.get(
    "/{incident_id}/timeline",
    dependencies=[Depends(viewer)],
    responses=FOUND,
)
async def incident_timeline(
    incident_id: UUID,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=_MOST_OFFSET, description="lines to leave out")] = 0,
) -> Timeline:
    """What the alerts said, what people did and who was told, the oldest first."""
    await services.store.incidents.get(incident_id, now_s=services.clock())
    return await services.store.incidents.timeline(incident_id, limit, offset)


@router.post("/{incident_id}/steps", responses=ACTED)
async def take_step(
    incident_id: UUID,
    request: StepRequest,
    who: PilotDep,
    version: SeenVersion,
    services: ServicesDep,
    response: Response,
    datum: DatumQuery = "wgs84",
) -> Incident:
    """Acknowledge, dispatch, confirm, resolve, false alarm, reopen, or a note."""
    if request.step in NEEDS_REASON and not request.reason.strip():
        raise HTTPException(422, f"{request.step} needs a reason")
    if request.unit and request.step is not StepKind.DISPATCH:
        raise HTTPException(422, f"{request.step} sends nobody: only dispatch has a unit")
    news = await services.store.incidents.take_step(
        incident_id,
        request.step,
        _actor(who, request.reason, version),
        unit=request.unit.strip(),
        now_s=services.clock(),
        endpoints=services.webhooks.names,
    )
    return await _answer(services, incident_id, news, response, datum)


@router.post("/{incident_id}/merge", responses=ACTED)
async def merge(
    incident_id: UUID,
    request: MergeRequest,
    who: PilotDep,
    version: SeenVersion,
    services: ServicesDep,
    response: Response,
    datum: DatumQuery = "wgs84",
) -> Incident:
    """These are one event. The oldest name stays, which need not be this one: see ``id``."""
    news = await services.store.incidents.merge(
        incident_id,
        request.incident_ids,
        _actor(who, request.reason, version),
        now_s=services.clock(),
        endpoints=services.webhooks.names,
    )
    return await _answer(services, incident_id, news, response, datum)


@router.post("/{incident_id}/split", responses=ACTED)
async def split(
    incident_id: UUID,
    request: SplitRequest,
    who: PilotDep,
    version: SeenVersion,
    services: ServicesDep,
    datum: DatumQuery = "wgs84",
) -> SplitAnswer:
    """These alerts are another event. Later alerts join the half that they fit best."""
    store, now_s = services.store.incidents, services.clock()
    news, staying = await store.split(
        incident_id,
        request.alert_ids,
        _actor(who, request.reason, version),
        now_s=now_s,
        endpoints=services.webhooks.names,
    )
    services.incidents.tell_news(news)
    stays = await store.with_alert(staying, now_s=now_s)
    leaves = await store.with_alert(request.alert_ids[0], now_s=now_s)
    return in_datum(SplitAnswer(stays=stays, leaves=leaves), datum)


@router.post("/{incident_id}/undo", responses=ACTED)
async def undo(
    incident_id: UUID,
    request: UndoRequest,
    who: PilotDep,
    version: SeenVersion,
    services: ServicesDep,
    response: Response,
    datum: DatumQuery = "wgs84",
) -> Incident:
    """Takes back a merge or a split, the latest first."""
    news = await services.store.incidents.undo(
        incident_id,
        request.decision_id,
        _actor(who, request.reason, version),
        now_s=services.clock(),
        endpoints=services.webhooks.names,
    )
    return await _answer(services, incident_id, news, response, datum)


def _actor(who: Person, reason: str, version: int | None) -> Actor:
    return Actor(who.name, reason.strip(), version)


async def _answer(
    services: Services, incident_id: UUID, news: IncidentNews, response: Response, datum: Datum
) -> Incident:
    """The incident afterwards, by whatever name."""
    services.incidents.tell_news(news)
    store, now_s = services.store.incidents, services.clock()
    try:
        incident = await store.get(incident_id, now_s=now_s)
    except MovedIncidentError as moved:
        incident = await store.get(moved.moved_to, now_s=now_s)
    tag(response, incident.version)
    return in_datum(incident, datum)


async def _unknown(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse(Problem(detail=str(error)).model_dump(), status_code=404)


async def _moved(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MovedIncidentError)  # noqa: S101 (registered for nothing else)
    answer = IncidentMoved(detail=error.message, incident_id=error.moved_to)
    return JSONResponse(answer.model_dump(mode="json"), status_code=410)


async def _conflict(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IncidentConflictError)  # noqa: S101 (registered for nothing else)
    answer = IncidentConflict(detail=error.message, current=error.current)
    return JSONResponse(answer.model_dump(mode="json"), status_code=409)


REFUSED: dict[type[Exception], Refusal] = {
    UnknownIncidentError: _unknown,
    MovedIncidentError: _moved,
    IncidentConflictError: _conflict,
}
"""How the application answers these, wherever they come from."""


def _rectangle(bbox: str | None) -> Rectangle | None:
    if bbox is None:
        return None
    west, south, east, north = (float(part) for part in bbox.split(","))
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise HTTPException(422, "bbox is west,south,east,north in degrees, south below north")
    return Rectangle(west, south, east, north)
