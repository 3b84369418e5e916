"""Builds one training folder from labelled photos, rendered scenes and further sources.

The folder is YOLO's usual shape: ``images/SPLIT/NAME.EXT`` with ``labels/SPLIT/NAME.txt``, a ``data.yaml``
for Ultralytics, a ``dataset.json`` that says what is in it and under which licences, with a checksum,
``SHA256SUMS`` of every file as ``sha256sum`` writes it, and a contact sheet of each split. Pictures are
linked, not copied, where the file system can; nothing is ever written beside the originals.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from models.make.contact_sheet import contact_sheet
from models.make.dataset import DEFAULT_PHOTOS, LABELS, DatasetError, examples, label_lines
from models.make.duplicates import alike
from models.make.ignore import is_ignored, without_ignored
from models.make.picture import read_picture
from models.make.sources import Added, Source, pictures_of, read_manifest

SUMS = "SHA256SUMS"
Step = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What :func:`build` made: where, how much of what, and the checksum over all of it."""

    folder: Path
    data_yaml: Path
    sha256: str
    pictures: dict[str, int]
    boxes: dict[str, dict[str, int]]
    ignored: int
    """Boxes to train on that were too small, and painted over."""
    sheets: tuple[Path, ...]


def build(
    out: Path,
    *,
    photos: Path = DEFAULT_PHOTOS,
    rendered: Path | None = None,
    manifest: Path | None = None,
    input_px: int | None = None,
    on_step: Step | None = None,
) -> DatasetReport:
    """Builds the training folder ``out`` from ``photos`` and, if given, ``rendered`` scenes and ``manifest``.

    Photos keep their own split: ``train`` is trained on, ``val`` only judged with. Of the rendered
    scenes only ``train`` is taken: their splits for judging are judged with where they are, so that
    photos and renderings are never mixed in one figure. Boxes of ``train`` that are too small at a
    network input of ``input_px`` are painted over (see :mod:`models.make.ignore`).

    Raises :class:`DatasetError`, also where a picture is on both sides of the split.
    """
    step = on_step or (lambda _what, _done, _total: None)
    sources = [] if manifest is None else read_manifest(manifest)
    parts = [
        Added(split, example.picture.stem, example, "")
        for split in ("train", "val")
        for example in examples(photos, split)
    ]
    if rendered is not None:
        parts += [Added("train", e.picture.stem, e, "") for e in examples(rendered, "train")]
    added = [part for source in sources for part in pictures_of(source)]
    _refuse_leaks([*parts, *added])
    _refuse_look_alikes(parts, added, step)

    _clear(out)
    pictures: Counter[str] = Counter()
    boxes: dict[str, Counter[str]] = {}
    digest, sums, ignored = hashlib.sha256(), list[str](), 0
    splits_of: dict[str, str] = {}
    for done, part in enumerate([*parts, *added], start=1):
        picture, kept = _lay(out, part, input_px if part.split == "train" else None)
        ignored += len(part.example.boxes) - len(kept)
        text = label_lines(kept)
        label_file = out / "labels" / part.split / f"{part.name}.txt"
        label_file.parent.mkdir(parents=True, exist_ok=True)
        label_file.write_text(text)
        content = hashlib.sha256(picture.read_bytes())
        _refuse_same_bytes(splits_of, content.hexdigest(), part, picture)
        digest.update(f"{part.split}/{picture.name}\n{text}".encode())
        digest.update(content.digest())
        sums.append(_sum(content.hexdigest(), picture, out))
        sums.append(_sum(hashlib.sha256(text.encode()).hexdigest(), label_file, out))
        pictures[part.split] += 1
        boxes.setdefault(part.split, Counter()).update(LABELS[box.label] for box in kept)
        step("laying in pictures", done, len(parts) + len(added))

    (out / SUMS).write_text("".join(sums))
    data_yaml = out / "data.yaml"
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(LABELS))
    data_yaml.write_text(f"train: images/train\nval: images/val\nnames:\n{names}")
    report = DatasetReport(
        folder=out,
        data_yaml=data_yaml,
        sha256=digest.hexdigest(),
        pictures=dict(pictures),
        boxes={split: dict(counts) for split, counts in boxes.items()},
        ignored=ignored,
        sheets=tuple(contact_sheet(out, split) for split in pictures),
    )
    told: dict[str, Any] = {
        "sha256": report.sha256,
        "pictures": report.pictures,
        "boxes": report.boxes,
        "input_px": input_px,
        "ignored": ignored,
        "licences": _licences(photos) | _licences_of(sources, added),
    }
    # Written last: a folder without it is not a dataset.
    (out / "dataset.json").write_text(json.dumps(told, indent=2) + "\n")
    return report


