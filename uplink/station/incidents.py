"""Incidents of a running station: what alerts, people and time do to them, and who is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from uplink.station.answers import Delivery
from uplink.station.incident import Incident
from uplink.station.live import LiveHub
from uplink.station.store.incident_settling import IncidentNews
from uplink.station.store.store import Store
from uplink.station.suppressed import Suppressed
from uplink.station.webhooks.dispatcher import WebhookDispatcher

log = logging.getLogger(__name__)

TICK_S = 0.5
OLDER_AT_ONCE = 200


class Incidents:
    """``clock`` gives seconds since 1970. On the event loop only."""

    def __init__(
        self,
        store: Store,
        live: LiveHub,
        webhooks: WebhookDispatcher,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.suppressed = Suppressed(store.suppressed)
        self._store = store
        self._live = live
        self._webhooks = webhooks
        self._clock = clock

    def tell(self, incidents: Iterable[Incident], deliveries: Iterable[Delivery]) -> None:
        """Open pages see what changed, and webhooks go out."""
        for incident in incidents:
            self._live.publish("incident", str(incident.id), incident)
        for delivery in deliveries:
            self._live.publish("delivery", str(delivery.id), delivery)
        self._webhooks.wake()

    async def run(self) -> None:
        """Until cancelled."""
        await self.begin()
        while True:
            await self.tick()
            await asyncio.sleep(TICK_S)

    async def begin(self) -> None:
        """What the station left undone when it stopped, and alerts from before it kept incidents."""
        found = 0
        while linked := await self._store.alerts.link_older(OLDER_AT_ONCE, now_s=self._clock()):
            found += linked
        if found:
            log.info("%d older alerts have their incidents now", found)
        await self._store.incidents.begin()

    async def tick(self) -> None:
        """What the alerts' news mean for their incidents, and whom time has made late."""
        now_s, incidents = self._clock(), self._store.incidents
        await self.suppressed.save()
        if await incidents.has_news(now_s=now_s):
            self.tell(await incidents.freshen(now_s=now_s), ())
            late = await incidents.escalate(now_s=now_s, endpoints=self._webhooks.names)
            self.tell(late.incidents.values(), late.deliveries)
            for incident in late.incidents.values():
                log.warning("incident %s is escalated to %s", incident.id, incident.level)

    def tell_news(self, news: IncidentNews) -> None:
        """What a person's step has changed."""
        self.tell(news.incidents.values(), news.deliveries)
