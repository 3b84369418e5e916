"""The ground station as a web application, and how it is served.

Writing needs a drone's key, and orders an operator's. Reading does not: the station listens on loopback
unless told otherwise, and checks there that it is asked by its own name, so that no web site can reach it
through a browser.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from uplink.clock import elapsed_s
from uplink.errors import StationError, StoreError
from uplink.station.auth import KeyRing
from uplink.station.body_limit import BodyLimit
from uplink.station.config import StationConfig
from uplink.station.control import Control
from uplink.station.crossings import Crossings
from uplink.station.fleet import Fleet
from uplink.station.live import LiveHub
from uplink.station.operators import Operators
from uplink.station.routes import alerts, deliveries, drones, health, live, media, orders
from uplink.station.routes import crossings as crossing_routes
from uplink.station.routes import lease as control_routes
from uplink.station.services import SNAPSHOT_ALERTS, Services
from uplink.station.store.store import Store
from uplink.station.webhooks import WebhookDispatcher, load_endpoints

log = logging.getLogger(__name__)

API = "/api/v1"
PAGE_DIR = Path(__file__).parent / "ui" / "dist"
SAVE_FLEET_EVERY_S = 1.0
RESTART_PAUSE_S = 1.0
SHUTDOWN_GRACE_S = 5

_PAGE_NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Emberwatch</title>
<h1>The station runs; its page is not built</h1>
<p>Installing builds it: <code>pip install -e .</code> in the checkout, or install the wheel. Then start
the station again.</p>
<p>The interface for programs is described in <a href="/openapi.json">/openapi.json</a>.</p>
"""


def create_app(
    config: StationConfig,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = elapsed_s,
    rng: random.Random | None = None,
    page_dir: Path = PAGE_DIR,
) -> FastAPI:
    """The application. It reads keys and secrets and opens the data folder now; its shutdown closes it.

    Raises ``StationError`` for whatever of these is not usable.
    """
    keys = KeyRing("drone", ((drone.id, drone.key_file) for drone in config.drones))
    operators = Operators(config)
    endpoints = load_endpoints(config.webhooks)
    store = Store(config.data_dir)
    hub = LiveHub()
    webhooks = WebhookDispatcher(
        endpoints,
        store.deliveries,
        on_change=lambda delivery: hub.publish("delivery", str(delivery.id), delivery),
        clock=clock,
        rng=rng or random.Random(),  # noqa: S311 (jitter, no secret)
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            fleet = Fleet(await store.fleet.load())
            control = Control(operators, store.orders, hub, clock=clock, monotonic=monotonic)
            await control.restore()
            crossings = Crossings(reversed(await store.alerts.newest(SNAPSHOT_ALERTS)))
            services = Services(store, keys, fleet, hub, webhooks, control, crossings, clock)
            app.state.services = services
            tasks = [
                asyncio.create_task(_keep_running("webhooks", webhooks.run)),
                asyncio.create_task(_keep_running("fleet", lambda: _save_fleet(services))),
                asyncio.create_task(_keep_running("control", control.run)),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await services.save_fleet()
        finally:
            store.close()

    # No /docs: that page would load its scripts from a host of somebody else.
    app = FastAPI(title="Emberwatch station", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    api = APIRouter(prefix=API)
    for part in (drones, control_routes, orders, alerts, crossing_routes, media, live, deliveries, health):
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(health.router, include_in_schema=False)  # where load balancers look for it
    app.add_exception_handler(StoreError, _cannot_store)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(BodyLimit)
    if config.on_loopback:
        own_names = ["localhost", "127.0.0.1", "::1", "[::1]", config.host, *config.names]
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=own_names)
    _mount_page(app, page_dir)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``StationError`` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as reason:
        listener.close()
        if reason.errno == errno.EADDRINUSE:
            raise StationError(
                f"port {port} on {host} is in use",
                hint="Stop the program that has it (often another station), or choose another port.",
            ) from None
        raise StationError(
            f"the station cannot listen on {host} port {port}: {reason.strerror}",
            hint="host must be an address of this machine, and ports below 1024 need privileges.",
        ) from None
    return listener


async def serve(config: StationConfig) -> None:
    """Runs the station until cancelled. Raises ``StationError`` if it cannot start."""
    async with _listening(config, None) as (url, served):
        if not config.on_loopback:
            log.warning("reading is open to everyone who can reach %s: trusted networks only", config.host)
        log.info("station listens on %s", url)
        await asyncio.shield(served)
        raise StationError("the station ended by itself", hint="Its log says why.")


@asynccontextmanager
async def running(config: StationConfig, app: FastAPI | None = None) -> AsyncIterator[str]:
    """The station inside this event loop; gives its URL. Requests may be made at once."""
    async with _listening(config, app) as (url, _):
        yield url


@asynccontextmanager
async def _listening(
    config: StationConfig, app: FastAPI | None
) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    listener = listen(config.host, config.port)
    try:
        server = _server(app or create_app(config))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield _url(listener), task
        finally:
            server.should_exit = True
            await task
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn's, with the signals left to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: FastAPI) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",  # a line for every page that opens or closes says nothing
            access_log=False,
            server_header=False,
            ws_max_size=1024,  # pages have nothing to say
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        )
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _save_fleet(services: Services) -> None:
    while True:
        await asyncio.sleep(SAVE_FLEET_EVERY_S)
        await services.save_fleet()


async def _keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A part that fails is started again; the others are not to suffer from it."""
    said = False
    while True:
        try:
            return await work()
        except StoreError as reason:
            if not said:
                log.error("%s: %s", name, reason)  # noqa: TRY400 (its one line is the whole story)
            said = True
        except Exception:
            log.exception("%s failed and is started again", name)
        await asyncio.sleep(RESTART_PAUSE_S)


async def _cannot_store(_: Request, error: Exception) -> JSONResponse:
    log.error("%s", error)
    return JSONResponse({"detail": "the station cannot write now; send it again"}, status_code=503)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """What is wrong and where, without sending the input back."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for nothing else)
    problems = [{name: problem[name] for name in ("loc", "msg", "type")} for problem in error.errors()]
    return JSONResponse({"detail": problems}, status_code=422)


def _mount_page(app: FastAPI, page_dir: Path) -> None:
    if (page_dir / "index.html").is_file():
        app.mount("/", StaticFiles(directory=page_dir, html=True), name="page")
        return

    @app.get("/", include_in_schema=False)
    async def not_built() -> HTMLResponse:
        return HTMLResponse(_PAGE_NOT_BUILT)
