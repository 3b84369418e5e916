"""Puts smoke and look-alikes into photos in which nothing burns.

Labelled photos of thin, far smoke are rare, and a rendered scene is not a photo. So a plume of the virtual
world is drawn into a photo as a camera far away would see it, lit and veiled as the photo is, and boxed
where a person could tell it from what is behind it. Other photos get fog or the light of a low sun and no
box, so that it is the smoke that is learned and not the drawing of it.

Any clear photo but one of bare sky may get smoke: nothing here can tell a hill from a kitchen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import smoothstep
from hardware.virtual.world.plume import SPRITE_PX, Plume, Puffs, puff_sprites, puffs
from models.make.dataset import LABELS, DatasetError, Example

PREFIX = "composite"
"""What the names of composites begin with."""
SMOKE_SHARE = 0.62
FOG_SHARE = 0.22
"""The rest gets the light of a low sun."""
LONGEST_SIDE_PX = 640
SMALLEST_BOX_PX = 7
_VISIBLE_ALPHA = 0.12
_VISIBLE_CHANGE = 12.0
"""Grey levels by which smoke must change a smooth background to be seen in front of it."""
_TEXTURE_WEIGHT = 0.5
"""And by this much more for each grey level that the background itself varies by (standard deviation)."""
_CLEARLY_VISIBLE = 1.5
"""A plume is drawn at all only if its best fifth is seen that many times as well as it must be."""
_SKY_TEXTURE = 8.0
"""Under it are 99 % of the shared `opensky` photos, and 5 % of the everyday ones."""

Bgr = NDArray[np.uint8]
Floats = NDArray[np.float32]
Shares = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Job:
    """Some composites on one photo."""

    photo: Path
    seed: int
    names: tuple[str, ...]
    folder: Path


def compose(
    out: Path,
    photos: Sequence[Example],
    count: int,
    *,
    seed: int = 0,
    processes: int = 1,
    on_picture: Callable[[int, int], None] | None = None,
) -> int:
    """Writes ``count`` composites on the clear ones of ``photos`` into ``out``'s ``train`` split.

    The folder may hold rendered scenes already. Equal seeds and photos give equal pictures. Returns
    how many show smoke. Raises :class:`DatasetError` where no photo is clear.
    """
    clear = [example.picture for example in photos if not example.boxes]
    if not clear:
        raise DatasetError("no photo without fire or smoke to put smoke into")
    names: dict[int, list[str]] = {}
    order = np.random.default_rng([seed, 71]).permutation(len(clear))
    for number in range(count):
        names.setdefault(int(order[number % len(clear)]), []).append(f"{PREFIX}_{seed}_{number:05d}")
    jobs = [_Job(clear[index], seed, tuple(some), out) for index, some in names.items()]
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
        for job, with_smoke in zip(jobs, results, strict=True):
            done += len(job.names)
            smoking += with_smoke
            if on_picture is not None:
                on_picture(done, count)
    return smoking


def with_smoke(photo: Bgr, rng: np.random.Generator) -> tuple[Bgr, list[Shares]]:
    """The photo with one to three far plumes in it, and a box (centre, size; shares) round each seen one."""
    image = photo.astype(np.float32)
    boxes: list[Shares] = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.7, 0.22, 0.08]))):
        image, box = _smoke(image, rng)
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
    tone = _air(image) * float(rng.uniform(0.85, 1.1))
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


def _smoke(image: Floats, rng: np.random.Generator) -> tuple[Floats, Shares | None]:
    """The picture with one plume and that plume's box; as it was, and ``None``, if it would hardly show."""
    height, width = image.shape[:2]
    rise = float(rng.uniform(1.2, 4.5))
    plume = Plume(
        density=float(rng.uniform(0.25, 0.95)),
        colour=(0.0, 0.0, 0.0),
        rise_m_s=rise,
        life_s=float(rng.uniform(9, 26)),
        radius_m=float(rng.uniform(0.8, 3.0)),
        growth_m_s=float(rng.uniform(0.2, 0.9)),
        puffs=int(rng.integers(22, 44)),
        seed=int(rng.integers(1, 9000)),
        darkness=float(rng.uniform(0.0, 0.35)),
        spread_m=float(rng.uniform(0.5, 5.0)),
        wander_m=float(rng.uniform(0.6, 2.4)),
    )
    wind = float(rng.normal(0, 2.2))
    cloud = puffs(plume, (wind, 0.0), float(rng.uniform(100, 900)))
    tall = float(np.percentile(cloud.offset_m[:, 2] + cloud.radius_m, 90))
    wide = float(np.ptp(cloud.offset_m[:, 0])) + 2 * plume.radius_m
    longest = math.exp(rng.uniform(math.log(14), math.log(0.7 * max(height, width))))
    scale = longest / max(tall, wide)
    foot_x = float(rng.uniform(0.05, 0.95)) * width
    foot_y = float(rng.uniform(0.35, 0.85)) * height
    alpha, brightness = _drawn(cloud, (height, width), (foot_x, foot_y), scale, rng)
    if rng.random() < 0.7:  # its foot stands behind a ridge or trees
        rows = np.arange(height, dtype=np.float32)[:, None]
        hidden = foot_y - float(rng.uniform(0.0, 0.2)) * tall * scale
        soft = max(1.5, float(rng.uniform(0.03, 0.15)) * longest)
        alpha *= smoothstep(hidden + soft, hidden - soft, rows)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(0.5, 1.4))), np.float32)
    light = float(np.percentile(image.mean(axis=2), 92)) / 235
    tint = np.array([rng.normal(1.02, 0.03), 1.0, rng.normal(0.99, 0.03)], np.float32)
    own = tint * float(rng.choice([rng.uniform(195, 250), rng.uniform(130, 200), rng.uniform(60, 130)]))
    veil = float(rng.uniform(0.0, 0.55))
    tone = (own * light * (1 - veil) + _air(image) * veil) * brightness[..., None]
    mixed = np.asarray(image + (np.clip(tone, 0, 252) - image) * alpha[..., None], np.float32)
    box = _seen(alpha, image, mixed)
    return (image, None) if box is None else (mixed, box)


