"""Looking after webhooks: how the endpoints fare, a test, a replay, and enabling one that said it is gone."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import JSONResponse

from uplink.station.answers import Delivery, Problem
from uplink.station.events import WebhookEvent
from uplink.station.routes.dependencies import REFUSALS, WHO, AdminDep, ServicesDep
from uplink.station.store.deliveries import ReplayRange
from uplink.station.webhooks.answers import Replayed, ReplayRequest, WebhookState
from uplink.station.webhooks.endpoints import Endpoint
from uplink.station.webhooks.states import state_of

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

ABOUT_ONE: dict[int | str, dict[str, Any]] = {
    **WHO,
    404: {"model": Problem, "description": "no endpoint of the configuration is called that"},
    503: REFUSALS[503],
}
NOT_WHILE_DISABLED: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "the endpoint is disabled: enable it first"}
}

EndpointPath = Annotated[str, Path(max_length=64, description="its id, as `GET /webhooks` tells it")]


@router.get("", responses={**WHO, 503: REFUSALS[503]})
async def webhooks(_: AdminDep, services: ServicesDep) -> list[WebhookState]:
    """The endpoints of the configuration and how they fare."""
    return [await _state(endpoint, services) for endpoint in services.webhooks.endpoints]


@router.get("/schema", response_class=JSONResponse)
async def webhook_schema() -> dict[str, Any]:
    """JSON Schema of what webhooks carry. It needs no key."""
    return event_schema()


@router.post("/{endpoint}/test", responses=ABOUT_ONE)
async def test_webhook(endpoint: EndpointPath, who: AdminDep, services: ServicesDep) -> Delivery:
    """Posts one `test.ping` now, and tells what came of it after ten seconds at most. It is not repeated."""
    return await services.webhooks.test(_find(endpoint, services), by=who.name)


@router.post("/{endpoint}/enable", responses=ABOUT_ONE)
async def enable_webhook(endpoint: EndpointPath, who: AdminDep, services: ServicesDep) -> WebhookState:
    """Events go there again, after it had answered 410. What was missed can be replayed."""
    found = _find(endpoint, services)
    await services.store.endpoints.enable(found.name.id, by=who.name, now_s=services.clock())
    return await _state(found, services)


@router.post("/{endpoint}/replay", responses={**ABOUT_ONE, **NOT_WHILE_DISABLED})
async def replay_webhook(
    endpoint: EndpointPath, what: ReplayRequest, who: AdminDep, services: ServicesDep
) -> Replayed:
    """Sends again: one event, or what was given up in a time. Each keeps its `webhook-id`, and has the whole
    schedule before it."""
    found = _find(endpoint, services)
    if (await services.store.endpoints.tally(found.name.id)).disabled_at_s is not None:
        raise HTTPException(409, f"{found.name.id} is disabled: enable it first")
    chosen = ReplayRange(
        event_id=what.event_id,
        since_s=what.since.timestamp() if what.since else None,
        until_s=what.until.timestamp() if what.until else None,
        delivered_too=what.delivered_too,
    )
    count = await services.store.deliveries.replay(found.name.id, chosen, by=who.name, now_s=services.clock())
    services.webhooks.wake()
    return Replayed(deliveries=count)


def event_schema() -> dict[str, Any]:
    """Of the body of a webhook, as receivers may check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **WebhookEvent.model_json_schema(mode="serialization"),
    }


def _find(endpoint: str, services: ServicesDep) -> Endpoint:
    found = services.webhooks.find(endpoint)
    if found is None:
        raise HTTPException(404, f"no webhook is called {endpoint}")
    return found


async def _state(endpoint: Endpoint, services: ServicesDep) -> WebhookState:
    return await state_of(endpoint, services.store.endpoints, now_s=services.clock())
