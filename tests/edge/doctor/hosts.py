"""Computers that are folders: what ``/proc``, ``/sys`` and ``/etc`` would hold there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.doctor.host import Host


def host_of(
    root: Path, files: Mapping[str, str] | None = None, said: Mapping[str, str] | None = None
) -> Host:
    """A computer with these files, on which these command lines say these texts."""
    for name, text in (files or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(command: Sequence[str]) -> str | None:
        return (said or {}).get(" ".join(command))

    return Host(root, run)


def process(root: Path, pid: int, name: str, *open_files: str) -> None:
    """Somebody who runs there and has these files open."""
    folder = root / "proc" / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    for number, target in enumerate(open_files):
        (folder / "fd" / str(number)).symlink_to(target)
