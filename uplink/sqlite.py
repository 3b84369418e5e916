"""How every SQLite file of this project is opened: write-ahead log, and an fsync before a commit returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

_PRIMARY_CODE = 0xFF  # an extended result code carries its primary code in the low byte


def open_database(path: Path) -> Database:
    """Opens (or makes) the file. ``synchronous=FULL``: what a commit returned for survives a power cut.

    The connection may be used from any one thread at a time; the caller sees to that.
    """
    connection = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


@contextmanager
def transaction(db: Database) -> Iterator[Database]:
    """All or nothing. Inside it only ``execute`` and ``query`` are used: they never commit by themselves."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.conn.execute("COMMIT")
    except BaseException:
        # Some errors (a full disk) have rolled back already.
        if db.conn.in_transaction:
            db.conn.execute("ROLLBACK")
        raise


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, in contrast to a full disk or a lock."""
    return _primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no room left to write."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def _primary_code(error: sqlite3.Error) -> int | None:
    # Errors that the Python module raises itself carry no code.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE
