"""One rendered night patrol, flown: frames of a thermal core, hot spots, sightings, hotspots.

The chain is the agent's: the child's look at a frame, the judgement whether the frame proves anything (a held
one during the shutter's pause does not), ``locate``, the tracker. What was found on each frame is remembered
in a file for each patrol, with where the fires truly were, so that a change of the tracker is judged in
seconds.
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

from edge.geometry.locate import locate_found
from edge.geometry.optics import Camera
from edge.health.seeing import BLANK_CONTRAST
from edge.hotspots.hotspot import Look
from edge.hotspots.tracker import HotspotTracker
from edge.thermal.hot import Limits, find_hot
from edge.thermal.look import HeatJudge
from edge.vision.merge import Found
from flight.terrain import RasterTerrain
from hardware.virtual.render.render import TruthBox
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES, Core
from tests.benchmarks.night_scenes import NightScene, night_scene
from tests.benchmarks.patrol_judge import Flown, Judge
from tests.benchmarks.patrol_scenes import FRAME_S

ROOT = Path(__file__).parents[2]
# What a frame or what is found on it depends on.
SOURCES = (
    "hardware/virtual",
    "edge/thermal",
    "tests/benchmarks/patrol_scenes.py",
    "tests/benchmarks/night_scenes.py",
)
PROFILES = {
    "lepton_3_5": "flir_lepton_3_5",
    "boson_320": "flir_boson_320_50",
    "boson_640": "flir_boson_640_50",
}
LEAST_VISIBLE = 0.3
"""Of a fire, in the frame and not hidden, before a frame is said to show it."""
THRESHOLD = 0.5  # as [agent.thermal] has it


@dataclass(frozen=True, slots=True)
class NightJob:
    """One patrol to fly. ``memory`` is the folder of what was looked at before."""

    seed: int
    burning: bool
    core: str
    memory: Path


def fly(job: NightJob) -> Flown:
    """Fly one patrol."""
    cv2.setNumThreads(1)
    night = night_scene(job.seed, burning=job.burning)
    flown, core = night.scene, CORES[job.core]
    camera = Camera.load(PROFILES[core.name])
    eye = _Eye(night, core, job)
    with tempfile.TemporaryDirectory() as folder:
        flown.world.write_geotiff(Path(folder) / "dem.tif")
        terrain = RasterTerrain.open(Path(folder) / "dem.tif")
    ids = random.Random(job.seed)
    tracker = HotspotTracker(new_id=lambda: UUID(int=ids.getrandbits(128), version=4))
    judge = Judge(flown)
    before: int | None = None
    for number, pose in enumerate(flown.told_poses):
        seen = eye.look(number)
        is_old, before = seen["fingerprint"] == before, seen["fingerprint"]
        proves = not is_old and seen["contrast"] >= BLANK_CONTRAST
        if is_old:
            continue
        found = [Found.of_record(one) for one in seen["found"]]
        sightings = tuple(locate_found(found, pose, camera, terrain, eye="thermal"))
        look = Look(number * FRAME_S, None, pose, camera, sightings, terrain, sound=proves, eye="thermal")
        tracker.look(look)
        judge.saw(number, look, tracker.hotspots, [TruthBox(*box) for box in seen["boxes"]])
    eye.keep()
    return judge.verdict(job.burning, tracker.hotspots, eye.rendered)


@cache
def _made_by() -> str:
    """A checksum of all that decides what a frame shows and what is found on it."""
    digest = hashlib.sha256()
    for source in SOURCES:
        for file in sorted([ROOT / source] if source.endswith(".py") else (ROOT / source).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class _Eye:
    """The core and the look at its frames, with a memory."""

    def __init__(self, night: NightScene, core: Core, job: NightJob) -> None:
        self.rendered = 0
        self._night, self._core = night, core
        self._renderer: ThermalRenderer | None = None
        self._judge = HeatJudge()
        self._limits = Limits(hottest_k=core.hottest_k)
        self._file = job.memory / f"{core.name}-{job.seed}{'-fires' if job.burning else ''}.json"
        self._seen: dict[str, dict[str, Any]] = {}
        if self._file.is_file():
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["made_by"] == _made_by():
                self._seen = kept["seen"]

    def look(self, number: int) -> dict[str, Any]:
        """What that frame is like, what is found on it, and which fires are in it."""
        key = str(number)
        if key not in self._seen:
            self._seen[key] = self._look(number)
            self.rendered += 1
        return self._seen[key]

    def keep(self) -> None:
        """Write down what was seen."""
        if not self.rendered:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"made_by": _made_by(), "seen": self._seen}), encoding="utf-8")
        part.replace(self._file)

    def _look(self, number: int) -> dict[str, Any]:
        night = self._night
        if self._renderer is None:
            self._renderer = ThermalRenderer(
                night.scene.world,
                self._core,
                night.weather,
                night.things,
                seed=night.scene.seed,
                shutter_from_s=night.shutter_from_s,
            )
        counts, truth = self._renderer.render_with_truth(night.scene.true_poses[number])
        kelvin = (counts * np.float32(self._core.kelvin_per_count)).astype(np.float32)
        quality = self._judge.judge(kelvin)
        found = [one for one in find_hot(kelvin, self._limits) if one.score >= THRESHOLD]
        boxes = [
            TruthBox("fire", one.x1, one.y1, one.x2, one.y2, one.fire_id, one.visible_fraction)
            for one in truth
            if one.visible_fraction >= LEAST_VISIBLE
        ]
        return {
            "fingerprint": quality.fingerprint,
            "contrast": quality.contrast,
            "found": [asdict(one) for one in found],
            "boxes": [list(asdict(box).values()) for box in boxes],
        }
