"""``emberwatch camera latency``: link, camera and clock together, and what it refuses before it measures."""

from __future__ import annotations

import asyncio
import io
import math
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from scipy.spatial.transform import Rotation

from edge.camera import Frame
from edge.camera_commands import delay, latency
from edge.camera_commands.delay import LatencyError
from edge.camera_commands.latency import latency_command
from edge.camera_commands.recorder import Recorder
from edge.camera_commands.turning import Turn
from edge.config.camera_section import CameraSection
from edge.config.file import AgentConfig, load_agent_config
from edge.demo.site import free_port
from edge.geometry.optics import Camera
from edge.geometry.pose import PoseBuffer
from edge.thermal.palette import false_colours
from flight.link import LinkError, mavlink
from flight.telemetry import AttitudeSample, GimbalSample, Telemetry
from flight.vehicle import Vehicle
from tests.edge.camera_commands.hand import Hand, World
from tests.flight.scripted import ScriptedAutopilot

LATENCY_S = 0.12
BOOT_S = 100.0  # of the scripted autopilot when it starts
HAND = Hand(seconds=60.0)
WORLD = World()


def config(folder: Path, port: int, source: str = "/dev/video9", extra: str = "") -> AgentConfig:
    lens = f"width_px = {WORLD.width_px}\nheight_px = {WORLD.height_px}\nfx_px = {WORLD.focal_px}\n"
    (folder / "lens.toml").write_text(f'name = "x"\nsource = "rendered"\n{lens}')
    (folder / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.uplink]\nkey_file = "drone.key"\n'
        f'[agent.mavlink]\nurl = "udpin:127.0.0.1:{port}"\nwait_s = 5\n'
        f'[agent.camera]\nsource = "{source}"\nprofile = "lens.toml"\nmount_pitch_deg = 0\n{extra}'
    )
    return load_agent_config(folder / "agent.toml")


class Screen:
    def __init__(self) -> None:
        self._text = io.StringIO()
        self.console = Console(file=self._text, width=200)

    @property
    def text(self) -> str:
        return self._text.getvalue()


class TurnedCamera:
    """Its pictures say where the hand had it ``LATENCY_S`` before they arrive, however late they are read."""

    def __init__(self, autopilot: ScriptedAutopilot) -> None:
        self._offset_s = autopilot.boot_offset_s
        self._rng = np.random.default_rng(6)
        self.closed = False

    def read(self, timeout_s: float) -> Frame | None:
        time.sleep(1 / 15)
        arrived_s = time.monotonic()
        taken_boot_s = arrived_s - LATENCY_S + self._offset_s
        picture = WORLD.picture(HAND.camera_to_enu(np.array([taken_boot_s - BOOT_S]))[0], rng=self._rng)
        return Frame(picture, arrived_s, 1, "turned")

    def close(self) -> None:
        self.closed = True


def rpy_of(camera_to_enu: NDArray[np.float64]) -> list[float]:
    """Of an airframe whose camera looks ahead: its axes in north, east, down, as angles (radians)."""
    right, down, ahead = camera_to_enu.T
    axes = np.column_stack([ahead, right, down])
    ned = np.array([axes[1], axes[0], -axes[2]])
    return [float(angle) for angle in Rotation.from_matrix(ned).as_euler("ZYX")[::-1]]


@asynccontextmanager
async def turned_by_hand(port: int) -> AsyncIterator[ScriptedAutopilot]:
    async with ScriptedAutopilot(port) as autopilot:

        async def tell() -> None:
            while True:
                boot_ms = int(autopilot.boot_s * 1000)
                rotation = HAND.camera_to_enu(np.array([boot_ms / 1000 - BOOT_S]))[0]
                autopilot.send(mavlink.MAVLink_attitude_message(boot_ms, *rpy_of(rotation), 0, 0, 0))
                await asyncio.sleep(0.02)

        telling = asyncio.create_task(tell())
        try:
            yield autopilot
        finally:
            telling.cancel()


