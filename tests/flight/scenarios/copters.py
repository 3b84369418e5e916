"""Copters that a scenario flies: our stand-in, or real ArduPilot, with a pilot's station beside each.

The pilot's station is on the router that joins vehicle and companion (``hardware.virtual.router``).
Everything is waited for in simulation time: the vehicle's own clock, as the station hears it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flight.autopilots.ardupilot import ArduCopter
from flight.link import mavlink
from hardware.virtual import sitl
from hardware.virtual.drone.autopilot import VirtualAutopilot, VirtualDroneConfig
from hardware.virtual.drone.traffic import Aircraft
from hardware.virtual.router import Router

HOME_LAT_DEG, HOME_LON_DEG, HOME_AMSL_M = -35.363262, 149.165237, 584.0
SET_UP: Mapping[str, float] = {
    "FS_GCS_ENABLE": 1,
    "BATT_FS_LOW_ACT": 2,
    "BATT_LOW_MAH": 2000,
    "FENCE_ENABLE": 1,
    "FENCE_TYPE": 6,
    "FENCE_RADIUS": 1000,
}
ASK_AGAIN_S = 0.5  # of wall time
LONGEST_S = 240.0  # of wall time, for anything: the simulation itself has stopped
HEARD_HZ: Mapping[str, float] = {"SYSTEM_TIME": 10, "GLOBAL_POSITION_INT": 10}
VEHICLE, COMPANION = 1, 191


class NeverSoError(AssertionError):
    """A condition did not become so within simulation time."""


@dataclass(slots=True)
class Heard:
    """A message as the pilot's station heard it, with the vehicle's time then."""

    at_s: float
    message: Any


@dataclass(slots=True)
class Copter:
    """One copter. Times are the simulation's, in seconds since it was started."""

    kind: str
    speed: float
    router: Router
    mode: str = ""
    armed: bool = False
    critical: bool = False
    lat_deg: float = math.nan
    lon_deg: float = math.nan
    height_home_m: float = math.nan
    item: int | None = None
    flown: set[int] = field(default_factory=set)
    """Items that the vehicle has told of, as flown to or come to: a busy machine loses messages."""
    heard: list[Heard] = field(default_factory=list)
    """All of the companion's messages, and the vehicle's texts, acknowledgements and heartbeats."""
    boots: int = 0
    switch_us: int = 0
    """Where the pilot holds a switch; 0 leaves it alone."""
    _boot_s: float = 0.0
    _before_boot_s: float = 0.0
    _heard_boot_wall_s: float = 0.0
    _asked: dict[str, float] = field(default_factory=dict)
    _parameters: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.router.on_message.append(self._hear)

    @property
    def now_s(self) -> float:
        return self._before_boot_s + self._boot_s

    @property
    def texts(self) -> list[str]:
        """What the vehicle said."""
        return [
            each.message.text
            for each in self.heard
            if each.message.get_type() == "STATUSTEXT" and each.message.get_srcComponent() == 1
        ]

    def by_companion(self, since_s: float = -1.0) -> list[Any]:
        """Messages that left the companion."""
        return [
            each.message
            for each in self.heard
            if each.at_s >= since_s and each.message.get_srcComponent() != 1
        ]

    # --- waiting ----------------------------------------------------------------------------------

    async def until(
        self, condition: Callable[[], bool], what: str, at_most_s: float, *, holds_s: float = 0.0
    ) -> float:
        """Wait until it is so, and stays so for ``holds_s``; how long that took, in simulation time."""
        start_s, wall_end_s = self.now_s, time.monotonic() + LONGEST_S
        since_s: float | None = None
        while True:
            if not condition():
                since_s = None
            elif since_s is None:
                since_s = self.now_s
            if since_s is not None and self.now_s - since_s >= holds_s:
                return since_s - start_s
            if self.now_s - start_s > at_most_s or time.monotonic() > wall_end_s:
                raise NeverSoError(
                    f"{what}: not within {at_most_s:g} s; {self.mode}, "
                    f"{'armed' if self.armed else 'disarmed'}, {self.height_home_m:.0f} m, item {self.item}, "
                    f"said {self.texts[-6:]}"
                )
            await self._breathe()

    async def wait(self, seconds: float) -> None:
        """Let simulation time pass."""
        end_s = self.now_s + seconds
        await self.until(lambda: self.now_s >= end_s, f"{seconds:g} s more", 10 * seconds + 60)

    async def _breathe(self) -> None:
        wall_s = time.monotonic()
        if (
            wall_s - self._heard_boot_wall_s > ASK_AGAIN_S
            and wall_s - self._asked.get("streams", 0.0) > ASK_AGAIN_S
        ):
            self._asked["streams"] = wall_s
            for name, rate_hz in HEARD_HZ.items():
                number = getattr(mavlink, f"MAVLINK_MSG_ID_{name}")
                self._command(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, number, 1e6 / rate_hz)
        await asyncio.sleep(0.02)

    # --- the pilot --------------------------------------------------------------------------------

    async def pilot_sets_mode(self, mode: str) -> None:
        """With the station: sent until the heartbeat shows it."""
        params = ArduCopter().mode_params(mode)
        await self._insist(
            lambda: self._command(mavlink.MAV_CMD_DO_SET_MODE, *params), lambda: self.mode == mode
        )

    async def set_parameter(self, name: str, value: float) -> None:
        """With the station: sent until the vehicle says it back."""
        self._parameters.pop(name, None)
        order = mavlink.MAVLink_param_set_message(
            VEHICLE, 1, name.encode(), value, mavlink.MAV_PARAM_TYPE_REAL32
        )
        await self._insist(
            lambda: self.router.say(order),
            lambda: math.isclose(self._parameters.get(name, math.nan), value, rel_tol=1e-6),
        )

    async def reboot(self) -> None:
        """The pilot restarts the autopilot; returns when it has started anew."""
        boots = self.boots
        self._command(mavlink.MAV_CMD_PREFLIGHT_REBOOT_SHUTDOWN, 1)
        async with asyncio.timeout(60.0):
            while self.boots == boots:  # asked again it would start anew again
                await self._breathe()

    def rc(self, **channels: int) -> None:
        """The pilot's sticks: ``ch7=1900``. It lapses after 3 s."""
        values = [channels.get(f"ch{number}", 65535) for number in range(1, 19)]
        self.router.say(mavlink.MAVLink_rc_channels_override_message(VEHICLE, 1, *values))

    def pilot_points_camera(self, pitch_deg: float) -> None:
        """To this angle above the horizon, looking ahead."""
        self._command(mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW, pitch_deg, 0.0, math.nan, math.nan)

    async def _insist(self, act: Callable[[], None], done: Callable[[], bool]) -> None:
        start_s = time.monotonic()
        while not done():
            if time.monotonic() - start_s > 30.0:
                raise NeverSoError(f"the pilot's wish was not granted; said {self.texts[-6:]}")
            act()
            for _ in range(15):
                await self._breathe()
                if done():
                    return

    def _command(self, command: int, *params: float) -> None:
        seven = [*params, *[0.0] * (7 - len(params))]
        self.router.say(mavlink.MAVLink_command_long_message(VEHICLE, 1, command, 0, *seven))

    # --- hearing ----------------------------------------------------------------------------------

    def _hear(self, message: Any) -> None:
        if message.get_srcComponent() == 1:
            self._hear_vehicle(message)
        if message.get_srcComponent() != 1 or message.get_type() in (
            "HEARTBEAT",
            "STATUSTEXT",
            "COMMAND_ACK",
            "MISSION_ACK",
        ):
            self.heard.append(Heard(self.now_s, message))

    def _hear_vehicle(self, message: Any) -> None:
        match message.get_type():
            case "HEARTBEAT":
                self.mode = ArduCopter().mode_name(message.base_mode, message.custom_mode)
                self.armed = bool(message.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED)
                self.critical = message.system_status == mavlink.MAV_STATE_CRITICAL
            case "SYSTEM_TIME":
                self._tick(message.time_boot_ms / 1000)
            case "GLOBAL_POSITION_INT":
                self._tick(message.time_boot_ms / 1000)
                self.lat_deg, self.lon_deg = message.lat / 1e7, message.lon / 1e7
                self.height_home_m = message.relative_alt / 1000
            case "MISSION_CURRENT":
                self.item = message.seq
                self.flown.add(message.seq)
            case "MISSION_ITEM_REACHED":
                self.flown.add(message.seq)
            case "PARAM_VALUE":
                self._parameters[message.param_id] = message.param_value

    def _tick(self, boot_s: float) -> None:
        self._heard_boot_wall_s = time.monotonic()
        if boot_s < self._boot_s - 3.0:
            self.boots += 1
            self._before_boot_s += self._boot_s
            self._boot_s = boot_s
        self._boot_s = max(self._boot_s, boot_s)


