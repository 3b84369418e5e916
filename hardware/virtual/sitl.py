"""Real ArduPilot in its own simulator, in the place of the virtual autopilot.

ArduPilot's ``arducopter`` flies; what is virtual is the world, the camera and the pilot. The camera is told
the truth that ArduPilot's simulator tells of itself (SIM_STATE, and the gimbal's attitude) over a port of its
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flight.errors import EmberwatchError
from flight.link import Codec, Endpoint, mavlink
from hardware.virtual.router import Router

log = logging.getLogger(__name__)

# What a copter that was set up by its owner has, and a simulated one that was just made lacks.
SET_UP: Mapping[str, float] = {
    "FRAME_CLASS": 1,
    "FRAME_TYPE": 0,
    **{f"COMPASS_OFS{n}_X": 5 for n in ("", "2", "3")},
    **{f"COMPASS_OFS{n}_Y": 13 for n in ("", "2", "3")},
    **{f"COMPASS_OFS{n}_Z": -18 for n in ("", "2", "3")},
    **{f"INS_ACC{n}OFFS_{axis}": 0.001 for n in ("", "2") for axis in "XYZ"},
    **{f"INS_ACC{n}SCAL_{axis}": 1.001 for n in ("", "2") for axis in "XYZ"},
    "ATC_RAT_YAW_P": 0.3,
    "ATC_RAT_YAW_I": 0.02,
    "MOT_THST_EXPO": 0.65,
    "MOT_THST_HOVER": 0.39,
    "MOT_BAT_VOLT_MIN": 9.6,
    "MOT_BAT_VOLT_MAX": 12.8,
    "BATT_MONITOR": 4,
    "BATT_CAPACITY": 15000,
    "BATT_FS_LOW_ACT": 2,  # RTL
    "BATT_LOW_MAH": 3000,
    "SIM_BATT_CAP_AH": 15,
    "FS_GCS_ENABLE": 1,
    "FENCE_ENABLE": 1,
    "FENCE_TYPE": 6,  # circle and polygons
    "FENCE_RADIUS": 1000,
    # Without these it has no estimate of the wind, and tells none; its simulator suggests them.
    "EK3_DRAG_BCOEF_X": 17.209,
    "EK3_DRAG_BCOEF_Y": 17.209,
    "EK3_DRAG_MCOEF": 0.209,
    "MNT1_TYPE": 1,
    "MNT1_PITCH_MIN": -90,
    "MNT1_PITCH_MAX": 20,
    "MNT1_YAW_MIN": -180,
    "MNT1_YAW_MAX": 180,
    "MNT1_DEFLT_MODE": 2,  # it keeps its angle until it is told another
    "SERVO9_FUNCTION": 7,  # the mount's tilt, without which it is not there
    "SERVO10_FUNCTION": 6,  # and its pan
    "SERIAL1_PROTOCOL": 2,
    "WPNAV_SPEED": 1200,
    "RTL_ALT": 3000,
}
TRUTH_PERIOD_US = 20_000
ASK_PERIOD_S = 2.0
STOP_S = 5.0


class SitlError(EmberwatchError):
    """ArduPilot's simulator cannot be run."""


@dataclass(frozen=True, slots=True)
class SitlConfig:
    """One simulated copter. ``binary`` is ArduPilot's ``arducopter``, built for SITL."""

    binary: Path
    home_lat_deg: float = -35.363262
    home_lon_deg: float = 149.165237
    home_alt_amsl_m: float = 584.0
    heading_deg: float = 0.0
    speed: float = 1.0
    wind_m_s: float = 0.0
    wind_from_deg: float = 0.0
    parameters: Mapping[str, float] = field(default_factory=dict)