async def test_it_measures_through_link_camera_and_clock_and_says_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (delay, latency):
        monkeypatch.setattr(module, "MOST_LATENCY_S", 0.4)
    monkeypatch.setattr(delay, "LEAST_TURNS", 20)
    monkeypatch.setattr(delay, "LEAST_SPAN_S", 2.0)
    port, screen = free_port(socket.SOCK_DGRAM), Screen()
    async with turned_by_hand(port) as autopilot:
        camera = TurnedCamera(autopilot)
        monkeypatch.setattr(latency, "_live", lambda *_: camera)
        assert await latency_command(config(tmp_path, port), seconds=4.0, console=screen.console) == 0
        assert not autopilot.heard("COMMAND_INT")
        assert {message.command for message in autopilot.heard("COMMAND_LONG")} <= {
            mavlink.MAV_CMD_SET_MESSAGE_INTERVAL,
            mavlink.MAV_CMD_REQUEST_MESSAGE,
        }
    assert camera.closed
    assert "Take the propellers off" in screen.text
    told = next(line for line in screen.text.splitlines() if line.startswith("latency_s = "))
    assert float(told.removeprefix("latency_s = ")) == pytest.approx(LATENCY_S, abs=0.01)


class TurnedThermalCamera(TurnedCamera):
    """The same as temperatures, with a fire in every other frame, and each frame given twice."""

    def __init__(self, autopilot: ScriptedAutopilot) -> None:
        super().__init__(autopilot)
        self._again: Frame | None = None
        self._seen = 0

    def read(self, timeout_s: float) -> Frame | None:
        if self._again is not None:
            again, self._again = self._again, None
            return replace(again, monotonic_s=again.monotonic_s + 0.001)
        frame = super().read(timeout_s)
        assert frame is not None
        kelvin = (283.0 + 0.04 * (frame.image[:, :, 0].astype(np.float32) - 128.0)).astype(np.float32)
        self._seen += 1
        if self._seen % 2:
            kelvin[10:14, 10:14] = 400.0
        image, span_c = false_colours(kelvin)
        self._again = replace(frame, image=image, kelvin=kelvin, span_c=span_c)
        return self._again


async def test_a_thermal_camera_beside_the_colour_one_is_measured_by_its_temperatures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (delay, latency):
        monkeypatch.setattr(module, "MOST_LATENCY_S", 0.4)
    monkeypatch.setattr(delay, "LEAST_TURNS", 20)
    monkeypatch.setattr(delay, "LEAST_SPAN_S", 2.0)
    port, screen = free_port(socket.SOCK_DGRAM), Screen()
    thermal = '[agent.thermal]\nsource = "/dev/video8"\nprofile = "lens.toml"\nmount_pitch_deg = 0\n'
    agent = config(tmp_path, port, extra=thermal)
    async with turned_by_hand(port) as autopilot:
        opened = []

        def live(_config: AgentConfig, _camera: Camera, section: CameraSection) -> TurnedCamera:
            opened.append(section)
            return TurnedThermalCamera(autopilot)

        monkeypatch.setattr(latency, "_live", live)
        assert await latency_command(agent, seconds=4.0, thermal=True, console=screen.console) == 0
    assert opened == [agent.thermal]
    assert "[agent.thermal]" in screen.text
    told = next(line for line in screen.text.splitlines() if line.startswith("latency_s = "))
    assert float(told.removeprefix("latency_s = ")) == pytest.approx(LATENCY_S, abs=0.015)


