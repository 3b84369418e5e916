"""Incidents as files: the list for tables and maps, a report about one to be printed, and a package of all
that is known of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from uplink.messages import DroneId, Message, Sha256, UtcTime
from uplink.station.answers import Invalid
from uplink.station.feeds.features import incident_feature
from uplink.station.history.text_files import CSV_TYPE, DESCRIBED, GEOJSON_TYPE, csv_lines, feature_collection
from uplink.station.incident import Incident, IncidentState
from uplink.station.package.package import Wanted, facts_for, package
from uplink.station.people import Role
from uplink.station.picture_export import OutsideError, check_boxes
from uplink.station.report.facts import Picture, gather
from uplink.station.report.report import (
    MEDIA_TYPE,
    POLICY,
    Photo,
    known_zone,
    photo_of,
    render,
    why_not_shown,
)
from uplink.station.report.words import Language
from uplink.station.routes.dependencies import WHO, PilotDep, ServicesDep, ViewerDep
from uplink.station.routes.incidents import FOUND
from uplink.station.services import Services
from uplink.station.store.audit import Deed
from uplink.station.store.incident_reading import IncidentFilter

router = APIRouter(prefix="/incidents", tags=["incidents"])

PAGE = 200
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
ZIP_TYPE = "application/zip"
Boxes = Annotated[
    list[Annotated[list[float], Field(min_length=4, max_length=4)]], Field(min_length=1, max_length=200)
]
LanguageQuery = Annotated[Language, Query(description="of its words")]


def _zone(
    zone: Annotated[
        str | None,
        Query(max_length=64, description="IANA time zone to tell times in; without: the station's own"),
    ] = None,
) -> ZoneInfo | None:
    try:
        return None if zone is None else known_zone(zone)
    except ValueError as reason:
        raise HTTPException(422, str(reason)) from None


ZoneQuery = Annotated[ZoneInfo | None, Depends(_zone)]


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        **WHO,
        200: {"description": "the file, to be saved", "content": DESCRIBED},
    },
)
async def export_incidents(
    services: ServicesDep,
    person: ViewerDep,
    format: Annotated[Literal["geojson", "csv"], Query(description="of the file")] = "geojson",  # noqa: A002
    state: Annotated[list[IncidentState] | None, Query(description="one or more; without: all")] = None,
    since: Annotated[UtcTime | None, Query(description="last seen then or later, by capture")] = None,
    until: Annotated[UtcTime | None, Query(description="confirmed then or earlier, by capture")] = None,
    drone_id: Annotated[DroneId | None, Query(description="with an alert of this drone")] = None,
) -> StreamingResponse:
    """All incidents that the filters let through, the newest first, WGS 84. Recorded."""
    deed = Deed(person.name, "incidents.exported", "incidents", {"format": format})
    await services.store.audit.write(deed, now_s=services.clock())
    pages = _pages(services, IncidentFilter(tuple(state or ()), since, until, None, drone_id))
    pieces, kind = (_csv(pages), CSV_TYPE) if format == "csv" else (_geojson(pages), GEOJSON_TYPE)
    name = f"incidents-{services.now():%Y%m%d-%H%M%S}Z.{format}"
    return StreamingResponse(
        pieces, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.get(
    "/{incident_id}/report",
    response_class=StreamingResponse,
    responses={**FOUND, 200: {"description": "the report", "content": {"text/html": _TEXT}}},
)
async def incident_report(
    incident_id: UUID,
    services: ServicesDep,
    person: PilotDep,
    lang: LanguageQuery = "en",
    zone: ZoneQuery = None,
) -> StreamingResponse:
    """One HTML file with everything in it, made to be printed: photos, map, who did what, and where the
    facts come from. Recorded."""
    facts = await gather(
        services.store,
        incident_id,
        made_at=services.now(),
        made_by=person.name,
        station_key=services.control.public_key,
    )
    deed = Deed(person.name, "incident.reported", str(incident_id), {"lang": lang})
    await services.store.audit.write(deed, now_s=services.clock())
    pieces = render(facts, lambda picture: _photo(services, picture), language=lang, zone=zone)
    name = f"incident-{facts.incident.confirmed_at:%Y%m%d-%H%M%S}Z-{str(incident_id)[:8]}.html"
    return StreamingResponse(
        _joined(pieces),
        media_type=MEDIA_TYPE,
        headers={"Content-Security-Policy": POLICY, "Content-Disposition": f'inline; filename="{name}"'},
    )


class PackageRequest(Message):
    """A package to hand on."""

    blur: dict[Sha256, Boxes] = Field(
        default_factory=dict,
        max_length=500,
        description="by picture: people, number plates, as boxes in its pixels, each x1, y1, x2, y2",
    )


@router.get(
    "/{incident_id}/package",
    response_class=StreamingResponse,
    responses={**FOUND, 200: {"description": "the package, to be saved", "content": {ZIP_TYPE: _BINARY}}},
)
async def incident_package(
    incident_id: UUID,
    services: ServicesDep,
    person: PilotDep,
    originals: Annotated[
        bool | None,
        Query(description="with the pictures as they came, for admins; without: as far as who asks may"),
    ] = None,
    lang: LanguageQuery = "en",
    zone: ZoneQuery = None,
) -> StreamingResponse:
    """All that is known of it, as a zip: photos, positions, what was done, the lines of the audit log, the
    report, the hash of every file, and the station's signature. Recorded. `emberwatch station
    verify-package` checks it."""
    may = person.role.covers(Role.ADMIN)
    if originals and not may:
        raise HTTPException(403, f"originals need the role {Role.ADMIN}; {person.name} is {person.role}")
    with_originals = may if originals is None else originals
    return await _package(
        services,
        Wanted(uuid4(), incident_id, services.now(), person.name, lang, zone, with_originals),
    )


@router.post(
    "/{incident_id}/package",
    response_class=StreamingResponse,
    responses={
        **FOUND,
        200: {"description": "the package, to be saved", "content": {ZIP_TYPE: _BINARY}},
        422: {"model": Invalid, "description": "a picture is not its, or not here, or a box is not in it"},
    },
)
async def blurred_package(
    incident_id: UUID,
    wanted: PackageRequest,
    services: ServicesDep,
    person: PilotDep,
    lang: LanguageQuery = "en",
    zone: ZoneQuery = None,
) -> StreamingResponse:
    """The same to hand on: people and plates blurred where the request says they are, and no originals.

    Nothing is looked for: a person has to see what is to be blurred, and to check what comes out.
    """
    blur: dict[str, list[list[float]]] = {sha256: boxes for sha256, boxes in wanted.blur.items() if boxes}
    return await _package(
        services,
        Wanted(uuid4(), incident_id, services.now(), person.name, lang, zone, False, blur),
    )


async def _package(services: Services, wanted: Wanted) -> StreamingResponse:
    store, key = services.store, services.control.key
    facts = await facts_for(store, key, wanted)
    await _refuse_foreign_boxes(services, facts.incident.id, wanted)
    detail = {
        "package": str(wanted.id),
        "originals": wanted.with_originals,
        "blurred": {sha256: list(boxes) for sha256, boxes in wanted.blur.items()},
    }
    deed = Deed(wanted.made_by, "incident.packaged", str(wanted.incident_id), detail)
    await store.audit.write(deed, now_s=services.clock())
    name = f"incident-{facts.incident.confirmed_at:%Y%m%d-%H%M%S}Z-{str(wanted.incident_id)[:8]}.zip"
    return StreamingResponse(
        package(store, key, wanted, facts, clock=services.clock),
        media_type=ZIP_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _refuse_foreign_boxes(services: Services, incident_id: UUID, wanted: Wanted) -> None:
    """422 before the first byte: what cannot be blurred must not be found out in the middle."""
    if not wanted.blur:
        return
    own = set(await services.store.incidents.pictures(incident_id))
    rows = await services.store.media.rows(list(wanted.blur))
    for sha256, boxes in wanted.blur.items():
        if sha256 not in own or why_not_shown(rows.get(sha256)):
            raise HTTPException(422, f"picture {sha256} is not one of this incident's that can be shown")
        try:
            await asyncio.to_thread(check_boxes, services.store.media.shown(sha256), boxes)
        except (OutsideError, OSError) as reason:
            raise HTTPException(422, f"picture {sha256}: {reason}") from None


def _photo(services: Services, picture: Picture) -> Photo:
    """The copy that people see; the template is rendered in a thread, a picture at a time."""
    if why := why_not_shown(picture.row):
        return Photo(why=why)
    try:
        return photo_of(services.store.media.shown(picture.evidence.sha256))
    except OSError:
        return Photo(why="not_here")


def _joined(pieces: Iterator[str], at_least: int = 16_384) -> Iterator[str]:
    """A template gives a piece for each word in it."""
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= at_least:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)


async def _pages(services: Services, wanted: IncidentFilter) -> AsyncIterator[list[Incident]]:
    last: Incident | None = None
    while page := await services.store.incidents.newest(PAGE, last, wanted=wanted, now_s=services.clock()):
        yield page
        last = page[-1]


async def _features(pages: AsyncIterator[list[Incident]]) -> AsyncIterator[list[dict[str, Any]]]:
    async for page in pages:
        yield [incident_feature(incident).model_dump(mode="json") for incident in page]


def _geojson(pages: AsyncIterator[list[Incident]]) -> AsyncIterator[str]:
    return feature_collection(_features(pages), {})


async def _csv(pages: AsyncIterator[list[Incident]]) -> AsyncIterator[str]:
    columns: list[str] = []
    async for page in pages:
        rows = [_row(incident) for incident in page]
        head = not columns
        columns = columns or list(rows[0])
        yield csv_lines(rows, columns, head=head)
    if not columns:
        yield csv_lines([], ["id", "lat_deg", "lon_deg", "datum"], head=True)


def _row(incident: Incident) -> dict[str, Any]:
    feature = incident_feature(incident)
    place = feature.geometry.coordinates if feature.geometry else (None, None)
    return {
        "id": feature.id,
        "lat_deg": place[1],
        "lon_deg": place[0],
        "datum": "WGS84",
        **feature.properties,
    }
