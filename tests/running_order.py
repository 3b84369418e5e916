"""In which order tests run: what is waited for comes first, or at the end workers would stand idle for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")


def dealt(
    row: Sequence[T], workers: int, *, is_long: Callable[[T], bool], file_of: Callable[[T], str]
) -> list[T]:
    """The same tests, such that each of xdist's workers begins with its share of the long ones.

    ``--dist worksteal`` cuts the row into a part for each worker, of sizes that are reckoned here as it does,
    and whoever has finished takes from the end of another's part. A file stays together: its tests share what
    was set up.
    """
    files = [list(tests) for _, tests in groupby(filter(is_long, row), key=file_of)]
    short = [test for test in row if not is_long(test)]
    order: list[T] = []
    for worker in range(workers):
        first = [test for file in files[worker::workers] for test in file]
        size = (len(row) - len(order)) // (workers - worker)
        taken = max(0, size - len(first))
        order += first + short[:taken]
        del short[:taken]
    return order + short
