"""Writes files so that they are on the disk when it says so, many at a time."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from uplink.errors import StoreError
from uplink.station.store.batches import Batches
from uplink.station.store.copies import PART, sync_folder

FILES_AT_MOST = 64  # that are waited for together
# The disk takes what is asked of it at once in one go: sixteen fsyncs at a time last little longer than one.
THREADS = 16


class FileWriter:
    """Each file is whole or not there: written beside, fsynced, renamed, and its name fsynced as well."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="station-file")
        self._batches: Batches[tuple[Path, bytes], Any] = Batches(
            "station-files", self._write_all, at_most=FILES_AT_MOST
        )

    async def write(self, path: Path, data: bytes) -> None:
        """Its folder is there already. Raises ``StoreError``."""
        await self._batches.ask((path, data))

    def close(self) -> None:
        """Writes what waits."""
        self._batches.close()
        self._threads.shutdown()

    def _write_all(self, pieces: Sequence[tuple[Path, bytes]]) -> list[Any]:
        at_once = self._threads.map if len(pieces) > 1 else map
        outcomes = list(at_once(_write, pieces))
        folders = list({path.parent for path, _ in pieces})
        synced = dict(zip(folders, at_once(_sync, folders), strict=True))
        return [outcome or synced[path.parent] for outcome, (path, _) in zip(outcomes, pieces, strict=True)]


def _write(piece: tuple[Path, bytes]) -> StoreError | None:
    path, data = piece
    part = path.with_name(f"{uuid.uuid4().hex}{PART}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        # Buffered: a raw write on a disk that fills up stops half-way without a word.
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        part.rename(path)
    except OSError as reason:
        part.unlink(missing_ok=True)
        return _in_words(path.parent, reason)
    return None


def _sync(folder: Path) -> StoreError | None:
    try:
        sync_folder(folder)
    except OSError as reason:
        return _in_words(folder, reason)
    return None


def _in_words(folder: Path, reason: OSError) -> StoreError:
    return StoreError(f"a picture could not be written to {folder}: {reason.strerror}")
