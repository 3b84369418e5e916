"""``emberwatch preflight`` on the virtual copter: it looks, says what it saw, and touches nothing."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from edge.commands.preflight_command import preflight
from edge.config.file import AgentConfig, load_agent_config
from edge.demo.drone import SET_UP
from edge.demo.site import free_port
from edge.watch import Watch
from flight.errors import EmberwatchError
from flight.link import LinkError
from flight.plans.qgc import write_plan
from flight.vehicle import Vehicle
from hardware.virtual.drone.autopilot import VirtualDroneConfig, fly
from hardware.virtual.router import Router
from tests.flight.plan_makers import FENCE, out_and_back, to
from tests.flight.scripted import ScriptedAutopilot

SPEED = 5.0


@asynccontextmanager
async def copter(port: int) -> AsyncIterator[None]:
    """As its owner has set it up, with a pilot's station beside it."""
    async with Router(port) as router:
        out = f"udpout:127.0.0.1:{router.vehicle_port}"
        drone = asyncio.create_task(fly(VirtualDroneConfig(out=out, speed=SPEED, parameters=SET_UP)))
        try:
            yield
        finally:
            drone.cancel()
            await asyncio.gather(drone, return_exceptions=True)


def config(folder: Path, port: int, *, extra: str = "") -> AgentConfig:
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    for number in range(2):
        Image.effect_noise((1280, 720), 60 + number).convert("RGB").save(photos / f"{number}.jpg")
    (folder / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.uplink]\nkey_file = "drone.key"\n'
        f'[agent.mavlink]\nurl = "udpin:127.0.0.1:{port}"\n'
        f'[agent.camera]\nsource = "folder:photos"\nloop = true\n{extra}'
    )
    return load_agent_config(folder / "agent.toml")


@pytest.fixture
def blindfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No camera and no detector, where they do not matter."""

    async def see_nothing(_watch: Watch) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Watch, "run", see_nothing)


class Screen:
    def __init__(self) -> None:
        self._text = io.StringIO()
        self.console = Console(file=self._text, width=200)

    def line(self, name: str) -> str:
        return next(line for line in self.text.splitlines() if line[2:].strip().startswith(name))

    @property
    def text(self) -> str:
        return self._text.getvalue()


async def test_a_vehicle_that_is_ready_is_said_to_be_and_nothing_is_sent_to_anybody(tmp_path: Path) -> None:
    port, screen = free_port(socket.SOCK_DGRAM), Screen()
    write_plan(tmp_path / "a.plan", out_and_back(to(100, 0), to(200, 0), fence=FENCE))
    agent = config(tmp_path, port, extra='[agent.patrol]\nfile = "a.plan"\n')
    async with copter(port):
        code = await preflight(agent, wait_s=60.0, console=screen.console)
    assert code == 0, screen.text
    for name in (
        "link",
        "position",
        "ground station failsafe",
        "battery",
        "camera",
        "detector",
        "plan is safe",
    ):
        assert screen.line(name).startswith("✓"), screen.text
    assert screen.line("plan aboard").startswith("?")
    assert "the agent brings it aboard" in screen.line("plan aboard")
    assert "without a terrain model" in screen.line("plan is safe")
    assert not list((tmp_path / "data").glob("outbox*"))


async def test_a_camera_that_is_not_there_fails_with_its_reason(tmp_path: Path) -> None:
    port, screen = free_port(socket.SOCK_DGRAM), Screen()
    agent = config(tmp_path, port)
    for photo in (tmp_path / "photos").iterdir():
        photo.unlink()
    async with copter(port):
        code = await preflight(agent, wait_s=60.0, console=screen.console)
    assert code == 1
    assert screen.line("camera").startswith("✗")
    assert "holds no photos" in screen.line("camera")
    assert screen.line("link").startswith("✓")


async def test_a_vehicle_that_is_silent_fails_and_the_agent_is_suspected(
    tmp_path: Path, blindfolded: None
) -> None:
    screen = Screen()
    agent = config(tmp_path, free_port(socket.SOCK_DGRAM))
    assert await preflight(agent, wait_s=0.5, console=screen.console) == 1
    assert "no heartbeat from the autopilot" in screen.line("link")
    assert "its page shows the preflight" in screen.text


async def test_a_port_that_the_agent_has_is_said_to_be_taken(tmp_path: Path) -> None:
    async with Vehicle("udpin:127.0.0.1:0") as running:
        agent = config(tmp_path, running.link.local_port)
        with pytest.raises(LinkError, match="another program has udpin") as caught:
            await preflight(agent, wait_s=0.5, console=Screen().console)
    assert "its page shows the preflight" in str(caught.value)


async def test_an_armed_vehicle_is_not_for_preflight(tmp_path: Path, blindfolded: None) -> None:
    port = free_port(socket.SOCK_DGRAM)
    async with ScriptedAutopilot(port) as autopilot:
        autopilot.armed = True
        with pytest.raises(EmberwatchError, match="the vehicle is armed"):
            await preflight(config(tmp_path, port), wait_s=20.0, console=Screen().console)
