"""The flight side of the agent as it flies: the real flight deck, patrol, look again, orders and arbiter.

What is left out is the vision child: hotspots come from the scenario, by ``see``, and in its place frames
with nothing on them go through the real watch, pose and all. Run as a program it is an agent that can be
killed: ``python -m tests.flight.scenarios.companion PORT FOLDER`` takes orders on its standard input, a line
each (``grant``, ``start``, ``see -35.3610 149.1652`` …), and tells its state on its standard output.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from edge.config.file import AgentConfig
from edge.flying.deck import FlightDeck
from edge.flying.flight import PatrolFlight
from edge.geometry.pose import Pose
from edge.geometry.sighting import Sighting
from edge.health.seeing import Seeing
from edge.hotspots.hotspot import Hotspot, HotspotChange, HotspotState, Seen
from edge.patrols.load import load_patrol
from edge.preflight import failed
from edge.vision.report import FrameReport
from flight.arbiter import RcSwitches
from flight.commands import Patience
from flight.plans.fence import Circle, Fence
from flight.plans.items import gimbal_pitch, ground_speed, return_to_launch, takeoff, waypoint
from flight.plans.plan import Home, Plan
from flight.plans.qgc import write_plan
from flight.signing import Signing
from flight.transfer import TransferPatience
from flight.vehicle import Vehicle
from hardware.virtual.frame import LocalFrame
from tests.flight.scenarios.copters import HOME_AMSL_M, HOME_LAT_DEG, HOME_LON_DEG
from tests.flight_side import FlightSide, watch_without_eyes
from uplink.messages import OrderKind, OrderState
from uplink.outbox import Outbox

HEIGHT_M, LEG_M, LANE_M, SPEED_M_S, CAMERA_PITCH_DEG = 40.0, 120.0, 25.0, 10.0, -50.0
PLACES = 15
FRAME_S = 0.2
LEAST_PATIENCE_S, LEAST_SILENCE_S = 0.15, 1.5  # of wall time: this machine may be busy
FRAME = LocalFrame(HOME_LAT_DEG, HOME_LON_DEG, HOME_AMSL_M)
FIRE_EAST_M, FIRE_NORTH_M = 60.0, 260.0


def place(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude, metres from home."""
    lat_deg, lon_deg = FRAME.to_geographic(east_m, north_m)
    return float(lat_deg), float(lon_deg)


