"""The station's memory in one data folder. All SQL of the station is in this package."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from uplink.errors import StationError
from uplink.station.incident_rules import IncidentRules
from uplink.station.store.alerts import AlertStore
from uplink.station.store.audit import AuditLog
from uplink.station.store.cap import CapStore
from uplink.station.store.counts import CountStore
from uplink.station.store.crew_links import CrewLinkStore
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import DeliveryStore
from uplink.station.store.delivery_queue import DeliveryQueue
from uplink.station.store.endpoints import EndpointStore
from uplink.station.store.features import FeatureStore
from uplink.station.store.fleet import FleetStore
from uplink.station.store.flights import FlightStore
from uplink.station.store.incidents import IncidentStore
from uplink.station.store.keys import KeyStore
from uplink.station.store.lock import open_lock, take
from uplink.station.store.media import MediaStore
from uplink.station.store.orders import OrderLog
from uplink.station.store.patrols import PatrolStore
from uplink.station.store.retention import RetentionStore
from uplink.station.store.settings import SettingStore
from uplink.station.store.suppressed import SuppressedStore
from uplink.station.store.telemetry import TelemetryStore
from uplink.station.store.tips import TipStore
from uplink.station.store.uploads import UploadStore
from uplink.station.store.users import UserStore
from uplink.station.store.zones import ZoneStore


class Store:
    """Opens a data folder for this process alone.

    Raises ``StationError`` when the folder cannot be used or another station has it open.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        on_commit: Callable[[int, float], None] | None = None,
        rules: IncidentRules | None = None,
    ) -> None:
        rules = rules or IncidentRules()
        self._lock = open_lock(data_dir, hint="Give data_dir a folder that belongs to this user.")
        try:
            if not take(self._lock):
                raise StationError(
                    f"another station uses the data folder {data_dir}",
                    hint="Stop it first, or give this one another data_dir.",
                )
            if (data_dir / "restoring").exists():
                raise StationError(
                    f"a restore into {data_dir} was cut off", hint="Make it again: emberwatch station restore"
                )
            self._database = StationDatabase(data_dir / "station.db", on_commit=on_commit)
            self.media = MediaStore(self._database, data_dir / "media", data_dir / "shown")
        except BaseException:
            os.close(self._lock)
            raise
        self.alerts = AlertStore(self._database, rules)
        self.incidents = IncidentStore(self._database, rules)
        self.suppressed = SuppressedStore(self._database)
        self.crew_links = CrewLinkStore(self._database)
        self.zones = ZoneStore(self._database, rules)
        self.features = FeatureStore(self._database)
        self.cap = CapStore(self._database, rules)
        self.deliveries = DeliveryStore(self._database)
        self.delivery_queue = DeliveryQueue(self._database)
        self.endpoints = EndpointStore(self._database)
        self.fleet = FleetStore(self._database)
        self.counts = CountStore(self._database)
        self.orders = OrderLog(self._database)
        self.retention = RetentionStore(
            self._database, lambda sha256: (self.media.original(sha256), self.media.shown(sha256))
        )
        self.settings = SettingStore(self._database)
        self.patrols = PatrolStore(self._database)
        self.tips = TipStore(self._database)
        self.telemetry = TelemetryStore(self._database)
        self.flights = FlightStore(self._database)
        self.audit = AuditLog(self._database)
        self.users = UserStore(self._database)
        self.uploads = UploadStore(self._database, data_dir / "uploads")
        self.keys = KeyStore(self._database)

    async def check(self, *, now_s: float) -> None:
        """Writes a little. Raises ``StoreError`` if that is not possible."""
        await self._database.run(lambda db: db.execute("insert or replace into beats values (1, ?)", [now_s]))

    def close(self) -> None:
        """Finishes work under way, then lets the folder go."""
        self.media.close()
        self._database.close()
        os.close(self._lock)
