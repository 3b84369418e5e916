"""The flight side of an agent and a virtual copter on one loop whose time is the simulation's.

Nothing waits for the wall: when all tasks sleep, the clock jumps to the next of them. So a whole patrol takes
a second or two, and twice the same flight is twice the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec
from uuid import uuid4

import numpy as np

from edge.config.file import AgentConfig, load_agent_config
from edge.flying.deck import FlightDeck
from edge.flying.flight import PatrolFlight
from edge.flying.look_again import LookAgain
from edge.hotspots.hotspot import Hotspot, HotspotChange
from edge.patrols.depot import PatrolDepot, kept_patrol
from edge.patrols.patrol import FlyablePatrol
from flight.arbiter import RcSwitches
from flight.link import Codec, Message, mavlink
from flight.plans.fence import Fence, Polygon, distance_m
from flight.plans.items import (
    MissionItem,
    gimbal_pitch,
    ground_speed,
    return_to_launch,
    takeoff,
    waypoint,
)
from flight.plans.plan import Home, Plan
from flight.transports.transport import Address, Receive, Transport
from flight.vehicle import Vehicle
from hardware.virtual.drone.autopilot import VirtualAutopilot, VirtualDroneConfig
from tests.flight_side import FlightSide, watch_without_eyes
from uplink.messages import OrderKind, OrderState, PatrolRef
from uplink.outbox import Outbox

P = ParamSpec("P")

HOME = Home(-35.363262, 149.165237, 584.0)
LATENCY_S = 0.003
STEP_S = 0.04
SET_UP = {
    "FS_GCS_ENABLE": 1.0,
    "BATT_FS_LOW_ACT": 2.0,
    "BATT_LOW_MAH": 2000.0,
    "FENCE_ENABLE": 1.0,
    "FENCE_TYPE": 6.0,
    "FENCE_RADIUS": 1000.0,
}
CONFIG = """\
[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.camera]
source = "photos"
[agent.patrol]
unattended = {unattended}
[agent.response]
look_again = "{look_again}"
[agent.uplink]
key_file = "drone.key"
"""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Its clock moves only when there is nothing to do. Threads are not used: their work is done at once."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        super().__init__(_NoWait(self))

    def time(self) -> float:
        return self.now_s

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, work: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(work(*args))
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits
            future.set_exception(error)
        return future


class _NoWait(selectors.DefaultSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everything waits for ever")
        self._loop.now_s += max(0.0, timeout)
        found: list[Any] = super().select(0)
        return found


def in_simulation_time(story: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on a ``SimulatedLoop``."""

    @functools.wraps(story)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            runner.run(story(*args, **kwargs))

    return run


def now_s() -> float:
    return asyncio.get_running_loop().time()


class _Wire(Transport):
    """Bytes to and from the copter, a little later; some are lost."""

    connected = True

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self._deliver = deliver
        self._receive: Receive | None = None
        self._random = random.Random(5)
        self.loss = 0.0
        self.deaf = False
        """What the copter says gets lost, what is said to it does not."""

    async def open(self, receive: Receive, broken: Callable[[], None]) -> None:
        self._receive = receive

    def close(self) -> None:
        self._receive = None

    def send(self, data: bytes, to: Address | None) -> bool:
        if self._random.random() >= self.loss:
            asyncio.get_running_loop().call_later(LATENCY_S, self._deliver, data)
        return True

    def hear(self, data: bytes) -> None:
        if self._receive is not None and not self.deaf and self._random.random() >= self.loss:
            asyncio.get_running_loop().call_later(LATENCY_S, self._take, data)

    def _take(self, data: bytes) -> None:
        if self._receive is not None:
            self._receive(data, ("copter",))


@dataclass(slots=True)
class Sent:
    """A message that left the companion."""

    at_s: float
    message: Message


