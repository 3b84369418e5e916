"""What several routes need: the station's parts, the drone behind a key, the person behind a session.

These are coroutines though they wait for nothing: anything else would be run in a thread, for every request.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from uplink.gcj02 import Datum, is_wgs84
from uplink.messages import DroneId, Message, Sha256
from uplink.station.answers import Invalid, Problem
from uplink.station.people import Person, Role
from uplink.station.services import Services

_bearer = HTTPBearer(auto_error=False, scheme_name="drone", description="the drone's key")
# For the description of the interface: `Access` looks at the request itself.
_token = HTTPBearer(auto_error=False, scheme_name="token", description="of a program")
_session = APIKeyCookie(
    name="__Host-emberwatch",
    auto_error=False,
    scheme_name="session",
    description="of a person who signed in; `emberwatch` where the station speaks http. What changes "
    "something needs the headers X-Emberwatch-Session and X-Emberwatch-Csrf beside it.",
)

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no key, or one that no drone has"},
    403: {"model": Problem, "description": "the key of another drone"},
    413: {"model": Problem, "description": "the body is too large"},
    503: {"model": Problem, "description": "the station cannot write now; send it again"},
}
ANYWHERE: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the request cannot be read"},
    413: {"model": Problem, "description": "the body is too large"},
    422: {"model": Invalid, "description": "the request does not make sense"},
    503: {"model": Problem, "description": "the station cannot do it now; send it again"},
}
WHO: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "not signed in, or no token that is known"},
    403: {
        "model": Problem,
        "description": "from another site, without the page's headers, or not this role's",
    },
}


def as_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For routes whose answer is no JSON: that these refusals are, all the same."""
    said = {**ANYWHERE, **WHO, 404: {"description": "there is none"}}
    return {
        status: {
            "description": said[status]["description"],
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
        for status in statuses
        for name in ("Invalid" if status == 422 else "Problem",)
    }


async def services_of(request: Request) -> Services:
    """The running station's parts."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def sender(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """The drone whose key the request carries; 401 without one."""
    drone_id = services.keys.owner_of(credentials.credentials) if credentials else None
    if drone_id is None:
        raise HTTPException(
            401, "give the drone's key as a bearer token", headers={"WWW-Authenticate": "Bearer"}
        )
    return drone_id


async def viewer(
    request: Request,
    services: ServicesDep,
    _by_token: Annotated[HTTPAuthorizationCredentials | None, Depends(_token)],
    _by_session: Annotated[str | None, Depends(_session)],
) -> Person:
    """Who asks, and may look; 401 or 403 otherwise."""
    return services.access.identify(request)


ViewerDep = Annotated[Person, Depends(viewer)]


async def pilot(person: ViewerDep) -> Person:
    """Who asks, and may order drones and work incidents; 401 or 403 otherwise."""
    return _who_may(person, Role.PILOT)


async def admin(person: ViewerDep) -> Person:
    """Who asks, and looks after the station; 401 or 403 otherwise."""
    return _who_may(person, Role.ADMIN)


def _who_may(person: Person, role: Role) -> Person:
    if not person.role.covers(role):
        raise HTTPException(403, f"this needs the role {role}; {person.name} is {person.role}")
    return person


PilotDep = Annotated[Person, Depends(pilot)]
AdminDep = Annotated[Person, Depends(admin)]
Sender = Annotated[str, Depends(sender)]


async def sender_on_its_own_path(drone_id: Annotated[DroneId, Path()], drone: Sender) -> str:
    """The sender, which may write about itself only; 403 otherwise."""
    if drone_id != drone:
        raise HTTPException(403, f"this key is not drone {drone_id}'s")
    return drone


SenderOnItsOwnPath = Annotated[str, Depends(sender_on_its_own_path)]
DatumQuery = Annotated[
    Datum, Query(description="of the positions; each names its own, and outside China it stays WGS84")
]
Sha256Path = Annotated[Sha256, Path(description="of the bytes, in lower-case hex")]


def refuse_mismatch(what: str, in_path: object, in_body: object) -> None:
    """422 unless path and body name the same thing."""
    if in_path != in_body:
        raise HTTPException(422, f"{what} is {in_path} in the path and {in_body} in the body")


def refuse_other_datum(message: Message) -> None:
    """422 unless every position is WGS 84: what the station keeps is never mixed."""
    if not is_wgs84(message):
        raise HTTPException(422, "drones send WGS 84 positions only")
