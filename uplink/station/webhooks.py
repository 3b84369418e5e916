"""Tells other systems of every alert, signed (Standard Webhooks), until they have answered with 2xx.

The alert's own transaction wrote the deliveries; here each endpoint has a task that takes what is due,
posts it and writes down what came of it. Endpoints do not wait for one another. What a crash cuts off is
due again; the ``webhook-id`` never changes, so that a receiver can tell a repeat.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from uplink.errors import StationError, StoreError
from uplink.keys import read_secret, readable_by_others
from uplink.station.answers import Delivery
from uplink.station.config import WebhookConfig
from uplink.station.store.deliveries import Attempt, DeliveryStore, EndpointName

log = logging.getLogger(__name__)

# The wait before each attempt. Early steps are short: a fire does not wait for a polite retry.
SCHEDULE_S = (0.0, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
JITTER = 0.2
WHSEC = "whsec_"
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64  # as Standard Webhooks asks
REQUEST_TIMEOUT_S = 10.0
LEASE_S = 60.0  # longer than an attempt can take
AT_ONCE = 4  # posts in flight per endpoint
STORE_PAUSE_S = 5.0
LOOK_EVERY_S = 60.0  # due times are wall time, which may be set while we wait


def wait_before(attempt: int, jitter: float) -> float | None:
    """Seconds to wait before attempt number ``attempt`` (from 1); None when there are no more.

    ``jitter`` in [0, 1) adds up to 20 %, so that endpoints that came back are not hit by all at once.
    """
    if attempt > len(SCHEDULE_S):
        return None
    return SCHEDULE_S[attempt - 1] * (1.0 + JITTER * jitter)


@dataclass(slots=True)
class Endpoint:
    """A receiver with its own secret."""

    url: str = field(repr=False)  # its path or query may hold a token
    name: EndpointName
    signer: Webhook = field(repr=False)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False  # it answered 410: nothing more is sent until the station is started anew
    failing: bool = False


def load_endpoints(configs: Iterable[WebhookConfig]) -> list[Endpoint]:
    """Reads the secrets. Raises ``StationError`` for a secret file that is missing or holds none."""
    endpoints = []
    for config in configs:
        url = str(config.url)
        host = httpx.URL(url).netloc.decode()
        secret = read_secret(config.secret_file, f"the secret file of webhook {host}", error=StationError)
        if readable_by_others(config.secret_file):
            log.warning("other users can read %s: chmod 600 it", config.secret_file)
        name = EndpointName(
            id=hashlib.sha256(url.encode()).hexdigest()[:16], url_host=host, datum=config.datum
        )
        endpoints.append(Endpoint(url, name, _signer(secret, config)))
    return endpoints


class WebhookDispatcher:
    """Delivers to all endpoints. ``clock`` gives seconds since 1970; ``on_change`` hears of each step."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        deliveries: DeliveryStore,
        *,
        on_change: Callable[[Delivery], None],
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._endpoints = list(endpoints)
        self._deliveries = deliveries
        self._on_change = on_change
        self._clock = clock
        self._rng = rng

    @property
    def names(self) -> list[EndpointName]:
        """The endpoints that new events go to."""
        return [endpoint.name for endpoint in self._endpoints if not endpoint.gone]

    def wake(self) -> None:
        """Something new is due."""
        for endpoint in self._endpoints:
            endpoint.wake.set()

    async def run(self) -> None:
        """Until cancelled. What is in flight then is due again at the next start."""
        # httpx logs whole addresses at INFO, and a webhook's address may hold a token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        await self._deliveries.begin([endpoint.name for endpoint in self._endpoints])
        async with new_http() as http, asyncio.TaskGroup() as tasks:
            for endpoint in self._endpoints:
                tasks.create_task(self._serve(http, endpoint))

    async def deliver_due(self, http: httpx.AsyncClient, endpoint: Endpoint) -> int:
        """Makes the attempts that are due now for one endpoint; returns how many there were."""
        attempts = await self._deliveries.take(
            endpoint.name.id, now_s=self._clock(), lease_s=LEASE_S, limit=AT_ONCE
        )
        async with asyncio.TaskGroup() as tasks:
            for attempt in attempts:
                tasks.create_task(self._attempt(http, endpoint, attempt))
        return len(attempts)

    async def _serve(self, http: httpx.AsyncClient, endpoint: Endpoint) -> None:
        while not endpoint.gone:
            endpoint.wake.clear()
            try:
                if await self.deliver_due(http, endpoint):
                    continue
                due_s = await self._deliveries.next_due_s(endpoint.name.id)
            except* StoreError as errors:
                log.error("webhooks wait: %s", errors.exceptions[0])  # noqa: TRY400
                due_s = self._clock() + STORE_PAUSE_S
            wait_s = LOOK_EVERY_S if due_s is None else min(LOOK_EVERY_S, max(0.0, due_s - self._clock()))
            try:
                async with asyncio.timeout(wait_s):
                    await endpoint.wake.wait()
            except TimeoutError:
                pass

    async def _attempt(self, http: httpx.AsyncClient, endpoint: Endpoint, attempt: Attempt) -> None:
        status, error = await _post(http, endpoint, attempt, now_s=self._clock())
        if error is None and status is not None:
            if endpoint.failing:
                log.info("webhook %s takes events again", endpoint.name.url_host)
            endpoint.failing = False
            self._on_change(
                await self._deliveries.mark_delivered(attempt.delivery_id, status=status, now_s=self._clock())
            )
            return
        error = error or "no answer"
        wait_s = wait_before(attempt.number + 1, self._rng.random())
        if status == httpx.codes.GONE:
            wait_s = None
        retry_at_s = None if wait_s is None else self._clock() + wait_s
        self._say_failed(endpoint, attempt, error, dead=wait_s is None)
        self._on_change(
            await self._deliveries.mark_failed(
                attempt.delivery_id, status=status, error=error, retry_at_s=retry_at_s
            )
        )
        if status == httpx.codes.GONE:
            endpoint.gone = True
            for delivery in await self._deliveries.give_up(endpoint.name.id, "the endpoint is gone (410)"):
                self._on_change(delivery)

    def _say_failed(self, endpoint: Endpoint, attempt: Attempt, error: str, *, dead: bool) -> None:
        host = endpoint.name.url_host
        if error == _in_words(httpx.codes.GONE):
            log.error("webhook %s says it is gone (410): no more events go there until a restart", host)
        elif dead:
            log.error(
                "webhook %s: event %s given up after %d attempts", host, attempt.event_id, attempt.number
            )
        elif not endpoint.failing:
            log.warning("webhook %s fails (%s): events are kept and tried again", host, error)
        endpoint.failing = True


