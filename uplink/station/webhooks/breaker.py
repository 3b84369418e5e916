"""Spares a receiver that does not work: while it fails it is asked with one event at a time. Pure.

    works ──THRESHOLD failures in a row──▶ broken ──an answer of 2xx──▶ works
                                           one post at a time, a pause before each

The clock is monotonic: nobody can set it, and nothing of this needs to outlive the process.
"""

from __future__ import annotations

THRESHOLD = 3
PAUSES_S = (1.0, 2.0, 5.0, 15.0, 30.0)


class Breaker:
    """One endpoint's. ``at_once`` is how many posts may be in flight while it works."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._failures = 0
        self._closed_until_s = 0.0

    @property
    def broken(self) -> bool:
        """It has failed too often in a row."""
        return self._failures >= THRESHOLD

    def may_send(self, now_s: float) -> int:
        """How many posts may be made now."""
        if now_s < self._closed_until_s:
            return 0
        return 1 if self.broken else self._at_once

    def wait_s(self, now_s: float) -> float:
        """Until something may be sent."""
        return max(0.0, self._closed_until_s - now_s)

    def failed(self, now_s: float, *, asked_s: float | None = None) -> None:
        """The receiver failed, and not because of the event. ``asked_s``: it asked to be left alone."""
        self._failures += 1
        if self.broken:
            pause_s = PAUSES_S[min(self._failures - THRESHOLD, len(PAUSES_S) - 1)]
            self._closed_until_s = now_s + pause_s
        if asked_s is not None:
            self._closed_until_s = max(self._closed_until_s, now_s + asked_s)

    def worked(self) -> bool:
        """It took an event. Returns whether it was broken until now."""
        was_broken = self.broken
        self._failures = 0
        self._closed_until_s = 0.0
        return was_broken
