"""Who may sign in, which programs may ask, and which drones may send: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from uplink.messages import DroneId
from uplink.station.access_answers import (
    DroneKeyState,
    MadeKey,
    MadeToken,
    NewToken,
    NewUser,
    TokenState,
    UserChange,
    UserState,
)
from uplink.station.answers import Problem
from uplink.station.routes.dependencies import WHO, AdminDep, ServicesDep, admin

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
        UserState(name=user.name, role=user.role, created_at=_utc(user.created_at_s))
        for user in services.access.users_after(after)[:limit]
    ]


@router.post("/users", status_code=204, responses=TAKEN)
async def add_user(who: AdminDep, user: NewUser, services: ServicesDep) -> None:
    """A person who may sign in from now on."""
    await services.access.add_user(user.name, user.role, user.password, by=who.name)


@router.patch("/users/{name}", status_code=204, responses=CHANGED)
async def change_user(name: Name, who: AdminDep, change: UserChange, services: ServicesDep) -> None:
    """Another role, another password, or both. A new password ends the user's sessions."""
    services.access.must_know(name)
    if change.role is not None:
        await services.access.set_role(name, change.role, by=who.name)
    if change.password is not None:
        await services.access.set_password(name, change.password, by=who.name)


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
    answer = []
    for drone_id in [one for one in keys.known if one > after][:limit]:
        stored = keys.stored(drone_id)
        answer.append(
            DroneKeyState(
                drone_id=drone_id,
                state="configuration" if stored is None else "revoked" if stored.revoked else "station",
                changed_at=None if stored is None else _utc(stored.changed_at_s),
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


def _utc(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
