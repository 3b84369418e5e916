"""What several routes need: the station's parts and the drone behind a key."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from uplink.gcj02 import Datum, is_wgs84
from uplink.messages import DroneId, Message, Sha256
from uplink.station.answers import Problem
from uplink.station.lease import Holder
from uplink.station.people import Person, Role
from uplink.station.services import Services

_bearer = HTTPBearer(auto_error=False, description="the drone's key")

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no key, or one that no drone has"},
    403: {"model": Problem, "description": "the key of another drone"},
    413: {"model": Problem, "description": "the body is too large"},
    503: {"model": Problem, "description": "the station cannot write now; send it again"},
}


def services_of(request: Request) -> Services:
    """The running station's parts."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


def sender(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """The drone whose key the request carries; 401 without one."""
    drone_id = services.keys.owner_of(credentials.credentials) if credentials else None
    if drone_id is None:
        raise HTTPException(
            401, "give the drone's key as a bearer token", headers={"WWW-Authenticate": "Bearer"}
        )
    return drone_id


def operator(request: Request, services: ServicesDep) -> Holder:
    """The person at the page that asks; 401 or 403 when it is nobody who may give orders."""
    return services.control.operators.identify(request)


def pilot(request: Request, services: ServicesDep) -> Person:
    """The person that asks, who may order drones and work incidents; 401 or 403 otherwise."""
    holder = services.control.operators.identify(request)
    return Person(holder.name, Role.ADMIN, holder.session)


OperatorDep = Annotated[Holder, Depends(operator)]
PilotDep = Annotated[Person, Depends(pilot)]
AdminDep = Annotated[Person, Depends(pilot)]
Sender = Annotated[str, Depends(sender)]


def sender_on_its_own_path(drone_id: Annotated[DroneId, Path()], drone: Sender) -> str:
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
