"""Flights of a running station: the telemetry is cut into them soon after it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from uplink.station.store.flights import FlightStore

EVERY_S = 2.0
PAUSE_S = 0.02  # between two pieces of a backlog: alerts come first
LEAP_S = 60.0
PATIENCE_S = 120.0  # after a leap, until those that fly have been heard by the clock as it is now


class Flights:
    """``clock`` gives seconds since 1970, ``monotonic`` those of a clock that nobody sets."""

    def __init__(
        self, store: FlightStore, *, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._offset_s = clock() - monotonic()
        self._patient_until_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(EVERY_S)

    async def tick(self) -> None:
        """All that came since, and flights that nobody will hear the end of."""
        if await self._store.has_news():
            await self._cut_all()
        now_s, offset_s = self._monotonic(), self._clock() - self._monotonic()
        if abs(offset_s - self._offset_s) > LEAP_S:
            self._patient_until_s = now_s + PATIENCE_S
        self._offset_s = offset_s
        if now_s >= self._patient_until_s:
            await self._store.expire(local_day, now_s=self._clock())

    async def _cut_all(self) -> None:
        while await self._store.cut(local_day) > 0:  # noqa: ASYNC110 (it works, it does not wait)
            await asyncio.sleep(PAUSE_S)


def local_day(utc_s: float) -> str:
    """The day of a time, by the calendar that hangs on the wall of the station."""
    return datetime.fromtimestamp(utc_s).astimezone().date().isoformat()
