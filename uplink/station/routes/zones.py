"""Ignore zones of the station: ground on which fire is known and allowed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from uplink.station.answers import Problem
from uplink.station.routes.dependencies import WHO, AdminDep, ServicesDep, viewer
from uplink.station.routes.versions import NO_VERSION, SeenVersion, tag
from uplink.station.zone import StationZone, ZoneDraft, ZonesImported, ZoneVersion
from uplink.station.zone_file import ZoneCollection, ZoneFile, drafts_in, features_of

router = APIRouter(prefix="/zones", tags=["zones"])

FOUND: dict[int | str, dict[str, Any]] = {
    **WHO,
    404: {"model": Problem, "description": "there is no such zone"},
}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "the name is taken, it was removed, or somebody was faster"}
}
CHANGED: dict[int | str, dict[str, Any]] = {
    **FOUND,
    **CONFLICT,
    **NO_VERSION,
}


@router.get("", dependencies=[Depends(viewer)], responses=WHO)
async def zones(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[UUID | None, Query(description="the last zone of the page before")] = None,
) -> list[StationZone]:
    """Zones that nobody has removed, the oldest first; also those that ended or have yet to begin."""
    return await services.store.zones.standing(limit, after)


@router.post("", status_code=201, responses={**WHO, **CONFLICT})
async def add_zone(who: AdminDep, zone: ZoneDraft, services: ServicesDep, response: Response) -> StationZone:
    """Alerts confirmed in it from now on alarm nobody and are listed at `/suppressed`. Incidents that
    there are stay: a zone takes no alarm away."""
    return _tagged(response, await services.zones.add(zone, by=who.name))


@router.get("/export", dependencies=[Depends(viewer)], responses=WHO)
async def export_zones(services: ServicesDep, response: Response) -> ZoneCollection:
    """All of them as a GeoJSON file."""
    response.headers["Content-Disposition"] = 'attachment; filename="emberwatch-zones.geojson"'
    return features_of(await services.store.zones.standing())


@router.post("/import", responses=WHO)
async def import_zones(who: AdminDep, file: ZoneFile, services: ServicesDep) -> ZonesImported:
    """A GeoJSON file: a zone for each polygon without holes, as `/zones/export` writes them. What is none is
    told with the reason, and keeps no other out."""
    return await services.zones.bring_in(drafts_in(file), by=who.name)


@router.get("/{zone_id}", dependencies=[Depends(viewer)], responses=FOUND)
async def zone_by_id(zone_id: UUID, services: ServicesDep, response: Response) -> StationZone:
    """One zone as it is, or was when it was removed. ``ETag`` is its version, for ``If-Match``."""
    return _tagged(response, await services.store.zones.get(zone_id))


@router.get("/{zone_id}/versions", dependencies=[Depends(viewer)], responses=FOUND)
async def zone_versions(
    zone_id: UUID,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**31, description="the last of the page before")] = None,
) -> list[ZoneVersion]:
    """Who made, changed and removed it, the newest first."""
    return await services.store.zones.versions(zone_id, limit, before)


@router.put("/{zone_id}", responses=CHANGED)
async def change_zone(
    zone_id: UUID,
    zone: ZoneDraft,
    who: AdminDep,
    version: SeenVersion,
    services: ServicesDep,
    response: Response,
) -> StationZone:
    """What still burns and is in it no more is told at once."""
    return _tagged(response, await services.zones.change(zone_id, version, zone, by=who.name))


@router.delete("/{zone_id}", responses=CHANGED)
async def remove_zone(
    zone_id: UUID, who: AdminDep, version: SeenVersion, services: ServicesDep
) -> StationZone:
    """It holds nothing back any more: what still burns in it is told at once."""
    return await services.zones.remove(zone_id, version, by=who.name)


def _tagged(response: Response, zone: StationZone) -> StationZone:
    tag(response, zone.version)
    return zone