def new_http() -> httpx.AsyncClient:
    """A client for webhooks: bounded in time, follows no redirect, takes no proxy or netrc from outside."""
    return httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, follow_redirects=False, trust_env=False)


async def _post(
    http: httpx.AsyncClient, endpoint: Endpoint, attempt: Attempt, *, now_s: float
) -> tuple[int | None, str | None]:
    """Signs and posts. Returns the status, if any, and what is wrong, if anything."""
    at = datetime.fromtimestamp(int(now_s), UTC)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Emberwatch",
        "webhook-id": attempt.event_id,
        "webhook-timestamp": str(int(now_s)),
        "webhook-signature": endpoint.signer.sign(msg_id=attempt.event_id, timestamp=at, data=attempt.body),
    }
    try:
        async with (
            asyncio.timeout(REQUEST_TIMEOUT_S),
            # The body of the answer is nothing to us, so it is not read, however long it is.
            http.stream("POST", endpoint.url, content=attempt.body.encode(), headers=headers) as answer,
        ):
            status = answer.status_code
    except (TimeoutError, httpx.TimeoutException):
        return None, f"no answer within {REQUEST_TIMEOUT_S:.0f} s"
    except httpx.ConnectError:
        return None, "no connection"
    except httpx.HTTPError as error:
        return None, f"the connection failed ({type(error).__name__})"
    return status, None if answer.is_success else _in_words(status)


def _in_words(status: int) -> str:
    return f"HTTP {int(status)}"


def _signer(secret: str, config: WebhookConfig) -> Webhook:
    # The library forgives what is not base64 and signs with whatever is left; we would rather not start.
    try:
        if not secret.startswith(WHSEC):
            raise ValueError(f"it does not begin with {WHSEC}")
        key = base64.b64decode(secret.removeprefix(WHSEC), validate=True)
        if not SECRET_MIN_BYTES <= len(key) <= SECRET_MAX_BYTES:
            raise ValueError(f"it has {len(key)} bytes instead of {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES}")
    except ValueError as reason:
        raise StationError(
            f"{config.secret_file} holds no webhook secret: {reason}",
            hint=f"A secret is {WHSEC} followed by base64, as from: echo {WHSEC}$(openssl rand -base64 32)",
        ) from None
    return Webhook(key)
