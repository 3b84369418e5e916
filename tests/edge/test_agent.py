"""Frames in, alerts out: with the real parts, and a vehicle whose telemetry the test writes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.config import load_agent_config
from edge.vision.report import FrameReport, Ready
from flight.telemetry import AttitudeSample, PositionSample
from flight.vehicle import Vehicle
from models.detector import Detection
from uplink.client import UplinkClient
from uplink.errors import OutboxError
from uplink.messages import Alert, SeeingState
from uplink.outbox import Outbox

CONFIG = """\
[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.camera]
source = "photos"
mount_pitch_deg = -45
[agent.uplink]
key_file = "drone.key"
"""
FIRE = Detection("fire", 0.8, 620.0, 340.0, 660.0, 380.0)
FRAMES_PER_S = 5


class Flight:
    """An agent 80 m up, looking ahead and down. Time is what the test says."""

    def __init__(self, folder: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "agent.toml").write_text(CONFIG)
        config = load_agent_config(folder / "agent.toml")
        self.vehicle = Vehicle("udpin:127.0.0.1:0")
        monkeypatch.setattr(self.vehicle.clock, "boot_at", lambda monotonic_s: monotonic_s)
        client = UplinkClient("http://127.0.0.1:9", "d1", "k" * 16, outbox)
        self.agent = Agent(config, self.vehicle, outbox, client)
        self.agent._on_ready(Ready("ember", "0" * 64, 0.3))
        self._seq = 0

    def watch(
        self,
        seconds: float,
        *detections: Detection,
        posed: bool = True,
        size_px: tuple[int, int] = (1280, 720),
    ) -> None:
        for _ in range(int(seconds * FRAMES_PER_S)):
            self._seq += 1
            at_s = self._seq / FRAMES_PER_S
            if posed:
                self.agent._poses.add_attitude(AttitudeSample(at_s, 0.0, 0.0, math.radians(30)))
                self.agent._poses.add_position(
                    PositionSample(at_s, -35.363, 149.165, 664.0, 80.0, 0.0, 0.0, 0.0)
                )
            self.agent._on_frame(
                FrameReport(
                    seq=self._seq,
                    exposed_s=at_s,
                    width_px=size_px[0],
                    height_px=size_px[1],
                    detections=detections,
                    inference_ms=20.0,
                    dropped=0,
                    fingerprint=self._seq,
                    contrast=40.0,
                    jpeg=b"\xff\xd8 picture",
                )
            )

    @property
    def alerts(self) -> list[Alert]:
        found = []
        while not self.agent._to_keep.empty():
            found.append(self.agent._to_keep.get_nowait()[0])
        return found


@pytest.fixture
def flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flight]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield Flight(tmp_path, outbox, monkeypatch)


def test_a_fire_seen_from_the_air_becomes_one_alert(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = True
    flight.watch(4.0, FIRE)
    alerts = flight.alerts
    assert len({alert.id for alert in alerts}) == 1
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
    assert alerts[0].method == "flat"
    assert alerts[0].evidence


def test_on_the_ground_the_agent_sees_and_says_nothing(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = False
    flight.watch(4.0, FIRE)
    assert flight.alerts == []
    assert flight.agent._health.state(4.1).state is SeeingState.SEEING


def test_frames_that_cannot_be_placed_raise_no_alert_and_make_it_blind(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = True
    flight.watch(10.0, FIRE, posed=False)
    assert flight.alerts == []
    state = flight.agent._health.state(10.1)
    assert state.state is SeeingState.BLIND
    assert "cannot be placed" in state.reason


def test_a_picture_of_another_shape_than_the_profile_makes_blind_and_kills_nobody(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = False
    flight.watch(10.0, FIRE, size_px=(640, 480))
    state = flight.agent._health.state(10.1)
    assert state.state is SeeingState.BLIND
    assert "640" in state.reason


def test_a_frame_that_cannot_be_worked_on_makes_blind_and_kills_nobody(
    flight: Flight, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(look: object) -> None:
        raise ArithmeticError("a singular matrix")

    flight.vehicle.telemetry.armed = True
    monkeypatch.setattr(flight.agent._tracker, "look", broken)
    flight.watch(10.0, FIRE)
    assert flight.agent._health.state(10.1).state is SeeingState.BLIND
    assert len(caplog.records) == 1


async def test_an_alert_that_the_disk_refuses_is_tried_again(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Alert] = []
    refusals = [OutboxError("no room"), OutboxError("no room")]

    def put(alert: Alert, media: object) -> bool:
        if refusals:
            raise refusals.pop()
        kept.append(alert)
        return True

    monkeypatch.setattr("edge.agent.KEEP_RETRY_S", 0.01)
    monkeypatch.setattr(flight.agent._outbox, "put_alert", put)
    flight.vehicle.telemetry.armed = True
    flight.watch(2.0, FIRE)
    waiting = flight.agent._to_keep.qsize()
    keeping = asyncio.create_task(flight.agent._keep_alerts())
    async with asyncio.timeout(10):
        while len(kept) < waiting:
            await asyncio.sleep(0.01)
    keeping.cancel()
    assert [alert.revision for alert in kept] == list(range(1, waiting + 1))


def test_alerts_that_the_disk_does_not_take_make_room_for_newer_ones(flight: Flight) -> None:
    flight.vehicle.telemetry.armed = True
    queue = flight.agent._to_keep
    flight.watch(4.0, FIRE)
    while not queue.full():
        queue.put_nowait(queue.get_nowait())
        queue.put_nowait(queue._queue[0])  # type: ignore[attr-defined]
    flight.watch(30.0, FIRE)
    assert queue.full()
    newest = flight.alerts[-1]
    assert newest.last_seen_at > newest.first_seen_at
