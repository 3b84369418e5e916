"""What the station keeps for how long, and what that takes: for admins."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

from fastapi import APIRouter, Depends

from uplink.station.retention_answers import DiskUse, Leaving, RetentionPolicy, RetentionState
from uplink.station.routes.dependencies import WHO, AdminDep, ServicesDep, admin
from uplink.station.services import Services

router = APIRouter(prefix="/retention", tags=["station"])


@router.get("", dependencies=[Depends(admin)], responses=WHO)
async def retention(services: ServicesDep) -> RetentionState:
    """The policy, what it would remove now, and what takes the room."""
    return await _state(services)


@router.put("", responses=WHO)
async def change_retention(who: AdminDep, policy: RetentionPolicy, services: ServicesDep) -> RetentionState:
    """Another policy, from the next sweep on; `/retention/preview` says what that would remove."""
    await services.retention.change(policy, by=who.name)
    return await _state(services)


@router.delete("", responses=WHO)
async def reset_retention(who: AdminDep, services: ServicesDep) -> RetentionState:
    """As the configuration says, again."""
    await services.retention.change(None, by=who.name)
    return await _state(services)


@router.post("/preview", dependencies=[Depends(admin)], responses=WHO)
async def preview_retention(policy: RetentionPolicy, services: ServicesDep) -> Leaving:
    """What a policy would remove now. It changes nothing."""
    return await services.retention.leaving(policy)


async def _state(services: Services) -> RetentionState:
    keeper = services.retention
    disk = shutil.disk_usage(services.data_dir)
    swept_s = keeper.last_swept_s
    return RetentionState(
        policy=keeper.policy,
        source="configuration" if keeper.set_here is None else "station",
        configured=keeper.configured,
        use=DiskUse(
            **await services.store.retention.use(),
            free_bytes=services.health.free_bytes,
            disk_bytes=disk.total,
        ),
        leaving=await keeper.leaving(keeper.policy),
        last_swept_at=None if swept_s is None else datetime.fromtimestamp(swept_s, UTC),
    )
