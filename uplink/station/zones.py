"""The station's ignore zones while it runs: people change them, time ends them, and pages and webhooks hear
of whatever they let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from uplink.errors import NotPossibleError
from uplink.station.incidents import Incidents
from uplink.station.live import LiveHub
from uplink.station.store.zones import Change, ZoneNews, ZoneStore
from uplink.station.webhooks.dispatcher import WebhookDispatcher
from uplink.station.zone import ImportRefusal, StationZone, ZoneDraft, ZonesImported
from uplink.station.zone_file import NoZone

log = logging.getLogger(__name__)

TICK_S = 0.5


class Zones:
    """``clock`` gives seconds since 1970. On the event loop only."""

    def __init__(
        self,
        store: ZoneStore,
        live: LiveHub,
        incidents: Incidents,
        webhooks: WebhookDispatcher,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._live = live
        self._incidents = incidents
        self._webhooks = webhooks
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. What ended while the station was down is told at once."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """Whatever time has ended."""
        if await self._store.some_ended(self._clock()):
            self._tell(await self._store.tell_ended(self._by("station")))

    async def add(self, draft: ZoneDraft, *, by: str) -> StationZone:
        """Raises ``NotPossibleError``."""
        return self._tell(await self._store.add(draft, self._by(by)))

    async def change(self, zone_id: UUID, version: int | None, draft: ZoneDraft, *, by: str) -> StationZone:
        """Raises ``UnknownNameError`` or ``NotPossibleError``."""
        return self._tell(await self._store.change(zone_id, version, draft, self._by(by)))

    async def remove(self, zone_id: UUID, version: int | None, *, by: str) -> StationZone:
        """Raises ``UnknownNameError`` or ``NotPossibleError``."""
        return self._tell(await self._store.remove(zone_id, version, self._by(by)))

    async def bring_in(self, found: list[ZoneDraft | NoZone], *, by: str) -> ZonesImported:
        """The zones of a file, each by itself: one that is none keeps no other out."""
        made, refused = [], []
        for number, one in enumerate(found, 1):
            if isinstance(one, NoZone):
                refused.append(ImportRefusal(number=number, name=one.name, reason=one.reason))
                continue
            try:
                made.append(await self.add(one, by=by))
            except NotPossibleError as reason:
                refused.append(ImportRefusal(number=number, name=one.name, reason=str(reason)))
        return ZonesImported(made=made, refused=refused)

    def _by(self, who: str) -> Change:
        return Change(who, self._clock(), self._webhooks.names)

    def _tell(self, news: ZoneNews) -> StationZone:
        for zone in news.zones:
            self._live.publish("zone", str(zone.id), zone)
        for alert in news.alerts:
            log.warning("no zone holds alert %s back any more: it is told now", alert.id)
            self._live.publish("alert", str(alert.id), alert)
        self._incidents.tell_news(news.incidents)
        return news.zones[0]
