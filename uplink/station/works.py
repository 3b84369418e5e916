"""The station's tasks that go on for as long as it runs, and which of them are in trouble."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from uplink.errors import StoreError

log = logging.getLogger(__name__)

RESTART_PAUSE_S = 1.0
WELL_AFTER_S = 60.0  # without another failure


class Works:
    """``monotonic`` gives the seconds of a clock that nobody sets."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failed_s: dict[str, float] = {}

    @property
    def in_trouble(self) -> list[str]:
        """The tasks that failed lately, by name."""
        now_s = self._monotonic()
        return sorted(name for name, at_s in self._failed_s.items() if now_s - at_s < WELL_AFTER_S)

    async def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """A part that fails is started again; the others are not to suffer from it."""
        said = False
        while True:
            try:
                return await work()
            except StoreError as reason:
                if not said:
                    # Its one line is the whole story.
                    log.error("%s: %s", name, reason, extra={"event": "task.failed", "task": name})  # noqa: TRY400
                said = True
            except Exception:
                log.exception(
                    "%s failed and is started again", name, extra={"event": "task.failed", "task": name}
                )
            self._failed_s[name] = self._monotonic()
            await asyncio.sleep(RESTART_PAUSE_S)
