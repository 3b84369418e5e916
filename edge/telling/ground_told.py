"""What the drone tells the station of its ground, for the map: where it may be, what it keeps quiet about,
and what it has searched (``uplink.ground``)."""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from pydantic import ValidationError

from edge.config.file import AgentConfig
from edge.config.zone_section import ZoneSection
from edge.coverage import Coverage
from edge.flying.deck import FlightDeck
from flight.local_frame import LocalFrame
from flight.plans.fence import Circle, Fence, RallyPoint, Zone
from flight.telemetry import Home, Telemetry
from uplink.client import UplinkClient
from uplink.ground import (
    LATEST_SLOT,
    MOST_CORNERS,
    MOST_RALLY_POINTS,
    MOST_ZONES,
    DroneGround,
    FenceZone,
    IgnoreZone,
    SearchedGround,
)
from uplink.messages import Position

log = logging.getLogger(__name__)

CIRCLE_CORNERS = 64
SQUARE_CELLS = 4  # 20 m squares are told: 250 each way at most
LEAST_SLOT_S = 15.0
GROUND_PERIOD_S = 2.0
SEARCHED_PERIOD_S, METERED_PERIOD_S = 15.0, 120.0

LonLatRing = list[tuple[float, float]]
Thing = TypeVar("Thing")
Told = TypeVar("Told")


class GroundTeller:
    """Tells the station when it has changed. ``run`` it in a task; what goes wrong is said once."""

    def __init__(
        self, config: AgentConfig, deck: FlightDeck, telemetry: Telemetry, client: UplinkClient
    ) -> None:
        self._config = config
        self._deck = deck
        self._telemetry = telemetry
        self._client = client
        self._told_looks = 0
        self._failed: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(self._ground, lambda: GROUND_PERIOD_S), name="ground")
            tasks.create_task(self._again(self._searched, self._searched_period_s), name="searched")

    async def _again(self, tell: Callable[[], Awaitable[None]], period_s: Callable[[], float]) -> None:
        while True:
            try:
                await tell()
            except Exception as error:  # what the map lacks stops no flight
                if type(error).__name__ not in self._failed:
                    self._failed.add(type(error).__name__)
                    log.exception("the drone's ground could not be told")
            await asyncio.sleep(period_s())

    async def _ground(self) -> None:
        self._client.show(drone_ground(self._config, self._deck, self._telemetry.home))

    async def _searched(self) -> None:
        coverage = self._deck.searched.coverage
        looks = coverage.looks
        if looks == self._told_looks:
            return
        searched = await asyncio.to_thread(searched_ground, self._config.drone.id, coverage)
        if searched is not None:
            self._client.show(searched)
        self._told_looks = looks

    def _searched_period_s(self) -> float:
        return METERED_PERIOD_S if self._client.metered else SEARCHED_PERIOD_S


def drone_ground(config: AgentConfig, deck: FlightDeck, home: Home | None) -> DroneGround:
    """Of the flight that is on now; what cannot be said of one zone costs that zone only."""
    flight = deck.flight
    plan = None if flight is None else flight.progress.plan
    return DroneGround(
        drone_id=config.drone.id,
        fence=_fence(None if plan is None else plan.fence),
        ignore_zones=ignore_zones(config.zones),
        home=None
        if home is None
        else Position(lat_deg=home.lat_deg, lon_deg=home.lon_deg, alt_amsl_m=home.alt_amsl_m),
        rally=[] if plan is None else _rally(plan.rally, home),
        area=[] if flight is None else _ring(flight.patrol.area),
    )


def ignore_zones(sections: Sequence[ZoneSection]) -> list[IgnoreZone]:
    """As the map shows them."""
    return _each(
        sections,
        lambda zone: IgnoreZone(
            name=zone.name, reason=zone.reason, ring=_ring(zone.polygon), begins=zone.begins, ends=zone.ends
        ),
    )


def searched_ground(drone_id: str, coverage: Coverage) -> SearchedGround | None:
    """Some kilobytes of it; None before the first look. Takes milliseconds: call it in a thread."""
    seen = coverage.last_seen(SQUARE_CELLS)
    if seen is None:
        return None
    last_s, (west_deg, south_deg, east_deg, north_deg), began = seen
    known = np.isfinite(last_s)
    latest_s = float(last_s[known].max())
    slot_s = max(LEAST_SLOT_S, math.ceil((latest_s + 1.0) / LATEST_SLOT))
    cells = np.zeros(last_s.shape, np.uint8)
    cells[known] = 1 + np.floor(last_s[known] / slot_s).astype(np.uint8)
    rows, columns = len(cells), len(cells[0])
    return SearchedGround(
        drone_id=drone_id,
        west_deg=west_deg,
        south_deg=south_deg,
        east_deg=east_deg,
        north_deg=north_deg,
        columns=columns,
        rows=rows,
        began=began,
        slot_s=slot_s,
        cells=base64.b64encode(zlib.compress(cells.tobytes(), 9)).decode(),
        seen_m2=coverage.seen_m2,
    )


def _fence(fence: Fence | None) -> list[FenceZone]:
    if fence is None:
        return []
    stay_in = _each(fence.inclusions, lambda zone: FenceZone(keep="in", ring=_edge(zone)))
    return (stay_in + _each(fence.exclusions, lambda zone: FenceZone(keep="out", ring=_edge(zone))))[
        :MOST_ZONES
    ]


def _each(things: Iterable[Thing], tell: Callable[[Thing], Told]) -> list[Told]:
    """Of each that can be told, as many as fit."""
    told = []
    for thing in things:
        try:
            told.append(tell(thing))
        except ValidationError as error:
            log.warning("a zone is not shown at the station: %s", error)
    return told[:MOST_ZONES]


def _edge(zone: Zone) -> LonLatRing:
    if not isinstance(zone, Circle):
        return _ring(zone.vertices)
    turn = np.linspace(0.0, 2 * math.pi, CIRCLE_CORNERS, endpoint=False)
    frame = LocalFrame(zone.lat_deg, zone.lon_deg, 0.0)
    east_m, north_m = zone.radius_m * np.sin(turn), zone.radius_m * np.cos(turn)
    lat_deg, lon_deg, _ = frame.to_geodetic(east_m, north_m, np.zeros(CIRCLE_CORNERS))
    return list(zip(lon_deg.tolist(), lat_deg.tolist(), strict=True))


def _ring(places: Sequence[tuple[float, float]]) -> LonLatRing:
    """From (lat, lon); of a border with very many corners every so-many-th, for the map."""
    step = max(1, math.ceil(len(places) / MOST_CORNERS))
    return [(lon_deg, lat_deg) for lat_deg, lon_deg in places[::step]]


def _rally(points: Sequence[RallyPoint], home: Home | None) -> list[Position]:
    return [
        Position(
            lat_deg=point.lat_deg,
            lon_deg=point.lon_deg,
            alt_amsl_m=None if home is None else home.alt_amsl_m + point.height_home_m,
        )
        for point in points[:MOST_RALLY_POINTS]
    ]
