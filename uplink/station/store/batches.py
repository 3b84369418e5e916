"""Work that is done together: one thread takes everything that waits, and answers all of it at once.

What makes a disk slow is waiting for it. While one batch is on its way there the next one gathers, so that
many writers share one wait, and a single writer waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

P = TypeVar("P")
R = TypeVar("R")


class Batches(Generic[P, R]):
    """``work`` gets pieces in the order in which they were asked for, and gives an outcome for each: a
    result, or the error to raise for that piece alone."""

    def __init__(
        self, name: str, work: Callable[[Sequence[P]], list[R | BaseException]], *, at_most: int
    ) -> None:
        self._work = work
        self._at_most = at_most
        self._waiting: deque[tuple[P, Future[Any]]] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def ask(self, piece: P) -> Any:
        """What came of it. Who stops waiting does not stop what has begun."""
        answer: Future[Any] = Future()
        with self._news:
            if self._closed:
                raise RuntimeError("asked after the end")
            self._waiting.append((piece, answer))
            self._news.notify()
        return await asyncio.wrap_future(answer)

    @property
    def is_alive(self) -> bool:
        """Whether anybody is there to do the work."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Does what waits, then ends."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._take():
            begun = [(piece, answer) for piece, answer in batch if answer.set_running_or_notify_cancel()]
            try:
                outcomes = self._work([piece for piece, _ in begun]) if begun else []
            except BaseException as reason:  # noqa: BLE001 (the thread is to outlive it, and each asker to hear it)
                outcomes = [reason] * len(begun)
            for (_, answer), outcome in zip(begun, outcomes, strict=True):
                # No future holds one (PEP 479 says why): whoever asked would wait for ever.
                if isinstance(outcome, StopIteration):
                    answer.set_exception(RuntimeError(f"a bug: {outcome!r} came out of the work"))
                elif isinstance(outcome, BaseException):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)

    def _take(self) -> list[tuple[P, Future[Any]]]:
        with self._news:
            while not self._waiting and not self._closed:
                self._news.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._at_most))]
