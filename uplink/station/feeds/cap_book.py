"""Writes a CAP message whenever warning systems have to hear of an incident, while the station runs.

Incidents that changed are noted in the transaction that changes them, so that none is passed over, whatever
dies in between. Several changes within a second are one message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from uplink.station.feeds.cap import CapMessage, cap_message, is_news, kind_of
from uplink.station.feeds.config import CapConfig
from uplink.station.store.cap import CapStore, Subject

LOOK_EVERY_S = 1.0


class CapBook:
    """``web`` is where people see the station's page; ``clock`` gives seconds since 1970."""

    def __init__(self, store: CapStore, config: CapConfig, *, web: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._config = config
        self._web = web
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self.look():
                await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Writes what there is to write now; whether there may be more at once."""
        now_s = self._clock()
        now = datetime.fromtimestamp(now_s, UTC)
        return await self._store.issue(lambda subject: self._message(subject, now), now_s=now_s)

    def _message(self, subject: Subject, now: datetime) -> CapMessage | None:
        incident, before = subject.incident, subject.before
        kind = kind_of(incident, before, moved=subject.moved, now=now)
        if kind is None:
            return None
        if kind == "Update" and subject.told is not None and not is_news(subject.told, incident):
            return None
        return cap_message(
            incident, kind, before, now=now, config=self._config, web=self._web, moved=subject.moved
        )
