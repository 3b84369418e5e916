"""Whether the station can do its work, for load balancers and people."""

from __future__ import annotations

from fastapi import APIRouter, Response

from uplink.station.answers import Health
from uplink.station.routes.dependencies import ServicesDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={503: {"model": Health, "description": "it cannot take alerts"}})
async def healthz(services: ServicesDep, response: Response) -> Health:
    """Writes to the database and asks the tasks, rather than only proving that the process answers."""
    health = await services.health.ask()
    if health.status == "failing":
        response.status_code = 503
    return health