async def fly(config: SitlConfig, out: str, truth_out: Sequence[str] = ()) -> None:
    """Fly until cancelled, with the companion at ``out`` and listeners to the truth. Raises SitlError."""
    companion = Endpoint.parse(out)
    async with (
        Router(companion.port, companion_host=companion.host) as router,
        _Truth(truth_out) as truth,
        running(config, {0: udp(router.vehicle_port), 1: udp(truth.port)}) as process,
    ):
        code = await process.wait()
        raise SitlError(f"ArduPilot ended by itself (exit code {code})", hint="Its output is in the log.")


def udp(port: int) -> str:
    """A serial port of the copter that is joined to this port on loopback."""
    return f"udpclient:127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def running(config: SitlConfig, serial: Mapping[int, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """ArduPilot as it runs; ``serial`` says what its ports are joined to, as its ``--serialN`` does.

    Raises SitlError."""
    if not config.binary.is_file():
        raise SitlError(
            f"there is no program {config.binary}", hint="Build ArduPilot's SITL, and name its arducopter."
        )
    folder = Path(tempfile.mkdtemp(prefix="emberwatch-sitl-"))
    try:
        process = await _start(config, folder, serial)
        try:
            yield process
        finally:
            await _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _start(config: SitlConfig, folder: Path, serial: Mapping[int, str]) -> asyncio.subprocess.Process:
    parameters = {
        **SET_UP,
        "SIM_WIND_SPD": config.wind_m_s,
        "SIM_WIND_DIR": config.wind_from_deg,
        **config.parameters,
    }
    defaults = folder / "copter.parm"
    defaults.write_text("".join(f"{name} {value:g}\n" for name, value in parameters.items()))
    home = (config.home_lat_deg, config.home_lon_deg, config.home_alt_amsl_m, config.heading_deg)
    ports = [part for number, url in serial.items() for part in (f"--serial{number}", url)]
    try:
        return await asyncio.create_subprocess_exec(
            str(config.binary.resolve()),
            *("--model", "quad", "--wipe", "--speedup", f"{config.speed:g}"),
            *("--home", ",".join(f"{part:.8f}" for part in home)),
            *("--defaults", str(defaults)),
            *ports,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise SitlError(f"{config.binary} does not run: {error.strerror}") from error


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


class _Truth:
    """Asks ArduPilot for the truth, and hands it on."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._places = [(endpoint.host, endpoint.port) for endpoint in map(Endpoint.parse, urls)]
        self._codec, self._encoder = Codec(), Codec(254, 190)
        self._transport: asyncio.DatagramTransport | None = None
        self._asking: asyncio.Task[None] | None = None
        self._address: Any = None
        self._heard = False

    async def __aenter__(self) -> _Truth:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Listener(self), local_addr=("127.0.0.1", 0)
        )
        self._asking = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._asking is not None:
            self._asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._asking
        if self._transport is not None:
            self._transport.close()

    @property
    def port(self) -> int:
        assert self._transport is not None  # noqa: S101 - it is open
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def take(self, data: bytes, address: Any) -> None:
        """Bytes from ArduPilot."""
        self._address = address
        for message in self._codec.decode(data):
            if message.get_type() in ("SIM_STATE", "GIMBAL_DEVICE_ATTITUDE_STATUS"):
                self._heard = True
                for place in self._places:
                    assert self._transport is not None  # noqa: S101 - it is open
                    self._transport.sendto(bytes(message.get_msgbuf()), place)

    async def _ask(self) -> None:
        wanted = (mavlink.MAVLINK_MSG_ID_SIM_STATE, mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS)
        while True:
            await asyncio.sleep(ASK_PERIOD_S)
            if self._heard:  # it came in the last two seconds
                self._heard = False
                continue
            for message_id in wanted if self._address is not None else ():
                order = mavlink.MAVLink_command_long_message(
                    0, 1, mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, 0, message_id, TRUTH_PERIOD_US, 0, 0, 0, 0, 0
                )
                assert self._transport is not None  # noqa: S101 - it is open
                self._transport.sendto(self._encoder.encode(order), self._address)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, truth: _Truth) -> None:
        self._truth = truth

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._truth.take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A listener is not there yet."""
