"""Pictures of what went wrong on rendered patrols, to be looked at by a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hardware.virtual.lens import VirtualLens
from hardware.virtual.render.render import Renderer
from tests.benchmarks.patrol_flight import Image, Job
from tests.benchmarks.patrol_judge import Flown
from tests.benchmarks.patrol_scenes import scene

AROUND, LEAST_PX, SHOWN_PX = 1.5, 60, 480  # of a box on each side; the least that is cut out; how large
_FALSE, _MISSED = (0, 0, 255), (255, 255, 0)


def draw_failures(patrols: Sequence[tuple[Job, Flown]], folder: Path) -> None:
    """One PNG for each fire that was missed (where it is largest) and each false alarm (at its best)."""
    folder.mkdir(parents=True, exist_ok=True)
    for job, flown in patrols:
        missed = [fire for fire in flown.fires if fire.counts and not fire.found]
        if not missed and not flown.false_alarms:
            continue
        country = scene(job.seed, burning=job.burning)
        renderer = Renderer(country.world, VirtualLens(job.width_px, job.height_px))
        for alarm in flown.false_alarms:
            if alarm.box is not None:
                image = np.asarray(renderer.render(country.true_poses[alarm.frame]), np.uint8)
                name = f"false-{job.seed}-{alarm.why.replace(' ', '-')}-{alarm.label}-{alarm.frame}.png"
                cv2.imwrite(str(folder / name), _cut(image, alarm.box, _FALSE))
        for fire in missed:
            image, boxes = renderer.render_with_labels(country.true_poses[fire.best_frame])
            own = [box for box in boxes if box.fire_id == fire.name]
            own.sort(key=lambda box: box.label != "fire")
            if own:
                box = own[0].x1, own[0].y1, own[0].x2, own[0].y2
                name = f"missed-{job.seed}-{fire.name}-{fire.best_frame}.png"
                cv2.imwrite(str(folder / name), _cut(np.asarray(image, np.uint8), box, _MISSED))


def _cut(image: Image, box: tuple[float, float, float, float], colour: tuple[int, int, int]) -> Image:
    """What is round a box, enlarged, with the box drawn."""
    x1, y1, x2, y2 = box
    half = max(LEAST_PX, AROUND * max(x2 - x1, y2 - y1)) / 2 + LEAST_PX / 2
    left, top = (max(0, int((a + b) / 2 - half)) for a, b in ((x1, x2), (y1, y2)))
    part = image[top : top + int(2 * half), left : left + int(2 * half)]
    scale = SHOWN_PX / max(part.shape[:2])
    large = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    corners = [(round((x - left) * scale), round((y - top) * scale)) for x, y in ((x1, y1), (x2 + 1, y2 + 1))]
    cv2.rectangle(large, corners[0], corners[1], colour, 1)
    return np.asarray(large, np.uint8)
