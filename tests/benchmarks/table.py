"""Rows of a benchmark, and how to take them on a noisy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against the bar it should clear."""

    what: str
    figure: str
    bar: str


def alternate(
    ours: Callable[[], object], other: Callable[[], object], rounds: int = 30
) -> tuple[float, float, float]:
    """Median seconds of ``ours`` and of ``other``, and the median of their ratio round by round.

    They take turns, so that a machine that slows down slows down both.
    """
    ours(), other()
    pairs = [(_seconds(ours), _seconds(other)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s
