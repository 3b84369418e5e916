"""A colour and a thermal camera over one fire: looks of their own, misses of their own, one hotspot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest

from edge.airborne import Airborne
from edge.camera_eye import Second
from edge.config.file import load_agent_config
from edge.geometry.locate import locate_found
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.health.condition import Condition
from edge.hotspots.hotspot import HotspotState, Look
from edge.hotspots.tracker import HotspotTracker
from edge.thermal.heat import Heat
from edge.thermal.palette import false_colours
from edge.vision.flaw import Flaw
from edge.vision.merge import Found
from edge.vision.report import Eye, FrameReport, Ready
from edge.watch import Watch
from flight.telemetry import AttitudeSample, PositionSample
from flight.vehicle import Vehicle
from tests.edge.ground_truth import pose_at
from tests.edge.watched_flight import CONFIG, alerts_to_keep
from uplink.messages import Alert, DegradedKind, SeeingState
from uplink.outbox import Outbox

COLOUR, THERMAL = Camera.load("generic_78"), Camera.load("flir_lepton_3_5")
HEAT = Heat(peak_c=131.0, around_c=9.0, size_px=2.5)


def spot(
    camera: Camera, u: float = 0.5, v: float = 0.5, *, score: float = 0.9, heat: Heat | None = None
) -> Found:
    """A box at a part of the picture."""
    side = 0.03 * camera.width_px
    x, y = u * camera.width_px, 0.5 * camera.height_px
    return Found("fire", score, x - side, y - side, x + side, y + side, heat=heat)


def look(at_s: float, eye: Eye, *found: Found, pose: Pose | None = None, sound: bool = True) -> Look:
    camera = COLOUR if eye == "colour" else THERMAL
    where = pose or pose_at(height_m=80, pitch_deg=-45)
    sightings = tuple(locate_found(found, where, camera, None, eye=eye))
    return Look(at_s, None, where, camera, sightings, sound=sound, eye=eye)


@pytest.fixture
def tracker() -> HotspotTracker:
    return HotspotTracker(new_id=uuid4)


def test_both_cameras_looks_confirm_one_hotspot(tracker: HotspotTracker) -> None:
    for number in range(3):
        tracker.look(look(0.4 * number, "colour", spot(COLOUR, score=0.6)))
        tracker.look(look(0.4 * number, "thermal", spot(THERMAL, heat=HEAT)))
    (hotspot,) = tracker.hotspots
    assert hotspot.state is HotspotState.CONFIRMED
    assert hotspot.looks == 6
    assert hotspot.best.sighting.eye == "colour"  # the picture that people know
    assert hotspot.hottest is not None
    assert hotspot.hottest.sighting.heat == HEAT


def test_a_frame_that_arrives_after_the_other_cameras_newer_one_counts(tracker: HotspotTracker) -> None:
    tracker.look(look(1.0, "colour", spot(COLOUR)))
    tracker.look(look(0.9, "thermal", spot(THERMAL, heat=HEAT)))
    (hotspot,) = tracker.hotspots
    assert hotspot.looks == 2
    assert hotspot.latest.at_s == 1.0
    tracker.look(look(0.8, "thermal", spot(THERMAL, heat=HEAT)))
    assert tracker.hotspots[0].looks == 2


def test_what_a_camera_never_saw_it_does_not_miss(tracker: HotspotTracker) -> None:
    for number in range(4):
        tracker.look(look(0.4 * number, "thermal", spot(THERMAL, heat=HEAT)))
    sure = tracker.hotspots[0].probability
    for number in range(20):
        tracker.look(look(2.0 + 0.4 * number, "colour"))
    assert tracker.hotspots[0].probability == sure
    assert tracker.hotspots[0].state is HotspotState.CONFIRMED


def test_what_a_camera_saw_before_it_misses(tracker: HotspotTracker) -> None:
    for number in range(4):
        tracker.look(look(0.4 * number, "thermal", spot(THERMAL, heat=HEAT)))
    for number in range(30):
        tracker.look(look(2.0 + 0.4 * number, "thermal"))
    assert tracker.hotspots[0].state is HotspotState.LOST


def test_a_dark_colour_camera_takes_nothing_away_from_what_it_saw(tracker: HotspotTracker) -> None:
    for number in range(4):
        tracker.look(look(0.4 * number, "colour", spot(COLOUR)))
    sure = tracker.hotspots[0].probability
    for number in range(20):
        tracker.look(look(2.0 + 0.4 * number, "colour", sound=False))
    assert tracker.hotspots[0].probability == sure


class TwoEyes:
    """A watch 80 m up with both cameras. Time is what the test says."""

    def __init__(self, folder: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        thermal = '[agent.thermal]\nsource = "/dev/video2"\nlatency_s = 0.1\n'
        (folder / "agent.toml").write_text(CONFIG + thermal)
        config = load_agent_config(folder / "agent.toml")
        self.config = config
        vehicle = Vehicle("udpin:127.0.0.1:0")
        monkeypatch.setattr(vehicle.clock, "boot_at", lambda monotonic_s: monotonic_s)
        monkeypatch.setattr(type(vehicle.telemetry), "position_ok", property(lambda _telemetry: True))
        vehicle.telemetry.armed = True
        section = config.second_camera
        assert section is not None
        self.carriers = [
            Airborne.of(one, camera, vehicle)
            for one, camera in ((config.main_camera, COLOUR), (section, THERMAL))
        ]
        second = Second(self.carriers[1], THERMAL)
        self.watch = Watch(config, self.carriers[0], outbox, COLOUR, None, second=second)
        self.watch.start_with(Ready("ember", "0" * 64, 0.3, 448, "cpu"))
        self.watch.start_with(Ready("hot-spots-1", "1" * 64, 0.5, 0, "numpy", eye="thermal"))
        self.now_s = 0.0
        self.jpeg = b""
        self.span_c: tuple[float, float] | None = None
        self._seq = 0

    def see(
        self,
        seconds: float,
        eye: Eye,
        *found: Found,
        flaw: Flaw = Flaw.NONE,
        contrast: float = 40.0,
        held: bool = False,
    ) -> None:
        """Frames of one camera; time goes on."""
        camera = COLOUR if eye == "colour" else THERMAL
        for _ in range(round(seconds * 5)):
            self.now_s += 0.2
            self._seq += 1
            for carrier in self.carriers:
                carrier.poses.add_attitude(AttitudeSample(self.now_s, 0.0, 0.0, math.radians(30)))
                carrier.poses.add_position(
                    PositionSample(self.now_s, -35.363, 149.165, 664.0, 80.0, 0.0, 0.0, 0.0)
                )
            self.watch._on_frame(
                FrameReport(
                    seq=self._seq,
                    exposed_s=self.now_s,
                    width_px=camera.width_px,
                    height_px=camera.height_px,
                    detections=found,
                    inference_ms=5.0,
                    dropped=0,
                    fingerprint=0 if held else self._seq,
                    contrast=contrast,
                    flaw=flaw,
                    eye=eye,
                    jpeg=self.jpeg,
                    span_c=self.span_c,
                )
            )

    @property
    def alerts(self) -> list[Alert]:
        return alerts_to_keep(self.watch)


@pytest.fixture
def eyes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoEyes]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield TwoEyes(tmp_path, outbox, monkeypatch)


def test_a_black_night_blinds_the_colour_camera_and_not_the_agent(eyes: TwoEyes) -> None:
    for _ in range(10):
        eyes.see(0.2, "colour", flaw=Flaw.BLACK, contrast=0.5)
        eyes.see(0.2, "thermal", spot(THERMAL, heat=HEAT))
    assert eyes.watch.seeing(eyes.now_s).state is not SeeingState.BLIND
    assert eyes.watch.blind_beside(eyes.now_s).keys() == {"colour"}
    assert "the picture is black" in eyes.watch.blind_beside(eyes.now_s)["colour"]
    condition = Condition(eyes.config, eyes.watch)
    for later_s in (0.0, 1.0, 2.0):
        condition.judge(eyes.now_s + later_s)
    assert [reason.kind for reason in eyes.watch.degraded] == [DegradedKind.COLOUR]
    assert eyes.watch.seeing(eyes.now_s + 2.0).state is SeeingState.DEGRADED
    (alert, *_) = eyes.alerts
    assert alert.label == "fire"
    assert alert.model_name == "hot-spots-1"


def test_both_blind_is_blind_and_says_both_reasons(eyes: TwoEyes) -> None:
    eyes.see(1.0, "thermal")
    eyes.see(8.0, "colour", flaw=Flaw.BLACK, contrast=0.5)
    seeing = eyes.watch.seeing(eyes.now_s)
    assert seeing.state is SeeingState.BLIND
    assert "the colour camera: the picture is black" in seeing.reason
    assert "the thermal camera: no fresh frame" in seeing.reason
    assert eyes.watch.blind_beside(eyes.now_s) == {}


def test_the_shutters_pause_is_no_blindness_and_no_look(eyes: TwoEyes) -> None:
    for _ in range(10):
        eyes.see(0.2, "thermal", spot(THERMAL, heat=HEAT))
    looks = eyes.watch.hotspots[0].looks
    eyes.see(0.2, "thermal", held=True)
    eyes.see(1.0, "thermal", spot(THERMAL, 0.2, heat=HEAT), held=True)
    assert "thermal" not in eyes.watch.blind_beside(eyes.now_s)
    assert [one.looks for one in eyes.watch.hotspots] == [looks]


def test_a_thermal_frame_is_placed_by_its_own_latency(eyes: TwoEyes) -> None:
    instants: dict[str, float] = {}
    eyes.watch.on_look.append(lambda look: instants.update({look.eye: look.at_s}))
    eyes.see(0.4, "colour")
    assert instants["colour"] == pytest.approx(eyes.now_s)
    eyes.see(0.4, "thermal")
    assert instants["thermal"] == pytest.approx(eyes.now_s - 0.1)


def test_an_alert_tells_the_highest_temperature_and_shows_where(eyes: TwoEyes) -> None:
    kelvin = np.full((120, 160), 282.0, np.float32)
    kelvin[58:63, 78:83] = 404.0
    image, eyes.span_c = false_colours(kelvin)
    eyes.jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    for peak_c in (90.0, 131.0, 120.0):
        heat = replace(HEAT, peak_c=peak_c, saturated=peak_c > 130)
        eyes.see(3.0, "thermal", spot(THERMAL, heat=heat))
    drafts = []
    while not eyes.watch._to_keep.empty():
        drafts.append(eyes.watch._alerts.complete(eyes.watch._to_keep.get_nowait()))
    eyes.see(11.0, "thermal", spot(THERMAL, heat=HEAT))
    while not eyes.watch._to_keep.empty():
        drafts.append(eyes.watch._alerts.complete(eyes.watch._to_keep.get_nowait()))
    alert, _, _ = drafts[-1]
    assert alert.heat is not None
    assert (alert.heat.max_c, alert.heat.saturated, alert.heat.around_c) == (131.0, True, 9.0)
    # 113 m away on a pixel of 6.8 mrad, seen 45° aslant: 2.5 pixels of 0.83 m².
    assert alert.heat.area_m2 == pytest.approx(2.08, rel=0.1)
    (crop,) = (one for one in alert.evidence if one.kind == "thermal")
    pictures = {sha256: jpeg for _, media, _ in drafts for sha256, jpeg in media.items()}
    drawn = cv2.imdecode(np.frombuffer(pictures[crop.sha256], np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == (crop.height_px, crop.width_px, 3)
    middle = drawn[230:250, 230:250].mean()
    assert middle > 2 * drawn[300:320, 20:40].mean()
