"""Builds one training folder from labelled photos and rendered scenes.

The folder is YOLO's usual shape: ``images/SPLIT/NAME.EXT`` with ``labels/SPLIT/NAME.txt`` (one
``class x y w h`` line per box, in shares of the picture), a ``data.yaml`` for Ultralytics and a
``dataset.json`` that says what is in it, under which licences, with a checksum. Pictures are linked,
not copied, where the file system can; nothing is ever written beside the originals.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flight.errors import EmberwatchError

LABELS = ("fire", "smoke")
PICTURE_SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png"})
DEFAULT_PHOTOS = Path("../shared/data/fire-smoke")


class DatasetError(EmberwatchError):
    """A folder of labelled pictures is missing, empty or wrongly labelled."""


@dataclass(frozen=True, slots=True)
class Box:
    """A labelled box in shares of the picture: centre, width and height, all in 0…1."""

    label: int
    x: float
    y: float
    width: float
    height: float

    def corners(self, width_px: int, height_px: int) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 in pixels of a picture of that size (outer edges, so 0 … width)."""
        return (
            (self.x - self.width / 2) * width_px,
            (self.y - self.height / 2) * height_px,
            (self.x + self.width / 2) * width_px,
            (self.y + self.height / 2) * height_px,
        )


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled picture on disk; an empty ``boxes`` says that nothing burns in it."""

    picture: Path
    boxes: tuple[Box, ...]


def parse_labels(text: str, *, where: str) -> tuple[Box, ...]:
    """Reads YOLO label lines; raises :class:`DatasetError` that names the line at fault."""
    boxes = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            label_text, *rest = line.split()
            label = int(label_text)
            x, y, width, height = (float(part) for part in rest)
        except ValueError:
            raise DatasetError(
                f"{where} line {number} is not 'class x y width height': {line.strip()[:60]!r}"
            ) from None
        sane = 0 <= x <= 1 and 0 <= y <= 1 and 0 < width <= 1 and 0 < height <= 1
        if not (0 <= label < len(LABELS) and sane):
            raise DatasetError(
                f"{where} line {number} has an impossible box: {line.strip()[:60]!r}",
                hint=f"Classes are 0…{len(LABELS) - 1}; centre and size are shares of the picture, 0…1.",
            )
        boxes.append(Box(label, x, y, width, height))
    return tuple(boxes)


def examples(folder: Path, split: str) -> list[Example]:
    """All labelled pictures of one split, sorted by name.

    ``folder`` may be ``SPLIT/images`` + ``SPLIT/labels`` (as the photos come) or ``images/SPLIT`` +
    ``labels/SPLIT`` (as this module writes). A picture without a label file has no boxes.
    """
    layouts = (
        (folder / split / "images", folder / split / "labels"),
        (folder / "images" / split, folder / "labels" / split),
    )
    images, labels = next((pair for pair in layouts if pair[0].is_dir()), (None, None))
    if images is None or labels is None:
        raise DatasetError(
            f"no pictures for split '{split}' in {folder}",
            hint=f"Expected {folder}/{split}/images or {folder}/images/{split}.",
        )
    found = []
    for picture in sorted(images.iterdir()):
        if picture.suffix.lower() in PICTURE_SUFFIXES:
            label_file = labels / f"{picture.stem}.txt"
            text = label_file.read_text() if label_file.is_file() else ""
            found.append(Example(picture, parse_labels(text, where=str(label_file))))
    if not found:
        raise DatasetError(f"no pictures in {images}")
    return found


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What :func:`build` made: where, how much of what, and the checksum over all of it."""

    folder: Path
    data_yaml: Path
    sha256: str
    pictures: dict[str, int]
    boxes: dict[str, dict[str, int]]


