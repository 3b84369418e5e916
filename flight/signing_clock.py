"""The file in which the clock of a signed link outlives the process, written by threads of its own: a disk
that hangs delays no packet."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

log = logging.getLogger(__name__)


class ClockFile:
    """One number, which whoever keeps it makes larger and larger."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._wanted: int | None = None
        self._is_writing = False
        self._failed = False

    def read(self) -> int:
        """What was kept last; 0 where there is nothing, or nothing that makes sense."""
        try:
            return int(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            log.warning("the signing clock %s cannot be read: %s", self._path, error)
            return 0

    def keep(self, timestamp: int) -> None:
        """Have it written, and do not wait for it. While the disk is slow the newest replaces what waits."""
        with self._lock:
            self._wanted = timestamp
            if self._is_writing:
                return
            self._is_writing = True
        try:
            # A daemon: one that hangs must not hold up the end of the process either.
            threading.Thread(target=self._write_newest, name="signing clock", daemon=True).start()
        except RuntimeError as error:  # no more threads
            self._is_writing = False
            self._say(error)

    def write(self, timestamp: int) -> None:
        """Written when this returns, or it has been said why not."""
        half = self._path.with_name(f".{self._path.name}.tmp")
        try:
            half.write_text(str(timestamp), encoding="ascii")
            half.replace(self._path)
        except OSError as error:
            self._say(error)
            return
        if self._failed:
            log.info("the signing clock %s is kept again", self._path)
        self._failed = False

    def _write_newest(self) -> None:
        while True:
            with self._lock:
                timestamp, self._wanted = self._wanted, None
                if timestamp is None:
                    self._is_writing = False
                    return
            self.write(timestamp)

    def _say(self, error: Exception) -> None:
        if not self._failed:
            log.warning("the signing clock %s cannot be kept: %s", self._path, error)
        self._failed = True
