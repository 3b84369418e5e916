"""A store and a dispatcher with clocks that only move when told to."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uuid6

from uplink.messages import Alert, AlertState
from uplink.station.answers import Delivery
from uplink.station.events import event_for
from uplink.station.incident import Incident
from uplink.station.store.beside import StoreBeside
from uplink.station.store.deliveries import EndpointName, add_deliveries
from uplink.station.webhooks.config import WebhookConfig
from uplink.station.webhooks.dispatcher import WebhookDispatcher
from uplink.station.webhooks.endpoints import Endpoint, load_endpoints
from uplink.station.webhooks.sender import guarded_transport, new_http

from .feeds.incidents import make_incident
from .makers import NOON, make_alert, make_config


@dataclass(slots=True)
class Bench:
    """``pass_s`` lets time pass; ``set_clock_s`` is somebody setting the wall clock."""

    store: StoreBeside
    dispatcher: WebhookDispatcher
    endpoints: list[Endpoint]
    clients: list[httpx.AsyncClient]
    now_s: float = NOON.timestamp()
    monotonic_s: float = 1000.0
    heard: list[Delivery] = field(default_factory=list)

    async def put(
        self, alert_id: UUID | None = None, revision: int = 1, state: AlertState = AlertState.CONFIRMED
    ) -> UUID:
        alert = make_alert(alert_id, revision, state=state)
        await announce(self.store, alert, self.dispatcher.names, now_s=self.now_s)
        return alert.id

    async def deliver(self, endpoint: int = 0) -> int:
        return await self.dispatcher.deliver_due(self.clients[endpoint], self.endpoints[endpoint])

    async def deliver_all(self, endpoint: int = 0) -> None:
        while await self.deliver(endpoint):
            pass

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.monotonic_s += seconds

    def set_clock_s(self, by_s: float) -> None:
        self.now_s += by_s

    async def next_wait_s(self, endpoint: int = 0) -> float | None:
        due_s = await self.store.delivery_queue.next_due_s(self.endpoints[endpoint].name.id)
        return None if due_s is None else due_s - self.now_s

    async def log(self) -> list[Delivery]:
        return await self.store.deliveries.newest(500)


def hurry(store: StoreBeside) -> None:
    """No power is cut in these stories, and thousands of fsyncs would make them long."""
    store.deliveries._database._connection.conn.execute("PRAGMA synchronous=OFF")


async def announce(
    store: StoreBeside, alert: Alert, endpoints: Sequence[EndpointName], *, now_s: float
) -> None:
    """What the station does for each new revision, without the rest that it does with one."""
    event = event_for(alert, is_first=alert.revision == 1, now_s=now_s)
    await store.deliveries._database.run(lambda db: add_deliveries(db, event, endpoints, now_s=now_s))


@asynccontextmanager
async def webhook_bench(
    folder: Path, *urls: str, configs: Sequence[WebhookConfig] | None = None
) -> AsyncIterator[Bench]:
    config = make_config(folder, webhook_urls=urls)
    store = StoreBeside(config.data_dir)
    hurry(store)
    endpoints = load_endpoints(config.webhooks if configs is None else configs)
    try:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(new_http(guarded_transport(endpoint)))
                for endpoint in endpoints
            ]
            bench: Bench | None = None
            dispatcher = WebhookDispatcher(
                endpoints,
                store.delivery_queue,
                store.endpoints,
                on_change=lambda delivery: bench.heard.append(delivery) if bench else None,
                clock=lambda: bench.now_s if bench else NOON.timestamp(),
                monotonic=lambda: bench.monotonic_s if bench else 1000.0,
                rng=random.Random(1),
            )
            bench = Bench(store, dispatcher, endpoints, clients)
            await store.delivery_queue.begin(dispatcher.names, now_s=bench.now_s)
            yield bench
    finally:
        store.close()


def incident_of_one(**changes: Any) -> Incident:
    """A new incident of one alert at home; ``changes`` are fields."""
    new = {"id": uuid6.uuid7(), "severity": "unknown", "ellipse": None, "alert_ids": [uuid6.uuid7()]}
    return make_incident(**(new | changes))
