"""An event loop in which hours pass in an instant: when nothing is left to do but wait, the wait is over."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None and timeout > 0:
            self.now_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its ``time`` begins at 0. Threads and sockets are not waited for: do without."""

    def __init__(self) -> None:
        self._jumping = _Selector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


def run_at_once(story: Coroutine[Any, Any, T]) -> T:
    """The story, from its beginning at second 0."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(story)


def now_s() -> float:
    """Seconds since the story began."""
    return asyncio.get_running_loop().time()
