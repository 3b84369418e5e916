"""Signing in and out, and one's own password."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from uplink.station.access import PAGE_HEADER, refuse_other_site
from uplink.station.access_answers import NewPassword, SessionState, SignIn
from uplink.station.answers import Problem
from uplink.station.people import tag_of
from uplink.station.routes.dependencies import WHO, ServicesDep, viewer
from uplink.station.sessions import LIFETIME_S, csrf_token

router = APIRouter(prefix="/session", tags=["access"])

TOO_MANY: dict[int | str, dict[str, Any]] = {
    429: {"model": Problem, "description": "too many tries; `Retry-After` says for how long"}
}
OTHER_SITE: dict[int | str, dict[str, Any]] = {403: {"model": Problem, "description": "from another site"}}


@router.get("", responses=OTHER_SITE)
async def session(request: Request, services: ServicesDep) -> SessionState:
    """Who asks, and whether they have to sign in."""
    access = services.access
    refuse_other_site(request)
    page = request.headers.get(PAGE_HEADER)
    found = access.session_of(request) if access.sign_in_needed else None
    try:
        person = access.identify(request)
    except HTTPException:
        person = None
    return SessionState(
        name=person.name if person else None,
        role=person.role if person else None,
        tag=tag_of(page) if page else None,
        sign_in_needed=access.sign_in_needed,
        csrf_token=csrf_token(found[0]) if found else "",
        ends_at=datetime.fromtimestamp(found[1].begun_at_s + LIFETIME_S, UTC) if found else None,
    )


def own_page(request: Request, services: ServicesDep) -> None:
    """403 for what another site could have sent."""
    services.access.must_be_own_page(request)


@router.post("", dependencies=[Depends(own_page)], responses={401: WHO[401], **OTHER_SITE, **TOO_MANY})
async def sign_in(
    sign_in: SignIn, request: Request, response: Response, services: ServicesDep
) -> SessionState:
    """Begins a session. It ends two hours after the last page that used it was closed, and twelve hours after
    it began."""
    access = services.access
    if not access.sign_in_needed:
        raise HTTPException(403, "nobody signs in here: who sits at this machine is its admin")
    browser = request.headers.get("user-agent", "")
    number, session, user = await access.sign_in(sign_in.name, sign_in.password, _address(request), browser)
    response.set_cookie(
        access.cookie, number, path="/", httponly=True, samesite="strict", secure=access.secure
    )
    return SessionState(
        name=user.name,
        role=user.role,
        tag=tag_of(request.headers[PAGE_HEADER]),
        sign_in_needed=True,
        csrf_token=csrf_token(number),
        ends_at=datetime.fromtimestamp(session.begun_at_s + LIFETIME_S, UTC),
    )


@router.delete("", status_code=204, dependencies=[Depends(viewer)], responses=WHO)
async def sign_out(request: Request, response: Response, services: ServicesDep) -> None:
    """Ends the session; every page of it is sent away."""
    access = services.access
    await access.sign_out(request)
    response.delete_cookie(access.cookie, path="/", httponly=True, samesite="strict", secure=access.secure)


@router.put(
    "/password",
    status_code=204,
    dependencies=[Depends(viewer)],
    responses={
        **WHO,
        **TOO_MANY,
        409: {"model": Problem, "description": "who asks did not sign in with a password"},
    },
)
async def change_password(change: NewPassword, request: Request, services: ServicesDep) -> None:
    """One's own; all other sessions of who asks end. 403 where the old password is wrong."""
    await services.access.change_password(
        request, change.old_password, change.new_password, _address(request)
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else "nowhere"
