"""The audit log, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from uplink.station.answers import AuditEntry
from uplink.station.routes.dependencies import WHO, ServicesDep, admin

router = APIRouter(prefix="/audit", tags=["access"])

SQLITE_MAX_INTEGER = 2**63 - 1


@router.get("", dependencies=[Depends(admin)], responses=WHO)
async def audit(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[
        int | None,
        Query(ge=0, le=SQLITE_MAX_INTEGER, description="number of the last one of the page before"),
    ] = None,
    about: Annotated[str | None, Query(max_length=128, description="only what is about this id")] = None,
) -> list[AuditEntry]:
    """Who did what, when and about what, the newest first."""
    return await services.store.audit.newest(limit, before, about)
