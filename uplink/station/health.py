"""Whether the station can do its work: asked of the disk and of the tasks, not of the process being there."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from uplink.errors import StoreError
from uplink.station.answers import Health
from uplink.station.store.store import Store
from uplink.station.works import Works

LEAST_ROOM_BYTES = 256 * 1024**2
LITTLE_ROOM_BYTES = 2 * 1024**3
ANSWER_WITHIN_S = 5.0
BACKLOG_S = 600.0
ASK_AGAIN_AFTER_S = 1.0  # whoever asks does not make the disk busy


class HealthCheck:
    """``clock`` gives seconds since 1970, ``monotonic`` those of a clock that nobody sets."""

    def __init__(
        self,
        store: Store,
        works: Works,
        data_dir: Path,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._store = store
        self._works = works
        self._data_dir = data_dir
        self._clock = clock
        self._monotonic = monotonic
        self._free_bytes = free_bytes
        self._asking = asyncio.Lock()
        self._last: tuple[float, Health] | None = None

    @property
    def free_bytes(self) -> int:
        """What is left on the disk that the station writes to."""
        return self._free_bytes(self._data_dir)

    async def answers(self) -> bool:
        """Whether the database says anything at all in time; a full disk is no reason to start anew."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._store.check(now_s=self._clock())
        except StoreError:
            return True
        except TimeoutError:
            return False
        return True

    async def ask(self) -> Health:
        """Failing: alerts cannot be taken. Degraded: they are, and something else is not as it should be."""
        async with self._asking:
            now_s = self._monotonic()
            if self._last is None or now_s - self._last[0] >= ASK_AGAIN_AFTER_S:
                self._last = (now_s, await self._ask())
            return self._last[1]

    async def _ask(self) -> Health:
        failing, degraded = [], [f"{name} failed and was started again" for name in self._works.in_trouble]
        free_bytes = self.free_bytes
        if free_bytes < LEAST_ROOM_BYTES:
            failing.append(f"the disk has {free_bytes / 1e6:.0f} MB left")
        elif free_bytes < LITTLE_ROOM_BYTES:
            degraded.append(f"the disk has {free_bytes / 1e6:.0f} MB left")
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._store.check(now_s=self._clock())
                backlog = await self._store.media.backlog()
        except StoreError:
            failing.append("the database cannot be written")
        except TimeoutError:
            failing.append(f"the database does not answer within {ANSWER_WITHIN_S:.0f} s")
        else:
            if backlog.oldest_at_s is not None and self._clock() - backlog.oldest_at_s > BACKLOG_S:
                degraded.append(f"{backlog.waiting} pictures wait to be checked, for more than 10 minutes")
        status = "failing" if failing else "degraded" if degraded else "ok"
        return Health(status=status, problems=[*failing, *degraded])
