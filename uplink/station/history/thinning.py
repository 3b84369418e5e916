"""A track in a bounded number of points, with what happened in it kept. Pure, and told a point at a time."""

from __future__ import annotations

from collections.abc import Hashable


class Thinner:
    """Told how many points there are, and then of each what the drone did then: whether it is one to keep.

    Three quarters of the points are at even distances; the rest is for changes in what the drone did, as long
    as there is room for them.
    """

    def __init__(self, count: int, at_most: int) -> None:
        self._count = count
        self._all = count <= at_most
        self._even = max(2, at_most * 3 // 4)
        self._turns = at_most - self._even
        self._index = -1
        self._before: Hashable = None

    def keeps(self, kind: Hashable) -> bool:
        """The next point."""
        self._index += 1
        index, turned = self._index, kind != self._before
        self._before = kind
        if self._all or index == 0 or index == self._count - 1:
            return True
        share, last = self._even - 1, self._count - 1
        if index * share // last != (index - 1) * share // last:
            return True
        if turned and self._turns > 0:
            self._turns -= 1
            return True
        return False
