"""One person at a time has control of a drone: take, renew, hand over, let go."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Request

from uplink.messages import DroneId
from uplink.station.answers import LeaseState, OperatorState, Problem
from uplink.station.routes.dependencies import OperatorDep, ServicesDep

router = APIRouter(tags=["control"])

WHO: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no operator's key, or one that nobody has"},
    403: {"model": Problem, "description": "from another site, or this station takes no orders"},
}
HELD: dict[int | str, dict[str, Any]] = {
    **WHO,
    409: {"model": Problem, "description": "somebody else has control of this drone"},
}


@router.get("/operator")
async def operator_state(request: Request, services: ServicesDep) -> OperatorState:
    """Whether who asks may give orders here."""
    return services.control.operators.state_of(request)


@router.post("/drones/{drone_id}/lease", responses=HELD)
async def take_lease(drone_id: DroneId, who: OperatorDep, services: ServicesDep) -> LeaseState:
    """Takes control if nobody has it. Otherwise whoever has it is asked to hand it over."""
    must_be_known(drone_id, services)
    control = services.control
    taken = control.lease(drone_id).take(who, control.now_s())
    state = control.tell_lease(drone_id)
    if not taken:
        raise HTTPException(409, f"{state.holder} has control of {drone_id}")
    return state


@router.put("/drones/{drone_id}/lease", responses=HELD)
async def renew_lease(
    drone_id: DroneId,
    who: OperatorDep,
    services: ServicesDep,
    hand_over: Annotated[bool, Body(embed=True, description="give it to who asks for it")] = False,
) -> LeaseState:
    """Keeps control for another minute, or hands it over."""
    must_be_known(drone_id, services)
    control = services.control
    lease, now_s = control.lease(drone_id), control.now_s()
    if not lease.renew(who, now_s):
        raise HTTPException(409, f"you do not have control of {drone_id}")
    if hand_over and not lease.hand_over(who, now_s):
        raise HTTPException(409, f"nobody asks for control of {drone_id} any more")
    return control.tell_lease(drone_id)


@router.delete("/drones/{drone_id}/lease", responses=HELD)
async def release_lease(drone_id: DroneId, who: OperatorDep, services: ServicesDep) -> LeaseState:
    """Lets go of control. What the drone was granted goes on."""
    must_be_known(drone_id, services)
    control = services.control
    if not control.lease(drone_id).release(who, control.now_s()):
        raise HTTPException(409, f"you do not have control of {drone_id}")
    return control.tell_lease(drone_id)


def must_be_known(drone_id: str, services: ServicesDep) -> None:
    """404 for a drone that has never spoken."""
    if not services.fleet.knows(drone_id):
        raise HTTPException(404, f"there is no drone {drone_id}")
