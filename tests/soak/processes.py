"""What Linux says of processes: memory, open files, children, zombies."""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one process. ``at_s`` counts from the start of the soak."""

    at_s: float
    rss_mb: float
    pss_mb: float
    files: int


def sample(pid: int, at_s: float) -> Sample | None:
    """None where it is gone."""
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        files = len(os.listdir(PROC / str(pid) / "fd"))
    except (OSError, ProcessLookupError):
        return None
    kb = {line.split(":")[0]: float(line.split()[1]) for line in rollup[1:]}
    return Sample(at_s, kb["Rss"] / 1024, kb["Pss"] / 1024, files)


def children(pid: int) -> list[int]:
    """Of all its threads; those of these not."""
    found: list[int] = []
    for task in _listed(PROC / str(pid) / "task"):
        with contextlib.suppress(OSError):
            found += map(int, (PROC / str(pid) / "task" / task / "children").read_text().split())
    return found


def tree(pid: int) -> list[int]:
    """It and all that come of it."""
    return [pid, *(one for child in children(pid) for one in tree(child))]


def cpu_s(pid: int) -> float:
    """User and system time that it has used, and those of its children that have ended and were reaped."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    used: float = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return used


def vision_child(agent: int) -> int | None:
    """The process that looks."""
    for pid in children(agent):
        with contextlib.suppress(OSError):
            if b"edge.vision.child" in (PROC / str(pid) / "cmdline").read_bytes():
                return pid
    return None


def zombies(parents: Iterable[int]) -> set[int]:
    """Children that have ended and that nobody has asked for."""
    found = set()
    for pid in (one for parent in parents for one in tree(parent)):
        with contextlib.suppress(OSError):
            if (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                found.add(pid)
    return found


def median_between(samples: Iterable[Sample], first_s: float, last_s: float, what: str) -> float:
    """Of one field of the samples between two instants."""
    return float(statistics.median(getattr(one, what) for one in samples if first_s <= one.at_s < last_s))


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
