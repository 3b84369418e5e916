"""Pictures: the bytes as they came, in files named by their SHA-256, and a row each that says how it stands.

The originals are evidence: written once, never changed, shown to nobody. What people see is a copy in
``shown``, made from a picture that could be decoded (``uplink.station.pictures``); a copy that is missing is
made again. A row is there only once its file is on the disk.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlite_utils import Database as Connection

from uplink.errors import StoreError
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.copies import PART, sync_folder
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import DeedName
from uplink.station.store.file_writer import FileWriter

_COLUMNS = "sha256, drone_id, size_bytes, received_at_s, state, flaw, hold"


class MediaState(StrEnum):
    """Unchecked: nobody has decoded it yet. Leaving: its time is over and its files are being removed."""

    UNCHECKED = "unchecked"
    SHOWN = "shown"
    QUARANTINED = "quarantined"
    LEAVING = "leaving"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class MediaRow:
    """``flaw`` says why a picture is in quarantine, ``hold`` why it is kept for good."""

    sha256: str
    drone_id: str
    size_bytes: int
    received_at_s: float
    state: MediaState
    flaw: str
    hold: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """Pictures that wait to be checked, and since when the oldest does."""

    waiting: int
    oldest_at_s: float | None


class MediaStore:
    """``folder`` is made if missing; what a crash left half-written in it is removed.

    ``news`` is set when a picture came that is to be checked.
    """

    def __init__(self, database: StationDatabase, folder: Path, shown_folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._shown_folder = shown_folder
        self.news = asyncio.Event()
        for each in (folder, shown_folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(256):
                (each / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
            sync_folder(each)
            for part in each.glob(f"*/*{PART}"):
                part.unlink()
        self._writer = FileWriter()

    async def put(self, sha256: str, data: bytes, *, drone_id: str, now_s: float) -> None:
        """Keeps bytes whose hash the caller has checked; they are on the disk when this returns."""
        path = self.original(sha256)
        if await self.find(sha256) is not None:
            return
        await self._writer.write(path, data)

        def work(db: Connection) -> None:
            if not path.exists():
                raise StoreError("a picture went while it came: it is to be sent again")
            db.execute(
                "insert into media (sha256, drone_id, size_bytes, received_at_s) values (?, ?, ?, ?) "
                "on conflict (sha256) do update set received_at_s = excluded.received_at_s, "
                "drone_id = excluded.drone_id, state = 'unchecked', flaw = '' "
                "where state in ('leaving', 'gone')",
                [sha256, drone_id, len(data), now_s],
            )

        await self._database.run(work)
        self.news.set()

    async def get(self, sha256: str) -> MediaRow | None:
        """How a picture stands, if it ever came."""

        def work(db: Connection) -> MediaRow | None:
            rows = db.query(f"select {_COLUMNS} from media where sha256 = ?", [sha256])  # noqa: S608
            return next((_row(row) for row in rows), None)

        return await self._database.read(work)

    async def rows(self, sha256s: Sequence[str]) -> dict[str, MediaRow]:
        """How these stand, by hash; without those that never came."""

        def work(db: Connection) -> dict[str, MediaRow]:
            rows = db.query(
                f"select {_COLUMNS} from media where sha256 in (select value from json_each(?))",  # noqa: S608
                [json.dumps(list(sha256s))],
            )
            return {row["sha256"]: _row(row) for row in rows}

        return await self._database.read(work)

    async def find(self, sha256: str) -> Path | None:
        """The file with the original, if the station has it."""
        path = self.original(sha256)
        if not path.exists():  # of nearly all that come in: then nobody waits for the database
            return None
        row = await self.get(sha256)
        return None if row is None or row.state in (MediaState.LEAVING, MediaState.GONE) else path

    async def unchecked(self, limit: int) -> list[str]:
        """The pictures that nobody has decoded yet, the longest here first."""

        def work(db: Connection) -> list[str]:
            rows = db.query(
                "select sha256 from media where state = 'unchecked' order by received_at_s limit ?", [limit]
            )
            return [row["sha256"] for row in rows]

        return await self._database.read(work)

    async def backlog(self) -> Backlog:
        """How much waits to be checked."""

        def work(db: Connection) -> Backlog:
            (row,) = db.query(
                "select count(*) as waiting, min(received_at_s) as oldest from media "
                "where state = 'unchecked'"
            )
            return Backlog(row["waiting"], row["oldest"])

        return await self._database.read(work)

    async def mark_shown(self, sha256s: Sequence[str]) -> None:
        """Their copies are there."""
        await self._mark(sha256s, MediaState.UNCHECKED, MediaState.SHOWN)

    async def mark_unchecked(self, sha256: str) -> None:
        """Its copy is gone: it is made again."""
        await self._mark([sha256], MediaState.SHOWN, MediaState.UNCHECKED)
        self.news.set()

    async def quarantine(self, sha256: str, flaw: str, *, now_s: float) -> None:
        """It could not be decoded: it is kept, and shown to nobody."""

        def work(db: Connection) -> None:
            changed = db.execute(
                "update media set state = 'quarantined', flaw = ? where sha256 = ? and state = 'unchecked'",
                [flaw, sha256],
            )
            if changed.rowcount:
                write_deed(db, Deed("station", "media.quarantined", sha256, {"flaw": flaw}), now_s=now_s)

        await self._database.run(work)

    async def set_hold(self, sha256: str, reason: str, *, who: str, now_s: float) -> bool:
        """Keeps it for good, or with no reason no longer; false where there is nothing to keep."""

        def work(db: Connection) -> bool:
            changed = db.execute(
                "update media set hold = ? where sha256 = ? and state not in ('leaving', 'gone')",
                [reason, sha256],
            ).rowcount
            if changed:
                what: DeedName = "media.held" if reason else "media.released"
                write_deed(db, Deed(who, what, sha256, {"reason": reason} if reason else {}), now_s=now_s)
            return bool(changed)

        return await self._database.run(work)

    async def newest(
        self, limit: int, *, before: str | None = None, state: MediaState | None = None
    ) -> list[MediaRow]:
        """The latest received first; ``before`` is the last one already known."""

        def work(db: Connection) -> list[MediaRow]:
            rows = db.query(
                f"select {_COLUMNS} from media where (:state is null or state = :state) and "  # noqa: S608
                "(:before is null or (received_at_s, sha256) < "
                "((select received_at_s from media where sha256 = :before), :before)) "
                "order by received_at_s desc, sha256 desc limit :limit",
                {"state": state, "before": before, "limit": limit},
            )
            return [_row(row) for row in rows]

        return await self._database.read(work)

    def original(self, sha256: str) -> Path:
        """Where the bytes are, as they came."""
        return self._folder / sha256[:2] / f"{sha256}.jpg"

    def shown(self, sha256: str) -> Path:
        """Where the copy is that people see."""
        return self._shown_folder / sha256[:2] / f"{sha256}.jpg"

    def close(self) -> None:
        """Writes what waits."""
        self._writer.close()

    async def _mark(self, sha256s: Sequence[str], before: MediaState, after: MediaState) -> None:
        def work(db: Connection) -> None:
            db.conn.executemany(
                "update media set state = ? where sha256 = ? and state = ?",
                [(after, sha256, before) for sha256 in sha256s],
            )

        await self._database.run(work)


def _row(row: dict[str, Any]) -> MediaRow:
    return MediaRow(**{**row, "state": MediaState(row["state"])})
