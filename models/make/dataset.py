"""Reads labelled pictures in YOLO's format: a label file beside each, one ``class x y w h`` line per box."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flight.errors import EmberwatchError

LABELS = ("fire", "smoke")
MADE_PREFIXES = ("composite_", "train_")
"""What the names of composed and of rendered training pictures begin with (see :func:`is_made`)."""
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

    @classmethod
    def around(
        cls, label: str, corners: tuple[float, float, float, float], width_px: int, height_px: int
    ) -> Box:
        """The box of one of :data:`LABELS` with these corners in pixels; see :meth:`corners`."""
        x1, y1, x2, y2 = corners
        return cls(
            LABELS.index(label),
            (x1 + x2) / 2 / width_px,
            (y1 + y2) / 2 / height_px,
            (x2 - x1) / width_px,
            (y2 - y1) / height_px,
        )

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


def is_made(picture: Path) -> bool:
    """Whether a training picture was rendered or composed, by its name, and is no photo."""
    return picture.name.startswith(MADE_PREFIXES)


def label_lines(boxes: Iterable[Box]) -> str:
    """The text of a label file, as :func:`parse_labels` reads it."""
    return "".join(f"{b.label} {b.x:.6f} {b.y:.6f} {b.width:.6f} {b.height:.6f}\n" for b in boxes)


def parse_labels(text: str, *, where: str, classes: int = len(LABELS)) -> tuple[Box, ...]:
    """Reads YOLO label lines; raises :class:`DatasetError` that names the line at fault.

    ``classes`` is how many the labels know, where they are not ours.
    """
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
        if not (0 <= label < classes and sane):
            raise DatasetError(
                f"{where} line {number} has an impossible box: {line.strip()[:60]!r}",
                hint=f"Classes are 0…{classes - 1}; centre and size are shares of the picture, 0…1.",
            )
        boxes.append(Box(label, x, y, width, height))
    return tuple(boxes)


def examples(folder: Path, split: str, classes: int = len(LABELS)) -> list[Example]:
    """All labelled pictures of one split, sorted by name.

    ``folder`` may be ``SPLIT/images`` + ``SPLIT/labels`` (as the photos come) or ``images/SPLIT`` +
    ``labels/SPLIT`` (as :mod:`models.make.build` writes). A picture without a label file has no boxes.
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
    return pictures_in(images, labels, classes)


def pictures_in(images: Path, labels: Path, classes: int = len(LABELS)) -> list[Example]:
    """All pictures of a folder with their boxes, sorted by name; raises :class:`DatasetError`."""
    if not images.is_dir():
        raise DatasetError(f"no folder {images}")
    found = []
    for picture in sorted(images.iterdir()):
        if picture.suffix.lower() in PICTURE_SUFFIXES:
            label_file = labels / f"{picture.stem}.txt"
            text = label_file.read_text() if label_file.is_file() else ""
            found.append(Example(picture, parse_labels(text, where=str(label_file), classes=classes)))
    if not found:
        raise DatasetError(f"no pictures in {images}")
    return found


def read_sha256(folder: Path) -> str:
    """The checksum that :func:`build` left in ``folder``; raises :class:`DatasetError` if there is none."""
    try:
        return str(json.loads((folder / "dataset.json").read_text())["sha256"])
    except (OSError, ValueError, KeyError):
        raise DatasetError(
            f"{folder} is not a built dataset (no readable dataset.json)",
            hint="Build it with: emberwatch model dataset",
        ) from None


def without(pictures: Sequence[Example], names: Sequence[str]) -> list[Example]:
    """The pictures that are not called one of ``names`` (without suffix); raises where one is not there."""
    missing = set(names) - {example.picture.stem for example in pictures}
    if missing:
        raise DatasetError(f"no picture is called {', '.join(sorted(missing))}")
    return [example for example in pictures if example.picture.stem not in names]
