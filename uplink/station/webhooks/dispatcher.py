"""Tells other systems of alerts and incidents, signed (Standard Webhooks), until they have answered with 2xx.

The event's own transaction wrote the deliveries; here each endpoint has a task that takes what is due, posts
it and writes down what came of it. Endpoints do not wait for one another. What a crash cuts off is due again;
the ``webhook-id`` never changes, so that a receiver can tell a repeat.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import uuid6

from uplink.errors import StoreError
from uplink.station.answers import Delivery
from uplink.station.events import Ping, WebhookEvent
from uplink.station.store.deliveries import EndpointName
from uplink.station.store.delivery_queue import Attempt, DeliveryQueue, Outcome
from uplink.station.store.endpoints import EndpointStore
from uplink.station.webhooks.endpoints import Endpoint
from uplink.station.webhooks.schedule import wait_before
from uplink.station.webhooks.sender import Answer, guarded_transport, new_http, post
from uplink.station.webhooks.verdict import Verdict

log = logging.getLogger(__name__)

LEASE_S = 60.0  # longer than an attempt can take
STORE_PAUSE_S = 5.0
# Due times are wall time, which may be set while we wait; and the command line writes behind our back.
LOOK_EVERY_S = 5.0
BREATH_S = 0.05
CLOCK_MOVED_S = 2.0
GONE_WORDS = "it answered that it is gone (410)"


class WebhookDispatcher:
    """Delivers to all endpoints. ``clock`` gives seconds since 1970, ``monotonic`` seconds that nobody can
    set; ``on_change`` hears of each step."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        queue: DeliveryQueue,
        states: EndpointStore,
        *,
        on_change: Callable[[Delivery], None],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        rng: random.Random,
        transport: Callable[[Endpoint], httpx.AsyncBaseTransport] = guarded_transport,
    ) -> None:
        self._endpoints = {endpoint.name.id: endpoint for endpoint in endpoints}
        self._queue = queue
        self._states = states
        self._on_change = on_change
        self._clock = clock
        self._monotonic = monotonic
        self._rng = rng
        self._transport = transport
        self._wall_ahead_s = clock() - monotonic()
        self._store_failing = False

    @property
    def names(self) -> list[EndpointName]:
        """The endpoints of the configuration."""
        return [endpoint.name for endpoint in self._endpoints.values()]

    @property
    def endpoints(self) -> list[Endpoint]:
        """The same with what is kept of them here."""
        return list(self._endpoints.values())

    def find(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint of this id."""
        return self._endpoints.get(endpoint_id)

    def wake(self) -> None:
        """Something new is due."""
        for endpoint in self._endpoints.values():
            endpoint.wake.set()

    async def run(self) -> None:
        """Until cancelled. What is in flight then is due again at the next start."""
        # httpx logs whole addresses at INFO, and a webhook's address may hold a token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        await self._queue.begin(self.names, now_s=self._clock())
        async with AsyncExitStack() as clients, asyncio.TaskGroup() as tasks:
            for endpoint in self._endpoints.values():
                http = await clients.enter_async_context(new_http(self._transport(endpoint)))
                tasks.create_task(self._serve(http, endpoint))

    async def test(self, endpoint: Endpoint, *, by: str) -> Delivery:
        """Posts a test at once, disabled or not, and only once. Where it arrives the endpoint works again."""
        now_s = self._clock()
        event = WebhookEvent(
            type="test.ping", timestamp=datetime.fromtimestamp(now_s, UTC), data=Ping(id=uuid6.uuid7(), by=by)
        )
        test, body = await self._states.add_test(event, endpoint.name, by=by, now_s=now_s)
        async with new_http(self._transport(endpoint)) as http:
            answer = await post(http, endpoint, test.event_id, body, now_s=now_s)
        if answer.verdict is Verdict.DELIVERED:
            await self._worked(endpoint)
            delivery = await self._queue.delivered(test.id, self._outcome(answer))
        else:
            delivery = await self._queue.failed(test.id, self._outcome(answer), retry_at_s=None)
        self._on_change(delivery)
        return delivery

    async def deliver_due(self, http: httpx.AsyncClient, endpoint: Endpoint) -> int:
        """Makes the attempts that are due now for one endpoint, as many as it can take; returns how many."""
        limit = endpoint.breaker.may_send(self._monotonic())
        if not limit:
            return 0
        attempts = await self._queue.take(
            endpoint.name.id,
            now_s=self._clock(),
            lease_s=LEASE_S,
            limit=limit,
            probing=endpoint.breaker.broken,
        )
        async with asyncio.TaskGroup() as tasks:
            for attempt in attempts:
                tasks.create_task(self._attempt(http, endpoint, attempt))
        return len(attempts)

    async def follow_the_clock(self) -> None:
        """When somebody sets the clock, what waits keeps its distance: it is neither late nor all at once."""
        ahead_s = self._clock() - self._monotonic()
        by_s = ahead_s - self._wall_ahead_s
        if abs(by_s) < CLOCK_MOVED_S:
            return
        log.info("the clock moved by %+.0f s: webhooks that wait follow it", by_s)
        self._wall_ahead_s = ahead_s
        try:
            await self._queue.shift(by_s)
        except StoreError:
            self._wall_ahead_s -= by_s
            raise

    async def _serve(self, http: httpx.AsyncClient, endpoint: Endpoint) -> None:
        while True:
            endpoint.wake.clear()
            try:
                await self.follow_the_clock()
                if await self.deliver_due(http, endpoint):
                    continue
                due_s = await self._queue.next_due_s(endpoint.name.id)
                self._store_failing = False
            except* StoreError as errors:
                if not self._store_failing:
                    log.error("webhooks wait: %s", errors.exceptions[0])  # noqa: TRY400
                self._store_failing = True
                due_s = self._clock() + STORE_PAUSE_S
            await self._wait(endpoint, due_s)

    async def _wait(self, endpoint: Endpoint, due_s: float | None) -> None:
        """Until something is due and may be sent. What is new does not hurry an endpoint that is broken."""
        pause_s = endpoint.breaker.wait_s(self._monotonic())
        if pause_s > 0.0:
            await asyncio.sleep(min(pause_s, LOOK_EVERY_S))
            return
        # What is due may wait for an older one of its alert whose outcome could not be written down.
        wait_s = LOOK_EVERY_S if due_s is None else min(LOOK_EVERY_S, max(BREATH_S, due_s - self._clock()))
        try:
            async with asyncio.timeout(wait_s):
                await endpoint.wake.wait()
        except TimeoutError:
            pass

    async def _attempt(self, http: httpx.AsyncClient, endpoint: Endpoint, attempt: Attempt) -> None:
        answer = await post(http, endpoint, attempt.event_id, attempt.body, now_s=self._clock())
        outcome = self._outcome(answer)
        match answer.verdict:
            case Verdict.DELIVERED:
                self._on_change(await self._queue.delivered(attempt.delivery_id, outcome))
                await self._worked(endpoint)
                return
            case Verdict.GONE:
                self._on_change(await self._queue.failed(attempt.delivery_id, outcome, retry_at_s=None))
                await self._disable(endpoint)
                return
            case Verdict.FAILED:
                endpoint.breaker.failed(self._monotonic(), asked_s=answer.asked_s)
            case Verdict.REFUSED:
                pass
        wait_s = wait_before(attempt.step + 1, self._rng.random(), asked_s=answer.asked_s)
        retry_at_s = None if wait_s is None else outcome.at_s + wait_s
        self._on_change(await self._queue.failed(attempt.delivery_id, outcome, retry_at_s=retry_at_s))
        self._say_failed(endpoint, attempt, outcome, dead=wait_s is None)
        if answer.verdict is Verdict.FAILED and endpoint.breaker.broken:
            await self._put_off(endpoint, outcome, answer.asked_s)

    async def _put_off(self, endpoint: Endpoint, outcome: Outcome, asked_s: float | None) -> None:
        """One attempt at a broken endpoint speaks for all that were due."""
        dead = await self._queue.put_off(
            endpoint.name.id,
            f"not sent: the endpoint fails ({outcome.error})",
            now_s=outcome.at_s,
            wait_before=lambda step: wait_before(step, self._rng.random(), asked_s=asked_s),
        )
        for delivery in dead:
            self._on_change(delivery)
        if dead:
            log.error("webhook %s: %d events given up unsent, it fails", endpoint.name.url_host, len(dead))

    async def _worked(self, endpoint: Endpoint) -> None:
        if endpoint.breaker.worked():
            await self._queue.release(endpoint.name.id, now_s=self._clock())
            endpoint.wake.set()
        if endpoint.failing:
            log.info("webhook %s takes events again", endpoint.name.url_host)
        endpoint.failing = False

    async def _disable(self, endpoint: Endpoint) -> None:
        host = endpoint.name.url_host
        log.error("webhook %s says it is gone (410): nothing goes there until it is enabled again", host)
        endpoint.failing = True
        for delivery in await self._states.disable(endpoint.name, GONE_WORDS, now_s=self._clock()):
            self._on_change(delivery)

    def _outcome(self, answer: Answer) -> Outcome:
        return Outcome(self._clock(), answer.took_ms, answer.status, answer.error)

    def _say_failed(self, endpoint: Endpoint, attempt: Attempt, outcome: Outcome, *, dead: bool) -> None:
        host = endpoint.name.url_host
        if dead:
            log.error("webhook %s: event %s given up after %d attempts", host, attempt.event_id, attempt.step)
        elif not endpoint.failing:
            log.warning("webhook %s fails (%s): events are kept and tried again", host, outcome.error)
        endpoint.failing = True
