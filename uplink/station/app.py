"""The ground station as a web application.

A drone writes with its key; people and programs read and order with a session or a token. On loopback, and
where it has names, the station answers only to its own name, so that no web site can reach it through a
browser.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute

from uplink.clock import elapsed_s
from uplink.errors import NotPossibleError, StoreError, UnknownNameError
from uplink.order_signing import StationKey
from uplink.station.access import Access
from uplink.station.auth import DroneKeys
from uplink.station.backups import Backups
from uplink.station.basemap.shelf import MapShelf
from uplink.station.body_limit import BodyLimit
from uplink.station.config import StationConfig
from uplink.station.control import Control
from uplink.station.crew import Crew
from uplink.station.crossings import Crossings
from uplink.station.drone_links import DroneLinks
from uplink.station.feeds.cap_book import CapBook
from uplink.station.fleet import Fleet
from uplink.station.health import HealthCheck
from uplink.station.history.flights import Flights
from uplink.station.incidents import Incidents
from uplink.station.live import LiveHub
from uplink.station.looks import Looks
from uplink.station.metrics import Measured, Metrics
from uplink.station.patrol_planner import PatrolPlanner, PlannerBusyError
from uplink.station.patrols import Patrols
from uplink.station.pictures import PictureChecker
from uplink.station.retention import Retention
from uplink.station.routes import (
    alerts,
    audit,
    basemap,
    cap,
    crew,
    deliveries,
    drone_link,
    drones,
    flights,
    health,
    incident_files,
    live,
    media,
    ogc,
    orders,
    session,
    suppressed,
    system,
    uploads,
    users,
)
from uplink.station.routes import backups as backup_routes
from uplink.station.routes import crossings as crossing_routes
from uplink.station.routes import incidents as incident_routes
from uplink.station.routes import lease as control_routes
from uplink.station.routes import metrics as metric_routes
from uplink.station.routes import patrols as patrol_routes
from uplink.station.routes import retention as retention_routes
from uplink.station.routes import tips as tip_routes
from uplink.station.routes import views as view_routes
from uplink.station.routes import webhooks as webhook_routes
from uplink.station.routes import zones as zone_routes
from uplink.station.routes.dependencies import ANYWHERE
from uplink.station.security import Security
from uplink.station.services import SNAPSHOT_ALERTS, Services
from uplink.station.store.store import Store
from uplink.station.tips import Tips
from uplink.station.tls import check_certificate
from uplink.station.uploads import Uploads
from uplink.station.views import Views
from uplink.station.webhooks.dispatcher import WebhookDispatcher
from uplink.station.webhooks.endpoints import load_endpoints
from uplink.station.works import Works
from uplink.station.zones import Zones
from uplink.systemd import feed_watchdog, notify

log = logging.getLogger(__name__)

API = "/api/v1"
PAGE_DIR = Path(__file__).parent / "ui" / "dist"
SAVE_FLEET_EVERY_S = 1.0

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
    planner: Sequence[str] = (),
) -> FastAPI:
    """The application. It reads keys and secrets and opens the data folder now; its shutdown closes it.
    ``planner`` is the command that plans patrols (``PatrolPlanner``).

    Raises ``StationError`` for whatever of these is not usable.
    """
    if config.tls_cert_file is not None and config.tls_key_file is not None:
        check_certificate(config.tls_cert_file, config.tls_key_file)
    keys = DroneKeys((drone.id, drone.key_file) for drone in config.drones)
    endpoints = load_endpoints(config.webhooks, public_url=str(config.public_url or ""))
    order_key = StationKey.open(config.data_dir)
    metrics = Metrics()
    store = Store(config.data_dir, on_commit=metrics.committed, rules=config.incident_rules)
    hub = LiveHub()
    tell_tak = None
    if config.tak is not None:  # else its geoid, and what that needs, are not loaded
        from uplink.station.feeds.tak_station import prepare_tak

        tell_tak = prepare_tak(config.tak)
    access = Access(
        store,
        keys,
        config.data_dir,
        sign_in=config.sign_in,
        secure=config.behind_https,
        clock=clock,
        monotonic=monotonic,
    )
    webhooks = WebhookDispatcher(
        endpoints,
        store.delivery_queue,
        store.endpoints,
        on_change=lambda delivery: hub.publish("delivery", str(delivery.id), delivery),
        clock=clock,
        monotonic=monotonic,
        rng=rng or random.Random(),  # noqa: S311 (jitter, no secret)
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await access.start()
            fleet = Fleet(await store.fleet.load())
            links = DroneLinks()
            views = Views(links.is_watched, links.is_open)
            keys.on_key_gone(links.shut_out)
            keys.on_key_gone(views.shut_out)
            control = Control(store.orders, hub, links, order_key, clock=clock, monotonic=monotonic)
            await control.restore()
            tips = Tips(
                store.tips, store.orders, control, hub, clock=clock, expires_s=3600 * config.tip_expires_h
            )
            await tips.start()
            incidents = Incidents(store, hub, webhooks, clock=clock)
            zones = Zones(store.zones, hub, incidents, webhooks, clock=clock)
            crossings = Crossings(reversed(await store.alerts.newest(SNAPSHOT_ALERTS)))
            await store.uploads.load(now_s=clock())
            pieces = Uploads(store.uploads, store.media, clock)
            pictures = PictureChecker(store.media, clock=clock)
            ground = [str(config.dem)] if config.dem else []
            planning = PatrolPlanner([*planner, *ground] if planner else ())
            patrols = Patrols(store.patrols, planning, clock=clock)
            works = Works(monotonic)
            check = HealthCheck(store, works, config.data_dir, clock=clock, monotonic=monotonic)
            retention = Retention(
                store.retention, store.settings, config.retention, clock=clock, monotonic=monotonic
            )
            await retention.start()
            backups = Backups(
                config.data_dir,
                config.backup_dir or config.data_dir / "backups",
                config.backup_keep,
                store.audit,
                clock=clock,
            )
            flight_cuts = Flights(store.flights, clock=clock, monotonic=monotonic)
            cap_book = CapBook(store.cap, config.cap, web=str(config.public_url or ""), clock=clock)
            services = Services(
                store,
                keys,
                access,
                fleet,
                hub,
                webhooks,
                pieces,
                control,
                tips,
                incidents,
                Crew(store, clock=clock, monotonic=monotonic),
                zones,
                retention,
                backups,
                crossings,
                pictures,
                patrols,
                Looks(),
                works,
                check,
                metrics,
                MapShelf(config.map, config.data_dir, config.dem),
                views,
                clock,
                config.data_dir,
                clock(),
            )
            app.state.services = services
            tak = tell_tak(services) if tell_tak is not None else None
            tasks = [
                asyncio.create_task(works.keep("webhooks", webhooks.run)),
                asyncio.create_task(works.keep("fleet", lambda: _save_fleet(services))),
                asyncio.create_task(works.keep("control", control.run)),
                asyncio.create_task(works.keep("tips", tips.run)),
                asyncio.create_task(works.keep("incidents", incidents.run)),
                asyncio.create_task(works.keep("zones", zones.run)),
                asyncio.create_task(works.keep("pictures", pictures.run)),
                asyncio.create_task(works.keep("retention", retention.run)),
                asyncio.create_task(works.keep("watchdog", lambda: feed_watchdog(check.answers))),
                asyncio.create_task(works.keep("access", access.run)),
                asyncio.create_task(works.keep("flights", flight_cuts.run)),
                asyncio.create_task(works.keep("cap", cap_book.run)),
                *([asyncio.create_task(works.keep("tak", tak.run))] if tak is not None else []),
            ]
            try:
                notify("READY=1")
                yield
            finally:
                notify("STOPPING=1")
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await backups.finish()
                await planning.stop()
                await control.finish()
                await services.save_fleet()
                await access.save()
        finally:
            store.close()

    # No /docs: that page would load its scripts from a host of somebody else.
    app = FastAPI(
        title="Emberwatch station",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.router.routes.extend(_routes())
    app.add_exception_handler(StoreError, _cannot_store)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnknownNameError, _unknown)
    app.add_exception_handler(NotPossibleError, _not_possible)
    app.add_exception_handler(PlannerBusyError, _busy)
    for refusal, answer in incident_routes.REFUSED.items():
        app.add_exception_handler(refusal, answer)
    app.add_middleware(BodyLimit)
    app.add_middleware(Measured, metrics=metrics)
    if config.on_loopback or config.names:
        own_names = ["localhost", "127.0.0.1", "::1", "[::1]", config.host, *config.names]
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=own_names, www_redirect=False)
    app.add_middleware(Security, is_page=_is_page, monotonic=monotonic)
    _mount_page(app, page_dir)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The same of every station, and so reckoned out once in a process: that takes a third of a second."""
    whole = APIRouter(responses=ANYWHERE)
    api = APIRouter(prefix=API)
    # Routes are tried one after the other: those that the most comes in by are first.
    for part in (alerts, uploads):
        api.include_router(part.router)
    for part in (drones, flights, control_routes, orders, crossing_routes):
        api.include_router(part.router)
    for part in (media, basemap, live, deliveries, health):
        api.include_router(part.router)
    for part in (drone_link, view_routes):
        api.include_router(part.router)
    for part in (incident_files, incident_routes, crew, suppressed, zone_routes, session, users, audit):
        api.include_router(part.router)
    for part in (webhook_routes, patrol_routes, tip_routes, retention_routes, backup_routes, system):
        api.include_router(part.router)
    whole.include_router(api)
    whole.include_router(ogc.router)
    whole.include_router(cap.router)
    whole.include_router(crew.crew_router)
    whole.include_router(health.router, include_in_schema=False)  # where load balancers look for it
    whole.include_router(metric_routes.router)
    return whole.routes


