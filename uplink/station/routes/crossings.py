"""Where alerts that know only a direction cross."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from uplink.gcj02 import in_datum
from uplink.station.answers import CrossedAlerts
from uplink.station.routes.dependencies import WHO, DatumQuery, ServicesDep, viewer

router = APIRouter(prefix="/crossings", tags=["alerts"])


@router.get("", dependencies=[Depends(viewer)], responses=WHO)
async def crossings(services: ServicesDep, datum: DatumQuery = "wgs84") -> list[CrossedAlerts]:
    """Places that two or more cameras point at without knowing how far off they are; of the most first."""
    return [in_datum(crossing, datum) for crossing in services.crossings.now]
