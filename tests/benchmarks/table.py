"""Rows of a benchmark, and how to take them on a noisy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

PAUSE_S = 0.1
CALLS_A_TURN = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against the bar it should clear."""

    what: str
    figure: str
    bar: str


def markdown(rows: Iterable[Row]) -> str:
    """The table as it goes into a file."""
    lines = [
        "| what | measured | bar |",
        "|---|---|---|",
        *(f"| {r.what} | {r.figure} | {r.bar} |" for r in rows),
    ]
    return "\n".join(lines) + "\n"


def alternate(
    ours: Callable[[], object], other: Callable[[], object], turns: int = 30
) -> tuple[float, float, float]:
    """Median seconds of one call of ``ours`` and of ``other``, and the median of their ratio turn by turn.

    They take turns, so that a machine that slows down slows down both. A turn is several calls after a
    pause: a session whose threads spin would go on spinning through the other's time.
    """
    pairs = [(_turn_s(ours), _turn_s(other)) for _ in range(turns)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def _turn_s(work: Callable[[], object]) -> float:
    time.sleep(PAUSE_S)
    work()
    started_s = time.perf_counter()
    for _ in range(CALLS_A_TURN):
        work()
    return (time.perf_counter() - started_s) / CALLS_A_TURN
