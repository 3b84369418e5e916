"""A watch in flight without a vehicle or a vision child: the test writes telemetry and frames."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from uuid6 import uuid7

from edge.airborne import Airborne
from edge.config.file import load_agent_config
from edge.geometry.optics import Camera
from edge.hotspots.hotspot import HotspotChange, Look
from edge.recording.recorder import Recorder
from edge.vision.flaw import Flaw
from edge.vision.merge import Found
from edge.vision.report import FrameReport, Ready
from edge.vision.tile import Tile
from edge.watch import Watch
from flight.telemetry import AttitudeSample, PositionSample
from flight.vehicle import Vehicle
from uplink.messages import Alert
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
FIRE = Found("fire", 0.8, 620.0, 340.0, 660.0, 380.0)
FRAMES_PER_S = 5


class Flight:
    """A watch 80 m up, looking ahead and down. Time is what the test says."""

    def __init__(
        self,
        folder: Path,
        outbox: Outbox,
        monkeypatch: pytest.MonkeyPatch,
        *,
        recorded: bool = False,
        most_mb: float = 100.0,
    ) -> None:
        (folder / "agent.toml").write_text(CONFIG + f"[agent.recorder]\nmost_mb = {most_mb}\n")
        self.config = config = load_agent_config(folder / "agent.toml")
        self.recorder = Recorder(config, known={}, new_id=uuid7)
        self.vehicle = Vehicle("udpin:127.0.0.1:0")
        monkeypatch.setattr(self.vehicle.clock, "boot_at", lambda monotonic_s: monotonic_s)
        monkeypatch.setattr(
            type(self.vehicle.telemetry), "position_ok", property(lambda _telemetry: self.position_ok)
        )
        self.position_ok = True
        self.carrier = Airborne(self.vehicle, mount_pitch_deg=-45.0)
        self.watch = Watch(
            config, self.carrier, outbox, Camera.load("generic_78"), None, new_id=self.recorder.new_id
        )
        if recorded:
            self.recorder.start(self.watch)
        self.watch.start_with(Ready("ember", "0" * 64, 0.3, 448, "cpu"))
        self.looks: list[Look] = []
        self.changes: list[HotspotChange] = []
        self.watch.on_look.append(self.looks.append)
        self.watch.on_change.append(self.changes.append)
        self._seq = 0

    def see(
        self,
        seconds: float,
        *detections: Found,
        posed: bool = True,
        size_px: tuple[int, int] = (1280, 720),
        contrast: float = 40.0,
        frozen: bool = False,
        flaw: Flaw = Flaw.NONE,
        unchanged: float = 0.0,
        speed_m_s: float = 0.0,
        tiles: tuple[Tile, ...] = (),
        dropped: int = 0,
    ) -> None:
        for _ in range(int(seconds * FRAMES_PER_S)):
            self._seq += 1
            at_s = self._seq / FRAMES_PER_S
            if posed:
                self.carrier.poses.add_attitude(AttitudeSample(at_s, 0.0, 0.0, math.radians(30)))
                self.carrier.poses.add_position(
                    PositionSample(
                        at_s, -35.363 + speed_m_s * at_s / 111_000, 149.165, 664.0, 80.0, speed_m_s, 0.0, 0.0
                    )
                )
            self.watch._on_frame(
                FrameReport(
                    seq=self._seq,
                    exposed_s=at_s,
                    width_px=size_px[0],
                    height_px=size_px[1],
                    detections=detections,
                    inference_ms=20.0,
                    dropped=dropped,
                    fingerprint=0 if frozen else self._seq,
                    contrast=contrast,
                    jpeg=b"\xff\xd8 picture",
                    glance=b"\xff\xd8 small %d" % self._seq if self._seq % FRAMES_PER_S == 0 else b"",
                    flaw=flaw,
                    unchanged=unchanged,
                    tiles=tiles,
                    age_ms=120.0,
                )
            )

    @property
    def now_s(self) -> float:
        return self._seq / FRAMES_PER_S + 0.1

    @property
    def alerts(self) -> list[Alert]:
        return alerts_to_keep(self.watch)


def alerts_to_keep(watch: Watch) -> list[Alert]:
    """What a watch has told since this was asked last, in order."""
    found = []
    while not watch._to_keep.empty():
        found.append(watch._to_keep.get_nowait().alert)
    return found
