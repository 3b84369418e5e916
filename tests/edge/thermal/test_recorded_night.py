"""A rendered night flight on the flight recorder's tape: gone through again, and looked at again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from uuid6 import uuid7

from edge.airborne import Airborne
from edge.camera import Values
from edge.config.file import AgentConfig, load_agent_config
from edge.recording.look_again import look_again
from edge.recording.parts import recordings
from edge.recording.recorder import FOLDER, Recorder
from edge.recording.replay import replay
from edge.recording.tape import Recording
from edge.thermal.stored import tiff_of, values_of
from edge.vision.child import watch as watch_frames
from edge.vision.plan import Plans
from edge.vision.report import FrameReport, Message, Ready
from edge.vision.settings import vision_settings
from edge.watch import Watch
from flight.telemetry import AttitudeSample, PositionSample
from flight.vehicle import Vehicle
from hardware.virtual.pose import TruePose
from hardware.virtual.thermal.climate import Weather
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES
from hardware.virtual.world.families import DEMO_FAMILY
from hardware.virtual.world.world import World
from uplink.outbox import Outbox

FRAMES = 16
SPEED_M_S = 4.0
CONFIG = """\
[agent]
data_dir = "data"
[agent.drone]
id = "d1"
[agent.thermal]
source = "folder:frames"
frames_per_s = 10
[agent.uplink]
key_file = "drone.key"
"""


def render(folder: Path) -> list[TruePose]:
    """Sixteen frames of a flight north over two fires, as TIFFs; where each was taken."""
    world = World.generate(
        4000, DEMO_FAMILY, size_m=400.0, n_fires=0, look_alikes=0.0, texture_px=512, ortho_m=200.0
    )
    world = world.with_fires(
        [
            world.fire_at(f"fire-{n}", east_m, 60.0, radius_m=0.5, flame_height_m=1.2, seed=n, plume=None)
            for n, east_m in enumerate((-25.0, 25.0))
        ]
    )
    frame = world.frame
    ground_m = float(world.ground_amsl_m(frame.lat_deg, frame.lon_deg))
    renderer = ThermalRenderer(world, CORES["lepton_3_5"], Weather(23.0), shutter_from_s=1.5)
    folder.mkdir()
    poses = []
    for number in range(FRAMES):
        at_s = 0.2 * number
        lat_deg, lon_deg = (float(x) for x in frame.to_geographic(0.0, SPEED_M_S * at_s))
        pose = TruePose.looking(lat_deg, lon_deg, ground_m + 60.0, yaw_deg=0.0, pitch_deg=-45.0, time_s=at_s)
        Image.fromarray(renderer.render(pose)).save(folder / f"{number:03d}.tiff")
        poses.append(pose)
    return poses


def reports(config: AgentConfig) -> tuple[Ready, list[FrameReport]]:
    """What a vision child says of the frames; one that it had no time for is missing."""
    camera = config.main_camera.optics()
    said: list[Message] = []
    watch_frames(vision_settings(config, camera), Plans(1.0), lambda _frame: None, said.append)
    ready = said[0]
    assert isinstance(ready, Ready)
    return ready, [one for one in said if isinstance(one, FrameReport)]


@pytest.fixture
async def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """The flight, as the recorder kept it."""
    poses = render(tmp_path / "frames")
    (tmp_path / "agent.toml").write_text(CONFIG)
    config = load_agent_config(tmp_path / "agent.toml")
    ready, seen = reports(config)
    vehicle = Vehicle("udpin:127.0.0.1:0")
    monkeypatch.setattr(vehicle.clock, "boot_at", lambda monotonic_s: monotonic_s)
    monkeypatch.setattr(type(vehicle.telemetry), "position_ok", property(lambda _telemetry: True))
    vehicle.telemetry.armed = True
    camera = config.main_camera.optics()
    with Outbox(tmp_path / "outbox.db") as outbox:
        recorder = Recorder(config, known={}, new_id=uuid7)
        carrier = Airborne.of(config.main_camera, camera, vehicle)
        watch = Watch(config, carrier, outbox, camera, None, new_id=recorder.new_id)
        recorder.start(watch)
        watch.start_with(ready)
        for report in seen:
            pose = poses[report.seq - 1]
            at_s = 1.0 + pose.time_s
            carrier.poses.add_attitude(AttitudeSample(at_s, 0.0, 0.0, 0.0))
            carrier.poses.add_position(
                PositionSample(at_s, pose.lat_deg, pose.lon_deg, pose.alt_amsl_m, 60.0, SPEED_M_S, 0.0, 0.0)
            )
            watch._on_frame(replace(report, exposed_s=at_s))
        await watch.keep_what_waits()
        recorder.close()
    (folder,) = recordings(config.data_dir / FOLDER)
    return Recording.open(folder)


async def test_a_night_flight_is_replayed_digit_for_digit_and_its_frames_show_the_same_hot_spots(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = await replay(recording)
    assert len({alert_id for alert_id, _ in outcome.then}) == 2
    assert outcome.differences == []

    judged = look_again(recording.folder, None)
    assert judged.keys() == {"thermal"}
    thermal = judged["thermal"]
    assert thermal.frames >= 5
    assert thermal.then == thermal.now == thermal.both >= 2 * 5
    assert thermal.score_off == 0.0
    assert "thermal frames" in capsys.readouterr().out

    monkeypatch.setattr("edge.thermal.hot.WEIGHTS", (2.4, -3.72, 1.68, -3.42))
    assert look_again(recording.folder, None)["thermal"].score_off > 0.0


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_what_a_thermal_camera_gave_comes_back_bit_for_bit(kind: type) -> None:
    values: Values = (28_315.0 + 900.0 * np.random.default_rng(1).standard_normal((120, 160))).astype(kind)
    back = values_of(tiff_of(values))
    assert back.dtype == kind
    assert np.array_equal(back, values)


@pytest.mark.parametrize("tiff", [b"", b"II* damaged"])
def test_what_is_no_frame_of_a_thermal_camera_is_refused(tiff: bytes) -> None:
    with pytest.raises(ValueError, match="no values of a thermal camera"):
        values_of(tiff)


def test_values_are_kept_for_the_recorder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    counts = np.full((120, 160), 28_315, np.uint16)
    for number in range(3):
        counts[10:12, 20 + number : 22 + number] = 40_000
        Image.fromarray(counts).save(folder / f"{number}.tiff")
    for most_mb, kept in ((0, False), (10, True)):
        (tmp_path / "agent.toml").write_text(f"{CONFIG}[agent.recorder]\nmost_mb = {most_mb}\n")
        _, seen = reports(load_agent_config(tmp_path / "agent.toml"))
        assert seen
        assert all(report.detections for report in seen)
        assert {bool(report.values) for report in seen} == {kept}
