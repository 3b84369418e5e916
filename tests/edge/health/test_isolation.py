"""What fails in vision's process, or in the computer, stays there: the loop turns on and says what it is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge.airborne import Airborne
from edge.config.file import load_agent_config
from edge.fixed_agent import FixedAgent
from edge.geometry.optics import Camera
from edge.health import condition
from edge.health.condition import Condition
from edge.supervisor import supervise
from edge.vision.report import VisionSettings
from edge.watch import Watch
from flight.vehicle import Vehicle
from tests.edge.health.test_machine import lay_out
from tests.edge.mjpeg_camera import MjpegCamera, Mode
from tests.edge.test_fixed import CONFIG as MAST
from tests.edge.test_fixed import configured
from tests.edge.vision.test_vision import Watched, settings
from tests.edge.watched_flight import CONFIG
from tests.flight.scripted import until
from tests.models.onnx_files import throwing_model
from tests.models.test_detector import NAMED, answer
from uplink.messages import DegradedKind, DroneState, SeeingState
from uplink.outbox import Outbox

__all__ = ["settings"]

LATEST_S = 60.0


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "gone"])
async def test_a_camera_that_hangs_or_is_unplugged_is_named_and_looked_at_again_when_it_is_back(
    settings: VisionSettings, fault: Mode
) -> None:
    turns = 0

    async def loop_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.05)

    with MjpegCamera() as camera:
        watched = Watched(replace(settings, source=camera.url, loop=False), stalled_s=3.0, in_air=True)
        tasks = [asyncio.create_task(watched.supervisor.run()), asyncio.create_task(loop_turns())]
        await watched.next_report()
        camera.mode = fault
        await until(lambda: bool(watched.troubles), LATEST_S)
        assert watched.troubles[0] == "the camera gave no frame for 3 s: cable, power, address?"
        camera.mode = "live"
        before = len(watched.reports)
        await until(lambda: len(watched.reports) > before, LATEST_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert turns > 20, "the loop stood still with the camera"


async def test_a_provider_that_throws_blinds_the_agent_with_its_words_and_no_longer_than_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: camera, child, ONNX Runtime, watch, and the loop that tells the station."""
    monkeypatch.setattr("edge.health.seeing.STALE_FLOOR_S", 1.0)
    monkeypatch.setattr("edge.vision.restarts.DELAYS_S", (0.5,))  # shorter, and ten of them are soon over
    model = throwing_model(tmp_path / "m.onnx", answer((36, 24, 24, 16, 0.1, 0.0)), NAMED, brighter_than=0.7)
    with MjpegCamera() as camera, Outbox(tmp_path / "outbox.db") as outbox:
        text = MAST.replace('source = "photos"', f'source = "{camera.url}"\nframes_per_s = 10')
        config = configured(tmp_path, f'{text}[agent.detector]\nmodel = "{model}"\nbackend = "cpu"\n')
        assert config.fixed is not None
        agent = FixedAgent(config, config.fixed, outbox)
        told: list[DroneState] = []
        tasks = [
            asyncio.create_task(agent.watch.run()),
            asyncio.create_task(supervise(config, told.append, agent._turn, agent.state)),
        ]

        async def is_told(seeing: SeeingState) -> DroneState:
            before = len(told)
            await until(lambda: any(state.seeing is seeing for state in told[before:]), LATEST_S)
            assert not any(task.done() for task in tasks)
            return next(state for state in told[before:] if state.seeing is seeing)

        await is_told(SeeingState.SEEING)
        camera.mode = "bright"
        blind = await is_told(SeeingState.BLIND)
        assert "out of data bounds" in blind.blind_reason, "the runtime's own words"
        restarts = agent.watch.visions[0].restarts
        tried = restarts.count
        turns = len(told)  # it tries again, and the loop turns on meanwhile
        await until(lambda: restarts.count > tried and len(told) > turns, LATEST_S)
        camera.mode = "live"
        back = await is_told(SeeingState.DEGRADED)
        assert DegradedKind.RESTARTED in [reason.kind for reason in back.degraded]
        assert back.blind_reason == ""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_heat_a_leap_of_the_clock_and_restarts_are_reasons_and_their_end_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent.toml").write_text(CONFIG)
    config = load_agent_config(tmp_path / "agent.toml")
    config.data_dir.mkdir(exist_ok=True)
    zone = "sys/class/thermal/thermal_zone0"
    root = lay_out(tmp_path / "host", {f"{zone}/type": "cpu-thermal", f"{zone}/temp": "91000"})
    off_s = 0.0
    with Outbox(tmp_path / "outbox.db") as outbox:
        vehicle = Vehicle("udpin:127.0.0.1:0")
        carrier = Airborne(vehicle, mount_pitch_deg=-45.0)
        watch = Watch(config, carrier, outbox, Camera.load("generic_78"), None)
        agent = Condition(config, watch, clock_off_s=lambda: off_s, root=root)
        agent.upload_age_s = lambda: 0.0

        def kinds(now_s: float) -> set[DegradedKind]:
            agent.judge(now_s)
            # Nor is the memory of the tests' own process an agent's.
            return {one.kind for one in watch.degraded} - {DegradedKind.SENSORS, DegradedKind.OWN_MEMORY}

        with agent:
            await until(lambda: agent._machine.sensors.latest is not None, LATEST_S)
            now_s = time.monotonic()
            assert kinds(now_s) == set()
            assert agent.health.temperature_c == 91.0
            assert kinds(now_s + 6.0) == {DegradedKind.HOT}
            off_s = 365 * 86400.0
            watch.visions[0].restarts.failed(now_s + 10.0, looked=True)
            assert kinds(now_s + 10.0) == {DegradedKind.HOT, DegradedKind.RESTARTED}
            assert DegradedKind.CLOCK in kinds(now_s + 16.0)
            off_s = 0.0
            (root / zone / "temp").write_text("60000")
            read = agent._machine.sensors.latest
            await until(lambda: agent._machine.sensors.latest is not read, LATEST_S)
            kinds(now_s + 10.0 + condition.RESTART_TOLD_S)
            kinds(now_s + 11.0 + condition.RESTART_TOLD_S)
            assert kinds(now_s + 20.0 + condition.RESTART_TOLD_S) == set()
