"""Incidents as CAP 1.2 messages for warning systems, with an Atom index of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response

from uplink.station.feeds.xml_text import add, document
from uplink.station.routes.dependencies import ServicesDep, as_problems, viewer
from uplink.station.store.cap import SentMessage

_REFUSALS = as_problems(400, 401, 403, 404, 413, 422, 503)
router = APIRouter(prefix="/cap", tags=["feeds"], dependencies=[Depends(viewer)], responses=_REFUSALS)

ATOM, CAP = "application/atom+xml", "application/cap+xml"
_ATOM_NAMESPACE = "http://www.w3.org/2005/Atom"
_LAST = 2**62


class AtomResponse(Response):
    media_type = ATOM


class CapResponse(Response):
    media_type = CAP


@router.get("", response_class=AtomResponse)
async def index(
    request: Request,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=_LAST, description="as in the link to the next page")
    ] = None,
) -> AtomResponse:
    """CAP messages, the newest first, as an Atom feed with a link to each."""
    found = await services.store.cap.newest(limit + 1, before)
    page = found[:limit]
    feed = ET.Element("feed", {"xmlns": _ATOM_NAMESPACE})
    here = f"{request.base_url}cap"
    add(feed, "id", here)
    add(feed, "title", "Emberwatch: fire and smoke (CAP 1.2)")
    add(feed, "updated", _time(page[0].sent if page else services.now()))
    add(add(feed, "author"), "name", "Emberwatch")
    add(feed, "link", rel="self", type=ATOM, href=str(request.url))
    if len(found) > limit:
        following = request.url.include_query_params(limit=limit, before=page[-1].seq)
        add(feed, "link", rel="next", type=ATOM, href=str(following))
    for message in page:
        _add_entry(feed, message, here)
    return AtomResponse(document(feed))


@router.get("/{incident_id}/{number}", response_class=CapResponse)
async def message(
    services: ServicesDep,
    incident_id: UUID,
    number: Annotated[int, Path(ge=1, le=_LAST, description="counts the messages of the incident")],
) -> CapResponse:
    """One CAP message, as it was sent."""
    body = await services.store.cap.body(incident_id, number)
    if body is None:
        raise HTTPException(404, f"there is no message {number} of incident {incident_id}")
    return CapResponse(body)


def _add_entry(feed: ET.Element, message: SentMessage, here: str) -> None:
    entry = add(feed, "entry")
    add(entry, "id", f"urn:uuid:{uuid5(message.incident_id, str(message.number))}")
    add(entry, "title", message.headline)
    add(entry, "updated", _time(message.sent))
    add(entry, "category", term=message.kind)
    add(entry, "link", rel="alternate", type=CAP, href=f"{here}/{message.incident_id}/{message.number}")
    add(entry, "summary", message.headline)


def _time(at: datetime) -> str:
    return at.isoformat()
