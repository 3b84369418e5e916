"""Whether the station can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Response

from uplink.errors import StoreError
from uplink.station.answers import Health
from uplink.station.routes.dependencies import ServicesDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses={503: {"model": Health, "description": "it cannot"}})
async def healthz(services: ServicesDep, response: Response) -> Health:
    """Asks the database, rather than only proving that the process answers."""
    problems = []
    try:
        await services.store.check()
    except StoreError as reason:
        problems.append(reason.message)
        response.status_code = 503
    return Health(status="failing" if problems else "ok", problems=problems)
