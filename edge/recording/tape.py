"""Recordings on the disk: a folder for each run of the agent, with what it began with and parts of a tape.

A part is a row of records, each as the vision child writes them: JSON, a picture, a small picture. A crash
cuts the last record short, and costs that one. All recordings together keep to a share of the disk: the
oldest part of the oldest one goes first.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edge.files import write_whole
from flight.errors import EmberwatchError

FORMAT, VERSION = "emberwatch recording", 1
HEADER = "recording.json"
PART_BYTES = 8 * 1024 * 1024
LARGEST_BYTES = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_PICTURES = 2


class RecordingError(EmberwatchError):
    """There is no recording there, or it is not one of ours."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened. ``head`` says its ``kind``."""

    head: dict[str, Any]
    jpeg: bytes = b""
    glance: bytes = b""


class Tape:
    """Writes one recording. Every call may raise OSError: a full disk is the caller's to bear."""

    def __init__(self, folder: Path, header: dict[str, Any], *, most_bytes: int) -> None:
        """``most_bytes``: of all recordings beside ``folder``, this one with them."""
        self.folder = folder
        self._most_bytes = most_bytes
        self._file: BinaryIO | None = None
        self._number = 0
        write_whole(folder / HEADER, json.dumps({"format": FORMAT, "version": VERSION, **header}).encode())

    def append(self, record: Record) -> None:
        """Put it at the end; what was put before outlives a crash of the agent."""
        if self._file is None:
            self._number += 1
            self._make_room()
            self._file = (self.folder / f"{self._number:06d}.part").open("wb")
        parts = (json.dumps(record.head, separators=(",", ":")).encode(), record.jpeg, record.glance)
        try:
            self._file.write(b"".join(_LENGTH.pack(len(part)) + part for part in parts))
            self._file.flush()
            full = self._file.tell() >= PART_BYTES
        except OSError:
            self.close()  # the next record begins a part of its own
            raise
        if full:
            self.close()

    def close(self) -> None:
        """The part that is open is whole."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _make_room(self) -> None:
        parts = [part for one in recordings(self.folder.parent) for part in sorted(one.glob("*.part"))]
        sizes = [part.stat().st_size for part in parts]
        total = sum(sizes)
        for part, size in zip(parts, sizes, strict=True):
            if total + PART_BYTES <= self._most_bytes:
                break
            part.unlink()
            total -= size
            if part.parent != self.folder and not any(part.parent.glob("*.part")):
                shutil.rmtree(part.parent)


@dataclass(frozen=True, slots=True)
class Recording:
    """What a run of the agent left."""

    folder: Path
    header: dict[str, Any]
    whole: bool
    """Whether its beginning is still there."""

    @classmethod
    def open(cls, folder: Path) -> Recording:
        """Raises RecordingError."""
        try:
            header = json.loads((folder / HEADER).read_bytes())
        except OSError as error:
            raise RecordingError(
                f"there is no recording in {folder} ({error.strerror})",
                hint="emberwatch replay -c agent.toml lists what there is.",
            ) from error
        except ValueError as error:
            raise RecordingError(f"{folder / HEADER} is damaged") from error
        if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (FORMAT, VERSION):
            raise RecordingError(f"{folder} is a recording of another kind or version")
        return cls(folder, header, (folder / "000001.part").exists())

    def records(self) -> Iterator[Record]:
        """In order. Ends where a part was cut short, and goes on with the next part."""
        for part in sorted(self.folder.glob("*.part")):
            with part.open("rb") as file:
                while (record := _read(file)) is not None:
                    yield record

    @property
    def size_bytes(self) -> int:
        return sum(part.stat().st_size for part in self.folder.glob("*.part"))


def recordings(folder: Path) -> list[Path]:
    """All in a folder, the oldest first: their names begin with their time."""
    try:
        return sorted(Path(one.path) for one in os.scandir(folder) if (Path(one.path) / HEADER).is_file())
    except FileNotFoundError:
        return []


def _read(file: BinaryIO) -> Record | None:
    parts = []
    for _ in range(1 + _PICTURES):
        length = file.read(_LENGTH.size)
        if len(length) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack(length)
        part = file.read(size) if size <= LARGEST_BYTES else b""
        if len(part) < size:
            return None
        parts.append(part)
    try:
        head = json.loads(parts[0])
    except ValueError:
        return None
    return Record(head, *parts[1:]) if isinstance(head, dict) else None
