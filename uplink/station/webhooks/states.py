"""An endpoint and how it fares, for people."""

from __future__ import annotations

from datetime import UTC, datetime

from uplink.station.store.endpoints import EndpointStore
from uplink.station.webhooks.answers import WebhookState
from uplink.station.webhooks.endpoints import Endpoint


async def state_of(endpoint: Endpoint, store: EndpointStore, *, now_s: float) -> WebhookState:
    """Without its secrets, and without the part of its address that may hold one."""
    tally = await store.tally(endpoint.name.id)
    return WebhookState(
        id=endpoint.name.id,
        url_host=endpoint.name.url_host,
        events=list(endpoint.name.wants.types),
        has_area=endpoint.name.wants.area is not None,
        datum=endpoint.name.datum,
        two_secrets=endpoint.signers.both_sign(now_s),
        disabled_at=_utc(tally.disabled_at_s),
        disabled_because=tally.disabled_because,
        last_error=tally.last_error,
        waiting=tally.waiting,
        dead=tally.dead,
        oldest_waiting_at=_utc(tally.oldest_waiting_s),
        last_delivered_at=_utc(tally.last_delivered_s),
    )


def _utc(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