@dataclass(slots=True)
class Site:
    """A copter that outlives its companions."""

    folder: Path
    patrol: FlyablePatrol
    autopilot: VirtualAutopilot
    look_again: str = "automatic"
    unattended: bool = False
    sent: list[Sent] = field(default_factory=list)
    station_beats: bool = True
    wires: list[_Wire] = field(default_factory=list)
    station: dict[str, bytes] = field(default_factory=dict)
    """The patrols that the station would give, by their hash."""
    _decoder: Codec = field(default_factory=Codec)
    _station: Codec = field(default_factory=lambda: Codec(255, 190))

    def take(self, data: bytes) -> None:
        self.sent += [Sent(now_s(), message) for message in self._decoder.decode(data)]
        self.autopilot.receive(data)

    def tell(self, data: bytes) -> None:
        for wire in self.wires:
            wire.hear(data)

    async def fly(self) -> None:
        """Let the copter live, and a pilot's station beside it."""
        start_s, beat_s = now_s() - self.autopilot.copter.now_s, 0.0
        self.autopilot.send = self.tell
        self.autopilot.boot_ns = lambda: round((now_s() - start_s - self.autopilot.booted_s) * 1e9)
        while True:
            if self.station_beats and now_s() >= beat_s:
                beat_s = now_s() + 1.0
                beat = mavlink.MAVLink_heartbeat_message(mavlink.MAV_TYPE_GCS, 8, 0, 0, 0, 3)
                data = self._station.encode(beat)
                self.autopilot.receive(data)
                self.tell(data)
            self.autopilot.advance(now_s() - start_s - self.autopilot.booted_s)
            await asyncio.sleep(STEP_S)

    def orders(self, since_s: float = 0.0) -> list[Message]:
        """What left the companion to change something: neither talk of time nor of streams."""
        asks = (mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAV_CMD_REQUEST_MESSAGE)
        found = []
        for sent in self.sent:
            kind = sent.message.get_type()
            if sent.at_s < since_s:
                continue
            if kind in ("COMMAND_LONG", "COMMAND_INT"):
                if sent.message.command not in asks:
                    found.append(sent.message)
            elif kind in ("MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_SET_CURRENT", "SET_MODE"):
                found.append(sent.message)
        return found

    @property
    def mode(self) -> str:
        return self.autopilot.copter.mode.name

    @property
    def armed(self) -> bool:
        return bool(self.autopilot.copter.armed)


class Companion(FlightSide):
    """The flight side of one agent process. Ended without a word, it is as dead as ``kill -9`` makes it."""

    DRONE_ID = "d1"
    LOOKS_S = 0.05
    ASKS_S = 0.5

    def __init__(self, site: Site) -> None:
        self.site = site
        self.config = agent_config(site)
        self.outbox = Outbox(self.config.data_dir / "outbox.db")
        self.vehicle = Vehicle("udpout:127.0.0.1:9", rc=RcSwitches(), now=now_s)
        self.wire = _Wire(site.take)
        self.vehicle.link._transport = self.wire
        self.watch = watch_without_eyes(self.config, self.vehicle, self.outbox)
        patrol = kept_patrol(self.config.data_dir) or site.patrol
        flight = PatrolFlight(self.vehicle, patrol, self.config.data_dir / "patrol.json", now=now_s)
        self.deck = FlightDeck(
            self.config,
            self.vehicle,
            flight,
            self.watch,
            self.outbox,
            None,
            depot=PatrolDepot(self.config.data_dir, self._fetch),
            now=now_s,
        )
        self.sees = True
        self._frame = 0
        self._running: asyncio.Task[None] | None = None

    async def _fetch(self, ref: PatrolRef) -> bytes:
        await asyncio.sleep(0.5)
        return self.site.station[ref.sha256]

    @property
    def look_again(self) -> LookAgain:
        assert self.deck.look_again is not None
        return self.deck.look_again

    def begin(self) -> None:
        self.site.wires.append(self.wire)
        self._running = asyncio.create_task(self._run())

    async def _live(self) -> None:
        while True:
            self.vehicle.feed()
            if self.sees:
                self._frame += 1
                self.watch.health.frame_looked_at(now_s(), self._frame, 40.0)
                self.watch.health.pose_found(now_s())
            await asyncio.sleep(0.2)

    async def die(self) -> None:
        if self._running is None:
            return
        self.site.wires.remove(self.wire)
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._running = None
        self.outbox.close()

    @property
    def lives(self) -> bool:
        return self._running is not None and not self._running.done()

    async def do(self, kind: OrderKind, **more: Any) -> None:
        """An order that must be carried out."""
        result = await self.order(kind, **more)
        assert result.state is OrderState.DONE, result.reason

    async def ready(self) -> None:
        """The plan is aboard, the copter would arm, and every line of the preflight is known."""
        await until(lambda: self.flight.progress.aboard is True, 120.0)
        await until(
            lambda: bool(self.deck.preflight) and all(line.passed for line in self.deck.preflight),
            180.0,
            lambda: str([line for line in self.deck.preflight if not line.passed]),
        )

    async def flies(self) -> None:
        """Granted, started, and at the first place's leg."""
        await self.ready()
        await self.granted()
        await self.do(OrderKind.START)
        await until(lambda: self.flight.progress.record.item >= first_place(self.site), 120.0)