def survey() -> Plan:
    """Twenty items: home, camera, speed, take-off, fifteen places in strips to the north, return."""
    east_m = [0.0, LEG_M, LEG_M, 0.0]
    places = [place(east_m[n % 4] - LEG_M / 2, 40.0 + LANE_M * (n // 2)) for n in range(PLACES)]
    steps = [
        gimbal_pitch(CAMERA_PITCH_DEG),
        ground_speed(SPEED_M_S),
        takeoff(HEIGHT_M),
        *(waypoint(*at, HEIGHT_M) for at in places),
        return_to_launch(),
    ]
    home = Home(HOME_LAT_DEG, HOME_LON_DEG, HOME_AMSL_M)
    return Plan.build("survey", home, steps, fence=Fence((Circle(HOME_LAT_DEG, HOME_LON_DEG, 700.0),)))


def config_of(port: int, folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> AgentConfig:
    """An agent's configuration, its plan beside it. ``changes`` are tables of the file."""
    plan = folder / "survey.plan"
    if not plan.exists():
        write_plan(plan, survey())
    tables: dict[str, dict[str, Any]] = {
        "drone": {"id": "scenario"},
        "mavlink": {"url": f"udpin:127.0.0.1:{port}"},
        "camera": {"source": "virtual", "profile": "generic_78", "frames_per_s": 1 / FRAME_S},
        "uplink": {"key_file": str(folder / "no.key")},
        "patrol": {"file": str(plan)},
        "response": {"look_again": "automatic", "look_s": 2, "longest_s": 120},
    }
    for name, table in changes.items():
        tables[name] = {**tables.get(name, {}), **table}
    return AgentConfig.model_validate(
        {"data_dir": str(folder / "data"), **tables}, context={"base_dir": folder}
    )


@dataclass(slots=True)
class State:
    """What the program says of itself, some times a second."""

    control: str
    reason: str
    phase: str
    aboard: bool | None
    look_again: str
    seeing: str
    blind_reason: str
    linked: bool
    preflight: list[str]
    results: dict[str, str]


class Companion(FlightSide):
    """One agent without eyes. Open it with ``running``."""

    DRONE_ID = "scenario"
    LOOKS_S = 0.02
    ASKS_S = 0.2

    def __init__(
        self, config: AgentConfig, outbox: Outbox, *, speed: float, signing: Signing | None = None
    ) -> None:
        self.vehicle = Vehicle(
            config.mavlink.url,
            read_only=config.mavlink.read_only,
            rc=RcSwitches(config.control.veto_channel, config.control.grant_channel),
            signing=signing,
            patience=Patience(ack_s=max(0.7 / speed, LEAST_PATIENCE_S)),
            transfer_patience=TransferPatience(
                retry_s=max(0.8 / speed, LEAST_PATIENCE_S),
                silence_s=max(8.0 / speed, LEAST_SILENCE_S),
                ack_s=max(3.0 / speed, LEAST_SILENCE_S),
            ),
        )
        patrol = load_patrol(config.patrol.file, None) if config.patrol.file else None
        flight = PatrolFlight(self.vehicle, patrol, config.data_dir / "patrol.json") if patrol else None
        self.watch = watch_without_eyes(config, self.vehicle, outbox)
        self.deck = FlightDeck(config, self.vehicle, flight, self.watch, outbox, None)
        self.looks = True
        """Whether frames come."""
        self._numbers = 0
        self._task: asyncio.Task[None]

    @property
    def state(self) -> State:
        look_again = self.deck.look_again
        return State(
            control=self.vehicle.arbiter.control,
            reason=self.vehicle.arbiter.reason,
            phase=self.flight.phase.value,
            aboard=self.flight.progress.aboard,
            look_again="" if look_again is None else look_again.response.phase.value,
            seeing=self.seeing.state.value,
            blind_reason=self.seeing.reason,
            linked=self.vehicle.telemetry.linked,
            preflight=[f"{line.name}: {line.detail}" for line in self.deck.preflight if line.passed is False],
            results={
                result.kind.value: f"{result.state.value} {result.reason}"
                for result in self.deck.desk.results
            },
        )

    @property
    def seeing(self) -> Seeing:
        """Whether it would see a fire now."""
        return self.watch.health.state(time.monotonic())

    def begin(self) -> None:
        """Work until ``stop``."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """As by SIGTERM."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _live(self) -> None:
        while True:
            self.vehicle.feed()
            if self.looks:
                self._numbers += 1
                self.watch._on_frame(
                    FrameReport(
                        seq=self._numbers,
                        exposed_s=time.monotonic() - 0.05,
                        width_px=1280,
                        height_px=720,
                        detections=(),
                        inference_ms=50.0,
                        dropped=0,
                        fingerprint=self._numbers,
                        contrast=40.0,
                    )
                )
            await asyncio.sleep(FRAME_S)

    async def is_aboard(self) -> None:
        """Wait until the plan is on the autopilot, read back and compared."""
        async with asyncio.timeout(90.0):
            while self.flight.progress.aboard is not True:
                await asyncio.sleep(0.05)

    async def start(self) -> None:
        """The order to start once preflight passes, carried out."""
        async with asyncio.timeout(60.0):
            while not self.deck.preflight or failed(self.deck.preflight, unattended=False):
                await asyncio.sleep(0.1)
        result = await self.order(OrderKind.START)
        assert result.state is OrderState.DONE, result.reason

    def see(self, lat_deg: float, lon_deg: float) -> HotspotChange:
        """A fire is confirmed there."""
        change = HotspotChange("confirmed", hotspot_at(lat_deg, lon_deg))
        for hear in self.watch.on_change:
            hear(change)
        return change


def hotspot_at(lat_deg: float, lon_deg: float) -> Hotspot:
    """Confirmed, 8 m 1σ in each direction, on the ground at home's height."""
    pose = Pose.__new__(Pose)  # nobody asks for it: a hotspot only carries the sightings that made it
    sighting = Sighting(
        label="fire",
        score=0.9,
        pixel=(0.0, 0.0),
        pixel_covariance_px2=np.eye(2),
        box=None,
        pose=pose,
        method="flat",
        bearing_deg=0.0,
        bearing_sigma_deg=2.0,
        half_width_deg=0.0,
        ray_enu=(0.0, 1.0, 0.0),
        ray_effects=np.zeros((3, 3)),
        terrain="flat",
    )
    seen = Seen(0.0, None, sighting)
    return Hotspot(
        id=uuid4(),
        state=HotspotState.CONFIRMED,
        label="fire",
        probability=0.95,
        looks=5,
        method="flat",
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=HOME_AMSL_M,
        covariance_m2=64.0 * np.eye(2),
        bearing_deg=0.0,
        first=seen,
        best=seen,
        latest=seen,
        confirmed=seen,
    )


@contextlib.asynccontextmanager
async def running(
    port: int, folder: Path, *, speed: float, signing: Signing | None = None, **changes: Mapping[str, Any]
) -> AsyncIterator[Companion]:
    """A companion at work in this process."""
    config = config_of(port, folder, changes)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with Outbox(config.data_dir / "outbox.db") as outbox:
        companion = Companion(config, outbox, speed=speed, signing=signing)
        companion.begin()
        try:
            yield companion
        finally:
            await companion.stop()


# --- a process that can be killed ---------------------------------------------------------------


class CompanionProcess:
    """The same in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.state: dict[str, Any] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, port: int, folder: Path, *, speed: float) -> CompanionProcess:
        return cls(
            await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "tests.flight.scenarios.companion",
                    str(port),
                    str(folder),
                    str(speed),
                ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=Path(__file__).parents[3],
            )
        )

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def kill_now(self) -> None:
        """SIGKILL: nothing in it gets to do anything more."""
        if self._process.returncode is None:
            self._process.kill()

    async def kill(self) -> None:
        """The same, and wait until it is gone."""
        self.kill_now()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.state = json.loads(line)


async def _main(port: int, folder: Path, speed: float) -> None:
    async with running(port, folder, speed=speed) as companion:
        stdin = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
        )
        tasks = {asyncio.create_task(_tell(companion)), asyncio.create_task(_obey(companion, stdin))}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _tell(companion: Companion) -> None:
    while True:
        print(json.dumps(asdict(companion.state)), flush=True)
        await asyncio.sleep(0.1)


async def _obey(companion: Companion, lines: asyncio.StreamReader) -> None:
    while line := (await lines.readline()).decode().split():
        match line:
            case ["grant"]:
                await companion.granted()
            case ["start"]:
                await companion.start()
            case ["see", lat_deg, lon_deg]:
                companion.see(float(lat_deg), float(lon_deg))
            case [kind]:
                await companion.order(OrderKind(kind))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
