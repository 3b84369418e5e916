"""Puts smoke, small flames and look-alikes into photos in which nothing burns.

Labelled photos of thin, far smoke and of small flames are rare, and a rendered scene is not a photo. So a
plume of the virtual world is drawn into a photo as a camera far away would see it, lit and veiled as the
photo is, and boxed where a person could tell it from what is behind it; and flames cut out of labelled
photos are put into others, small. Yet other photos get fog or the light of a low sun and no box, so that it
is the smoke that is learned and not the drawing of it.

Any clear photo but one of bare sky may get smoke: nothing here can tell a hill from a kitchen. Where a
skyline is found, most plumes stand on or just under it, as far smoke does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from hardware.virtual.world.noise import smoothstep
from models.make.dataset import Box, DatasetError, Example, label_lines
from models.make.flames import Flame, flames, with_flame
from models.make.picture import read_picture
from models.make.plumes import Bgr, air, skyline_rows, with_plume

PREFIX = "composite"
"""What the names of composites begin with."""
SMOKE_SHARE = 0.45
FLAME_SHARE = 0.25
"""Half of these have smoke above the flame."""
FOG_SHARE = 0.17
"""The rest gets the light of a low sun."""
_MOST_FLAMES = 400
LONGEST_SIDE_PX = 640
_SKY_TEXTURE = 8.0
"""Under it are 99 % of the shared `opensky` photos, and 5 % of the everyday ones."""


@dataclass(frozen=True, slots=True)
class _Job:
    """Some composites on one photo."""

    photo: Path
    seed: int
    names: tuple[str, ...]
    folder: Path
    flames: tuple[Flame, ...]


def compose(
    out: Path,
    photos: Sequence[Example],
    count: int,
    *,
    burning: Sequence[Example] | None = None,
    seed: int = 0,
    processes: int = 1,
    on_picture: Callable[[int, int], None] | None = None,
) -> int:
    """Writes ``count`` composites on the clear ones of ``photos`` into ``out``'s ``train`` split.

    Flames are cut out of ``burning``, or of ``photos`` themselves. The folder may hold rendered scenes
    already. Equal seeds and photos give equal pictures. Returns how many show smoke or a flame. Raises
    :class:`DatasetError` where no photo is clear.
    """
    clear = [example.picture for example in photos if not example.boxes]
    if not clear:
        raise DatasetError("no photo without fire or smoke to put smoke into")
    names: dict[int, list[str]] = {}
    order = np.random.default_rng([seed, 71]).permutation(len(clear))
    for number in range(count):
        names.setdefault(int(order[number % len(clear)]), []).append(f"{PREFIX}_{seed}_{number:05d}")
    rng = np.random.default_rng([seed, 73])
    cut = flames(photos if burning is None else burning, _MOST_FLAMES, rng)
    jobs = [
        _Job(clear[index], seed, tuple(some), out, _some_of(cut, len(some), rng))
        for index, some in names.items()
    ]
    for kind in ("images", "labels"):
        (out / kind / "train").mkdir(parents=True, exist_ok=True)
    done = smoking = 0
    results: Iterator[int]
    with ExitStack() as stack:
        if processes == 1:
            results = map(_compose_on, jobs)
        else:
            pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=get_context("spawn")))
            results = pool.map(_compose_on, jobs, chunksize=8)
        for job, showing in zip(jobs, results, strict=True):
            done += len(job.names)
            smoking += showing
            if on_picture is not None:
                on_picture(done, count)
    return smoking


def with_flames(photo: Bgr, cut: Sequence[Flame], rng: np.random.Generator) -> tuple[Bgr, list[Box]]:
    """The photo with one to three small flames, maybe smoke above the first; boxes of what shows."""
    image = photo.astype(np.float32)
    height, width = image.shape[:2]
    skyline = skyline_rows(photo)
    boxes: list[Box] = []
    smoking = rng.random() < 0.5
    for number in range(int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))):
        x = float(rng.uniform(0.06, 0.94)) * width
        top = 0.2 * height if skyline is None else min(float(skyline[int(x)]) + 0.02 * height, 0.9 * height)
        foot = (x, float(rng.uniform(top, 0.97 * height)))
        before = image
        image, box = with_flame(image, cut[int(rng.integers(len(cut)))], foot, rng)
        if box is None:
            continue
        if smoking and number == 0:
            smoked, smoke_box = with_plume(before, foot, rng)
            if smoke_box is not None:  # the flame is in front of its smoke
                image = np.asarray(smoked + (image - before), np.float32)
                boxes.append(smoke_box)
        boxes.append(box)
    return np.asarray(np.clip(image, 0, 255), np.uint8), boxes


def with_smoke(photo: Bgr, rng: np.random.Generator) -> tuple[Bgr, list[Box]]:
    """The photo with one to three far plumes in it, and a box round each seen one."""
    image = photo.astype(np.float32)
    skyline = skyline_rows(photo)
    boxes: list[Box] = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.7, 0.22, 0.08]))):
        image, box = with_plume(image, skyline, rng)
        boxes += [box] if box else []
    return np.asarray(np.clip(image, 0, 255), np.uint8), boxes


def with_fog(photo: Bgr, rng: np.random.Generator) -> Bgr:
    """The photo with banks of fog across it, as lie in valleys in the morning: no smoke."""
    height, width = photo.shape[:2]
    image = photo.astype(np.float32)
    noise = rng.standard_normal((int(rng.integers(3, 9)), int(rng.integers(2, 7))), dtype=np.float32)
    ragged = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    rows = np.arange(height, dtype=np.float32)[:, None] / height
    alpha = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        middle, thick = float(rng.uniform(0.2, 1.0)), float(rng.uniform(0.04, 0.35))
        bank = np.exp(-(((rows + 0.04 * ragged - middle) / thick) ** 2)) * np.clip(0.75 + 0.35 * ragged, 0, 1)
        alpha = np.maximum(alpha, bank * float(rng.uniform(0.3, 0.95)))
    tone = air(image) * float(rng.uniform(0.85, 1.1))
    mixed = image + (np.clip(tone, 0, 250) - image) * np.clip(alpha, 0, 1)[..., None]
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def with_low_sun(photo: Bgr, rng: np.random.Generator) -> Bgr:
    """The photo in the light of a sunrise or sunset, now and then with the sun's disc in it."""
    height, width = photo.shape[:2]
    image = photo.astype(np.float32)
    blue, red = float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.95, 1.25))
    warm = np.array([blue, blue + (red - blue) * rng.uniform(0.4, 0.65), red], np.float32)
    x, y = float(rng.uniform(0.05, 0.95)) * width, float(rng.uniform(0.1, 0.75)) * height
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    image = image * warm * float(rng.uniform(0.45, 0.95))
    # The glow lies along the horizon, the disc is round.
    spread = np.hypot(columns - x, (rows - y) * float(rng.uniform(1.0, 2.4))) / width
    glow = np.exp(-spread / float(rng.uniform(0.1, 0.5)))[..., None] * float(rng.uniform(0.2, 0.9))
    colour = np.array([rng.uniform(20, 140), rng.uniform(110, 190), rng.uniform(225, 255)], np.float32)
    image = image + glow * colour * (1 - image.clip(0, 255) / 300)
    if rng.random() < 0.5:
        radius = float(rng.uniform(0.008, 0.05)) * width
        disc = smoothstep(radius * 1.15, radius * 0.9, np.hypot(columns - x, rows - y))[..., None]
        image = image + (np.array([190, 235, 255], np.float32) - image) * disc
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _some_of(cut: Sequence[Flame], pictures: int, rng: np.random.Generator) -> tuple[Flame, ...]:
    """A few cut-outs for a job of so many pictures: all of them are too much to hand to another process."""
    return tuple(cut[int(index)] for index in rng.integers(0, len(cut), 2 * pictures)) if cut else ()


