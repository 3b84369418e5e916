"""Work that another order may break off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Errand:
    """At most one piece of work at a time. Who breaks it off is sure that nothing more comes of it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self.why = ""
        """Why the latest was broken off."""

    @property
    def under_way(self) -> bool:
        return self._task is not None

    async def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """True when it was done, False when it was broken off. Raises what the work raises.

        When the caller itself is cancelled, so is the work.
        """
        task = self._task = asyncio.ensure_future(work)
        self.why = ""
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._task = None
        if task.cancelled():
            return False
        task.result()
        return True

    def break_off(self, why: str) -> None:
        """It goes no further than where it waits now. Nothing happens where there is none."""
        if self._task is not None:
            self.why = why
            self._task.cancel()
