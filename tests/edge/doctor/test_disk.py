"""The folder for records: tmpfs, read-only roots, overlays and full disks are found before a flight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.doctor.check import Check
from edge.doctor.disk import Disk, Mount, judge_disk, look_at_disk, mount_of, mounts_of
from edge.doctor.host import Host
from tests.edge.doctor.hosts import host_of

ROOT = "22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw"
DATA = "30 22 8:1 / /mnt/my\\040data rw - ext4 /dev/sda1 rw"
MEMORY = "31 22 0:30 / /var/lib rw,nosuid - tmpfs tmpfs rw,size=100k"
READ_ONLY = "22 1 179:2 / / ro,noatime - ext4 /dev/root ro"
OVERLAY = "22 1 0:40 / / rw - overlay overlay rw,lowerdir=/ro,upperdir=/media/root-rw/upper"
OVERLAY_MEMORY = "40 22 0:41 / /media/root-rw rw - tmpfs tmpfs-root rw"

WELL = Disk(
    folder=Path("/var/lib/emberwatch"),
    is_there=True,
    writable=True,
    mount=Mount("/", "ext4", read_only=False),
    upper_kind="",
    free_bytes=20_000_000_000,
    free_files=100_000,
)


def check(disk: Disk, name: str) -> Check:
    return next(one for one in judge_disk(disk) if one.name == name)


def test_a_folder_on_a_disk_with_room_passes() -> None:
    assert [one for one in judge_disk(WELL) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"mount": Mount("/", "ext4", read_only=True)}, "data folder", False, "read-only"),
        ({"writable": False}, "data folder", False, "may not write"),
        (
            {"mount": Mount("/var", "tmpfs", read_only=False)},
            "records stay",
            False,
            "gone when it is switched off",
        ),
        ({"mount": Mount("/", "overlay", False), "upper_kind": "tmpfs"}, "records stay", False, "in memory"),
        ({"mount": Mount("/", "overlay", False)}, "records stay", None, "overlay"),
        ({"mount": Mount("/mnt", "nfs4", False)}, "records stay", False, "another computer"),
        ({"mount": Mount("/mnt", "exfat", False)}, "records stay", None, "exfat"),
        ({"mount": None}, "records stay", None, "does not say"),
        ({"free_bytes": 100_000_000}, "room", False, "0.1 GB free"),
        ({"free_bytes": None}, "room", False, "cannot be read"),
        ({"free_files": 5}, "room", False, "5 more files"),
    ],
)
def test_what_loses_records_is_told(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found


def test_a_folder_lies_on_the_longest_mount_that_leads_to_it() -> None:
    mounts = mounts_of("\n".join([ROOT, DATA, MEMORY, "nonsense"]))
    assert mount_of(mounts, Path("/mnt/my data/records")) == Mount("/mnt/my data", "ext4", read_only=False)
    assert mount_of(mounts, Path("/var/lib/emberwatch")) == Mount("/var/lib", "tmpfs", read_only=False)
    assert mount_of(mounts, Path("/home")) == Mount("/", "ext4", read_only=False)
    assert mount_of(mounts_of(READ_ONLY), Path("/var")) == Mount("/", "ext4", read_only=True)


def test_what_is_mounted_over_another_hides_it() -> None:
    assert mount_of(mounts_of(f"{MEMORY}\n{MEMORY.replace('tmpfs', 'ext4')}"), Path("/var/lib")) == Mount(
        "/var/lib", "ext4", read_only=False
    )


def test_an_overlay_in_memory_is_seen_through(tmp_path: Path) -> None:
    """As a Raspberry Pi with a read-only root has it: everything can be written, and nothing stays."""
    host = host_of(tmp_path, {"/proc/self/mountinfo": f"{OVERLAY}\n{OVERLAY_MEMORY}\n"})
    disk = look_at_disk(host, tmp_path / "data")
    assert disk.upper_kind == "tmpfs"
    assert check(disk, "records stay").passed is False
    assert not disk.is_there


def test_looking_makes_nothing(tmp_path: Path) -> None:
    disk = look_at_disk(Host(), tmp_path / "a" / "b")
    assert disk.writable
    assert disk.free_bytes
    assert list(tmp_path.iterdir()) == []
