"""Pictures that have arrived in part: a file each, and a row each that says how much of it is on the disk."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database as Connection

from uplink.errors import StoreError
from uplink.station.store.copies import sync_folder
from uplink.station.store.database import StationDatabase

MOST_PARTS_OF_A_DRONE = 16
MOST_PARTS = 256
KEPT_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Part:
    """The first ``offset_bytes`` of ``size_bytes`` are on the disk."""

    offset_bytes: int
    size_bytes: int


class UploadStore:
    """``folder`` is made if missing. A part is one drone's: nobody can spoil what another sends.

    ``load`` comes before everything else.
    """

    def __init__(self, database: StationDatabase, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._parts: dict[tuple[str, str], Part] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def load(self, *, now_s: float) -> None:
        """What there was before the station was started anew; throws away what nobody goes on with."""

        def whole(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Part]:
            return {
                (row["drone_id"], row["sha256"]): Part(row["offset_bytes"], row["size_bytes"])
                for row in rows
                if _size(self._path(row["drone_id"], row["sha256"])) >= row["offset_bytes"]
            }

        rows = await self._database.read(lambda db: list(db.query("select * from uploads")))
        self._parts = await asyncio.to_thread(whole, rows)
        await self._tidy(now_s)
        named = {_name(*key) for key in self._parts}
        await asyncio.to_thread(_remove, [path for path in self._folder.iterdir() if path.name not in named])

    def find(self, drone_id: str, sha256: str) -> Part | None:
        """How far it has come."""
        return self._parts.get((drone_id, sha256))

    async def append(self, drone_id: str, sha256: str, part: Part, data: bytes, *, now_s: float) -> Part:
        """What follows ``part``, which is as found or empty; it is on the disk when this returns."""
        path = self._path(drone_id, sha256)
        try:
            await asyncio.to_thread(_append_durably, path, part.offset_bytes, data)
        except OSError as reason:
            raise StoreError(f"a part could not be written to {self._folder}: {reason.strerror}") from reason
        longer = Part(part.offset_bytes + len(data), part.size_bytes)

        def work(db: Connection) -> None:
            db.execute(
                "insert or replace into uploads (drone_id, sha256, offset_bytes, size_bytes, touched_at_s) "
                "values (?, ?, ?, ?, ?)",
                [drone_id, sha256, longer.offset_bytes, longer.size_bytes, now_s],
            )

        await self._database.run(work)
        self._parts[drone_id, sha256] = longer
        if part.offset_bytes == 0:
            await self._tidy(now_s)
        return longer

    async def read(self, drone_id: str, sha256: str, part: Part) -> bytes:
        """The bytes that are there; fewer where the file was damaged."""

        def read() -> bytes:
            try:
                with self._path(drone_id, sha256).open("rb") as file:
                    return file.read(part.offset_bytes)
            except FileNotFoundError:
                return b""

        return await asyncio.to_thread(read)

    async def drop(self, drone_id: str, sha256: str) -> None:
        """It is whole, or not to be gone on with."""
        if self._parts.pop((drone_id, sha256), None) is None:
            return

        def work(db: Connection) -> None:
            db.execute("delete from uploads where drone_id = ? and sha256 = ?", [drone_id, sha256])

        await self._database.run(work)
        await asyncio.to_thread(self._path(drone_id, sha256).unlink, missing_ok=True)

    async def _tidy(self, now_s: float) -> None:
        """Leaves the latest of each drone and of all, and none that is old."""

        def work(db: Connection) -> set[tuple[str, str]]:
            db.execute("delete from uploads where touched_at_s < ?", [now_s - KEPT_S])
            db.execute(
                "delete from uploads where rowid in (select rowid from (select rowid, row_number() over "
                "(partition by drone_id order by touched_at_s desc, rowid desc) as place from uploads) "
                "where place > ?)",
                [MOST_PARTS_OF_A_DRONE],
            )
            db.execute(
                "delete from uploads where rowid not in "
                "(select rowid from uploads order by touched_at_s desc, rowid desc limit ?)",
                [MOST_PARTS],
            )
            return {
                (row["drone_id"], row["sha256"]) for row in db.query("select drone_id, sha256 from uploads")
            }

        kept = await self._database.run(work)
        gone = self._parts.keys() - kept
        for key in gone:
            del self._parts[key]
        await asyncio.to_thread(_remove, [self._path(*key) for key in gone])

    def _path(self, drone_id: str, sha256: str) -> Path:
        return self._folder / _name(drone_id, sha256)


def _name(drone_id: str, sha256: str) -> str:
    return f"{drone_id}-{sha256}.part"


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _append_durably(path: Path, offset: int, data: bytes) -> None:
    """What a crash left behind the offset is written over."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)
