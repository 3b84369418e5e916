"""Room that is kept for the day on which the disk is full.

A full SQLite file cannot even delete: the deletion itself has to be written down first. So a file of nothing
lies beside it, and makes way when there is no other room.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

RESERVE_BYTES = 8 * 1024 * 1024  # the write-ahead log has 4 MB before it is written back


class DiskReserve:
    """The file beside ``path``. It is there, or it has made way and there was no room for it since."""

    def __init__(self, path: Path, size_bytes: int = RESERVE_BYTES) -> None:
        self._path = path.with_name(path.name + ".reserve")
        self._size_bytes = size_bytes
        self.held = self._is_whole()
        self._made_way = False

    def hold(self) -> bool:
        """Sets the room aside, unless it is already. False where there is none, and then nothing is taken."""
        if self.held:
            return True
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            finally:
                os.close(descriptor)
        except OSError:
            self._remove()
            return False
        self.held = True
        if self._made_way:
            log.info("the disk has room again")
        self._made_way = False
        return True

    def make_way(self) -> bool:
        """Gives the room back to the disk. False where there was none to give."""
        if not self.held:
            return False
        self.held, self._made_way = False, True
        log.warning("the disk is full: %s makes way for alerts", self._path.name)
        return self._remove()

    def _remove(self) -> bool:
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _is_whole(self) -> bool:
        try:
            return self._path.stat().st_blocks * 512 >= self._size_bytes
        except OSError:
            return False
