"""Backup of a station's data folder while the station runs, and restore into one that is stopped.

A backup is a folder: the database at one instant, every picture that it names, the other files of the data
folder (the key that orders are signed with), and a manifest that is written last, with the hashes. It gets
its name once all of it has been read back and found right. Pictures that an older backup beside it has, or
that lie on the same disk, are hard links: originals never change.

Copies that browsers are shown and uploads that have not arrived whole are left out: they are made again, or
sent again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from uplink.errors import StationError
from uplink.station.store.backup import back_up_database, contents_of
from uplink.station.store.copies import PART, sync_file, sync_folder

DATABASE, MEDIA, MANIFEST = "station.db", "media", "manifest.json"
NAME_FORMAT = "emberwatch-%Y%m%dT%H%M%SZ"
# Of a data folder: what is no part of a backup.
LEFT_OUT = frozenset({"lock", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"})
SET_ASIDE, RESTORING = "before-restore-", "restoring"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """``files`` are the hashes of everything but pictures, which are named by theirs."""

    made_at: str
    layout: int
    pictures: int
    files: dict[str, str]


@dataclass(slots=True)
class Backup:
    """``damaged`` are pictures that are no longer what they are named, ``missing`` those without a file:
    lost, or taken by retention while the backup was made."""

    folder: Path
    pictures: int = 0
    bytes_copied: int = 0
    damaged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def make_backup(data_dir: Path, into: Path, *, now: datetime, on_progress: Progress) -> Backup:
    """Raises ``StationError``; what is half done is removed then."""
    if not (data_dir / DATABASE).is_file():
        raise StationError(f"there is no station in {data_dir}", hint="It has to have run once.")
    folder = into / now.astimezone(UTC).strftime(NAME_FORMAT)
    part = folder.with_name(folder.name + PART)
    with _in_words(f"the backup to {into}"):
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        older = next(iter(backups_in(into)), None)
        if folder.exists():
            raise StationError(f"{folder} is there already")
        part.mkdir(mode=0o700)
        try:
            made = Backup(folder)
            _fill(made, part, data_dir, older, now, on_progress)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        sync_folder(into)
    return made


def backups_in(into: Path) -> list[Path]:
    """The complete ones, the newest first."""
    if not into.is_dir():
        return []
    return sorted((path.parent for path in into.glob(f"emberwatch-*Z/{MANIFEST}")), reverse=True)


def prune(into: Path, keep: int) -> list[Path]:
    """Removes all but the newest backups; which."""
    leaving = backups_in(into)[keep:]
    with _in_words(f"{into}"):
        for folder in leaving:
            # First it loses its name, so that it is never half a backup.
            gone = folder.rename(folder.with_name(folder.name + PART))
            shutil.rmtree(gone)
    return leaving


def read_manifest(folder: Path) -> Manifest:
    """Raises ``StationError`` where the folder is no complete backup."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        others = ", ".join(path.name for path in backups_in(folder)[:3])
        raise StationError(
            f"{folder} is no complete backup",
            hint=f"There are in it: {others}." if others else "Name the folder that has a manifest.json.",
        ) from None


def check_backup(folder: Path, on_progress: Progress) -> None:
    """Reads all of it. Raises ``StationError`` for the first thing that is not as the manifest says."""
    manifest = read_manifest(folder)
    for name, sha256 in manifest.files.items():
        if Path(name).name != name or _sha256(folder / name) != sha256:
            raise StationError(f"{folder / name} is missing or damaged")
    pictures = contents_of(folder / DATABASE).pictures
    damaged, missing = [], len(pictures)
    for number, sha256 in enumerate(pictures, 1):
        path = _picture(folder / MEDIA, sha256)
        found = _sha256(path)
        missing -= found != ""
        if found not in ("", sha256):
            damaged.append(sha256)
        on_progress("checking", number, len(pictures))
    if damaged:
        raise StationError(f"{folder}: {len(damaged)} pictures are damaged, as {damaged[0]}")
    if len(pictures) - missing != manifest.pictures:
        raise StationError(f"{folder}: there are not the {manifest.pictures} pictures that it was made with")


def _fill(
    made: Backup, part: Path, data_dir: Path, older: Path | None, now: datetime, on_progress: Progress
) -> None:
    back_up_database(data_dir / DATABASE, part / DATABASE, lambda done, of: on_progress("database", done, of))
    contents = contents_of(part / DATABASE)
    made.bytes_copied = (part / DATABASE).stat().st_size
    folders = {part / MEDIA}
    (part / MEDIA).mkdir(mode=0o700)
    for number, sha256 in enumerate(contents.pictures, 1):
        target = _picture(part / MEDIA, sha256)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        folders.add(target.parent)
        sources = [_picture(base / MEDIA, sha256) for base in (older, data_dir) if base is not None]
        copied = _link_or_copy(sources, target, sha256)
        if copied is not None:
            made.pictures += 1
            made.bytes_copied += copied
        else:
            (made.damaged if sources[-1].exists() else made.missing).append(sha256)
        on_progress("pictures", number, len(contents.pictures))
    files = {DATABASE: _sha256(part / DATABASE)}
    for path in sorted(data_dir.iterdir()):
        if path.is_file() and path.name not in LEFT_OUT and not path.name.endswith((PART, ".bak")):
            shutil.copyfile(path, part / path.name)
            (part / path.name).chmod(0o600)
            sync_file(part / path.name)
            files[path.name] = _sha256(part / path.name)
    manifest = Manifest(
        now.astimezone(UTC).isoformat(timespec="seconds"), contents.layout, made.pictures, files
    )
    (part / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    (part / MANIFEST).chmod(0o600)
    sync_file(part / MANIFEST)
    for folder in (*folders, part):
        sync_folder(folder)


def _link_or_copy(sources: list[Path], target: Path, sha256: str) -> int | None:
    """The picture from the first source where it is what it is named; how many bytes had to be copied."""
    for source in sources:
        if _sha256(source) != sha256:
            continue
        try:
            target.hardlink_to(source)
        except FileNotFoundError:  # retention was here meanwhile
            continue
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, target)
            target.chmod(0o400)
            sync_file(target)
            if _sha256(target) != sha256:
                raise StationError(
                    f"{target} is not what was written to it", hint="The disk is not to be trusted."
                ) from None
            return target.stat().st_size
        return 0
    return None


def _picture(media: Path, sha256: str) -> Path:
    return media / sha256[:2] / f"{sha256}.jpg"


def _sha256(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        raise StationError(
            f"{what} failed: {reason.strerror or reason}", hint="Check its room and whom it belongs to."
        ) from None
