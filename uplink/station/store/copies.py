"""Copies of files that are whole or not there at all, and on the disk when they are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

PAGES_AT_ONCE = 500
PART = ".part"


def copy_database(
    source: sqlite3.Connection, target: Path, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """The database as it is now, into a new file that only its owner may read; an older copy gives way.

    Others may write meanwhile: one read transaction holds what is copied. ``on_progress`` hears how many
    pages are done, of how many. Raises ``OSError``.
    """
    part = target.with_name(target.name + PART)
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        copy = sqlite3.connect(part, isolation_level=None)
        try:
            source.execute("BEGIN")
            try:
                # Without it a write from elsewhere would make the copy begin again and again.
                source.execute("select count(*) from sqlite_schema").fetchone()
                source.backup(
                    copy,
                    pages=PAGES_AT_ONCE,
                    progress=lambda _, remaining, total: (
                        on_progress(total - remaining, total) if on_progress else None
                    ),
                )
            finally:
                source.execute("ROLLBACK")
            # The copy says that it has a write-ahead log, as its source; alone it has none.
            copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as reason:
            raise OSError(0, str(reason)) from reason
        finally:
            copy.close()
        sync_file(part)
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """What was written to it is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """The names in it are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