def check(folder: Path, *, on_picture: Callable[[int, int], None] | None = None) -> int:
    """Compares every file of a built dataset with its checksum; returns how many there are.

    Raises :class:`DatasetError` that names the first file that is changed, missing or one too many.
    """
    try:
        lines = (folder / SUMS).read_text().splitlines()
        wanted = {name: sum_ for sum_, _, name in (line.partition("  ") for line in lines)}
    except OSError:
        raise DatasetError(
            f"{folder} has no checksums ({SUMS})", hint="Build it with: emberwatch model dataset"
        ) from None
    there = {
        path.relative_to(folder).as_posix()
        for kind in ("images", "labels")
        for path in (folder / kind).glob("*/*")
        if path.suffix != ".cache"  # Ultralytics leaves some
    }
    for name in sorted(there - wanted.keys()):
        raise DatasetError(f"{folder / name} was not there when the dataset was built")
    for done, (name, sum_) in enumerate(wanted.items(), start=1):
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            raise DatasetError(f"{folder / name} is missing or cannot be read") from None
        if found != sum_:
            raise DatasetError(
                f"{folder / name} is not what it was when the dataset was built",
                hint="Build the dataset again: emberwatch model dataset",
            )
        if on_picture is not None:
            on_picture(done, len(wanted))
    return len(wanted)


def _lay(out: Path, part: Added, input_px: int | None) -> tuple[Path, tuple[Any, ...]]:
    """Puts one picture in, linked or, where something is painted over, written anew; and the boxes left."""
    source, folder = part.example.picture, out / "images" / part.split
    folder.mkdir(parents=True, exist_ok=True)
    if input_px is not None and part.example.boxes:
        width, height = _size(source)
        if any(is_ignored(box, width, height, input_px) for box in part.example.boxes):
            painted, kept = without_ignored(read_picture(source), part.example.boxes, input_px)
            target = folder / f"{part.name}.png"
            cv2.imwrite(str(target), painted)
            return target, kept
    target = folder / f"{part.name}{source.suffix}"
    _link(source, target)
    return target, part.example.boxes


def _size(picture: Path) -> tuple[int, int]:
    """Width and height from the file's head: decoding thousands of photos would take minutes."""
    try:
        with Image.open(picture) as opened:
            return opened.size
    except OSError:
        raise DatasetError(f"cannot read the picture {picture}") from None


def _refuse_leaks(parts: Sequence[Added]) -> None:
    """No name may be in two splits, or be twice in one: labels would overwrite each other."""
    seen: dict[str, str] = {}
    for part in parts:
        if part.name in seen:
            raise DatasetError(
                f"two pictures are called {part.name!r} (splits '{seen[part.name]}' and '{part.split}')"
            )
        seen[part.name] = part.split


def _refuse_same_bytes(splits_of: dict[str, str], sha256: str, part: Added, picture: Path) -> None:
    other = splits_of.setdefault(sha256, part.split)
    if other != part.split:
        raise DatasetError(
            f"{picture.name} is in '{part.split}', and the very same picture is in '{other}'",
            hint="What is judged with must not be trained on. Leave one of them out.",
        )


def _refuse_look_alikes(parts: Sequence[Added], added: Sequence[Added], step: Step) -> None:
    """No added picture may look like one on the other side; the photos' own split was made with care."""
    if not added:
        return
    here = {split: [p.example.picture for p in parts if p.split == split] for split in ("train", "val")}
    new = {split: [p.example.picture for p in added if p.split == split] for split in ("train", "val")}
    pairs = []
    for split, other in (("train", "val"), ("val", "train")):
        against = [*here[other], *(new[other] if split == "train" else [])]
        pairs += alike(
            new[split],
            against,
            on_picture=lambda done, total, split=split: step(f"comparing new {split}", done, total),  # type: ignore[misc]
        )
    if pairs:
        one, other_one = pairs[0]
        raise DatasetError(
            f"{one} looks like {other_one} on the other side of the split"
            + (f", and so do {len(pairs) - 1} pairs more" if len(pairs) > 1 else ""),
            hint="Leave one of them out, or put look-alikes of a source into one group.",
        )


def _clear(out: Path) -> None:
    if out.exists() and any(out.iterdir()) and not (out / "dataset.json").is_file():
        raise DatasetError(
            f"{out} holds something else than a dataset; nothing was written",
            hint="Choose an empty or new folder.",
        )
    for name in ("images", "labels"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("dataset.json", SUMS):
        (out / name).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.symlink(source.resolve(), target)
    except OSError:  # a file system without symbolic links
        shutil.copyfile(source, target)


def _sum(sha256: str, path: Path, folder: Path) -> str:
    return f"{sha256}  {path.relative_to(folder).as_posix()}\n"


def _licences(photos: Path) -> dict[str, dict[str, object]]:
    """Per source: its licence and how many pictures came from it, from the photos' ``sources.csv``."""
    table: dict[str, dict[str, object]] = {}
    for row in _rows(photos / "sources.csv"):
        entry = table.setdefault(
            row["source"], {"licence": row["licence"], "repo": row["repo"], "train": 0, "val": 0}
        )
        entry[row["split"]] = int(str(entry[row["split"]])) + 1
    return table


def _licences_of(sources: Sequence[Source], added: Sequence[Added]) -> dict[str, dict[str, object]]:
    """The same of a manifest."""
    return {
        source.name: {
            "licence": source.licence,
            "credit": source.credit,
            **{
                split: sum(part.source == source.name and part.split == split for part in added)
                for split in ("train", "val")
            },
        }
        for source in sources
    }


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.is_file():
        with path.open(newline="") as file:
            yield from csv.DictReader(file)