def _is_sky(photo: Bgr) -> bool:
    """Whether there is nothing but sky (or a wall) where smoke would rise from."""
    lower = cv2.cvtColor(photo[photo.shape[0] * 2 // 3 :], cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(lower, cv2.CV_32F).std()) < _SKY_TEXTURE


def _compose_on(job: _Job) -> int:
    """Writes one photo's composites; returns how many show smoke or a flame."""
    cv2.setNumThreads(1)
    photo = read_picture(job.photo)
    shrink = LONGEST_SIDE_PX / max(photo.shape[:2])
    if shrink < 1:
        photo = np.asarray(
            cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8
        )
    sky = _is_sky(photo)
    smoking = 0
    for name in job.names:
        rng = np.random.default_rng([job.seed, 29, int(name.rsplit("_", 1)[1])])
        base = np.asarray(photo[:, ::-1] if rng.random() < 0.5 else photo, np.uint8)
        pick, boxes = rng.random(), list[Box]()
        if pick < SMOKE_SHARE and not sky:
            image, boxes = with_smoke(base, rng)
        elif pick < SMOKE_SHARE + FLAME_SHARE and not sky and job.flames:
            image, boxes = with_flames(base, job.flames, rng)
        elif pick < SMOKE_SHARE + FLAME_SHARE + FOG_SHARE:
            image = with_fog(base, rng)
        else:
            image = with_low_sun(base, rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))]
        cv2.imwrite(str(job.folder / "images" / "train" / f"{name}.jpg"), image, quality)
        (job.folder / "labels" / "train" / f"{name}.txt").write_text(label_lines(boxes))
        smoking += bool(boxes)
    return smoking
