"""How the station itself is, in one answer: for admins. Collectors read `/metrics`."""

from __future__ import annotations

import functools
import importlib.metadata
from datetime import UTC, datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from uplink.messages import Message, UtcTime
from uplink.station.answers import Health
from uplink.station.routes.dependencies import WHO, ServicesDep, admin

router = APIRouter(prefix="/system", tags=["station"])


class SystemState(Message):
    """The station as a machine."""

    version: str = Field(description="of Emberwatch; empty where it was never installed")
    started_at: UtcTime
    health: Health
    pages: int = Field(ge=0, description="open on the live socket")
    drones_heard: int = Field(ge=0, description="within the last minute")
    deliveries_waiting: int = Field(ge=0)
    deliveries_dead: int = Field(ge=0, description="given up; they can be replayed")
    pictures_unchecked: int = Field(ge=0)
    incidents: dict[str, int] = Field(description="by state")
    free_bytes: int = Field(ge=0)
    commit_ms: float | None = Field(description="a commit takes on average, since the start")
    last_backup_at: UtcTime | None = Field(description="of those that the page makes")


@router.get("", dependencies=[Depends(admin)], responses=WHO)
async def system(services: ServicesDep) -> SystemState:
    """Version, health in words, and what waits."""
    counts = await services.store.counts.read()
    backups = (await services.backups.state()).backups
    ages_s = services.fleet.heard_ages_s(services.control.now_s())
    return SystemState(
        version=_version(),
        started_at=datetime.fromtimestamp(services.started_s, UTC),
        health=await services.health.ask(),
        pages=services.live.pages,
        drones_heard=sum(age_s < 60.0 for age_s in ages_s.values()),
        deliveries_waiting=counts.deliveries.get("waiting", 0),
        deliveries_dead=counts.deliveries.get("dead", 0),
        pictures_unchecked=counts.unchecked_pictures,
        incidents=counts.incidents,
        free_bytes=services.health.free_bytes,
        commit_ms=services.metrics.commit_ms,
        last_backup_at=backups[0].made_at if backups else None,
    )


@functools.cache
def _version() -> str:
    try:
        return importlib.metadata.version("emberwatch")
    except importlib.metadata.PackageNotFoundError:
        return ""
