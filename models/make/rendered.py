"""Renders labelled pictures of the virtual world, to train on and to judge with.

Three splits share no country: ``train`` and ``rendered-val`` are of the same families of country
from other seeds; ``rendered-unseen`` is of the family that the demo flies over, which is never
trained on. A fire that is too small to be labelled is taken out of its scene, so that no picture
shows one without a box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.render.render import TruthBox
from hardware.virtual.world.families import DEMO_FAMILY, TRAINING_FAMILIES
from hardware.virtual.world.scenes import FIRST_TRAINING_SEED, Scene, scenes
from models.make.contact_sheet import contact_sheet
from models.make.dataset import Box, DatasetError, label_lines
from models.make.ignore import SMALLEST_BOX_PX

UNSEEN_FAMILY = DEMO_FAMILY
TRAIN, VAL, UNSEEN = "train", "rendered-val", "rendered-unseen"
PICTURES_PER_COUNTRY = 16

_SEEDS_PER_SPLIT = 400_000

Bgr = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SceneCounts:
    """How many pictures to render for each split."""

    train: int
    val: int
    unseen: int


@dataclass(frozen=True, slots=True)
class SceneReport:
    """What :func:`render` made."""

    folder: Path
    pictures: dict[str, int]
    clear: dict[str, int]
    sheets: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Country:
    """One job: some pictures of one country."""

    split: str
    seed: int
    family: str
    first: int
    count: int
    folder: Path


def render(
    out: Path,
    counts: SceneCounts,
    *,
    first_seed: int = FIRST_TRAINING_SEED,
    processes: int = 1,
    on_picture: Callable[[int, int], None] | None = None,
) -> SceneReport:
    """Renders all three splits into ``out`` (``images/SPLIT``, ``labels/SPLIT``) with a contact sheet each.

    Equal seeds give equal pictures, however many processes work. Raises :class:`DatasetError`.
    """
    if not FIRST_TRAINING_SEED <= first_seed < _SEEDS_PER_SPLIT:
        raise DatasetError(
            f"scenes start at seeds from {FIRST_TRAINING_SEED} to {_SEEDS_PER_SPLIT}, not {first_seed}",
            hint="Smaller ones belong to the demo, larger ones to the splits that are judged with.",
        )
    if (out / "images").exists():
        raise DatasetError(f"{out} already holds pictures", hint="Choose a new folder.")
    jobs = [
        *_countries(TRAIN, first_seed, TRAINING_FAMILIES, counts.train, out),
        *_countries(VAL, first_seed + _SEEDS_PER_SPLIT, TRAINING_FAMILIES, counts.val, out),
        *_countries(UNSEEN, first_seed + 2 * _SEEDS_PER_SPLIT + 90_000, (UNSEEN_FAMILY,), counts.unseen, out),
    ]
    pictures: Counter[str] = Counter()
    clear: Counter[str] = Counter()
    total = sum(job.count for job in jobs)
    results: Iterator[int]
    with ExitStack() as stack:
        if processes == 1:
            results = map(_render_country, jobs)
        else:
            pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=get_context("spawn")))
            results = pool.map(_render_country, jobs)
        for job, without_boxes in zip(jobs, results, strict=True):
            pictures[job.split] += job.count
            clear[job.split] += without_boxes
            if on_picture is not None:
                on_picture(sum(pictures.values()), total)
    sheets = tuple(contact_sheet(out, split) for split in pictures)
    return SceneReport(out, dict(pictures), dict(clear), sheets)


def shoot(scene: Scene) -> tuple[Bgr, list[TruthBox]]:
    """The scene's picture and boxes, after taking out fires that leave no box large enough."""
    image, boxes = scene.shoot()
    boxes = _large_enough(boxes)
    labelled = {box.fire_id for box in boxes}
    fires = [fire for fire in scene.world.fires if fire.id in labelled]
    if len(fires) < len(scene.world.fires):
        fewer = Scene(scene.world.with_fires(fires), scene.pose, scene.lens, scene.view)
        image, boxes = fewer.shoot()
        boxes = _large_enough(boxes)
    return image, boxes


def yolo_line(box: TruthBox, width_px: int, height_px: int) -> str:
    """The box as a label line: class, centre and size in shares of the picture.

    The box's sides are the centres of its outermost pixels; shares count from the outer edges of those.
    """
    x1, x2 = (min(max(x, 0.0), width_px) / width_px for x in (box.x1, box.x2 + 1))
    y1, y2 = (min(max(y, 0.0), height_px) / height_px for y in (box.y1, box.y2 + 1))
    return label_lines([Box.around(box.label, (x1, y1, x2, y2), 1, 1)])


def _large_enough(boxes: Sequence[TruthBox]) -> list[TruthBox]:
    return [box for box in boxes if max(box.x2 - box.x1, box.y2 - box.y1) >= SMALLEST_BOX_PX]


def _countries(
    split: str, first_seed: int, families: Sequence[str], count: int, folder: Path
) -> Iterator[_Country]:
    for number, first in enumerate(range(0, count, PICTURES_PER_COUNTRY)):
        family = families[number % len(families)]
        here = min(PICTURES_PER_COUNTRY, count - first)
        yield _Country(split, first_seed + number, family, first, here, folder)


def _render_country(job: _Country) -> int:
    """Renders and writes one country's pictures; returns how many of them have no box."""
    cv2.setNumThreads(1)
    images, labels = job.folder / "images" / job.split, job.folder / "labels" / job.split
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([job.seed, 23])
    clear = 0
    for index, scene in enumerate(scenes(job.seed, job.count, families=(job.family,), per_stage=job.count)):
        image, boxes = shoot(scene)
        height, width = image.shape[:2]
        name = f"{job.split}_{job.family}_{job.first + index:05d}"
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))]
        cv2.imwrite(str(images / f"{name}.jpg"), _through_a_cheap_camera(image, rng), quality)
        (labels / f"{name}.txt").write_text("".join(yolo_line(box, width, height) for box in boxes))
        clear += not boxes
    return clear


def _through_a_cheap_camera(image: Bgr, rng: np.random.Generator) -> Bgr:
    """Sometimes a little out of focus, sometimes sharpened too much, as small cameras are."""
    pick = rng.random()
    if pick < 0.3:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.3))), np.uint8)
    if pick < 0.5:
        soft = cv2.GaussianBlur(image, (0, 0), 1.2)
        amount = float(rng.uniform(0.2, 0.9))
        return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.uint8)
    return image
