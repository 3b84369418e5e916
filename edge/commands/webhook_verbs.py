"""``emberwatch station webhook``: how endpoints fare, a test, a replay; whether the station runs or not."""

from __future__ import annotations

import asyncio
import getpass
import random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from edge.commands.verb import StationFile
from flight.errors import EmberwatchError

if TYPE_CHECKING:
    from uplink.station.answers import Delivery
    from uplink.station.store.beside import StoreBeside
    from uplink.station.webhooks.answers import DeliveryAttempt, WebhookState
    from uplink.station.webhooks.endpoints import Endpoint

T = TypeVar("T")

webhook_app = typer.Typer(no_args_is_help=True, help="The systems that are told of alerts and incidents.")

EndpointArgument = Annotated[str, typer.Argument(metavar="NAME", help="as `webhook list` shows it")]


@webhook_app.command("list")
def list_webhooks(config: StationFile) -> None:
    """Each endpoint: name, host, deliveries that wait, those given up, and what is wrong if anything is."""

    async def look(store: StoreBeside, endpoints: list[Endpoint]) -> list[WebhookState]:
        from uplink.station.webhooks.states import state_of

        return [await state_of(endpoint, store.endpoints, now_s=time.time()) for endpoint in endpoints]

    for state in _with_store(config, look):
        _say(f"{state.id}\t{state.url_host}\t{state.waiting} waiting\t{state.dead} given up\t{_fares(state)}")


@webhook_app.command("test")
def test_webhook(name: EndpointArgument, config: StationFile) -> None:
    """Post one signed `test.ping` now, and say what came of it. It is not repeated."""

    async def send(store: StoreBeside, endpoints: list[Endpoint]) -> tuple[Delivery, list[DeliveryAttempt]]:
        from uplink.station.webhooks.dispatcher import WebhookDispatcher

        dispatcher = WebhookDispatcher(
            endpoints,
            store.delivery_queue,
            store.endpoints,
            on_change=lambda _: None,
            clock=time.time,
            monotonic=time.monotonic,
            rng=random.Random(),  # noqa: S311 (jitter, no secret)
        )
        delivery = await dispatcher.test(_find(endpoints, name), by=_by())
        return delivery, await store.deliveries.attempts(delivery.id, 1)

    delivery, (attempt,) = _with_store(config, send)
    if delivery.state != "delivered":
        raise EmberwatchError(f"{name} did not take the test: {attempt.error}")
    _say(f"{name} took the test: HTTP {attempt.status} after {attempt.took_ms:.0f} ms")


@webhook_app.command("enable")
def enable_webhook(name: EndpointArgument, config: StationFile) -> None:
    """Send events again to an endpoint that had said it is gone (410). What it missed can be replayed."""

    async def enable(store: StoreBeside, endpoints: list[Endpoint]) -> bool:
        endpoint = _find(endpoints, name)
        return await store.endpoints.enable(endpoint.name.id, by=_by(), now_s=time.time())

    _say(f"{name} is enabled" if _with_store(config, enable) else f"{name} was not disabled")


@webhook_app.command("replay")
def replay_webhook(
    name: EndpointArgument,
    config: StationFile,
    event: Annotated[
        str | None, typer.Option("--event", metavar="ID", help="one event, by its webhook-id")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="all given up since then, as in 2026-07-01T12:00:00Z"),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="and until then; without it, until now")
    ] = None,
    delivered: Annotated[
        bool, typer.Option("--delivered", help="of that time, also what was delivered")
    ] = False,
) -> None:
    """Send events again, with the same webhook-id, as soon as the station runs."""

    async def replay(store: StoreBeside, endpoints: list[Endpoint]) -> int:
        from uplink.station.store.deliveries import ReplayRange

        endpoint_id = _find(endpoints, name).name.id
        if (event is None) == (since is None):
            raise EmberwatchError(
                "what is to be sent again?", hint="Give --event, or --since and perhaps --until."
            )
        if event is not None and (until is not None or delivered):
            raise EmberwatchError("--until and --delivered go with --since")
        if (await store.endpoints.tally(endpoint_id)).disabled_at_s is not None:
            raise EmberwatchError(f"{name} is disabled", hint=f"emberwatch station webhook enable {name}")
        what = ReplayRange(
            event, _seconds("--since", since), _seconds("--until", until), delivered_too=delivered
        )
        return await store.deliveries.replay(endpoint_id, what, by=_by(), now_s=time.time())

    count = _with_store(config, replay)
    _say(f"{count} {'event is' if count == 1 else 'events are'} sent again")


def _with_store(config: Path, work: Callable[[StoreBeside, list[Endpoint]], Awaitable[T]]) -> T:
    from edge.config.file import load_station_config
    from uplink.station.store.beside import StoreBeside
    from uplink.station.webhooks.endpoints import load_endpoints

    station = load_station_config(config)
    endpoints = load_endpoints(station.webhooks, public_url=str(station.public_url or ""))
    store = StoreBeside(station.data_dir)

    async def all_of_it() -> T:
        return await work(store, endpoints)

    try:
        return asyncio.run(all_of_it())
    finally:
        store.close()


def _find(endpoints: list[Endpoint], name: str) -> Endpoint:
    found = [endpoint for endpoint in endpoints if endpoint.name.id == name]
    if not found:
        raise EmberwatchError(f"no webhook is called {name}", hint="See: emberwatch station webhook list")
    return found[0]


def _fares(state: WebhookState) -> str:
    if state.disabled_at is not None:
        return f"disabled {state.disabled_at:%Y-%m-%d %H:%M} UTC: {state.disabled_because}"
    if state.last_error is not None:
        return f"fails: {state.last_error}"
    if state.last_delivered_at is None:
        return "nothing delivered yet"
    return f"last delivered {state.last_delivered_at:%Y-%m-%d %H:%M:%S} UTC"


def _seconds(option: str, text: str | None) -> float | None:
    """A time without a zone is UTC, as everywhere here."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise EmberwatchError(
            f"{option} is no time: {text}", hint="Write it as in 2026-07-01T12:00:00Z (UTC)."
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _by() -> str:
    """Whoever has a shell here is named in the audit log by their login."""
    return f"shell {getpass.getuser()}"


def _say(line: str) -> None:
    """Plain, so that a program can read it."""
    sys.stdout.write(line + "\n")
