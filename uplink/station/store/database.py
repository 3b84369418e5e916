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

log = logging.getLogger(__name__)

T = TypeVar("T")

SCHEMA_VERSION = 2

# Times ending in _s are seconds since 1970. A body is the message's own JSON.
# A delivery is one event to one endpoint; lease_until_s is set while an attempt is in flight.
_SCHEMA_1 = """
create table alerts (
    id text primary key, drone_id text not null, revision integer not null,
    confirmed_at_s real not null, received_at_s real not null, body text not null
);
create index alerts_by_time on alerts (confirmed_at_s, id);
create table media (
    sha256 text primary key, drone_id text not null, size_bytes integer not null, received_at_s real not null
);
create table states (drone_id text primary key, body text not null);
create table patrols (drone_id text primary key, body text not null);
create table track_points (
    drone_id text not null, number integer not null, lon_deg real not null, lat_deg real not null,
    primary key (drone_id, number)
) without rowid;
create table deliveries (
    id integer primary key autoincrement, event_id text not null, type text not null,
    alert_id text not null, revision integer not null, endpoint_id text not null, url_host text not null,
    body text not null, state text not null default 'waiting', attempts integer not null default 0,
    created_at_s real not null, due_at_s real not null, lease_until_s real,
    last_status integer, last_error text, delivered_at_s real,
    unique (event_id, endpoint_id)
);
create index deliveries_due on deliveries (endpoint_id, due_at_s) where state = 'waiting'
"""
# Orders are never deleted: who asked a drone for what has to be answerable later.
_SCHEMA_2 = """
create table orders (
    id text primary key, drone_id text not null, kind text not null, operator text not null,
    given_at_s real not null, fate text not null, fate_at_s real not null, body text not null
);
create index orders_by_time on orders (given_at_s, id)
"""
_STEPS = (_SCHEMA_1, _SCHEMA_2)


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
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"{self._path} was made by a newer Emberwatch (its layout is {version})",
                    hint="Update Emberwatch, or give the station another data folder.",
                )
            for step in _STEPS[version:]:
                for statement in step.split(";"):
                    db.execute(statement)
            if version < SCHEMA_VERSION:
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


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