def _seen(alpha: Floats, before: Floats, after: Floats) -> Shares | None:
    """The box (centre, size; shares) round what can be told from the background, if enough can."""
    height, width = alpha.shape
    grey = before.mean(axis=2)
    texture = np.sqrt(np.maximum(cv2.blur(grey * grey, (15, 15)) - cv2.blur(grey, (15, 15)) ** 2, 0.0))
    # Of the mean: what smoke does to single bright or dark pixels does not make it stand out from them.
    change = np.abs(cv2.GaussianBlur(after - before, (0, 0), 1.5)).max(axis=2)
    contrast = change / (_VISIBLE_CHANGE + _TEXTURE_WEIGHT * texture)
    seen = (alpha >= _VISIBLE_ALPHA) & (contrast >= 1.0)
    if not seen.any() or np.percentile(contrast[seen], 80) < _CLEARLY_VISIBLE:
        return None
    _, _, stats, _ = cv2.connectedComponentsWithStats(seen.astype(np.uint8), connectivity=8)
    parts = stats[1:]
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= max(8, 0.04 * parts[:, cv2.CC_STAT_AREA].max())]
    if not len(parts):
        return None
    x1, y1 = parts[:, :2].min(axis=0)
    x2, y2 = (parts[:, :2] + parts[:, 2:4]).max(axis=0)
    if max(x2 - x1, y2 - y1) < SMALLEST_BOX_PX or min(x2 - x1, y2 - y1) < 3:
        return None
    return (
        float(x1 + x2) / 2 / width,
        float(y1 + y2) / 2 / height,
        float(x2 - x1) / width,
        float(y2 - y1) / height,
    )


