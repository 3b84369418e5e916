"""Forgets by policy, once an hour, in small pieces that nothing waits for; the audit log tells of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from uplink.station.config import RetentionConfig
from uplink.station.retention_answers import Leaving, RetentionPolicy
from uplink.station.sessions import LIFETIME_S
from uplink.station.store.retention import Cutoffs, RetentionStore
from uplink.station.store.settings import SettingStore

log = logging.getLogger(__name__)

SETTING = "retention"
DAY_S = 86_400.0
EVERY_S = 3600.0
FIRST_AFTER_S = 600.0  # a computer without a clock of its own knows the time only after a while
LEAP_S = 600.0
PAUSE_S = 0.05  # between two pieces: others come first


def cutoffs(policy: RetentionPolicy | RetentionConfig, now_s: float) -> Cutoffs:
    """What may go now."""
    return Cutoffs(
        media_s=now_s - policy.media_days * DAY_S,
        telemetry_s=now_s - policy.telemetry_days * DAY_S,
        deliveries_s=now_s - policy.deliveries_days * DAY_S,
        sessions_s=now_s - LIFETIME_S,
    )


class Retention:
    """What an admin has set wins over the configuration. ``clock`` gives seconds since 1970, ``monotonic``
    those of a clock that nobody sets."""

    def __init__(
        self,
        store: RetentionStore,
        settings: SettingStore,
        configured: RetentionConfig,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._settings = settings
        self.configured = RetentionPolicy(**configured.model_dump())
        self.set_here: RetentionPolicy | None = None
        self.last_swept_s: float | None = None
        self._clock = clock
        self._monotonic = monotonic

    @property
    def policy(self) -> RetentionPolicy:
        """What holds now."""
        return self.set_here or self.configured

    async def start(self) -> None:
        """What was set before the station was started."""
        said = await self._settings.get(SETTING)
        self.set_here = None if said is None else RetentionPolicy.model_validate(said)

    async def change(self, policy: RetentionPolicy | None, *, by: str) -> None:
        """None: as the configuration says, again. What goes by it goes with the next sweep, not at once."""
        value = None if policy is None else policy.model_dump()
        before = self.policy.model_dump()
        await self._settings.put(
            SETTING, value, deed="retention.changed", before=before, by=by, now_s=self._clock()
        )
        self.set_here = policy

    async def leaving(self, policy: RetentionPolicy) -> Leaving:
        """What a policy would remove now."""
        return await self._store.leaving(cutoffs(policy, self._clock()))

    async def run(self) -> None:
        """Until cancelled. A clock that has leapt does not make everything old: that time is left out."""
        wait_s = FIRST_AFTER_S
        while True:
            offset_s = self._clock() - self._monotonic()
            await asyncio.sleep(wait_s)
            wait_s = EVERY_S
            leapt_s = self._clock() - self._monotonic() - offset_s
            if abs(leapt_s) > LEAP_S:
                log.warning("the clock was set by %.0f s: nothing is removed this time", leapt_s)
                continue
            await self.sweep()

    async def sweep(self) -> dict[str, int]:
        """Removes all that may go now; how many of each."""
        now_s = self._clock()
        limits = cutoffs(self.policy, now_s)
        counts = {
            "media": await _all(self._store.take_media, limits),
            "telemetry": await _all(self._store.take_telemetry, limits),
            "flights": await _all(self._store.take_flights, limits),
            "deliveries": await _all(self._store.take_deliveries, limits),
            "sessions": await _all(self._store.take_sessions, limits),
        }
        removed = {what: count for what, count in counts.items() if count}
        if removed:
            await self._store.record(removed, limits, now_s=now_s)
            words = ", ".join(f"{count} {what}" for what, count in removed.items())
            log.info("retention removed %s", words, extra={"event": "retention.swept", "removed": removed})
        self.last_swept_s = now_s
        return removed


async def _all(take: Callable[[Cutoffs], Awaitable[int]], limits: Cutoffs) -> int:
    total = 0
    while taken := await take(limits):
        total += taken
        await asyncio.sleep(PAUSE_S)
    return total
