"""How soon a vision child that failed is followed by the next. Pure: every call is told the instant."""

from __future__ import annotations

from collections import deque

DELAYS_S = (0.5, 1.0, 2.0, 5.0, 10.0)
# A child that fails again and again costs the flight's processes their computer: from here on, slowly.
MOST, WITHIN_S = 10, 600.0
SLOW_S = 30.0
WARM_UP_MOST_S = 600.0


class Restarts:
    """Of one agent's vision. A child that has looked at a frame begins the delays anew; too many in too short
    a time are slowed down whatever they looked at. It never gives up."""

    def __init__(self, warm_up_s: float) -> None:
        self.count = 0
        self.warm_up_s = warm_up_s
        """How long a child may take until its first look. One that was too slow is followed by one that may
        take twice as long, for building an engine anew takes minutes on some computers."""
        self._least_warm_up_s = warm_up_s
        self._in_a_row = 0
        self._instants_s: deque[float] = deque()

    def failed(self, now_s: float, *, looked: bool, was_warming_up: bool = False) -> float:
        """A child has failed; how long to wait before the next. ``looked``: it had looked at a frame."""
        self.count += 1
        self._instants_s.append(now_s)
        self._in_a_row = 1 if looked else self._in_a_row + 1
        if looked:
            self.warm_up_s = self._least_warm_up_s
        elif was_warming_up:
            self.warm_up_s = min(2 * self.warm_up_s, max(WARM_UP_MOST_S, self._least_warm_up_s))
        if self.recent(now_s) > MOST:
            return SLOW_S
        return DELAYS_S[min(self._in_a_row, len(DELAYS_S)) - 1]

    def recent(self, now_s: float) -> int:
        """How many there were within ``WITHIN_S``."""
        while self._instants_s and now_s - self._instants_s[0] > WITHIN_S:
            self._instants_s.popleft()
        return len(self._instants_s)

    def since_last_s(self, now_s: float) -> float | None:
        """Since the latest of them; None before the first."""
        return now_s - self._instants_s[-1] if self._instants_s else None
