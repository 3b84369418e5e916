"""What a running station is made of; the routes get it from the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from uplink.errors import StoreError
from uplink.messages import Alert, DroneState
from uplink.station.access import Access
from uplink.station.answers import Crossed, Snapshot
from uplink.station.auth import DroneKeys
from uplink.station.backups import Backups
from uplink.station.basemap.shelf import MapShelf
from uplink.station.control import Control
from uplink.station.crew import Crew
from uplink.station.crossings import Crossings
from uplink.station.drone_links import OpenLink
from uplink.station.fleet import Fleet
from uplink.station.health import HealthCheck
from uplink.station.incidents import Incidents
from uplink.station.live import LiveHub
from uplink.station.looks import Looks
from uplink.station.metrics import Metrics
from uplink.station.patrols import Patrols
from uplink.station.pictures import PictureChecker
from uplink.station.retention import Retention
from uplink.station.store.store import Store
from uplink.station.tips import Tips
from uplink.station.uploads import Uploads
from uplink.station.views import Views
from uplink.station.webhooks.dispatcher import WebhookDispatcher
from uplink.station.works import Works
from uplink.station.zones import Zones

SNAPSHOT_ALERTS = 500
SNAPSHOT_INCIDENTS = 500
SNAPSHOT_TRACK_POINTS = 40_000  # of all drones together


@dataclass(slots=True)
class Services:
    """``clock`` gives seconds since 1970."""

    store: Store
    keys: DroneKeys
    access: Access
    fleet: Fleet
    live: LiveHub
    webhooks: WebhookDispatcher
    uploads: Uploads
    control: Control
    tips: Tips
    incidents: Incidents
    crew: Crew
    zones: Zones
    retention: Retention
    backups: Backups
    crossings: Crossings
    pictures: PictureChecker
    patrols: Patrols
    looks: Looks
    works: Works
    health: HealthCheck
    metrics: Metrics
    map: MapShelf
    views: Views
    clock: Callable[[], float]
    data_dir: Path
    started_s: float

    async def snapshot(self) -> Snapshot:
        """Everything that a page needs to begin."""
        alerts = await self.store.alerts.newest(SNAPSHOT_ALERTS)
        fleet = self.fleet
        return Snapshot(
            now=self.now(),
            drones=fleet.states,
            patrols=fleet.patrols,
            grounds=fleet.grounds,
            searched=fleet.searched,
            alerts=alerts,
            crossings=self.crossings.now,
            tracks=fleet.latest_tracks(SNAPSHOT_TRACK_POINTS),
            leases=self.control.leases,
            orders=self.control.orders,
            tips=self.tips.unfinished,
            incidents=await self.store.incidents.open(SNAPSHOT_INCIDENTS, now_s=self.clock()),
            zones=await self.store.zones.standing(),
        )

    async def heard(self, link: OpenLink, state: DroneState) -> None:
        """A drone says how it is."""
        self.fleet.put_state(state, self.control.now_s(), self.clock())
        self.live.publish("drone", state.drone_id, state)
        self.incidents.suppressed.take(state)
        await self.control.heard(link, state)

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

    def now(self) -> datetime:
        """The time, with its zone."""
        return datetime.fromtimestamp(self.clock(), UTC)
