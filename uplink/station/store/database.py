"""The station's one database file: one thread that writes to it, and one that only reads.

Every piece of work is all or nothing, and has been fsynced when ``run`` returns. Pieces that wait while the
disk is busy share the next commit, each in a savepoint of its own, so that one that fails undoes itself
alone. Reading has a connection of its own, which waits for no commit; it sees all that ``run`` returned for.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database as Connection

from uplink.errors import StoreError
from uplink.sqlite import is_corrupt, open_database, transaction
from uplink.station.store.batches import Batches
from uplink.station.store.copies import copy_database
from uplink.station.store.schema import STEPS

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], Any]
PIECES_AT_MOST = 200  # in one commit: the first of them waits for the last


class StationDatabase:
    """Opens the file and brings its tables forward. Raises ``StoreError`` when that is not possible.

    ``on_commit`` hears, in the writing thread, how many pieces a commit held and how many seconds they took.
    """

    def __init__(self, path: Path, *, on_commit: Callable[[int, float], None] | None = None) -> None:
        self._path = path
        self._on_commit = on_commit
        try:
            self._connection = open_database(path)
        except sqlite3.Error as reason:
            raise _in_words(path, reason) from None
        try:
            self._make_tables()
            self._reading = _open_to_read(path)
        except sqlite3.Error as reason:
            self._connection.conn.close()
            raise _in_words(path, reason) from None
        except StoreError:
            self._connection.conn.close()
            raise
        self._writer: Batches[Work, Any] = Batches("station-store", self._do, at_most=PIECES_AT_MOST)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="station-reader")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Does ``work`` all or nothing, in the order of the calls. Raises ``StoreError``, or what it raised.

        When a commit fails, its pieces are done again one by one: ``work`` changes nothing but the database.
        """
        result: T = await self._writer.ask(work)
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """``work`` that only asks, beside whatever is being written. Raises ``StoreError``."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, work)

    def close(self) -> None:
        """Waits for work under way, then closes the file."""
        self._reader.shutdown(wait=True)
        self._writer.close()
        self._reading.conn.close()
        self._connection.conn.close()

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            self._reading.conn.execute("BEGIN")
            try:
                return work(self._reading)
            finally:
                if self._reading.conn.in_transaction:
                    self._reading.conn.execute("ROLLBACK")
        except sqlite3.Error as reason:
            raise _in_words(self._path, reason) from reason

    def _do(self, pieces: Sequence[Work]) -> list[Any]:
        started_s = time.perf_counter()
        outcomes = self._together(pieces) if len(pieces) > 1 else None
        if outcomes is None:
            outcomes = [self._alone(work) for work in pieces]
        if self._on_commit is not None:
            self._on_commit(len(pieces), time.perf_counter() - started_s)
        return outcomes

    def _together(self, pieces: Sequence[Work]) -> list[Any] | None:
        """One commit for all; None, and nothing changed, where that was not possible."""
        outcomes: list[Any] = []
        try:
            with transaction(self._connection) as db:
                for work in pieces:
                    outcomes.append(self._in_savepoint(db, work))  # noqa: PERF401 (it may break off)
        except (sqlite3.Error, _UndoneError):
            return None
        return outcomes

    def _in_savepoint(self, db: Connection, work: Work) -> Any:
        db.conn.execute("SAVEPOINT piece")
        try:
            outcome = work(db)
        except BaseException as reason:
            if not db.conn.in_transaction:
                raise _UndoneError from reason
            db.conn.execute("ROLLBACK TO piece")
            outcome = self._told(reason)
        db.conn.execute("RELEASE piece")
        return outcome

    def _alone(self, work: Work) -> Any:
        try:
            with transaction(self._connection) as db:
                return work(db)
        except BaseException as reason:  # noqa: BLE001 (it is the asker's)
            return self._told(reason)

    def _told(self, reason: BaseException) -> BaseException:
        if not isinstance(reason, sqlite3.Error):
            return reason
        told = _in_words(self._path, reason)
        told.__cause__ = reason
        return told

    def _make_tables(self) -> None:
        version = _layout(self._connection)
        if version > len(STEPS):
            raise StoreError(
                f"{self._path} was made by a newer Emberwatch (its layout is {version})",
                hint="Update Emberwatch, or give the station another data folder.",
            )
        if version == len(STEPS):
            return
        if version > 0:
            self._copy_before_steps(version)
        with transaction(self._connection) as db:
            for step in STEPS[_layout(db) :]:  # a verb beside a station that starts may have been faster
                for statement in step:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(STEPS)}")

    def _copy_before_steps(self, version: int) -> None:
        copy = self._path.with_name(f"{self._path.name}.layout-{version}.bak")
        try:
            copy_database(self._connection.conn, copy)
        except OSError as reason:
            raise StoreError(
                f"{self._path} is to be brought forward and could not be copied to {copy.name} before: "
                f"{reason.strerror}",
                hint="Make room in the data folder; nothing was changed.",
            ) from None
        log.info("%s is brought forward from layout %d; as it was: %s", self._path, version, copy)


class _UndoneError(Exception):
    """A piece failed so that SQLite undid the whole transaction, as on a full disk."""


def _layout(db: Connection) -> int:
    return int(next(iter(db.conn.execute("PRAGMA user_version")))[0])


def _open_to_read(path: Path) -> Connection:
    connection = sqlite3.connect(path, timeout=10.0, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = 1")
        return Connection(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


def _in_words(path: Path, reason: sqlite3.Error) -> StoreError:
    if is_corrupt(reason):
        return StoreError(
            f"the station's database {path} is corrupt: {reason}",
            hint="Stop the station, put the file aside and restore a backup or start with a new one.",
        )
    return StoreError(
        f"the station's database {path} failed: {reason}",
        hint="Check that its folder has room and belongs to this user.",
    )
