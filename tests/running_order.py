"""In which order tests run: what is waited for comes first, or at the end workers would stand idle for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def dealt(row: Sequence[T], workers: int, *, story_of: Callable[[T], str]) -> list[T]:
    """The same tests, such that each of xdist's workers begins with its share of the long ones.

    ``--dist worksteal`` cuts the row into a part for each worker, of sizes that are reckoned here as it does,
    and whoever has finished takes from the end of another's part. ``story_of`` is empty for a short test;
    long ones of the same story stay together, in the order in which they are.
    """
    stories: dict[str, list[T]] = {}
    for test in row:
        stories.setdefault(story_of(test), []).append(test)
    short = stories.pop("", [])
    long = list(stories.values())
    order: list[T] = []
    for worker in range(workers):
        first = [test for story in long[worker::workers] for test in story]
        size = (len(row) - len(order)) // (workers - worker)
        taken = max(0, size - len(first))
        order += first + short[:taken]
        del short[:taken]
    return order + short
