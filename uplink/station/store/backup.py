"""The database's part of a backup: a copy while the station writes, and what it says of its own soundness."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from uplink.errors import StationError
from uplink.sqlite import open_database, transaction
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.copies import copy_database
from uplink.station.store.schema import STEPS


@dataclass(frozen=True, slots=True)
class Contents:
    """``pictures`` are the SHA-256 of the originals that ought to be there."""

    layout: int
    pictures: list[str]


def back_up_database(source: Path, target: Path, on_progress: Callable[[int, int], None]) -> None:
    """As it is at one instant, over a connection of its own; a station goes on. Raises ``OSError``."""
    with closing(sqlite3.connect(source, timeout=10.0, isolation_level=None)) as connection:
        copy_database(connection, target, on_progress)


def contents_of(path: Path) -> Contents:
    """Reads all of a database that nobody writes to. Raises ``StationError`` where it is damaged."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise StationError(f"the database {path} is damaged: {verdict}")
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            if layout > len(STEPS):
                raise StationError(
                    f"{path} was made by a newer Emberwatch (its layout is {layout})",
                    hint="Update Emberwatch.",
                )
            columns = {row[1] for row in connection.execute("PRAGMA table_info(media)")}
            condition = "where state not in ('leaving', 'gone')" if "state" in columns else ""
            rows = connection.execute(f"select sha256 from media {condition} order by sha256")  # noqa: S608
            return Contents(layout, [row[0] for row in rows])
    except sqlite3.Error as reason:
        raise StationError(f"the database {path} cannot be read: {reason}") from None


def record_restore(path: Path, who: str, detail: dict[str, str], *, now_s: float) -> None:
    """In the restored database itself, if its layout has an audit log; the station is stopped."""
    database = open_database(path)
    try:
        if "audit" in database.table_names():
            with transaction(database) as db:
                write_deed(db, Deed(who, "station.restored", "station", detail), now_s=now_s)
    finally:
        database.conn.close()
