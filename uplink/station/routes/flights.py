"""Flights that are over, and those under way: what they were, their track, and both as files."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import StreamingResponse

from uplink.gcj02 import in_datum
from uplink.messages import DroneId, UtcTime
from uplink.station.answers import Problem
from uplink.station.history.flight_answers import FlightDetail, FlightRecord, FlightTrack
from uplink.station.history.flight_cutting import FlightKind
from uplink.station.history.flight_files import FILES, flight_file
from uplink.station.history.text_files import DESCRIBED
from uplink.station.routes.dependencies import WHO, DatumQuery, ServicesDep, ViewerDep, viewer
from uplink.station.services import Services
from uplink.station.store.audit import Deed
from uplink.station.store.flights import FlightFilter

router = APIRouter(prefix="/flights", tags=["flights"])

FOUND: dict[int | str, dict[str, Any]] = {
    **WHO,
    404: {"model": Problem, "description": "there is no such flight, or no longer"},
}


@router.get("", dependencies=[Depends(viewer)], responses=FOUND)
async def flights(
    services: ServicesDep,
    drone_id: Annotated[DroneId | None, Query(description="only this drone's")] = None,
    kind: Annotated[FlightKind | None, Query(description="only these; day: of a fixed camera")] = None,
    since: Annotated[UtcTime | None, Query(description="under way then or later")] = None,
    until: Annotated[UtcTime | None, Query(description="under way then or earlier")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[UUID | None, Query(description="the last flight of the page before")] = None,
) -> list[FlightRecord]:
    """Flights by their beginning, the newest first."""
    last = None if before is None else await _found(services, before)
    wanted = FlightFilter(drone_id, kind, since, until)
    return await services.store.flights.newest(limit, last, wanted=wanted)


@router.get("/{flight_id}", dependencies=[Depends(viewer)], responses=FOUND)
async def flight(flight_id: UUID, services: ServicesDep, datum: DatumQuery = "wgs84") -> FlightDetail:
    """One flight with its alerts and what was ordered meanwhile."""
    found = await services.store.flights.detail(flight_id)
    if found is None:
        raise HTTPException(404, f"there is no flight {flight_id}")
    return in_datum(found, datum)


@router.get("/{flight_id}/track", dependencies=[Depends(viewer)], responses=FOUND)
async def flight_track(
    flight_id: UUID,
    services: ServicesDep,
    points: Annotated[
        int, Query(ge=10, le=5000, description="at most; the track is thinned to so many")
    ] = 2000,
) -> FlightTrack:
    """Where the drone was and how, from the beginning to the end. Positions are WGS 84."""
    found = await services.store.flights.track(flight_id, points)
    if found is None:
        raise HTTPException(404, f"there is no flight {flight_id}")
    return found


@router.get(
    "/{flight_id}/export",
    response_class=StreamingResponse,
    responses={
        **FOUND,
        200: {
            "description": "the file, to be saved",
            "content": {kind.media_type: DESCRIBED.get(kind.media_type, {}) for kind in FILES.values()},
        },
    },
)
async def export_flight(
    flight_id: UUID,
    services: ServicesDep,
    person: ViewerDep,
    format: Annotated[  # noqa: A002 (the word in the address)
        Literal["geojson", "csv", "kml", "gpx"], Query(description="of the file")
    ] = "geojson",
) -> StreamingResponse:
    """All points of the flight that are kept, with units and datum named. Recorded."""
    record = await _found(services, flight_id)
    detail = await services.store.flights.detail(flight_id)
    deed = Deed(
        person.name, "flight.exported", str(flight_id), {"format": format, "drone_id": record.drone_id}
    )
    await services.store.audit.write(deed, now_s=services.clock())
    kind = FILES[format]
    name = f"{record.drone_id}-{record.started_at:%Y%m%d-%H%M%S}Z.{format}"
    raised = [] if detail is None else detail.raised
    return StreamingResponse(
        flight_file(format, record, raised, lambda: services.store.flights.points(flight_id)),
        media_type=kind.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _found(services: Services, flight_id: UUID) -> FlightRecord:
    found = await services.store.flights.get(flight_id)
    if found is None:
        raise HTTPException(404, f"there is no flight {flight_id}")
    return found
