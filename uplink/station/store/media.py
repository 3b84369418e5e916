"""Pictures: files named by their SHA-256 in one folder, and a row each that says they are complete."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path

from sqlite_utils import Database as Connection

from uplink.errors import StoreError
from uplink.station.store.database import StationDatabase

_PART = ".part"


class MediaStore:
    """``folder`` is made if missing; what a crash left half-written in it is removed."""

    def __init__(self, database: StationDatabase, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(f"*/*{_PART}"):
            part.unlink()

    async def put(self, sha256: str, data: bytes, *, drone_id: str, now_s: float) -> None:
        """Keeps bytes whose hash the caller has checked; they are on the disk when this returns."""
        if await self.find(sha256) is not None:
            return
        try:
            await asyncio.to_thread(_write_durably, self._path(sha256), data)
        except OSError as reason:
            raise StoreError(
                f"a picture could not be written to {self._folder}: {reason.strerror}"
            ) from reason

        def work(db: Connection) -> None:
            db.execute(
                "insert or ignore into media (sha256, drone_id, size_bytes, received_at_s) "
                "values (?, ?, ?, ?)",
                [sha256, drone_id, len(data), now_s],
            )

        await self._database.run(work)

    async def find(self, sha256: str) -> Path | None:
        """The file, if the station has it."""

        def work(db: Connection) -> bool:
            return any(True for _ in db.query("select 1 from media where sha256 = ?", [sha256]))

        path = self._path(sha256)
        return path if await self._database.run(work) and path.exists() else None

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.jpg"


def _write_durably(path: Path, data: bytes) -> None:
    """The whole file or none: written beside, fsynced, renamed, and the rename fsynced too."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{uuid.uuid4().hex}{_PART}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    for folder in (path.parent, path.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
