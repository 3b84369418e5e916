"""What is worth watching of a station, as Prometheus reads it: counts, ages, latencies."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uplink.errors import StoreError
from uplink.messages import SeeingState

if TYPE_CHECKING:
    from uplink.station.services import Services

__all__ = ["CONTENT_TYPE", "Measured", "Metrics"]

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_PIECES = (1, 2, 5, 10, 20, 50, 100, 200)
_TAKEN = (
    (re.compile(r"PUT /api/v1/alerts/[^/]+"), "alert"),
    (re.compile(r"PUT /api/v1/media/[^/]+|PATCH /api/v1/media/[^/]+/upload"), "media"),
    (re.compile(r"POST /api/v1/tips"), "tip"),
)


class Metrics:
    """One registry for one station, so that several may run in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._ingest = Histogram(
            "emberwatch_ingest_seconds",
            "from a message's arrival to its answer, when it is on the disk",
            ["what", "answer"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._commit = Histogram(
            "emberwatch_commit_seconds", "one commit", buckets=_SECONDS, registry=self._registry
        )
        self._pieces = Histogram(
            "emberwatch_commit_pieces", "that one commit held", buckets=_PIECES, registry=self._registry
        )
        self._commits, self._committing_s = 0, 0.0
        self._heard_age = self._gauge("drone_heard_age_seconds", "since a drone was last heard", "drone")
        self._drone_waits = self._gauge(
            "drone_alerts_waiting", "alerts in the drone's outbox, as it last told", "drone"
        )
        self._blind = self._gauge("drone_blind", "whether a drone would see no fire", "drone")
        self._degraded = self._gauge(
            "drone_degraded", "why a drone sees worse than it should", "drone", "kind"
        )
        self._deliveries = self._gauge("deliveries", "webhook deliveries by state", "state")
        self._delivery_age = self._gauge("delivery_waiting_age_seconds", "of the one that waits the longest")
        self._incidents = self._gauge("incidents", "incidents by state", "state")
        self._pictures = self._gauge("pictures_unchecked", "pictures that wait to be checked")
        self._picture_age = self._gauge("picture_unchecked_age_seconds", "of the one that waits the longest")
        self._pages = self._gauge("live_pages", "open pages")
        self._viewers = self._gauge("view_pages", "pages that watch what a drone sees")
        self._free = self._gauge("disk_free_bytes", "on the disk with the data folder")
        self._in_trouble = self._gauge("task_in_trouble", "a task that failed within a minute", "task")
        self._can_read = self._gauge("database_readable", "whether the figures from the database are there")

    @property
    def commit_ms(self) -> float | None:
        """What a commit has taken on average; none before the first."""
        return 1000.0 * self._committing_s / self._commits if self._commits else None

    def took(self, what: str, status: int, seconds: float) -> None:
        """A message came in and was answered."""
        self._ingest.labels(what, f"{status // 100}xx").observe(seconds)

    def committed(self, pieces: int, seconds: float) -> None:
        """The database has written; called in its thread."""
        self._commit.observe(seconds)
        self._commits, self._committing_s = self._commits + 1, self._committing_s + seconds
        self._pieces.observe(pieces)

    async def page(self, services: Services) -> bytes:
        """All of it, as it is now."""
        self._heard_age.clear()
        self._drone_waits.clear()
        self._blind.clear()
        self._degraded.clear()
        self._in_trouble.clear()
        for drone_id, age_s in services.fleet.heard_ages_s(services.control.now_s()).items():
            self._heard_age.labels(drone_id).set(age_s)
        for state in services.fleet.states:
            self._drone_waits.labels(state.drone_id).set(state.alerts_waiting)
            self._blind.labels(state.drone_id).set(state.seeing is SeeingState.BLIND)
            for reason in state.degraded:
                self._degraded.labels(state.drone_id, reason.kind.value).set(1)
        for task in services.works.in_trouble:
            self._in_trouble.labels(task).set(1)
        self._pages.set(services.live.pages)
        self._viewers.set(services.views.viewers)
        self._free.set(services.health.free_bytes)
        try:
            counts = await services.store.counts.read()
        except StoreError:
            self._can_read.set(0)
            return generate_latest(self._registry)
        now_s = services.clock()
        self._can_read.set(1)
        for gauge, numbers in ((self._deliveries, counts.deliveries), (self._incidents, counts.incidents)):
            gauge.clear()
            for name, number in numbers.items():
                gauge.labels(name).set(number)
        self._pictures.set(counts.unchecked_pictures)
        self._delivery_age.set(_age_s(counts.oldest_delivery_s, now_s))
        self._picture_age.set(_age_s(counts.oldest_picture_s, now_s))
        return generate_latest(self._registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"emberwatch_{name}", what, labels, registry=self._registry)


class Measured:
    """ASGI middleware: how long what drones and other systems send in takes until it is answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the server."""
        what = _taken(scope) if scope["type"] == "http" else None
        if what is None:
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        status = 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            self._metrics.took(what, status, time.perf_counter() - started_s)


def _taken(scope: Scope) -> str | None:
    asked = f"{scope['method']} {scope['path']}"
    return next((what for path, what in _TAKEN if path.fullmatch(asked)), None)


def _age_s(since_s: float | None, now_s: float) -> float:
    return 0.0 if since_s is None else max(0.0, now_s - since_s)
