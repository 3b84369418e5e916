"""One person at a time has control of a drone: take, renew, hand over, let go."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException

from uplink.errors import StoreError
from uplink.messages import DroneId
from uplink.station.answers import LeaseState, Problem
from uplink.station.people import Person
from uplink.station.routes.dependencies import WHO, PilotDep, ServicesDep
from uplink.station.services import Services
from uplink.station.store.audit import Deed
from uplink.station.store.deeds import DeedName

log = logging.getLogger(__name__)

router = APIRouter(tags=["control"])

HELD: dict[int | str, dict[str, Any]] = {
    **WHO,
    404: {"model": Problem, "description": "there is no such drone"},
    409: {"model": Problem, "description": "somebody else has control of this drone"},
}


@router.post("/drones/{drone_id}/lease", responses=HELD)
async def take_lease(drone_id: DroneId, who: PilotDep, services: ServicesDep) -> LeaseState:
    """Takes control if nobody has it. Otherwise whoever has it is asked to hand it over."""
    must_be_known(drone_id, services)
    control = services.control
    lease, now_s = control.lease(drone_id), control.now_s()
    had_it = lease.holder(now_s) == who
    taken = lease.take(who, now_s)
    state = control.tell_lease(drone_id)
    if not taken:
        raise HTTPException(409, f"{state.holder} has control of {drone_id}")
    if not had_it:
        await _note(services, who, "control.taken", drone_id)
    return state


@router.put("/drones/{drone_id}/lease", responses=HELD)
async def renew_lease(
    drone_id: DroneId,
    who: PilotDep,
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
    state = control.tell_lease(drone_id)
    if hand_over:
        await _note(services, who, "control.handed over", drone_id, to=state.holder)
    return state


@router.delete("/drones/{drone_id}/lease", responses=HELD)
async def release_lease(drone_id: DroneId, who: PilotDep, services: ServicesDep) -> LeaseState:
    """Lets go of control. What the drone was granted goes on."""
    must_be_known(drone_id, services)
    control = services.control
    if not control.lease(drone_id).release(who, control.now_s()):
        raise HTTPException(409, f"you do not have control of {drone_id}")
    state = control.tell_lease(drone_id)
    await _note(services, who, "control.let go", drone_id)
    return state


async def _note(services: Services, who: Person, what: DeedName, drone_id: str, **detail: Any) -> None:
    """On record; but a full disk may not keep anybody from a drone in the air."""
    try:
        await services.store.audit.write(Deed(who.name, what, drone_id, detail), now_s=services.clock())
    except StoreError as reason:
        log.error("not in the audit log: %s, %s of %s (%s)", who.name, what, drone_id, reason)  # noqa: TRY400


def must_be_known(drone_id: str, services: ServicesDep) -> None:
    """404 for a drone that has never spoken."""
    if not services.fleet.knows(drone_id):
        raise HTTPException(404, f"there is no drone {drone_id}")
