"""Crew links: made and taken back by who works incidents, opened by whoever has one."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import FileResponse

from uplink.gcj02 import in_datum
from uplink.station.answers import Problem
from uplink.station.crew_answers import CrewLink, CrewView, MadeCrewLink, NewCrewLink
from uplink.station.incident import Incident
from uplink.station.people import Person, Role
from uplink.station.routes.dependencies import WHO, PilotDep, ServicesDep, Sha256Path
from uplink.station.routes.incidents import FOUND
from uplink.station.routes.media import NOT_SHOWN, PICTURE, PICTURE_HEADERS, fit_to_be_shown, record_look
from uplink.station.services import Services
from uplink.station.store.incident_reading import MovedIncidentError

router = APIRouter(tags=["incidents"])
crew_router = APIRouter(prefix="/crew", tags=["crew"])

OPENED: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "the link is over, was taken back, or never was"},
    429: {"model": Problem, "description": "too often; `Retry-After` says for how long to wait"},
}
Secret = Annotated[str, Path(max_length=64, description="what the link opens with")]


@router.post(
    "/incidents/{incident_id}/crew-links",
    status_code=201,
    responses={**FOUND, 409: {"model": Problem, "description": "it has too many"}},
)
async def make_crew_link(
    incident_id: UUID, wanted: NewCrewLink, who: PilotDep, services: ServicesDep
) -> MadeCrewLink:
    """A link that shows this incident to whoever has it: where, how sure, with photos. It changes nothing."""
    return await services.crew.make(incident_id, wanted.hours, by=who.name)


@router.get("/incidents/{incident_id}/crew-links", responses=FOUND)
async def crew_links(incident_id: UUID, _: PilotDep, services: ServicesDep) -> list[CrewLink]:
    """Those that open something, at most 50, the newest first; not what they open with."""
    now_s = services.clock()
    await services.store.incidents.get(incident_id, now_s=now_s)
    return await services.store.crew_links.of(incident_id, now_s=now_s)


@router.delete(
    "/crew-links/{link_id}",
    status_code=204,
    responses={**WHO, 404: {"model": Problem, "description": "none such is open"}},
)
async def revoke_crew_link(link_id: UUID, who: PilotDep, services: ServicesDep) -> None:
    """It opens nothing any more."""
    await services.store.crew_links.revoke(link_id, by=who.name, now_s=services.clock())


@crew_router.get("/{secret}/now", responses=OPENED)
async def crew_view(secret: Secret, request: Request, services: ServicesDep) -> CrewView:
    """The incident as it is now, for who has the link."""
    link, incident = await _opened(secret, request, services)
    shifted = in_datum(incident, "gcj02").position
    said = {name: getattr(incident, name) for name in CrewView.model_fields if name in Incident.model_fields}
    return CrewView(
        **said,
        gcj02=shifted if shifted is not None and shifted.datum == "GCJ02" else None,
        now=services.now(),
        expires_at=link.expires_at,
    )


@crew_router.get(
    "/{secret}/photos/{sha256}",
    response_class=FileResponse,
    responses={**NOT_SHOWN, **OPENED, 200: {**PICTURE, "description": "the picture"}},
)
async def crew_photo(
    secret: Secret, sha256: Sha256Path, request: Request, services: ServicesDep
) -> FileResponse:
    """One of the pictures that the link shows."""
    link, incident = await _opened(secret, request, services)
    if sha256 not in {photo.sha256 for photo in incident.photos}:
        raise HTTPException(404, "this link does not show this picture")
    await fit_to_be_shown(sha256, services)
    await record_look(sha256, services, Person(f"crew link {link.id}", Role.VIEWER, ""))
    return FileResponse(services.store.media.shown(sha256), media_type="image/jpeg", headers=PICTURE_HEADERS)


async def _opened(secret: str, request: Request, services: Services) -> tuple[CrewLink, Incident]:
    link = await services.crew.open(secret, request.client.host if request.client else "nowhere")
    try:
        return link, await services.store.incidents.get(link.incident_id, now_s=services.clock())
    except MovedIncidentError as moved:
        return link, await services.store.incidents.get(moved.moved_to, now_s=services.clock())
