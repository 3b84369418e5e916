"""Drones say how they are and what they fly."""

from __future__ import annotations

from fastapi import APIRouter

from uplink.messages import DroneState, Orders, PatrolRoute
from uplink.station.routes.dependencies import (
    REFUSALS,
    SenderOnItsOwnPath,
    ServicesDep,
    refuse_mismatch,
    refuse_other_datum,
)

router = APIRouter(prefix="/drones", tags=["drones"])


@router.get("")
async def drones(services: ServicesDep) -> list[DroneState]:
    """The last state of each drone."""
    return services.fleet.states


@router.put("/{drone_id}/state", responses=REFUSALS)
async def put_state(drone_id: SenderOnItsOwnPath, state: DroneState, services: ServicesDep) -> Orders:
    """The newest state of a drone; it replaces the one before. The answer holds what people ask of it."""
    refuse_mismatch("drone_id", drone_id, state.drone_id)
    refuse_other_datum(state)
    services.fleet.put_state(state, services.control.now_s())
    services.live.publish("drone", drone_id, state)
    await services.control.heard(state)
    return Orders(orders=services.control.waiting_for(drone_id))


@router.put("/{drone_id}/patrol", status_code=204, responses=REFUSALS)
async def put_patrol(drone_id: SenderOnItsOwnPath, patrol: PatrolRoute, services: ServicesDep) -> None:
    """The plan that a drone flies."""
    refuse_mismatch("drone_id", drone_id, patrol.drone_id)
    await services.store.fleet.save_patrol(patrol)
    services.fleet.put_patrol(patrol)
    services.live.publish("patrol", drone_id, patrol)