def build(
    out: Path,
    *,
    photos: Path = DEFAULT_PHOTOS,
    rendered: Path | None = None,
    on_picture: Callable[[int, int], None] | None = None,
) -> DatasetReport:
    """Builds the training folder ``out`` from ``photos`` and, if given, ``rendered`` scenes.

    Photos keep their own split: ``train`` is trained on, ``val`` only judged with. Of the rendered
    scenes only ``train`` is taken: their splits for judging are judged with where they are, so that
    photos and renderings are never mixed in one figure.

    ``on_picture(done, total)`` is called as pictures are laid in. Raises :class:`DatasetError`.
    """
    parts: list[tuple[str, Example]] = []
    for split in ("train", "val"):
        parts += [(split, example) for example in examples(photos, split)]
    if rendered is not None:
        parts += [("train", example) for example in examples(rendered, "train")]
    _refuse_leaks(parts)

    pictures: Counter[str] = Counter()
    boxes: dict[str, Counter[str]] = {}
    digest = hashlib.sha256()
    _clear(out)
    for done, (split, example) in enumerate(parts, start=1):
        image_folder, label_folder = out / "images" / split, out / "labels" / split
        image_folder.mkdir(parents=True, exist_ok=True)
        label_folder.mkdir(parents=True, exist_ok=True)
        _link(example.picture, image_folder / example.picture.name)
        text = "".join(f"{b.label} {b.x:.6f} {b.y:.6f} {b.width:.6f} {b.height:.6f}\n" for b in example.boxes)
        (label_folder / f"{example.picture.stem}.txt").write_text(text)
        digest.update(f"{split}/{example.picture.name}\n{text}".encode())
        digest.update(hashlib.sha256(example.picture.read_bytes()).digest())
        pictures[split] += 1
        boxes.setdefault(split, Counter()).update(LABELS[b.label] for b in example.boxes)
        if on_picture is not None:
            on_picture(done, len(parts))

    data_yaml = out / "data.yaml"
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(LABELS))
    data_yaml.write_text(f"train: images/train\nval: images/val\nnames:\n{names}")
    report = DatasetReport(
        out, data_yaml, digest.hexdigest(), dict(pictures), {split: dict(c) for split, c in boxes.items()}
    )
    (out / "dataset.json").write_text(
        json.dumps(
            {
                "sha256": report.sha256,
                "pictures": report.pictures,
                "boxes": report.boxes,
                "licences": _licences(photos),
            },
            indent=2,
        )
        + "\n"
    )
    return report


def read_sha256(folder: Path) -> str:
    """The checksum that :func:`build` left in ``folder``; raises :class:`DatasetError` if there is none."""
    try:
        return str(json.loads((folder / "dataset.json").read_text())["sha256"])
    except (OSError, ValueError, KeyError):
        raise DatasetError(
            f"{folder} is not a built dataset (no readable dataset.json)",
            hint="Build it with: emberwatch model dataset",
        ) from None


def _refuse_leaks(parts: list[tuple[str, Example]]) -> None:
    """No name may be in two splits, or be twice in one: labels would overwrite each other."""
    seen: dict[str, str] = {}
    for split, example in parts:
        stem = example.picture.stem
        if stem in seen:
            raise DatasetError(f"two pictures are called {stem!r} (splits '{seen[stem]}' and '{split}')")
        seen[stem] = split


def _clear(out: Path) -> None:
    if out.exists() and any(out.iterdir()) and not (out / "dataset.json").is_file():
        raise DatasetError(
            f"{out} holds something else than a dataset; nothing was written",
            hint="Choose an empty or new folder.",
        )
    for name in ("images", "labels"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "dataset.json").unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.symlink(source.resolve(), target)
    except OSError:  # a file system without symbolic links
        shutil.copyfile(source, target)


def _licences(photos: Path) -> dict[str, dict[str, object]]:
    """Per source: its licence and how many pictures came from it, from the photos' ``sources.csv``."""
    table: dict[str, dict[str, object]] = {}
    for row in _rows(photos / "sources.csv"):
        entry = table.setdefault(
            row["source"], {"licence": row["licence"], "repo": row["repo"], "train": 0, "val": 0}
        )
        entry[row["split"]] = int(str(entry[row["split"]])) + 1
    return table


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.is_file():
        with path.open(newline="") as file:
            yield from csv.DictReader(file)
