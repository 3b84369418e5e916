"""What placing and tracking cost beside one inference: a frame with 20 boxes over real relief."""

from __future__ import annotations

import numpy as np
from uuid6 import uuid7

from edge.hotspot import Look
from edge.hotspots import HotspotTracker
from edge.locate import locate_detections
from edge.optics import Camera
from edge.pose import Pose, PoseSigmas
from flight.terrain import FlatTerrain
from models.detector import Detection, Detector
from tests.benchmarks.table import Row, alternate

HEIGHT_M = 80.0
PITCH_DEG = -45.0


def rows() -> list[Row]:
    camera = Camera.load("generic_78")
    terrain = FlatTerrain(584.0)
    pose = _looking_north()
    detections = [
        Detection("fire", 0.7, 100.0 + 50 * i, 300.0 + 15 * i, 130.0 + 50 * i, 330.0 + 15 * i)
        for i in range(20)
    ]
    detector = Detector.load(threads=2, backend="cpu")
    image = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    tracker = HotspotTracker(new_id=uuid7)
    instant_s = 0.0

    def place() -> None:
        nonlocal instant_s
        instant_s += 0.2
        sightings = tuple(locate_detections(detections, pose, camera, terrain))
        tracker.look(Look(instant_s, None, pose, camera, sightings, terrain))

    ours_s, inference_s, ratio = alternate(place, lambda: detector.detect(image))
    figure = f"{ratio:.2f} ({ours_s * 1e3:.1f} ms ÷ {inference_s * 1e3:.0f} ms)"
    return [Row("placing and tracking 20 boxes ÷ one inference on the CPU provider", figure, "≤ 0.10")]


def _looking_north() -> Pose:
    pitch = np.radians(PITCH_DEG)
    right, forward = np.array([1.0, 0.0, 0.0]), np.array([0.0, np.cos(pitch), np.sin(pitch)])
    return Pose(
        boot_s=0.0,
        lat_deg=-35.363262,
        lon_deg=149.165237,
        alt_amsl_m=584.0 + HEIGHT_M,
        height_home_m=HEIGHT_M,
        camera_to_enu=np.stack([right, np.cross(forward, right), forward], axis=1),
        sigmas=PoseSigmas(),
    )
