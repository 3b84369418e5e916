"""Orders of people to drones, and their log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from uplink.messages import DroneId, OrderKind
from uplink.station.answers import LoggedOrder, OrderRequest
from uplink.station.routes.dependencies import OperatorDep, ServicesDep
from uplink.station.routes.lease import HELD, WHO, must_be_known

router = APIRouter(tags=["control"])

ABOUT_AN_ALERT = frozenset({OrderKind.LOOK_AGAIN, OrderKind.NO_LOOK})


@router.post("/drones/{drone_id}/orders", status_code=202, responses=HELD)
async def give_order(
    drone_id: DroneId, order: OrderRequest, who: OperatorDep, services: ServicesDep
) -> LoggedOrder:
    """One order, from who has control of the drone; a stand-down from anybody who may give orders.

    202: the station has it. What becomes of it is told by the drone.
    """
    control = services.control
    must_be_known(drone_id, services)
    if order.kind is not OrderKind.STAND_DOWN and control.lease(drone_id).holder(control.now_s()) != who:
        raise HTTPException(409, f"take control of {drone_id} first")
    if (order.alert_id is not None) != (order.kind in ABOUT_AN_ALERT):
        raise HTTPException(422, "alert_id goes with look again and no look, and with nothing else")
    if objection := control.objection(drone_id, order.kind):
        raise HTTPException(409, objection)
    return await control.give(drone_id, order.kind, who.name, order.alert_id)


@router.post("/stand-down", status_code=202, responses=WHO)
async def stand_down(who: OperatorDep, services: ServicesDep) -> list[LoggedOrder]:
    """Every drone returns, also one that the station has not heard yet: it may only be out of reach. Needs no
    control of any of them: standing down is always safe. Fixed cameras are not asked: they stay."""
    states = services.fleet.states
    fixed = {state.drone_id for state in states if state.fixed}
    every = dict.fromkeys([*(state.drone_id for state in states), *services.keys.owners])
    return [
        await services.control.give(drone_id, OrderKind.STAND_DOWN, who.name, None)
        for drone_id in every
        if drone_id not in fixed
    ]


@router.get("/orders")
async def orders(
    services: ServicesDep, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[LoggedOrder]:
    """The order log, the newest first."""
    return await services.store.orders.newest(limit)
