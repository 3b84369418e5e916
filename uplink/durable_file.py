"""A SQLite file that carries on: when it is found corrupt it is set aside and a new one takes its place."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from uplink.errors import OutboxError, OutboxFullError
from uplink.sqlite import is_corrupt, is_full, open_database, transaction

log = logging.getLogger(__name__)

T = TypeVar("T")


class DurableFile:
    """One connection under one lock: usable from any thread, one transaction at a time.

    ``schema`` is statements between semicolons, each harmless when repeated. ``checked`` names the
    tables that are read through at the start, to find damage before anything is built on it.
    Raises ``OutboxError`` when the file cannot be opened even anew.
    """

    def __init__(self, path: Path, *, schema: str, checked: tuple[str, ...]) -> None:
        self.path = path
        self._schema = schema
        self._checked = checked
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as reason:
                if not is_corrupt(reason):
                    raise
                self._db = self._start_anew(str(reason))
        except (OSError, sqlite3.Error) as reason:
            raise OutboxError(
                f"the outbox {path} cannot be opened: {reason}",
                hint="Check that the folder exists, has room and belongs to this user.",
            ) from None

    def run(self, work: Callable[[Database], T]) -> T:
        """Does ``work`` as one transaction; it is on the disk when this returns.

        On a corrupt file the work is done again in a new one. Raises ``OutboxFullError`` or ``OutboxError``.
        """
        with self._lock:
            try:
                try:
                    with transaction(self._db) as db:
                        return work(db)
                except sqlite3.Error as reason:
                    if not is_corrupt(reason):
                        raise
                    self._db.conn.close()
                    self._db = self._start_anew(str(reason))
                    with transaction(self._db) as db:
                        return work(db)
            except (OSError, sqlite3.Error) as reason:
                full = isinstance(reason, sqlite3.Error) and is_full(reason)
                kind = OutboxFullError if full else OutboxError
                raise kind(f"the outbox {self.path} failed: {reason}") from reason

    def close(self) -> None:
        """Closes the file; everything that ``run`` did is on the disk already."""
        with self._lock:
            self._db.conn.close()

    def _open(self) -> Database:
        db = open_database(self.path)
        try:
            with transaction(db):
                for statement in self._schema.split(";"):
                    db.execute(statement)
            for table in self._checked:
                verdict = next(iter(db.conn.execute(f"PRAGMA quick_check({table})")))[0]
                if verdict != "ok":
                    raise _DamagedError(verdict)
        except BaseException:
            db.conn.close()
            raise
        return db

    def _start_anew(self, reason: str) -> Database:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.corrupt-{number}")).exists():
            number += 1
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
        return self._open()


class _DamagedError(sqlite3.DatabaseError):
    """The check at the start found the damage before any statement did."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
