"""Tips come in from other systems, and are worked on."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from uplink.station.answers import Problem
from uplink.station.routes.dependencies import WHO, PilotDep, ServicesDep, viewer
from uplink.station.tip_answers import Tip, TipFeature, TipState, TipStepRequest
from uplink.station.tip_circle import NotACircleError

router = APIRouter(prefix="/tips", tags=["tips"])

AHEAD = timedelta(minutes=5)  # the clock of another system may be fast
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "no tip has this id"}}


@router.post(
    "",
    status_code=201,
    responses={
        **WHO,
        200: {"model": Tip, "description": "known already: it says what it said, or is updated"},
        413: {"model": Problem, "description": "the body is too large"},
        429: {"model": Problem, "description": "too many tips are open: work on them first"},
    },
)
async def tell(feature: TipFeature, who: PilotDep, services: ServicesDep, response: Response) -> Tip:
    """A place that somebody should look at, as a GeoJSON Feature. Told again under the same `source` and
    `external_id` it is the same tip, with what is said of it now."""
    if feature.properties.observed_at > services.now() + AHEAD:
        raise HTTPException(422, "observed_at is in the future")
    try:
        tip, what = await services.tips.told(feature, who.name)
    except NotACircleError as reason:
        raise HTTPException(422, reason.message) from None
    if tip is None:
        raise HTTPException(429, "too many tips are open")
    if what != "new":
        response.status_code = 200
    return tip


@router.get(
    "",
    dependencies=[Depends(viewer)],
    responses={**WHO, 404: {"model": Problem, "description": "no tip has the id given as before"}},
)
async def tips(
    services: ServicesDep,
    state: Annotated[list[TipState] | None, Query(description="only these; left out: all")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[UUID | None, Query(description="the last tip of the page before")] = None,
) -> list[Tip]:
    """Tips by the time they came, the newest first."""
    last = None if before is None else await services.tips.get(before)
    found = await services.store.tips.newest(limit, last, state or ())
    return await services.tips.with_near(found)


@router.get("/{tip_id}", dependencies=[Depends(viewer)], responses={**WHO, **UNKNOWN})
async def tip_by_id(tip_id: UUID, services: ServicesDep) -> Tip:
    """One tip as it stands."""
    [tip] = await services.tips.with_near([await services.tips.get(tip_id)])
    return tip


@router.post(
    "/{tip_id}/steps",
    responses={
        **WHO,
        **UNKNOWN,
        409: {"model": Problem, "description": "it cannot go that way as it stands"},
    },
)
async def step(tip_id: UUID, wish: TipStepRequest, who: PilotDep, services: ServicesDep) -> Tip:
    """Close, dismiss or reopen a tip. A drone is sent with the order `look at`."""
    return await services.tips.step(tip_id, wish.step, who.name, wish.reason)
