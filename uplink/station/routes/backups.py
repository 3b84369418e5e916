"""Backups, from the page: for admins."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from uplink.station.answers import Problem
from uplink.station.backup_answers import BackupsState
from uplink.station.routes.dependencies import WHO, AdminDep, ServicesDep, admin

router = APIRouter(prefix="/backups", tags=["station"])


@router.get("", dependencies=[Depends(admin)], responses=WHO)
async def backups(services: ServicesDep) -> BackupsState:
    """Those that there are, and the one that is being made."""
    return await services.backups.state()


@router.post(
    "",
    status_code=202,
    responses={**WHO, 409: {"model": Problem, "description": "one is being made"}},
)
async def make_backup(who: AdminDep, services: ServicesDep) -> BackupsState:
    """Begins one; `GET` says how far it is. It is the same as `emberwatch station backup`."""
    services.backups.begin(by=who.name)
    return await services.backups.state()
