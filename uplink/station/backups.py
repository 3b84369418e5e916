"""Backups that an admin makes from the page: one at a time, in a thread, while the station goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from uplink.errors import NotPossibleError, StationError
from uplink.station.backup import backups_in, make_backup, prune, read_manifest
from uplink.station.backup_answers import BackupProgress, BackupRecord, BackupsState
from uplink.station.store.audit import AuditLog, Deed

log = logging.getLogger(__name__)

MOST_LISTED = 100


class Backups:
    """``clock`` gives seconds since 1970. On the event loop only, but for what `make_backup` does."""

    def __init__(
        self, data_dir: Path, into: Path, keep: int, audit: AuditLog, *, clock: Callable[[], float]
    ) -> None:
        self._data_dir = data_dir
        self._into = into
        self._keep = keep
        self._audit = audit
        self._clock = clock
        self._progress: BackupProgress | None = None
        self._failure = ""
        self._making: asyncio.Task[None] | None = None

    async def state(self) -> BackupsState:
        """What there is, the newest first, and what is being made."""
        records = await asyncio.to_thread(self._records)
        return BackupsState(
            folder=str(self._into),
            same_disk=await asyncio.to_thread(self._on_same_disk),
            keep=self._keep,
            backups=records,
            making=self._progress,
            failure=self._failure,
        )

    def begin(self, *, by: str) -> None:
        """Raises ``NotPossibleError`` where one is being made."""
        if self._making is not None and not self._making.done():
            raise NotPossibleError("a backup is being made", hint="Wait until it is there.")
        self._failure = ""
        self._progress = BackupProgress(what="database", done=0, of=1, by=by)
        self._making = asyncio.create_task(self._make(by))

    async def finish(self) -> None:
        """The station stops: what is being made is finished first, for a thread cannot be cut off."""
        if self._making is not None:
            await asyncio.gather(self._making, return_exceptions=True)

    async def _make(self, by: str) -> None:
        def on_progress(what: str, done: int, of: int) -> None:
            self._progress = BackupProgress(what=what, done=done, of=of, by=by)

        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            made = await asyncio.to_thread(
                make_backup, self._data_dir, self._into, now=now, on_progress=on_progress
            )
            removed = await asyncio.to_thread(prune, self._into, self._keep)
            detail = {
                "pictures": made.pictures,
                "bytes": made.bytes_copied,
                "damaged": len(made.damaged),
                "missing": len(made.missing),
                "removed": [folder.name for folder in removed],
            }
            await self._audit.write(Deed(by, "backup.made", made.folder.name, detail), now_s=self._clock())
            if made.damaged:
                self._failure = f"{len(made.damaged)} pictures are damaged on the station's own disk"
            log.info("a backup was made: %s", made.folder)
        except StationError as reason:
            self._failure = str(reason)
            log.error("no backup was made: %s", reason)  # noqa: TRY400
        finally:
            self._progress = None

    def _records(self) -> list[BackupRecord]:
        records = []
        for folder in backups_in(self._into)[:MOST_LISTED]:
            try:
                manifest = read_manifest(folder)
                size_bytes = (folder / "station.db").stat().st_size
            except (StationError, OSError):
                continue  # it is going this moment
            made_at = datetime.fromisoformat(manifest.made_at)
            records.append(
                BackupRecord(
                    name=folder.name, made_at=made_at, pictures=manifest.pictures, database_bytes=size_bytes
                )
            )
        return records

    def _on_same_disk(self) -> bool:
        there = next(one for one in (self._into, *self._into.parents) if one.exists())
        return there.stat().st_dev == self._data_dir.stat().st_dev
