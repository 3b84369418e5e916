"""The files of a recording, and the share of the disk that all recordings keep to.

A recording's files are numbered in the order in which they were begun, whatever their kind: the oldest file
of the oldest recording goes first. What is being written is never taken away, and a good piece of the disk
is left to what matters more: alerts.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEADER = "recording.json"
MEGABYTE = 1024 * 1024
LEFT_BYTES = 100 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Track:
    """One kind of files. Each grows to ``most_bytes``, or to this ``share`` of what all may take."""

    suffix: str
    most_bytes: int
    share: float


RECORDS = Track(".part", 8 * MEGABYTE, 1 / 4)
MAVLINK = Track(".tlog", MEGABYTE, 1 / 16)
FILM = Track(".mkv", 32 * MEGABYTE, 1 / 4)
TRACKS = (RECORDS, MAVLINK, FILM)


class Parts:
    """Writes the files of one recording. Every call may raise OSError."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._number = 0
        self._open: dict[Track, BinaryIO] = {}

    def is_open(self, track: Track) -> bool:
        """Whether ``append`` goes on with a file that has been begun."""
        return track in self._open

    def open(self, track: Track) -> None:
        """Begin a file, once there is room for it."""
        self._make_room(track)
        path = self._folder / f"{self._number + 1:06d}{track.suffix}"
        self._open[track] = path.open("wb")
        self._number += 1

    def append(self, track: Track, data: bytes) -> None:
        """Put it at the end of the open file, which is closed when it is full."""
        file = self._open[track]
        try:
            file.write(data)
            file.flush()
            full = file.tell() >= self._limit(track)
        except OSError:
            self.close(track)  # what comes next begins a file of its own
            raise
        if full:
            self.close(track)

    def sync(self) -> None:
        """What is in the open files outlives a power cut."""
        for file in self._open.values():
            os.fdatasync(file.fileno())

    def close(self, track: Track) -> None:
        """The open file is whole."""
        self._open.pop(track).close()

    def close_all(self) -> None:
        for track in [*self._open]:
            self.close(track)

    def _limit(self, track: Track) -> int:
        return min(track.most_bytes, round(self._most_bytes * track.share))

    def _make_room(self, track: Track) -> None:
        open_files = {Path(file.name) for file in self._open.values()}
        closed = [
            part
            # This one last: a clock that was set back does not make it the oldest.
            for one in sorted(recordings(self._folder.parent), key=lambda one: (one == self._folder, one))
            for part in parts_of(one)
            if part not in open_files
        ]
        sizes = [part.stat().st_size for part in closed]
        total = sum(sizes) + sum(self._limit(one) for one in (*self._open, track))
        for part, size in zip(closed, sizes, strict=True):
            if total <= self._most_bytes:
                break
            part.unlink()
            total -= size
            if part.parent != self._folder and not parts_of(part.parent):
                shutil.rmtree(part.parent)
        if shutil.disk_usage(self._folder).free < LEFT_BYTES:
            raise OSError(errno.ENOSPC, f"the last {LEFT_BYTES // MEGABYTE} MB of the disk are for alerts")


def parts_of(folder: Path) -> list[Path]:
    """The files of one recording, the oldest first."""
    suffixes = {track.suffix for track in TRACKS}
    return sorted(path for path in folder.iterdir() if path.suffix in suffixes)


def recordings(folder: Path) -> list[Path]:
    """All in a folder, the oldest first: their names begin with their time."""
    try:
        return sorted(Path(one.path) for one in os.scandir(folder) if (Path(one.path) / HEADER).is_file())
    except FileNotFoundError:
        return []
