"""Orders of people to drones, and their log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query

from uplink.messages import CHECKABLE, DroneId, OrderKind
from uplink.station.answers import LoggedOrder, OrderPlace, OrderRequest, Problem, StationKeyAnswer
from uplink.station.routes.dependencies import WHO, PilotDep, ServicesDep, refuse_other_datum, viewer
from uplink.station.routes.lease import HELD, must_be_known

router = APIRouter(tags=["control"])

ABOUT_AN_ALERT = frozenset({OrderKind.LOOK_AGAIN, OrderKind.NO_LOOK})


@router.post("/drones/{drone_id}/orders", status_code=202, responses=HELD)
async def give_order(
    drone_id: DroneId, order: OrderRequest, who: PilotDep, services: ServicesDep
) -> LoggedOrder:
    """One order, from who has control of the drone; a stand-down, and a check, which flies nothing, from
    anybody who may give orders.

    202: the station has it. What becomes of it is told by the drone.
    """
    control = services.control
    must_be_known(drone_id, services)
    needs_control = order.kind is not OrderKind.STAND_DOWN and not order.only_check
    if needs_control and control.lease(drone_id).holder(control.now_s()) != who:
        raise HTTPException(409, f"take control of {drone_id} first")
    if order.kind is OrderKind.LOAD_PATROL:
        raise HTTPException(422, "a patrol is sent with POST /patrols/{patrol_id}/send")
    if (order.alert_id is not None) != (order.kind in ABOUT_AN_ALERT):
        raise HTTPException(422, "alert_id goes with look again and no look, and with nothing else")
    there = _where(order)
    if objection := control.objection(drone_id, order.kind):
        raise HTTPException(409, objection)
    if order.tip_id is not None:
        return await services.tips.send(order.tip_id, drone_id, who.name)
    return await control.give(drone_id, order.kind, who.name, order.alert_id, there=there)


@router.post("/stand-down", status_code=202, responses=WHO)
async def stand_down(who: PilotDep, services: ServicesDep) -> list[LoggedOrder]:
    """Every drone returns, also one that the station has not heard yet: it may only be out of reach. Needs no
    control of any of them: standing down is always safe. Fixed cameras are not asked: they stay."""
    states = services.fleet.states
    fixed = {state.drone_id for state in states if state.fixed}
    every = dict.fromkeys([*(state.drone_id for state in states), *services.keys.owners])
    return await services.control.give_each(
        [drone_id for drone_id in every if drone_id not in fixed], OrderKind.STAND_DOWN, who.name
    )


@router.get(
    "/orders",
    dependencies=[Depends(viewer)],
    responses={**WHO, 404: {"model": Problem, "description": "no order has the id given as before"}},
)
async def orders(
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="the last order of the page before")] = None,
) -> list[LoggedOrder]:
    """The order log, the newest first."""
    last = None if before is None else await services.store.orders.get(before)
    if before is not None and last is None:
        raise HTTPException(404, f"there is no order {before}")
    return await services.store.orders.newest(limit, last)


@router.get("/orders/key")
async def orders_key(services: ServicesDep) -> StationKeyAnswer:
    """The public key that this station's orders are signed with: what `emberwatch station key` prints."""
    return StationKeyAnswer(public_key=services.control.public_key)


_HEIGHT = frozenset({"height_m", "height_above"})
_PLACE = frozenset({"place"})
_NEEDS = {
    OrderKind.LOOK_AT: _PLACE | {"radius_m"},
    OrderKind.GO_TO: _PLACE | _HEIGHT,
    OrderKind.ORBIT: _PLACE | _HEIGHT | {"radius_m"},
    OrderKind.CHANGE_HEIGHT: _HEIGHT,
    OrderKind.LAND: _PLACE,
}


def _where(order: OrderRequest) -> OrderPlace | None:
    """Where it is to go or look, if the request itself says so; 422 unless that goes with its kind."""
    if order.tip_id is not None and order.kind is not OrderKind.LOOK_AT:
        raise HTTPException(422, "a tip goes with look at, and with nothing else")
    if order.only_check and order.kind not in CHECKABLE:
        raise HTTPException(422, f"only_check goes with {_in_words(CHECKABLE)}, and with nothing else")
    needs = _NEEDS.get(order.kind, frozenset())
    said = {name for name in _PLACE | _HEIGHT | {"radius_m"} if getattr(order, name) is not None}
    if order.tip_id is not None:
        needs = frozenset()
    if said != needs:
        missing, extra = sorted(needs - said), sorted(said - needs)
        wish = f"needs {', '.join(missing)}" if missing else f"takes no {', '.join(extra)}"
        or_tip = " or a tip_id" if missing and order.kind is OrderKind.LOOK_AT else ""
        raise HTTPException(422, f"{order.kind.value} {wish}{or_tip}")
    if not said:
        return None
    refuse_other_datum(order)
    return OrderPlace.model_validate(order.model_dump(include=set(OrderPlace.model_fields)))


def _in_words(kinds: Iterable[OrderKind]) -> str:
    return ", ".join(sorted(kind.value for kind in kinds))