def arducopter() -> Path:
    """Real ArduPilot's program; skips where there is none."""
    path = os.environ.get("ARDUPILOT_SITL")
    if not path:
        pytest.skip("needs real ArduPilot: ARDUPILOT_SITL=/path/arducopter")
    return Path(path)


@contextlib.asynccontextmanager
async def copter(
    kind: str,
    companion_port: int,
    *,
    speed: float,
    parameters: Mapping[str, float] | None = None,
    port: int = 0,
    ports: Mapping[int, str] | None = None,
    traffic: tuple[Aircraft, ...] = (),
) -> AsyncIterator[Copter]:
    """A copter of a kind, ``virtual`` or ``ArduCopter``, that knows where it is and may arm.

    ``port`` is the serial port of ArduCopter's that the router is joined to; it enforces signing on all but
    the first; ``ports`` says where others of them go. ``traffic`` flies past the virtual one; ArduCopter
    makes its own (``SIM_ADSB_COUNT``)."""
    # A busy machine may keep the station or the agent silent for a second, which is much in simulation time.
    patience = {"FS_GCS_TIMEOUT": 5.0 * speed, "DISARM_DELAY": min(10.0 * speed, 127.0)}
    wanted = {**SET_UP, **patience, **(parameters or {})}
    async with contextlib.AsyncExitStack() as stack:
        router = await stack.enter_async_context(Router(companion_port, heartbeat_period_s=1.0 / speed))
        if kind == "virtual":
            drone = VirtualAutopilot(
                VirtualDroneConfig(
                    out=f"udpout:127.0.0.1:{router.vehicle_port}",
                    home_lat_deg=HOME_LAT_DEG,
                    home_lon_deg=HOME_LON_DEG,
                    home_alt_amsl_m=HOME_AMSL_M,
                    speed=speed,
                    parameters=wanted,
                    traffic=traffic,
                )
            )
            flying = asyncio.create_task(drone.run())
            stack.push_async_callback(_end, flying)
        else:
            config = sitl.SitlConfig(
                arducopter(),
                home_lat_deg=HOME_LAT_DEG,
                home_lon_deg=HOME_LON_DEG,
                home_alt_amsl_m=HOME_AMSL_M,
                speed=speed,
                wind_m_s=3.0,
                wind_from_deg=280.0,
                parameters=wanted,
            )
            # Without anything at its first port it would wait there for somebody before it boots.
            joined = {0: "tcp:0", port: sitl.udp(router.vehicle_port), **(ports or {})}
            await stack.enter_async_context(sitl.running(config, joined))
        one = Copter(kind, speed, router)
        await one.until(
            lambda: any("EKF3 IMU" in text and "is using GPS" in text for text in one.texts),
            "it knows where it is",
            120.0,
        )
        yield one


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