async def until(
    condition: Callable[[], bool], at_most_s: float, words: Callable[[], str] = lambda: ""
) -> None:
    """Let simulation time pass until it is so; fails when it takes longer."""
    end_s = now_s() + at_most_s
    while not condition():
        assert now_s() < end_s, f"not within {at_most_s} s {words()}"
        await asyncio.sleep(0.1)


def first_place(site: Site) -> int:
    return next(item.seq for item in site.patrol.flights[0].items[1:] if item.is_place)


def place(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of metres from home, near enough for a patrol."""
    return HOME.lat_deg + north_m / 110_950.0, HOME.lon_deg + east_m / 90_900.0


def plan(name: str = "a round", *, height_m: float = 60.0, corners: int = 4, size_m: float = 250.0) -> Plan:
    """Take off, fly a zigzag north of home, return."""
    steps: list[MissionItem] = [takeoff(height_m), ground_speed(8.0), gimbal_pitch(-45.0)]
    for number in range(corners):
        side = size_m if number % 4 in (1, 2) else 0.0
        steps.append(waypoint(*place(side, 100.0 + 60.0 * (number // 2)), height_m))
    fence = Fence((Polygon((place(-700, -700), place(-700, 900), place(900, 900), place(900, -700))),))
    return Plan.build(name, HOME, [*steps, return_to_launch()], fence=fence)


def patrol(*plans: Plan, unattended: bool = False) -> FlyablePatrol:
    return FlyablePatrol("the round", plans or (plan(),), unattended=unattended)


def site(folder: Path, *plans: Plan, drone: dict[str, Any] | None = None, **changes: Any) -> Site:
    parameters = SET_UP | (drone or {}).pop("parameters", {})
    copter = VirtualDroneConfig(utc_at_boot_s=1_700_000_000.0, parameters=parameters, **(drone or {}))
    unattended = bool(changes.get("unattended", False))
    return Site(folder, patrol(*plans, unattended=unattended), VirtualAutopilot(copter), **changes)


def agent_config(site: Site) -> AgentConfig:
    file = site.folder / "agent.toml"
    file.write_text(CONFIG.format(unattended=str(site.unattended).lower(), look_again=site.look_again))
    config = load_agent_config(file)
    config.data_dir.mkdir(exist_ok=True)
    return config


async def companion_at(site: Site) -> Companion:
    """A companion that has found the copter."""
    companion = Companion(site)
    companion.begin()
    await until(lambda: companion.vehicle.telemetry.linked, 10.0)
    return companion


@contextlib.asynccontextmanager
async def scene(folder: Path, *plans: Plan, **changes: Any) -> AsyncIterator[tuple[Site, Companion]]:
    """A copter on the ground and a companion that has found it."""
    copter = site(folder, *plans, **changes)
    living = asyncio.create_task(copter.fly())
    companion = await companion_at(copter)
    try:
        yield copter, companion
        assert not living.done(), "the copter's own task has ended"
    finally:
        await companion.die()
        living.cancel()


def hotspot(
    east_m: float,
    north_m: float,
    *,
    sigma_m: float = 8.0,
    north_sigma_m: float | None = None,
    kind: str = "confirmed",
) -> HotspotChange:
    """A confirmed fire on the ground, metres from home; known as well to the north as to the east, if not
    said otherwise."""
    lat_deg, lon_deg = place(east_m, north_m)
    found = Hotspot.__new__(Hotspot)  # the flight side reads only where it is, and how well that is known
    for name, value in {
        "id": uuid4(),
        "lat_deg": lat_deg,
        "lon_deg": lon_deg,
        "alt_amsl_m": HOME.alt_amsl_m,
        "covariance_m2": np.diag([sigma_m**2, (north_sigma_m or sigma_m) ** 2]),
    }.items():
        object.__setattr__(found, name, value)
    return HotspotChange(kind, found)  # type: ignore[arg-type]


def metres_from(copter: Site, east_m: float, north_m: float) -> float:
    """Where the copter truly is, over ground."""
    body = copter.autopilot.copter.body
    lat_deg, lon_deg = body.frame.to_geographic(body.truth.east_m, body.truth.north_m)
    return distance_m(float(lat_deg), float(lon_deg), *place(east_m, north_m))


def height_m(copter: Site) -> float:
    """How high the copter truly is above home."""
    return copter.autopilot.copter.body.truth.alt_m - HOME.alt_amsl_m
