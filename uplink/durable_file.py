"""A SQLite file that carries on: a corrupt one is set aside and a new one takes its place, and a full disk
still has room for what matters."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from uplink.disk_reserve import DiskReserve
from uplink.errors import OutboxError, OutboxFullError
from uplink.sqlite import is_corrupt, is_full, open_database, transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT_ASIDE = 3  # a disk that dies damages one file after the other


class DurableFile:
    """One connection under one lock: usable from any thread, one transaction at a time.

    ``make_tables`` is harmless when repeated. ``checked`` names the tables that are read through at the
    start, to find damage before anything is built on it.
    Raises ``OutboxError`` when the file cannot be opened even anew.
    """

    def __init__(
        self, path: Path, *, make_tables: Callable[[Database], None], checked: tuple[str, ...]
    ) -> None:
        self.path = path
        self._make_tables = make_tables
        self._checked = checked
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._reserve = DiskReserve(path)
            try:
                self._db = self._open_in_any_room()
            except sqlite3.DatabaseError as reason:
                if not is_corrupt(reason):
                    raise
                self._db = self._start_anew(str(reason))
        except (OSError, sqlite3.Error) as reason:
            raise OutboxError(
                f"the outbox {path} cannot be opened: {reason}",
                hint="Check that the folder exists, has room and belongs to this user.",
            ) from None
        self._reserve.hold()
        self.aside = _aside(path)
        """What was set aside as corrupt, now or before, and lies there still; the oldest first."""

    def run(self, work: Callable[[Database], T], *, in_reserve: bool = True) -> T:
        """Does ``work`` as one transaction; it is on the disk when this returns.

        On a corrupt file the work is done again in a new one; on a full disk, in the room that was kept for
        it, unless the work is not worth that. Raises ``OutboxFullError`` or ``OutboxError``.
        """
        with self._lock:
            try:
                return self._work(work, in_reserve)
            except (OSError, sqlite3.Error) as reason:
                full = isinstance(reason, sqlite3.Error) and is_full(reason)
                kind = OutboxFullError if full else OutboxError
                raise kind(f"the outbox {self.path} failed: {reason}") from reason

    def has_reserve(self) -> bool:
        """Whether room is kept for a full disk; without, only what matters most is to be written."""
        with self._lock:
            return self._reserve.hold()

    def close(self) -> None:
        """Closes the file; everything that ``run`` did is on the disk already."""
        with self._lock:
            self._db.conn.close()

    def _work(self, work: Callable[[Database], T], in_reserve: bool) -> T:
        try:
            with transaction(self._db) as db:
                return work(db)
        except sqlite3.Error as reason:
            if is_full(reason) and in_reserve and self._reserve.make_way():
                pass
            elif is_corrupt(reason):
                self._db.conn.close()
                self._db = self._start_anew(str(reason))
                self.aside = _aside(self.path)
            else:
                raise
        with transaction(self._db) as db:
            return work(db)

    def _open_in_any_room(self) -> Database:
        try:
            return self._open()
        except sqlite3.Error as reason:
            # Without room SQLite cannot even make the files beside it, and calls that an error of the disk.
            if is_corrupt(reason) or not self._reserve.make_way():
                raise
        return self._open()

    def _open(self) -> Database:
        db = open_database(self.path)
        try:
            with transaction(db):
                self._make_tables(db)
            for table in self._checked:
                verdict = next(iter(db.conn.execute(f"PRAGMA quick_check({table})")))[0]
                if verdict != "ok":
                    raise _DamagedError(verdict)
        except BaseException:
            db.conn.close()
            raise
        return db

    def _start_anew(self, reason: str) -> Database:
        there = _aside(self.path)
        for old in there[: len(there) - (KEPT_ASIDE - 1)]:
            for suffix in ("", "-wal", "-shm"):
                old.with_name(old.name + suffix).unlink(missing_ok=True)
        number = 1 + (_number(there[-1]) if there else 0)
        aside = self.path.with_name(f"{self.path.name}.corrupt-{number}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        log.error(
            "%s is corrupt (%s): set aside as %s, a new one is started; what waited in it was not sent",
            self.path,
            reason,
            aside.name,
        )
        return self._open_in_any_room()


def _aside(path: Path) -> list[Path]:
    found = [one for one in path.parent.glob(f"{path.name}.corrupt-*") if one.suffix[9:].isdecimal()]
    return sorted(found, key=_number)


def _number(aside: Path) -> int:
    return int(aside.suffix.removeprefix(".corrupt-"))


class _DamagedError(sqlite3.DatabaseError):
    """The check at the start found the damage before any statement did."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
