"""An event loop whose time is not the world's: it jumps to whatever is due next, so that a day takes seconds.

Only work in other threads (the store's) is waited for in real time; ``busy`` says when there is some.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_S = 5.0  # real seconds for one piece of work of another thread


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting, tells the loop that the time has passed."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None or self._loop.busy():
            return super().select(PATIENCE_S)
        self._loop.pass_s(timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._passed_s = 0.0
        self.busy: Callable[[], bool] = lambda: False
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._passed_s

    def pass_s(self, seconds: float) -> None:
        self._passed_s += max(0.0, seconds)


def run_in_virtual_time(story: Callable[[VirtualTimeLoop], Coroutine[Any, Any, T]]) -> T:
    loop = VirtualTimeLoop()

    def handler(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        raise AssertionError(context)

    loop.set_exception_handler(handler)
    try:
        return loop.run_until_complete(story(loop))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
