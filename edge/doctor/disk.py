"""The folder for records: whether what is written there is still there tomorrow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edge.doctor.check import Check
from edge.doctor.host import Host
from edge.preflight import free_bytes, storage_line

_GOES_AWAY = frozenset({"tmpfs", "ramfs", "zram"})
_FAR_AWAY = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"})
_FRAGILE = frozenset({"vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk"})

_OWN_DISK = "Put data_dir on a disk of its own: hardware/companion/setup.sh install --data DIR."


@dataclass(frozen=True, slots=True)
class Mount:
    """What a folder lies on."""

    point: str
    kind: str
    read_only: bool
    upper: str = ""
    """Of an overlay: the folder that takes what is written."""


@dataclass(frozen=True, slots=True)
class Disk:
    """What was found."""

    folder: Path
    is_there: bool
    writable: bool
    mount: Mount | None
    upper_kind: str
    """Of an overlay: what its upper folder lies on."""
    free_bytes: int | None
    free_files: int | None


def judge_disk(disk: Disk) -> list[Check]:
    """Whether records can be written, stay, and have room."""
    line = storage_line(disk.free_bytes)
    room = Check("room", line.passed, line.detail, "" if line.passed else "Take old records away.")
    if disk.free_files is not None and disk.free_files < 1000:
        room = Check("room", False, f"room for {disk.free_files} more files", "Take old records away.")
    return [_writable(disk), _stays(disk), room]


def _writable(disk: Disk) -> Check:
    words = str(disk.folder) if disk.is_there else f"{disk.folder} is not there yet"
    if disk.mount is not None and disk.mount.read_only:
        return Check("data folder", False, f"{words}; {disk.mount.point} is read-only", _OWN_DISK)
    if not disk.writable:
        remedy = (
            "Run this as the service's own user (sudo -u emberwatch ...), or give the folder to it: chown."
        )
        return Check("data folder", False, f"{words}; this user may not write there", remedy)
    return Check("data folder", True, words)


def _stays(disk: Disk) -> Check:
    name, mount = "records stay", disk.mount
    if mount is None:
        return Check(name, None, "the system does not say what the folder lies on")
    if mount.kind in _GOES_AWAY or disk.upper_kind in _GOES_AWAY:
        return Check(name, False, "they lie in memory, and are gone when it is switched off", _OWN_DISK)
    if mount.kind == "overlay":
        return Check(name, None, "they lie on an overlay: it may be in memory", _OWN_DISK)
    if mount.kind in _FAR_AWAY:
        return Check(name, False, f"they lie on another computer ({mount.kind})", _OWN_DISK)
    if mount.kind in _FRAGILE:
        remedy = "Use ext4: this one has no rights, and a power cut takes more than the last second."
        return Check(name, None, f"they lie on {mount.kind}", remedy)
    return Check(name, True, f"{mount.kind} at {mount.point}")


def look_at_disk(host: Host, folder: Path) -> Disk:
    """Reads it, and writes nothing."""
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    mounts = mounts_of(host.text("/proc/self/mountinfo") or "")
    mount = mount_of(mounts, nearest.resolve())
    upper = mount_of(mounts, Path(mount.upper)) if mount is not None and mount.upper else None
    return Disk(
        folder=folder,
        is_there=folder.exists(),
        writable=os.access(nearest, os.W_OK | os.X_OK),
        mount=mount,
        upper_kind="" if upper is None or upper is mount else upper.kind,
        free_bytes=free_bytes(nearest),
        free_files=_free_files(nearest),
    )


def mounts_of(mountinfo: str) -> list[Mount]:
    """As proc(5) describes ``/proc/PID/mountinfo``."""
    mounts = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if not separator or len(fields) < 6 or len(kinds) < 3:
            continue
        options = {*fields[5].split(","), *kinds[2].split(",")}
        upper = next((option[9:] for option in options if option.startswith("upperdir=")), "")
        point = fields[4].encode().decode("unicode_escape")  # a space is written \040
        mounts.append(Mount(point, kinds[0], "ro" in options, upper))
    return mounts


def mount_of(mounts: list[Mount], path: Path) -> Mount | None:
    """The one that a path lies on: the longest that leads there, and of two in one place the later."""
    on = [mount for mount in mounts if path.is_relative_to(mount.point)]
    return max(reversed(on), key=lambda mount: len(mount.point), default=None)


def _free_files(folder: Path) -> int | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_favail if found.f_files else None  # some file systems do not count
