"""Puts a backup in the place of what a stopped station has, and keeps that.

All happens within the data folder, by renames, so that the folder itself may be a mount or belong to a
service. What was there is moved into a folder of its own and never written over. While ``restoring`` is
there, no station starts: a restore that was cut off is simply made again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from uplink.errors import StationError
from uplink.station.backup import DATABASE, MEDIA, RESTORING, SET_ASIDE, Progress, check_backup, read_manifest
from uplink.station.store.backup import record_restore
from uplink.station.store.copies import PART, sync_file, sync_folder
from uplink.station.store.lock import open_lock, take


@dataclass(frozen=True, slots=True)
class Restored:
    """``set_aside`` is where what was there before is now; none where there was nothing."""

    pictures: int
    set_aside: Path | None


def restore(folder: Path, data_dir: Path, *, who: str, now: datetime, on_progress: Progress) -> Restored:
    """Raises ``StationError``: as long as copying is not over, nothing is changed."""
    manifest = read_manifest(folder)
    check_backup(folder, on_progress)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _stopped(data_dir):
            part = data_dir / (RESTORING + PART)
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700)
            _copy(folder, part, manifest.files, on_progress)
            detail = {"backup": folder.name, "made_at": manifest.made_at}
            record_restore(part / DATABASE, who, detail, now_s=now.timestamp())
            staged = data_dir / RESTORING
            shutil.rmtree(staged, ignore_errors=True)  # of a restore that was cut off
            part.rename(staged)
            sync_folder(data_dir)
            set_aside = _set_aside(data_dir, now)
            for path in sorted(staged.iterdir()):
                path.rename(data_dir / path.name)
            sync_folder(data_dir)
            staged.rmdir()
            sync_folder(data_dir)
    except OSError as reason:
        raise StationError(
            f"the restore into {data_dir} failed: {reason.strerror or reason}",
            hint="Check its room and whom it belongs to, and restore again.",
        ) from None
    return Restored(manifest.pictures, set_aside)


def _copy(folder: Path, staged: Path, names: dict[str, str], on_progress: Progress) -> None:
    """Copies, never links: what a station works on is not what is kept for the next time."""
    pictures = sorted((folder / MEDIA).glob("*/*.jpg"))
    folders = {staged, staged / MEDIA}
    (staged / MEDIA).mkdir(mode=0o700)
    for number, source in enumerate(pictures, 1):
        target = staged / MEDIA / source.parent.name / source.name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o400)
        sync_file(target)
        folders.add(target.parent)
        on_progress("pictures", number, len(pictures))
    for name in names:
        shutil.copyfile(folder / name, staged / name)
        (staged / name).chmod(0o600)
        sync_file(staged / name)
    for each in folders:
        sync_folder(each)


def _set_aside(data_dir: Path, now: datetime) -> Path | None:
    there = [
        path
        for path in data_dir.iterdir()
        if path.name not in ("lock", RESTORING) and not path.name.startswith(SET_ASIDE)
    ]
    if not there:
        return None
    aside = data_dir / f"{SET_ASIDE}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    aside.mkdir(mode=0o700)
    for path in there:
        path.rename(aside / path.name)
    sync_folder(aside)
    sync_folder(data_dir)
    return aside


@contextmanager
def _stopped(data_dir: Path) -> Iterator[None]:
    """Holds the lock that a running station holds."""
    lock = open_lock(data_dir, hint="Run this as the user that the station runs as.")
    try:
        if not take(lock):
            raise StationError(f"a station uses {data_dir}", hint="Stop it, restore, and start it again.")
        yield
    finally:
        os.close(lock)
