"""What looking closely at parts of the frame brings: small fires found over a pass, with and without.

A 4K camera flies over two countries of the virtual world (a family that the shipped weights were trained on,
and one that they were not) with many fires of 0.5 to 3 m. A fire is found when a fire box overlaps its own
on any of the pass's frames. Both ways look at the same frames, in turns; planning and merging count.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas
from edge.tiling import TilePlanner
from edge.vision.closely import Looker, Pace
from edge.vision.plan import Plans, plan_line
from flight.terrain import RasterTerrain
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.render import Renderer, TruthBox
from hardware.virtual.world.families import DEMO_FAMILY
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.world import World
from models.detection import Detection
from models.detector import Detector
from tests.benchmarks.table import Row

FRAMES, FRAME_S = 20, 0.5
HEIGHT_M, SPEED_M_S, PITCH_DEG = 100.0, 12.0, -65.0
FIRES, ACROSS_M = 40, 65.0
BUDGET = 0.8  # of the time that a whole frame takes
SIZES_PX = (16.0, 32.0, 64.0)  # of a fire's largest box on the frame's longer side
LEAST_OVERLAP = 0.25  # a box of ten pixels is off by half as soon as its edges are off by two
COUNTRIES = ((31, "temperate"), (32, DEMO_FAMILY))


@dataclass
class Pass:
    """What one way of looking has found, and in what time."""

    found: set[tuple[str, str]] = field(default_factory=set)
    wrong: int = 0
    seconds: float = 0.0
    tiles: int = 0

    def take(self, country: str, boxes: list[TruthBox], detections: list[Detection]) -> None:
        for detection in detections:
            hits = [box for box in boxes if _overlap(box, detection) >= LEAST_OVERLAP]
            self.found |= {(country, box.fire_id) for box in hits if box.label == "fire" == detection.label}
            self.wrong += not hits


def rows() -> list[Row]:
    detector = Detector.load(threads=2)
    detector.detect(np.zeros((2160, 3840, 3), np.uint8))
    plain, tiled = Pass(), Pass()
    sizes_px: dict[tuple[str, str], float] = {}
    for seed, family in COUNTRIES:
        for boxes, size_px in _fly(detector, seed, family, plain, tiled):
            for name in {box.fire_id for box in boxes}:
                sizes_px[family, name] = max(size_px[name], sizes_px.get((family, name), 0.0))
    ratio = len(tiled.found) / max(len(plain.found), 1)
    slower, frames = tiled.seconds / plain.seconds, FRAMES * len(COUNTRIES)
    figure = (
        f"{ratio:.2f} ({len(tiled.found)} ÷ {len(plain.found)} of {len(sizes_px)} fires) in {slower:.2f} × "
        f"the time, {tiled.tiles / frames:.1f} tiles a frame; by box: {_by_size(sizes_px, plain, tiled)}; "
        f"wrong boxes a frame {tiled.wrong / frames:.2f} ÷ {plain.wrong / frames:.2f}"
    )
    return [Row("fires found over a 4K pass at 100 m, tiling on ÷ off", figure, "≥ 1.5 at ≤ 2.5 ×")]


def _fly(
    detector: Detector, seed: int, family: str, plain: Pass, tiled: Pass
) -> Iterator[tuple[list[TruthBox], dict[str, float]]]:
    world, track = _country(seed, family)
    lens = VirtualLens(3840, 2160)
    camera = Camera.load("virtual_78").at_size(3840, 2160)
    renderer = Renderer(world, lens)
    at_s = 0.0
    planner, plans = TilePlanner(detector.input_px), Plans(FRAME_S, lambda: at_s)
    pace = Pace(FRAME_S, 0.0)
    looker = Looker(detector, detector.threshold, pace, plans)
    whole_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        world.write_geotiff(Path(folder) / "dem.tif")
        terrain = RasterTerrain.open(Path(folder) / "dem.tif")
        for number, true_pose in enumerate(track):
            image, boxes = renderer.render_with_labels(true_pose)
            pose, at_s = _as_told(world, true_pose), number * FRAME_S
            started_s = time.perf_counter()
            detections = detector.detect(image)
            whole_s.append(time.perf_counter() - started_s)
            plain.seconds += whole_s[-1]
            plain.take(family, boxes, detections)
            pace.budget_s = BUDGET * statistics.median(whole_s)
            started_s = time.perf_counter()
            if planner.is_due(at_s):
                plans.hear(plan_line(planner.plan(at_s, pose, camera, terrain)))
            looked = looker.look(image)
            planner.looked(at_s, pose, camera, terrain, looked.tiles)
            tiled.seconds += time.perf_counter() - started_s
            tiled.tiles += len(looked.tiles)
            tiled.take(family, boxes, list(looked.found))
            fires = [box for box in boxes if box.label == "fire"]
            yield fires, {box.fire_id: max(box.x2 - box.x1, box.y2 - box.y1) + 1 for box in fires}


def _country(seed: int, family: str) -> tuple[World, list[TruePose]]:
    """A country with fires along the way, and the way northwards over it."""
    world = World.generate(seed, family, n_fires=0, look_alikes=0.3, texture_px=4096, ortho_m=400.0)
    rng = np.random.default_rng(seed)
    length_m = SPEED_M_S * FRAME_S * (FRAMES - 1)
    south_m = -length_m / 2
    fires: list[Fire] = []
    while len(fires) < FIRES:
        east_m = float(rng.uniform(-ACROSS_M, ACROSS_M))
        north_m = float(rng.uniform(south_m, south_m + length_m + 60.0))
        if world.ground.cover.clear_at(east_m, north_m) < 3.0:
            continue
        flame_m = float(rng.uniform(0.5, 3.0))
        fires.append(
            world.fire_at(
                f"fire-{len(fires) + 1}",
                east_m,
                north_m,
                radius_m=0.4 * flame_m,
                flame_height_m=flame_m,
                seed=int(rng.integers(1, 9000)),
                plume=None,
            )
        )
    track = []
    for number in range(FRAMES):
        lat, lon = world.frame.to_geographic(0.0, south_m + SPEED_M_S * FRAME_S * number)
        alt_m = float(world.ground_amsl_m(float(lat), float(lon))) + HEIGHT_M
        track.append(
            TruePose.looking(
                float(lat), float(lon), alt_m, yaw_deg=0.0, pitch_deg=PITCH_DEG, time_s=100.0 + number
            )
        )
    return world.with_fires(fires), track


def _as_told(world: World, pose: TruePose) -> Pose:
    """The pose as an autopilot without errors tells it."""
    home_m = float(world.ground_amsl_m(world.frame.lat_deg, world.frame.lon_deg))
    return Pose(
        boot_s=pose.time_s,
        lat_deg=pose.lat_deg,
        lon_deg=pose.lon_deg,
        alt_amsl_m=pose.alt_amsl_m,
        height_home_m=pose.alt_amsl_m - home_m,
        camera_to_enu=pose.enu_from_camera(),
        sigmas=PoseSigmas(),
        velocity_enu_m_s=(0.0, SPEED_M_S, 0.0),
    )


def _overlap(a: TruthBox, b: Detection) -> float:
    """Intersection over union; a truth box's sides are its outermost pixels' centres."""
    wide, tall = min(a.x2 + 0.5, b.x2) - max(a.x1 - 0.5, b.x1), min(a.y2 + 0.5, b.y2) - max(a.y1 - 0.5, b.y1)
    if min(wide, tall) <= 0:
        return 0.0
    areas = (a.x2 - a.x1 + 1) * (a.y2 - a.y1 + 1) + (b.x2 - b.x1) * (b.y2 - b.y1)
    return float(wide * tall / (areas - wide * tall))


def _by_size(sizes_px: dict[tuple[str, str], float], plain: Pass, tiled: Pass) -> str:
    """Found with and without tiles, of all, in each class of box size."""
    counts: dict[int, Counter[str]] = {}
    for name, size_px in sizes_px.items():
        count = counts.setdefault(int(np.digitize(size_px, SIZES_PX)), Counter())
        count.update(all=1, tiled=int(name in tiled.found), plain=int(name in plain.found))
    names = [f"< {SIZES_PX[0]:.0f} px", *(f"from {size:.0f}" for size in SIZES_PX)]
    return ", ".join(
        f"{names[step]}: {count['tiled']} ÷ {count['plain']} of {count['all']}"
        for step, count in sorted(counts.items())
    )
