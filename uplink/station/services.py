"""What a running station is made of; the routes get it from the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from uplink.errors import StoreError
from uplink.messages import Alert
from uplink.station.answers import Crossed, Delivery, Snapshot
from uplink.station.auth import KeyRing
from uplink.station.control import Control
from uplink.station.crossings import Crossings
from uplink.station.fleet import Fleet
from uplink.station.live import LiveHub
from uplink.station.store.store import Store
from uplink.station.webhooks import WebhookDispatcher

SNAPSHOT_ALERTS = 500


@dataclass(slots=True)
class Services:
    """``clock`` gives seconds since 1970."""

    store: Store
    keys: KeyRing
    fleet: Fleet
    live: LiveHub
    webhooks: WebhookDispatcher
    control: Control
    crossings: Crossings
    clock: Callable[[], float]

    async def snapshot(self) -> Snapshot:
        """Everything that a page needs to begin."""
        alerts = await self.store.alerts.newest(SNAPSHOT_ALERTS)
        fleet = self.fleet
        return Snapshot(
            drones=fleet.states,
            patrols=fleet.patrols,
            alerts=alerts,
            crossings=self.crossings.now,
            tracks=fleet.tracks,
            leases=self.control.leases,
            orders=self.control.orders,
        )

    async def save_fleet(self) -> None:
        """Writes down what is new of the drones."""
        changes = self.fleet.take_changes()
        if not changes:
            return
        try:
            await self.store.fleet.save(changes)
        except StoreError:
            self.fleet.put_back(changes)
            raise

    def join_bearings(self, alert: Alert) -> None:
        """Where its line of sight crosses others, and tell the open pages if that is news."""
        if self.crossings.take(alert):
            self.live.publish("crossings", "all", Crossed(crossings=self.crossings.now))

    def publish_delivery(self, delivery: Delivery) -> None:
        """Tells the open pages how a webhook fares."""
        self.live.publish("delivery", str(delivery.id), delivery)

    def now(self) -> datetime:
        """The time, with its zone."""
        return datetime.fromtimestamp(self.clock(), UTC)
