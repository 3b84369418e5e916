"""What burns where it may, and raised no alert."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from uplink.gcj02 import in_datum
from uplink.messages import DroneId
from uplink.station.incident_answers import SuppressedItem
from uplink.station.routes.dependencies import WHO, DatumQuery, ServicesDep, viewer

router = APIRouter(prefix="/suppressed", tags=["incidents"])


@router.get("", dependencies=[Depends(viewer)], responses=WHO)
async def suppressed(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="hotspot_id of the last one of the page before")] = None,
    drone_id: Annotated[DroneId | None, Query(description="of this drone alone")] = None,
    zone: Annotated[str | None, Query(max_length=64, description="of this ignore zone alone")] = None,
    by: Annotated[Literal["drone", "station"] | None, Query(description="whose zones")] = None,
    datum: DatumQuery = "wgs84",
) -> list[SuppressedItem]:
    """Hotspots in the drones' ignore zones, and alerts in the station's, with the rule that kept each back,
    the last seen first."""
    found = await services.store.suppressed.newest(limit, before=before, drone_id=drone_id, zone=zone, by=by)
    return [in_datum(item, datum) for item in found]
