"""Who may sign in, which programs may ask, and which drones may send: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from uplink.messages import DroneId
from uplink.station.access import SESSION_NAME
from uplink.station.access_answers import (
    DroneKeyState,
    MadeKey,
    MadeToken,
    NewToken,
    NewUser,
    ResetPassword,
    TokenState,
    UserChange,
    UserSession,
    UserState,
)
from uplink.station.answers import Problem
from uplink.station.routes.dependencies import WHO, AdminDep, ServicesDep, admin
from uplink.station.sessions import Session
from uplink.station.store.users import User

router = APIRouter(tags=["access"])

NAMED: dict[int | str, dict[str, Any]] = {**WHO, 404: {"model": Problem, "description": "there is none"}}
CHANGED: dict[int | str, dict[str, Any]] = {
    **NAMED,
    409: {"model": Problem, "description": "nobody would be left who looks after the station"},
}
TAKEN: dict[int | str, dict[str, Any]] = {
    **WHO,
    409: {"model": Problem, "description": "the name is taken"},
}
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str, Query(max_length=64, description="the last name of the page before")]
Name = Annotated[str, Path(max_length=64)]


@router.get("/users", dependencies=[Depends(admin)], responses=WHO)
async def users(services: ServicesDep, limit: Limit = 100, after: After = "") -> list[UserState]:
    """Who may sign in, by name."""
    return [
        _user_state(user, services.access.sessions_of(user.name))
        for user in services.access.users_after(after)[:limit]
    ]


@router.post("/users", status_code=204, responses=TAKEN)
async def add_user(who: AdminDep, user: NewUser, services: ServicesDep) -> None:
    """A person who may sign in from now on."""
    await services.access.add_user(user.name, user.role, user.password, by=who.name)


@router.patch("/users/{name}", status_code=204, responses=CHANGED)
async def change_user(name: Name, who: AdminDep, change: UserChange, services: ServicesDep) -> None:
    """Another role, another password, or whether they may sign in. A new password ends the user's sessions,
    and so does disabling them."""
    services.access.must_know(name)
    if change.disabled is not None:
        await services.access.set_disabled(name, change.disabled, by=who.name)
    if change.role is not None:
        await services.access.set_role(name, change.role, by=who.name)
    if change.password is not None:
        await services.access.set_password(name, change.password, by=who.name)


@router.post("/users/{name}/password", responses=NAMED)
async def reset_password(name: Name, who: AdminDep, services: ServicesDep) -> ResetPassword:
    """Makes another password, which is shown this once. All sessions of this user end."""
    return ResetPassword(name=name, password=await services.access.reset_password(name, by=who.name))


@router.get("/users/{name}/sessions", dependencies=[Depends(admin)], responses=NAMED)
async def user_sessions(name: Name, request: Request, services: ServicesDep) -> list[UserSession]:
    """Where a user is signed in, the last used first; there are never more than twenty."""
    services.access.must_know(name)
    own = services.access.session_of(request)
    return [
        UserSession(
            id=one.digest[:SESSION_NAME],
            begun_at=_utc(one.begun_at_s),
            used_at=_utc(one.used_at_s),
            ends_at=_utc(one.ends_at_s),
            address=one.address,
            browser=one.browser,
            current=own is not None and own[1].digest == one.digest,
        )
        for one in services.access.sessions_of(name)
    ]


@router.delete("/users/{name}/sessions", status_code=204, responses=NAMED)
async def end_sessions(name: Name, who: AdminDep, services: ServicesDep) -> None:
    """This user is signed out everywhere."""
    await services.access.end_sessions(name, None, by=who.name)


@router.delete("/users/{name}/sessions/{session}", status_code=204, responses=NAMED)
async def end_session(
    name: Name, session: Annotated[str, Path(max_length=64)], who: AdminDep, services: ServicesDep
) -> None:
    """One of this user's browsers is signed out."""
    await services.access.end_sessions(name, session, by=who.name)


@router.delete("/users/{name}", status_code=204, responses=CHANGED)
async def remove_user(name: Name, who: AdminDep, services: ServicesDep) -> None:
    """Ends all sessions of this user, and no new one begins."""
    await services.access.remove_user(name, by=who.name)


@router.get("/tokens", dependencies=[Depends(admin)], responses=WHO)
async def tokens(services: ServicesDep, limit: Limit = 100, after: After = "") -> list[TokenState]:
    """The programs that may ask, by name."""
    return [
        TokenState(
            name=token.name,
            role=token.role,
            created_at=_utc(token.created_at_s),
            created_by=token.created_by,
            used_at=None if token.used_at_s is None else _utc(token.used_at_s),
        )
        for token in services.access.tokens_after(after)[:limit]
    ]


@router.post("/tokens", status_code=201, responses=TAKEN)
async def add_token(who: AdminDep, token: NewToken, services: ServicesDep) -> MadeToken:
    """A program that may ask, with the token as `Authorization: Bearer`. The token is shown this once."""
    made = await services.access.add_token(token.name, token.role, by=who.name)
    return MadeToken(name=token.name, token=made)


@router.delete("/tokens/{name}", status_code=204, responses=NAMED)
async def remove_token(name: Name, who: AdminDep, services: ServicesDep) -> None:
    """The program may ask no more."""
    await services.access.remove_token(name, by=who.name)


@router.get("/drone-keys", dependencies=[Depends(admin)], responses=WHO)
async def drone_keys(services: ServicesDep, limit: Limit = 100, after: After = "") -> list[DroneKeyState]:
    """Every drone that may send, or might once, by name."""
    keys = services.keys
    states = {state.drone_id: state for state in services.fleet.states}
    ages_s = services.fleet.heard_ages_s(services.control.now_s())
    answer = []
    for drone_id in [one for one in keys.known if one > after][:limit]:
        stored, state = keys.stored(drone_id), states.get(drone_id)
        heard_at = state.at if state is not None else None
        if drone_id in ages_s:
            heard_at = _utc(services.clock() - ages_s[drone_id])
        answer.append(
            DroneKeyState(
                drone_id=drone_id,
                state="configuration" if stored is None else "revoked" if stored.revoked else "station",
                changed_at=None if stored is None else _utc(stored.changed_at_s),
                name=state.name if state is not None else "",
                heard_at=heard_at,
                agent=state.agent if state is not None else "",
                firmware=state.firmware if state is not None else "",
            )
        )
    return answer


@router.post("/drone-keys/{drone_id}", status_code=201, responses=WHO)
async def make_drone_key(drone_id: DroneId, who: AdminDep, services: ServicesDep) -> MadeKey:
    """A key for a drone, new or not; the one that it had is no longer taken. It is shown this once."""
    return MadeKey(drone_id=drone_id, key=await services.access.make_drone_key(drone_id, by=who.name))


@router.delete("/drone-keys/{drone_id}", status_code=204, responses=NAMED)
async def revoke_drone_key(drone_id: DroneId, who: AdminDep, services: ServicesDep) -> None:
    """No key of this drone is taken from now on, whatever the configuration says."""
    await services.access.revoke_drone_key(drone_id, by=who.name)


def _user_state(user: User, sessions: list[Session]) -> UserState:
    return UserState(
        name=user.name,
        role=user.role,
        created_at=_utc(user.created_at_s),
        disabled=user.disabled,
        sessions=len(sessions),
        last_used_at=_utc(sessions[0].used_at_s) if sessions else None,
    )


def _utc(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
