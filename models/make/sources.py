"""More labelled pictures, told of by a small manifest with their licence.

A manifest is TOML, one ``[[source]]`` for each folder of pictures::

    [[source]]
    name = "towers"                     # what its pictures' names begin with
    licence = "CC BY 4.0"
    credit = "A. Ranger, https://example.org/towers"
    path = "towers"                     # beside the manifest; images/ and labels/ in YOLO's format
    classes = ["smoke", "fire"]         # its class 0, 1, …; "" leaves a class out (default: fire, smoke)
    split = "group"                     # "train", "val", "own" (train/ and val/ inside) or "group"
    group = "^(camera\\\\d+)"             # for "group": pictures of one group stay on one side
    val_share = 0.1                     # for "group": about so many of the groups are judged with
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.make.dataset import LABELS, Box, DatasetError, Example, examples, pictures_in


class Source(BaseModel):
    """One folder of labelled pictures and under which terms it may be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    licence: str = Field(min_length=2)
    credit: str = Field(min_length=2)
    path: Path
    classes: tuple[Literal["fire", "smoke", ""], ...] = ("fire", "smoke")
    split: Literal["train", "val", "own", "group"] = "train"
    group: str | None = None
    val_share: float = Field(default=0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _group_where_needed(self) -> Source:
        if (self.split == "group") != (self.group is not None):
            raise ValueError('split = "group" and a group pattern belong together')
        if self.group is not None and re.compile(self.group).groups < 1:
            raise ValueError("the group pattern needs a part in parentheses that names the group")
        return self


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: list[Source] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Added:
    """One picture of a source, under the name that it gets in the dataset."""

    split: str
    name: str
    example: Example
    source: str


def read_manifest(path: Path) -> list[Source]:
    """The sources of a manifest, their folders found; a :class:`DatasetError` names what is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        sources = _Manifest.model_validate(content).source
    except OSError as error:
        raise DatasetError(f"cannot read the manifest {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DatasetError(f"{path}: {where}: {first['msg']}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, re.error) as error:
        raise DatasetError(f"{path}: {error}") from None
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"{path} has two sources called {name!r}")
    return [source.model_copy(update={"path": path.parent / source.path}) for source in sources]


def pictures_of(source: Source) -> list[Added]:
    """All pictures of a source with their split and class numbers made ours; raises :class:`DatasetError`."""
    if source.split == "own":
        found = [
            (split, e)
            for split in ("train", "val")
            for e in examples(source.path, split, len(source.classes))
        ]
    else:
        folders = source.path / "images", source.path / "labels"
        found = [(_split_of(source, e), e) for e in pictures_in(*folders, len(source.classes))]
    return [
        Added(
            split,
            f"{source.name}_{example.picture.stem}",
            replace(example, boxes=_ours(example.boxes, source.classes)),
            source.name,
        )
        for split, example in found
    ]


def _ours(boxes: Sequence[Box], classes: Sequence[str]) -> tuple[Box, ...]:
    return tuple(replace(box, label=LABELS.index(classes[box.label])) for box in boxes if classes[box.label])


def _split_of(source: Source, example: Example) -> str:
    if source.group is None:
        return source.split
    found = re.search(source.group, example.picture.stem)
    if found is None:
        raise DatasetError(
            f"{example.picture.name} of {source.name!r} fits its group pattern {source.group!r} nowhere",
            hint="Every picture must belong to a group, so that look-alikes stay on one side of the split.",
        )
    # A group's side depends on its name alone: more pictures of it go where the others are.
    draw = hashlib.sha256(f"{source.name}/{found[1]}".encode()).digest()
    return "val" if int.from_bytes(draw[:8], "big") < source.val_share * 2**64 else "train"
