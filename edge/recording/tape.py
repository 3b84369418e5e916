"""Recordings on the disk: a folder for each run of the agent, with what it began with and what was recorded.

There are three kinds of files in it. A part of the tape (``.part``) is a row of records: JSON, a picture, a
small picture. What a thermal camera's frame was made of is a record of its own after the frame's, with a TIFF
as its picture. ``.tlog`` is every MAVLink packet that came or went, as
ground stations log them, and ``.mkv`` what the camera saw. A crash cuts the last entry short, and costs that
one. ``parts.py`` keeps all of them to a share of the disk.
"""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from edge.files import write_whole
from edge.recording import film
from edge.recording.parts import FILM, HEADER, MAVLINK, RECORDS, Parts, parts_of
from flight.errors import EmberwatchError

FORMAT, VERSION = "emberwatch recording", 1
LARGEST_BYTES = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")
_MICROSECONDS = struct.Struct(">Q")
_PICTURES = 2


class RecordingError(EmberwatchError):
    """There is no recording there, or it is not one of ours."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened. ``head`` says its ``kind``."""

    head: dict[str, Any]
    jpeg: bytes = b""
    glance: bytes = b""


@dataclass(frozen=True, slots=True)
class Packets:
    """MAVLink that came or went, each with its instant (monotonic seconds)."""

    packets: Sequence[tuple[float, bytes]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What the camera saw at an instant (monotonic seconds)."""

    at_s: float
    width_px: int
    height_px: int
    jpeg: bytes


class Tape:
    """Writes one recording. Every call may raise OSError: a full disk is the caller's to bear.

    What was put outlives a crash of the agent at once, and one of the computer after the next ``sync``.
    """

    def __init__(self, folder: Path, header: dict[str, Any], *, most_bytes: int) -> None:
        """``most_bytes``: of all recordings beside ``folder``, this one with them."""
        self.folder = folder
        self._parts = Parts(folder, most_bytes)
        self._logged_from_s = 0.0
        self._film_from_s = 0.0
        self._film_size_px = (0, 0)
        write_whole(folder / HEADER, json.dumps({"format": FORMAT, "version": VERSION, **header}).encode())
        self._parts.open(RECORDS)  # the first of all: that it is there tells a recording that is whole

    def put(self, entry: Record | Packets | Picture) -> None:
        """At the end of what was put before."""
        match entry:
            case Record():
                self.append(entry)
            case Packets():
                self._log(entry)
            case Picture():
                self._show(entry)

    def append(self, record: Record) -> None:
        """What the watch decides by, and what it told."""
        parts = (json.dumps(record.head, separators=(",", ":")).encode(), record.jpeg, record.glance)
        if not self._parts.is_open(RECORDS):
            self._parts.open(RECORDS)
        self._parts.append(RECORDS, b"".join(_LENGTH.pack(len(part)) + part for part in parts))

    def _log(self, log: Packets) -> None:
        if not self._parts.is_open(MAVLINK):
            # Within one file time runs evenly, whoever sets the clock of the computer.
            self._logged_from_s = time.time() - time.monotonic()
            self._parts.open(MAVLINK)
        self._parts.append(
            MAVLINK,
            b"".join(
                _MICROSECONDS.pack(max(0, round((self._logged_from_s + at_s) * 1e6))) + packet
                for at_s, packet in log.packets
            ),
        )

    def _show(self, picture: Picture) -> None:
        size_px = picture.width_px, picture.height_px
        if self._parts.is_open(FILM) and size_px != self._film_size_px:
            self._parts.close(FILM)
        if not self._parts.is_open(FILM):
            self._film_from_s, self._film_size_px = picture.at_s, size_px
            self._parts.open(FILM)
            began_at = datetime.fromtimestamp(time.time() - time.monotonic() + picture.at_s, UTC)
            self._parts.append(FILM, film.head(*size_px, began_at))
        self._parts.append(FILM, film.picture(picture.jpeg, picture.at_s - self._film_from_s))

    def sync(self) -> None:
        """Onto the disk itself: what was put outlives a power cut."""
        self._parts.sync()

    def close(self) -> None:
        """All that is open is whole."""
        self._parts.close_all()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a recording holds. ``seconds`` are those from its first frame to its last, ``alerts`` different
    ones."""

    seconds: float
    frames: int
    alerts: int


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

    def contents(self) -> Contents:
        """Goes through all of it."""
        first_s = last_s = None
        frames, alerts = 0, set()
        for head in self.heads():
            if head["kind"] == "frame":
                last_s = float(head["report"]["exposed_s"])
                first_s = last_s if first_s is None else first_s
                frames += 1
            elif head["kind"] == "alert":
                alerts.add(head["alert"]["id"])
        seconds = 0.0 if first_s is None or last_s is None else last_s - first_s
        return Contents(seconds, frames, len(alerts))

    def heads(self) -> Iterator[dict[str, Any]]:
        """Of the records, in order, without their pictures: quick."""
        for part in sorted(self.folder.glob("*.part")):
            with part.open("rb") as file:
                while (record := _read(file, pictures=False)) is not None:
                    yield record.head

    @property
    def size_bytes(self) -> int:
        return sum(part.stat().st_size for part in parts_of(self.folder))


def _read(file: BinaryIO, *, pictures: bool = True) -> Record | None:
    parts = []
    for number in range(1 + _PICTURES):
        length = file.read(_LENGTH.size)
        if len(length) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack(length)
        if number and not pictures:
            file.seek(size, os.SEEK_CUR)
            parts.append(b"")
            continue
        part = file.read(size) if size <= LARGEST_BYTES else b""
        if len(part) < size:
            return None
        parts.append(part)
    try:
        head = json.loads(parts[0])
    except ValueError:
        return None
    return Record(head, *parts[1:]) if isinstance(head, dict) else None
