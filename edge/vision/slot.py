"""A place for one thing, where the newest replaces what nobody took: nothing queues without a bound."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Hands the newest item from one thread to another; ``dropped`` counts those never taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._error: BaseException | None = None
        self.dropped = 0

    def put(self, item: T) -> None:
        with self._changed:
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._changed.notify()

    def fail(self, error: BaseException) -> None:
        """Let the taker have ``error`` once the slot is empty."""
        with self._changed:
            self._error = error
            self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """The newest item, or None after ``timeout_s``. Raises what the giver failed with."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._error is not None, timeout_s)
            item, self._item = self._item, None
            if item is None and self._error is not None:
                raise self._error
            return item
