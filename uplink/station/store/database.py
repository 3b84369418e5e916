"""The station's one database file and the one thread that works on it.

Every piece of work is one transaction on one connection in one worker thread, so that there is exactly
one writer and nobody meets a lock; a commit has been fsynced when ``run`` returns.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database as Connection

from uplink.errors import StoreError
from uplink.sqlite import is_corrupt, open_database, transaction
from uplink.station.store.schema import STEPS

log = logging.getLogger(__name__)

T = TypeVar("T")


class StationDatabase:
    """Opens the file and makes its tables. Raises ``StoreError`` when that is not possible."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = open_database(path)
        except sqlite3.Error as reason:
            raise _in_words(path, reason) from None
        try:
            self._make_tables()
        except sqlite3.Error as reason:
            self._connection.conn.close()
            raise _in_words(path, reason) from None
        except StoreError:
            self._connection.conn.close()
            raise
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="station-store")

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Does ``work`` as one transaction in the worker thread. Raises ``StoreError``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def close(self) -> None:
        """Waits for work under way, then closes the file."""
        self._thread.shutdown(wait=True)
        self._connection.conn.close()

    def _transact(self, work: Callable[[Connection], T]) -> T:
        try:
            with transaction(self._connection) as db:
                return work(db)
        except sqlite3.Error as reason:
            raise _in_words(self._path, reason) from reason

    def _make_tables(self) -> None:
        with transaction(self._connection) as db:
            version = int(next(iter(db.conn.execute("PRAGMA user_version")))[0])
            if version > len(STEPS):
                raise StoreError(
                    f"{self._path} was made by a newer Emberwatch (its layout is {version})",
                    hint="Update Emberwatch, or give the station another data folder.",
                )
            for step in STEPS[version:]:
                for statement in step:
                    db.execute(statement)
            if version < len(STEPS):
                db.execute(f"PRAGMA user_version = {len(STEPS)}")


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