async def test_a_thermal_camera_that_is_none_or_a_file_is_said_so(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with pytest.raises(LatencyError, match="no thermal camera"):
        await latency_command(config(tmp_path, port), seconds=10.0, thermal=True, console=Screen().console)
    (tmp_path / "frames").mkdir()
    Image.fromarray(np.full((240, 320), 28_315, np.uint16)).save(tmp_path / "frames/1.tiff")
    thermal = '[agent.thermal]\nsource = "folder:frames"\nprofile = "lens.toml"\n'
    agent = config(tmp_path, port, extra=thermal)
    with pytest.raises(LatencyError, match=r"\[agent.thermal\] source is a file"):
        await latency_command(agent, seconds=10.0, thermal=True, console=Screen().console)


async def test_an_armed_vehicle_is_not_turned_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with turned_by_hand(port) as autopilot:
        autopilot.armed = True
        monkeypatch.setattr(latency, "_live", lambda *_: TurnedCamera(autopilot))
        with pytest.raises(LatencyError, match="the vehicle is armed"):
            await latency_command(config(tmp_path, port), seconds=10.0, console=Screen().console)


async def test_a_file_has_no_latency(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (320, 240)).save(tmp_path / "photos/1.png")
    agent = config(tmp_path, free_port(socket.SOCK_DGRAM), source="folder:photos")
    with pytest.raises(LatencyError, match="only a live camera has a latency"):
        await latency_command(agent, seconds=10.0, console=Screen().console)


async def test_a_port_that_the_agent_has_is_said_to_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Vehicle("udpin:127.0.0.1:0") as running, ScriptedAutopilot(1) as autopilot:
        camera = TurnedCamera(autopilot)
        monkeypatch.setattr(latency, "_live", lambda *_: camera)
        agent = config(tmp_path, running.link.local_port)
        with pytest.raises(LinkError, match="another program has udpin") as caught:
            await latency_command(agent, seconds=10.0, console=Screen().console)
    assert "stop it for this" in caught.value.hint
    assert camera.closed


# --- the recorder -------------------------------------------------------------------------------------


def told(telemetry: Telemetry, boot_s: float, yaw_deg: float, gimbal_yaw_deg: float | None = None) -> None:
    telemetry.on_attitude.tell(AttitudeSample(boot_s, 0.0, 0.0, math.radians(yaw_deg)))
    if gimbal_yaw_deg is not None:
        x, y, z, w = Rotation.from_euler("z", gimbal_yaw_deg, degrees=True).as_quat()
        telemetry.on_gimbal.tell(GimbalSample(boot_s, w, x, y, z, yaw_in_earth_frame=False))


def recorder() -> tuple[Telemetry, Recorder]:
    telemetry = Telemetry(time.monotonic)
    return telemetry, Recorder(telemetry, PoseBuffer(mount_pitch_deg=0.0))


def test_a_fixed_camera_turns_with_the_airframe() -> None:
    telemetry, made = recorder()
    for number in range(20):
        told(telemetry, number / 20, 2.0 * number)
    made.finish()
    _, turned = made.attitudes.turned()
    assert len(made.attitudes.at_s) == 20
    assert np.degrees(turned[-1]) == pytest.approx([0.0, 38.0, 0.0], abs=2.5)


def test_a_gimbal_s_own_turn_is_added_to_the_airframe_s() -> None:
    telemetry, made = recorder()
    for number in range(20):
        told(telemetry, number / 20, 2.0 * number, gimbal_yaw_deg=-2.0 * number)
    made.finish()
    _, turned = made.attitudes.turned()
    assert np.degrees(turned[-1]) == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


def test_a_camera_that_is_bolted_on_turns_with_the_airframe_whatever_a_gimbal_does() -> None:
    telemetry = Telemetry(time.monotonic)
    made = Recorder(telemetry, PoseBuffer(mount_pitch_deg=0.0), on_gimbal=False)
    for number in range(20):
        told(telemetry, number / 20, 2.0 * number, gimbal_yaw_deg=-2.0 * number)
    made.finish()
    _, turned = made.attitudes.turned()
    assert np.degrees(turned[-1]) == pytest.approx([0.0, 38.0, 0.0], abs=2.5)
    made.close()


def test_what_was_told_before_a_gimbal_spoke_is_forgotten() -> None:
    telemetry, made = recorder()
    for number in range(40):
        told(telemetry, number / 20, 0.0, gimbal_yaw_deg=5.0 if number >= 20 else None)
    made.finish()
    assert made.attitudes.at_s[0] == pytest.approx(1.0)


def test_turns_are_dated_by_the_autopilot_s_clock_and_dropped_while_it_is_unknown() -> None:
    _, made = recorder()
    made.turned(Turn(5.0, 5.1, np.zeros(3)), lambda _at_s: None)
    made.turned(Turn(6.0, 6.1, np.zeros(3)), lambda at_s: at_s + 100.0)
    assert [(turn.start_s, turn.end_s) for turn in made.turns] == [(106.0, 106.1)]


def test_a_restart_of_the_autopilot_is_remembered() -> None:
    telemetry, made = recorder()
    telemetry.rebooted(1.0)
    assert made.restarted
