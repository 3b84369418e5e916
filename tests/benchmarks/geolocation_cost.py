"""What placing and tracking cost beside one inference: a frame with 20 boxes, over hills with 50 hotspots.

Those of the twenty boxes are in the picture; the others were confirmed in three views to other sides.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from rasterio.transform import from_origin
from scipy.spatial.transform import Rotation
from uuid6 import uuid7

from edge.geometry.locate import locate_detections
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas, camera_rotation
from edge.hotspots.hotspot import Look
from edge.hotspots.tracker import HotspotTracker
from flight.terrain import RasterTerrain
from models.detection import Detection
from models.detector import Detector
from tests.benchmarks.table import Row, alternate

HEIGHT_M, PITCH_DEG = 120.0, -60.0
LAT_DEG, LON_DEG = -35.363262, 149.165237
POST_DEG, POSTS = 1 / 3600, 240
TURN_S, FRAME_S, FRAMES = 10.0, 0.3, 6  # so many of each view before it is measured


def rows() -> list[Row]:
    camera = Camera.load("generic_78")
    detector = Detector.load(threads=2, backend="cpu")
    image = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    with TemporaryDirectory() as folder:
        terrain = _hills(Path(folder) / "hills.tif")
    tracker = HotspotTracker(new_id=uuid7)
    instant_s = 0.0

    def place(pose: Pose) -> None:
        nonlocal instant_s
        instant_s += FRAME_S
        sightings = tuple(locate_detections(boxes, pose, camera, terrain))
        tracker.look(Look(instant_s, None, pose, camera, sightings, terrain))

    boxes = _boxes()
    for yaw_deg in (90.0, 180.0, 270.0, 0.0):
        pose = _pose(terrain, yaw_deg)
        instant_s += TURN_S
        for _ in range(FRAMES):
            place(pose)
    ours_s, inference_s, ratio = alternate(lambda: place(pose), lambda: detector.detect(image))
    figure = (
        f"{ratio:.2f} ({ours_s * 1e3:.1f} ms ÷ {inference_s * 1e3:.0f} ms, {len(tracker.hotspots)} hotspots)"
    )
    what = f"placing and tracking {len(boxes)} boxes among ≥ 50 hotspots ÷ one inference on the CPU provider"
    return [Row(what, figure, "≤ 0.10")]


def _boxes() -> list[Detection]:
    """Fires spread over the picture."""
    places = [(140.0 + 250 * column, 130.0 + 150 * row) for row in range(4) for column in range(5)]
    return [Detection("fire", 0.7, u - 15, v - 15, u + 15, v + 15) for u, v in places]


def _hills(path: Path) -> RasterTerrain:
    """An elevation file with posts every 30 m, as SRTM has."""
    row, column = np.mgrid[:POSTS, :POSTS] * 30.0
    heights_m = 584.0 + 30 * np.sin(row / 240.0) + 30 * np.cos(column / 190.0)
    edge = POSTS / 2 * POST_DEG
    with rasterio.open(
        path, "w", driver="GTiff", width=POSTS, height=POSTS, count=1, dtype="float32", crs="EPSG:4326",
        transform=from_origin(LON_DEG - edge, LAT_DEG + edge, POST_DEG, POST_DEG),
    ) as file:  # fmt: skip
        file.write(heights_m.astype(np.float32), 1)
    return RasterTerrain.open(path)


def _pose(terrain: RasterTerrain, yaw_deg: float) -> Pose:
    ground_m = float(terrain.height_amsl_m(np.array(LAT_DEG), np.array(LON_DEG)))
    look = Rotation.from_euler("ZYX", [yaw_deg, PITCH_DEG, 0.0], degrees=True)
    return Pose(
        boot_s=0.0,
        lat_deg=LAT_DEG,
        lon_deg=LON_DEG,
        alt_amsl_m=ground_m + HEIGHT_M,
        height_home_m=HEIGHT_M,
        camera_to_enu=camera_rotation(look),
        sigmas=PoseSigmas(),
    )
