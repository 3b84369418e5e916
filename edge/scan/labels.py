"""What people labelled in a photo: YOLO text files in ``labels/`` beside ``images/``."""

from __future__ import annotations

from pathlib import Path

from edge.files import shown

# The order that this project's models and their data sets use.
CLASSES = ("fire", "smoke")


class BadLabelsError(ValueError):
    """A label file that does not hold what it should; the message names file and line."""


def labels_file(photo: Path) -> Path | None:
    """Where the labels of ``photo`` would stand, or None when it is not part of a labelled data set."""
    parts = photo.absolute().parts
    for index in reversed(range(1, len(parts) - 1)):
        if parts[index] == "images":
            folder = Path(*parts[:index], "labels")
            return folder.joinpath(*parts[index + 1 :]).with_suffix(".txt") if folder.is_dir() else None
    return None


def read_labels(file: Path) -> frozenset[str]:
    """The classes in a label file; an empty or missing one means that there is nothing to see.

    Each line is a class number and at least four coordinates. Raises BadLabelsError.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise BadLabelsError(f"the labels in {shown(file)} cannot be read") from error
    classes = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            index, *coordinates = (float(word) for word in line.split())
            known = index in range(len(CLASSES)) and len(coordinates) >= 4
        except ValueError:
            known = False
        if not known:
            raise BadLabelsError(
                f"line {number} of the labels in {shown(file)} is not a box of a known class"
            )
        classes.add(CLASSES[int(index)])
    return frozenset(classes)
