"""The drones: how they are, where they were, what they fly."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from uplink.ground import DroneGround, SearchedGround
from uplink.messages import DroneId, DroneState, PatrolRoute, UtcTime
from uplink.station.answers import TrackPoint
from uplink.station.routes.dependencies import (
    REFUSALS,
    WHO,
    SenderOnItsOwnPath,
    ServicesDep,
    refuse_mismatch,
    refuse_other_datum,
    viewer,
)

router = APIRouter(prefix="/drones", tags=["drones"])

SQLITE_MAX_INTEGER = 2**63 - 1


@router.get("", dependencies=[Depends(viewer)], responses=WHO)
async def drones(services: ServicesDep) -> list[DroneState]:
    """The last state of each drone."""
    return services.fleet.states


@router.get("/{drone_id}/track", dependencies=[Depends(viewer)], responses=WHO)
async def track(
    drone_id: DroneId,
    services: ServicesDep,
    since: Annotated[UtcTime | None, Query(description="by the drone's clock")] = None,
    until: Annotated[UtcTime | None, Query(description="by the drone's clock, this instant left out")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    before: Annotated[
        int | None, Query(ge=0, le=SQLITE_MAX_INTEGER, description="id of the last point of the page before")
    ] = None,
) -> list[TrackPoint]:
    """Where a drone was, the newest first: a point every few seconds or metres."""
    return await services.store.telemetry.track(
        drone_id, since=since, until=until, before=before, limit=limit
    )


@router.put("/{drone_id}/patrol", status_code=204, responses=REFUSALS)
async def put_patrol(drone_id: SenderOnItsOwnPath, patrol: PatrolRoute, services: ServicesDep) -> None:
    """The plan that a drone flies."""
    refuse_mismatch("drone_id", drone_id, patrol.drone_id)
    await services.store.fleet.save_patrol(patrol)
    services.fleet.put_patrol(patrol)
    services.live.publish("patrol", drone_id, patrol)


@router.put("/{drone_id}/ground", status_code=204, responses=REFUSALS)
async def put_ground(drone_id: SenderOnItsOwnPath, ground: DroneGround, services: ServicesDep) -> None:
    """A drone's fence, ignore zones, home and places to land, and the area of its patrol."""
    refuse_mismatch("drone_id", drone_id, ground.drone_id)
    refuse_other_datum(ground)
    await services.store.fleet.save_ground(ground)
    services.fleet.put_ground(ground)
    services.live.publish("ground", drone_id, ground)


@router.put("/{drone_id}/searched", status_code=204, responses=REFUSALS)
async def put_searched(drone_id: SenderOnItsOwnPath, ground: SearchedGround, services: ServicesDep) -> None:
    """Which ground a drone's camera has seen, and when last."""
    refuse_mismatch("drone_id", drone_id, ground.drone_id)
    await services.store.fleet.save_ground(ground)
    services.fleet.put_ground(ground)
    services.live.publish("searched", drone_id, ground)
