"""How events fare on their way to webhooks."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from uplink.station.answers import Delivery, Problem
from uplink.station.routes.dependencies import WHO, ServicesDep, viewer
from uplink.station.webhooks.answers import DeliveryAttempt

router = APIRouter(prefix="/deliveries", tags=["webhooks"])

SQLITE_MAX_INTEGER = 2**63 - 1


@router.get("", dependencies=[Depends(viewer)], responses=WHO)
async def deliveries(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        int | None, Query(ge=0, le=SQLITE_MAX_INTEGER, description="id of the last one of the page before")
    ] = None,
    endpoint: Annotated[str | None, Query(max_length=64, description="to this endpoint only")] = None,
    state: Annotated[
        Literal["waiting", "delivered", "dead"] | None,
        Query(description="`dead`: given up; they can be replayed"),
    ] = None,
    subject_id: Annotated[UUID | None, Query(description="about this alert or incident only")] = None,
) -> list[Delivery]:
    """Deliveries, the newest first. Of an endpoint's address only the host is shown."""
    return await services.store.deliveries.newest(
        limit, before, endpoint_id=endpoint, state=state, subject_id=subject_id
    )


@router.get(
    "/{delivery_id}/attempts",
    dependencies=[Depends(viewer)],
    responses={**WHO, 404: {"model": Problem, "description": "there is no such delivery"}},
)
async def delivery_attempts(
    delivery_id: Annotated[int, Path(ge=0, le=SQLITE_MAX_INTEGER)],
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DeliveryAttempt]:
    """What became of each attempt at a delivery, the newest first."""
    if await services.store.deliveries.get(delivery_id) is None:
        raise HTTPException(404, f"there is no delivery {delivery_id}")
    return await services.store.deliveries.attempts(delivery_id, limit)