def _drawn(
    cloud: Puffs,
    size: tuple[int, int],
    foot: tuple[float, float],
    scale: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Opacity and brightness of puffs over a picture of (height, width) pixels, ``scale`` of them a metre."""
    height, width = size
    layer = np.zeros((height, width, 2), np.float32)  # opacity, and brightness weighted by it
    sun = rng.normal(0, 1, 2)
    sun *= float(rng.uniform(0.05, 0.4)) / max(float(np.hypot(*sun)), 1e-6)
    sprites = puff_sprites()
    for index in np.argsort(-cloud.offset_m[:, 1]):
        radius = float(cloud.radius_m[index]) * scale
        x = foot[0] + float(cloud.offset_m[index, 0]) * scale
        y = foot[1] - float(cloud.offset_m[index, 2]) * scale
        left, right = max(0, int(x - radius) - 1), min(width, int(x + radius) + 2)
        top, bottom = max(0, int(y - radius) - 1), min(height, int(y + radius) + 2)
        if right <= left or bottom <= top:
            continue
        c, s = math.cos(cloud.turn_rad[index]), math.sin(cloud.turn_rad[index])
        linear = np.array([[c, -s], [s, c]]) * (2 * max(radius, 0.7) / SPRITE_PX)
        middle = np.full(2, (SPRITE_PX - 1) / 2.0)
        matrix = np.column_stack([linear, np.array([x - left, y - top]) - linear @ middle])
        sprite = sprites[cloud.kind[index]]
        lit = 0.9 + np.float32(c * sun[0] + s * sun[1]) * sprite[..., 1]
        lit = lit + np.float32(-s * sun[0] + c * sun[1]) * sprite[..., 2]
        method = cv2.INTER_AREA if radius * 2 < SPRITE_PX / 2 else cv2.INTER_LINEAR
        piece = cv2.warpAffine(
            np.asarray(cv2.merge([sprite[..., 0], lit]), np.float32),
            matrix,
            (right - left, bottom - top),
            flags=method,
        )
        cover = piece[..., 0] * np.float32(cloud.opacity[index])
        part = layer[top:bottom, left:right]
        part *= (1.0 - cover)[..., None]
        part[..., 0] += cover
        part[..., 1] += cover * piece[..., 1] * np.float32(cloud.brightness[index])
    alpha = np.ascontiguousarray(layer[..., 0])
    return alpha, np.asarray(layer[..., 1] / np.maximum(alpha, 1e-3), np.float32)


def _is_sky(photo: Bgr) -> bool:
    """Whether there is nothing but sky (or a wall) where smoke would rise from."""
    lower = cv2.cvtColor(photo[photo.shape[0] * 2 // 3 :], cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(lower, cv2.CV_32F).std()) < _SKY_TEXTURE


def _air(image: Floats) -> Floats:
    """The colour that far things fade into: that of the brighter part of the picture's upper half."""
    upper = image[: max(2, image.shape[0] // 2)].reshape(-1, 3)
    bright = upper[upper.mean(axis=1) >= np.percentile(upper.mean(axis=1), 60)]
    return np.asarray(bright.mean(axis=0), np.float32)


def _compose_on(job: _Job) -> int:
    """Writes one photo's composites; returns how many show smoke."""
    cv2.setNumThreads(1)
    read = cv2.imread(str(job.photo), cv2.IMREAD_COLOR)
    if read is None:
        raise DatasetError(f"cannot read the picture {job.photo}")
    photo = np.asarray(read, np.uint8)
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
        pick, boxes = rng.random(), list[Shares]()
        if pick < SMOKE_SHARE and not sky:
            image, boxes = with_smoke(base, rng)
        elif pick < SMOKE_SHARE + FOG_SHARE:
            image = with_fog(base, rng)
        else:
            image = with_low_sun(base, rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))]
        cv2.imwrite(str(job.folder / "images" / "train" / f"{name}.jpg"), image, quality)
        lines = (f"{LABELS.index('smoke')} " + " ".join(f"{share:.6f}" for share in box) for box in boxes)
        (job.folder / "labels" / "train" / f"{name}.txt").write_text("".join(line + "\n" for line in lines))
        smoking += bool(boxes)
    return smoking
