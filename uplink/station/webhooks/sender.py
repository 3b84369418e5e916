"""One signed post, bounded in time, and what came of it in words."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from dataclasses import dataclass

import httpcore
import httpx

from uplink.station.webhooks.endpoints import AT_ONCE, Endpoint
from uplink.station.webhooks.guard import (
    GuardedBackend,
    GuardedTransport,
    NameLookup,
    RefusedAddressError,
    UnknownHostError,
)
from uplink.station.webhooks.schedule import asked_wait_s
from uplink.station.webhooks.verdict import Verdict, verdict_on

REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered, or why there is no answer. ``asked_s``: it wants to be left alone so long."""

    verdict: Verdict
    status: int | None
    error: str | None
    took_ms: float
    asked_s: float | None = None


def guarded_transport(endpoint: Endpoint) -> httpx.AsyncBaseTransport:
    """Sockets for one endpoint alone, so that none waits for another's."""
    lookup = NameLookup()
    backend = GuardedBackend(lookup, allow_private=endpoint.allow_private)
    return GuardedTransport(backend, _ssl_context(), connections=AT_ONCE, lookup=lookup)


def new_http(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """A client for webhooks: bounded in time, follows no redirect, takes no proxy or netrc from outside."""
    return httpx.AsyncClient(
        transport=transport, timeout=REQUEST_TIMEOUT_S, follow_redirects=False, trust_env=False
    )


async def post(
    http: httpx.AsyncClient, endpoint: Endpoint, message_id: str, body: str, *, now_s: float
) -> Answer:
    """Signs and posts. Raises nothing of what a receiver or the network can do."""
    began_s = time.monotonic()
    status, error, asked_s = await _post(http, endpoint, message_id, body, now_s)
    took_ms = (time.monotonic() - began_s) * 1000.0
    return Answer(verdict_on(status), status, error, took_ms, asked_s)


async def _post(
    http: httpx.AsyncClient, endpoint: Endpoint, message_id: str, body: str, now_s: float
) -> tuple[int | None, str | None, float | None]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Emberwatch",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now_s)),
        "webhook-signature": endpoint.signers.sign(message_id, body, now_s=now_s),
    }
    try:
        async with (
            asyncio.timeout(REQUEST_TIMEOUT_S),
            # The body of the answer is nothing to us, so it is not read, however long it is.
            http.stream("POST", endpoint.url, content=body.encode(), headers=headers) as answer,
        ):
            status, told = answer.status_code, answer.headers
    except (TimeoutError, httpcore.TimeoutException):
        return None, f"no answer within {REQUEST_TIMEOUT_S:.0f} s", None
    except RefusedAddressError as reason:
        return None, str(reason), None
    except httpcore.ConnectError as reason:
        return None, _why_no_connection(reason), None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, OSError) as reason:
        return None, f"the connection failed ({type(reason).__name__})", None
    if verdict_on(status) is Verdict.DELIVERED:
        return status, None, None
    asked_s = asked_wait_s(told.get("retry-after"), date=told.get("date"), now_s=now_s)
    return status, f"HTTP {status}", asked_s


def _why_no_connection(reason: BaseException) -> str:
    inner: BaseException | None = reason
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"no connection: its certificate does not hold ({inner.verify_message})"
        inner = inner.__cause__ or inner.__context__
    return f"no connection: {reason}" if isinstance(reason, UnknownHostError) else "no connection"


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()
