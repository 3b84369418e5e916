"""Splits judged pictures into folds that share no look-alikes, for cross-fitting.

What is chosen by some pictures must be judged on others. Pictures that lie next to each other in a
source are often frames of one clip, so neighbours by number stay in one fold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.make.dataset import DatasetError
from models.make.evaluate import Judged

FOLDS = 5
NEIGHBOURS = 50
"""So many consecutive numbers of one source make one group."""


def group_of(item: Judged) -> str:
    """The group of pictures that may be of the same scene: a run of numbers in one source."""
    number = re.search(r"(\d+)$", item.name)
    return f"{item.source}/{int(number[1]) // NEIGHBOURS if number else item.name}"


def folds(judged: Sequence[Judged], count: int = FOLDS) -> list[list[Judged]]:
    """``count`` folds of whole groups, each with about as many clear and as many burning pictures.

    The same pictures always make the same folds. Raises :class:`DatasetError` for too few groups.
    """
    groups: dict[str, list[Judged]] = {}
    for item in judged:
        groups.setdefault(group_of(item), []).append(item)
    if len(groups) < count:
        raise DatasetError(
            f"the pictures make {len(groups)} groups of look-alikes, too few for {count} folds",
            hint="Judge on more pictures, or on pictures of more sources.",
        )
    made: list[list[Judged]] = [[] for _ in range(count)]
    clear, burning = [0] * count, [0] * count
    total_clear = max(1, sum(not item.truth for item in judged))
    total_burning = max(1, sum(bool(item.truth) for item in judged))
    for _, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        own_clear = sum(not item.truth for item in group)
        weights = (own_clear / total_clear, (len(group) - own_clear) / total_burning)
        emptiest = min(
            range(count),
            key=lambda k: (
                weights[0] * clear[k] / total_clear + weights[1] * burning[k] / total_burning,
                len(made[k]),
            ),
        )
        made[emptiest] += group
        clear[emptiest] += own_clear
        burning[emptiest] += len(group) - own_clear
    return made
