"""How events fare on their way to webhooks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from uplink.station.answers import Delivery
from uplink.station.routes.dependencies import ServicesDep

router = APIRouter(prefix="/deliveries", tags=["webhooks"])

SQLITE_MAX_INTEGER = 2**63 - 1


@router.get("")
async def deliveries(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        int | None, Query(ge=0, le=SQLITE_MAX_INTEGER, description="id of the last one of the page before")
    ] = None,
) -> list[Delivery]:
    """Deliveries, the newest first. Of an endpoint's address only the host is shown."""
    return await services.store.deliveries.newest(limit, before)