async def _save_fleet(services: Services) -> None:
    while True:
        await asyncio.sleep(SAVE_FLEET_EVERY_S)
        await services.save_fleet()


async def _cannot_store(_: Request, error: Exception) -> JSONResponse:
    log.error("%s", error)
    return JSONResponse({"detail": "the station cannot write now; send it again"}, status_code=503)


async def _unknown(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


async def _not_possible(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)


async def _busy(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=503, headers={"Retry-After": "2"})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """What is wrong and where, without sending the input back."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for nothing else)
    problems = [{name: problem[name] for name in ("loc", "msg", "type")} for problem in error.errors()]
    return JSONResponse({"detail": problems}, status_code=422)


def _is_page(path: str) -> bool:
    """Whether this is a part of the page; all else is data."""
    if path.startswith("/crew/"):
        return path.count("/") == 2
    return path in ("/", "/index.html", "/icon.svg", "/licences.md") or path.startswith("/assets/")


def _mount_page(app: FastAPI, page_dir: Path) -> None:
    if (page_dir / "index.html").is_file():

        @app.get("/crew/{secret}", include_in_schema=False)
        async def crew_page(secret: str) -> FileResponse:  # noqa: ARG001 (it asks for the rest by itself)
            """The same for everybody: what the link opens is asked for by the page."""
            return FileResponse(page_dir / "crew.html", headers={"Cache-Control": "no-cache"})

        app.mount("/", StaticFiles(directory=page_dir, html=True), name="page")
        return

    @app.get("/", include_in_schema=False)
    async def not_built() -> HTMLResponse:
        return HTMLResponse(_PAGE_NOT_BUILT)
