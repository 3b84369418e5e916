"""One rendered patrol, flown: frames, the shipped detector with its tiles, sightings, hotspots.

What the detector found on a frame, and on each tile of it, is remembered in a file for each patrol, with
the boxes that a labeller would have drawn. A patrol that is flown again renders only what was not looked at
before: an interrupted run goes on where it was, and a change of the tracker is judged in a fraction of the
time.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry.locate import locate_found
from edge.geometry.optics import Camera
from edge.hotspots.hotspot import Look
from edge.hotspots.tracker import HotspotTracker
from edge.tiling import TilePlanner
from edge.vision.closely import Looker, Pace
from edge.vision.plan import Plans, plan_line
from edge.vision.tile import Tile
from flight.terrain import RasterTerrain
from hardware.virtual.lens import VirtualLens
from hardware.virtual.render.render import Renderer, TruthBox
from models.detection import Detection
from models.detector import Detector
from tests.benchmarks.patrol_judge import Flown, Judge
from tests.benchmarks.patrol_scenes import FRAME_S, Scene, scene

ROOT = Path(__file__).parents[2]
# What a frame or what is found on it depends on, beside the model file.
SOURCES = ("hardware/virtual", "models", "tests/benchmarks/patrol_scenes.py", "tests/benchmarks/strangers.py")

LOOK_S = 0.05  # one look of the detector on a companion computer, so that a fast machine sees no more than it

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Job:
    """One patrol to fly. ``memory`` is the folder of what was looked at before."""

    seed: int
    burning: bool
    width_px: int
    height_px: int
    threads: int
    memory: Path


def fly(job: Job) -> Flown:
    """Fly one patrol."""
    cv2.setNumThreads(job.threads)
    flown = scene(job.seed, burning=job.burning)
    eye = _Eye(flown, job, _detector(job.threads))
    camera = Camera.load("virtual_78").at_size(job.width_px, job.height_px)
    with tempfile.TemporaryDirectory() as folder:
        flown.world.write_geotiff(Path(folder) / "dem.tif")
        terrain = RasterTerrain.open(Path(folder) / "dem.tif")
    ids = random.Random(job.seed)
    tracker = HotspotTracker(new_id=lambda: UUID(int=ids.getrandbits(128), version=4))
    planner, plans = TilePlanner(eye.detector.input_px), _Plans(eye)
    pace = Pace(FRAME_S, None)
    looker = Looker(eye, eye.detector.threshold, pace, plans, lambda: eye.clock_s)
    blank = np.empty((job.height_px, job.width_px, 3), np.uint8)
    judge = Judge(flown)
    for number, pose in enumerate(flown.told_poses):
        at_s = number * FRAME_S
        eye.turn_to(number, at_s)
        looked = looker.look(blank)
        sightings = tuple(locate_found(looked.found, pose, camera, terrain))
        look = Look(at_s, None, pose, camera, sightings, terrain, looked.tiles)
        tracker.look(look)
        hotspots = tracker.hotspots
        judge.saw(number, look, hotspots, eye.boxes)
        planner.looked(at_s, pose, camera, terrain, looked.tiles, hotspots)
        if planner.is_due(at_s):
            plans.hear(plan_line(planner.plan(at_s, pose, camera, terrain, hotspots)))
        elif tiles := planner.follow(at_s, pose, camera, hotspots):
            plans.hear(plan_line(tiles))
    eye.keep()
    return judge.verdict(job.burning, tracker.hotspots, eye.rendered)


@cache
def _detector(threads: int) -> Detector:
    """On ONNX Runtime's CPU provider, which finds the same on every machine."""
    return Detector.load(threads=threads, backend="cpu")


@cache
def _made_by(model_sha256: str) -> str:
    """A checksum of all that decides what a frame shows and what is found on it."""
    digest = hashlib.sha256(model_sha256.encode())
    for source in SOURCES:
        for file in sorted([ROOT / source] if source.endswith(".py") else (ROOT / source).rglob("*.py")):
            if "make" not in file.parts:
                digest.update(file.read_bytes())
    return digest.hexdigest()


class _Eye:
    """The detector, with a memory. It is shown blank frames: what they would show it renders when it must."""

    def __init__(self, flown: Scene, job: Job, detector: Detector) -> None:
        self.detector = detector
        self.clock_s = 0.0
        self.tile: Tile | None = None
        self.rendered = 0
        self._renderer = Renderer(flown.world, VirtualLens(job.width_px, job.height_px))
        self._poses = flown.true_poses
        self._number = 0
        self._picture: tuple[int, Image] | None = None
        self._made_by = _made_by(detector.sha256)
        self._file = job.memory / f"{job.width_px}-{job.seed}{'-fires' if job.burning else ''}.json"
        self._boxes: dict[str, list[Any]] = {}
        self._found: dict[str, list[Any]] = {}
        if self._file.is_file():
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["made_by"] == self._made_by:
                self._boxes, self._found = kept["boxes"], kept["found"]

    @property
    def boxes(self) -> list[TruthBox]:
        """Round the fires and the smoke of this frame, as a labeller would draw them."""
        return [TruthBox(*box) for box in self._boxes[str(self._number)]]

    def turn_to(self, number: int, at_s: float) -> None:
        """The next frame."""
        self._number, self.tile, self.clock_s = number, None, at_s

    def detect(self, image_bgr: Image, *, min_score: float | None = None) -> list[Detection]:
        """What is on this frame, or on the tile that was asked for last. The picture given is blank."""
        self.clock_s += LOOK_S
        tile = self.tile
        key = (
            f"{self._number}"
            if tile is None
            else f"{self._number}:{tile.x},{tile.y},{tile.width},{tile.height}"
        )
        if key not in self._found or str(self._number) not in self._boxes:
            picture = self._shoot() if tile is None else tile.of(self._shoot())
            found = self.detector.detect(picture, min_score=min_score)
            self._found[key] = [list(asdict(one).values()) for one in found]
        return [Detection(*one) for one in self._found[key]]

    def keep(self) -> None:
        """Write down what was seen."""
        if not self.rendered:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        kept = {"made_by": self._made_by, "boxes": self._boxes, "found": self._found}
        part.write_text(json.dumps(kept), encoding="utf-8")
        part.replace(self._file)

    def _shoot(self) -> Image:
        if self._picture is None or self._picture[0] != self._number:
            image, boxes = self._renderer.render_with_labels(self._poses[self._number])
            self._picture = self._number, np.asarray(image, np.uint8)
            self._boxes[str(self._number)] = [list(asdict(box).values()) for box in boxes]
            self.rendered += 1
        return self._picture[1]


class _Plans(Plans):
    """Plans that tell the eye which tile it is about to be shown."""

    def __init__(self, eye: _Eye) -> None:
        super().__init__(FRAME_S, lambda: eye.clock_s)
        self._eye = eye

    def next(self, width_px: int, height_px: int) -> Tile | None:
        self._eye.tile = super().next(width_px, height_px)
        return self._eye.tile
