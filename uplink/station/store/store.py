"""The station's memory in one data folder. All SQL of the station is in this package."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from uplink.errors import StationError
from uplink.station.store.alerts import AlertStore
from uplink.station.store.audit import AuditLog
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import DeliveryStore
from uplink.station.store.fleet import FleetStore
from uplink.station.store.media import MediaStore
from uplink.station.store.orders import OrderLog


class Store:
    """Opens a data folder for this process alone.

    Raises ``StationError`` when the folder cannot be used or another station has it open.
    """

    def __init__(self, data_dir: Path) -> None:
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as reason:
            raise StationError(
                f"the data folder {data_dir} cannot be used: {reason.strerror}",
                hint="Give data_dir a folder that belongs to this user.",
            ) from None
        try:
            # The kernel lets go of it when the process dies, however it dies.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._database = StationDatabase(data_dir / "station.db")
            self.media = MediaStore(self._database, data_dir / "media")
        except BlockingIOError:
            os.close(self._lock)
            raise StationError(
                f"another station uses the data folder {data_dir}",
                hint="Stop it first, or give this one another data_dir.",
            ) from None
        except BaseException:
            os.close(self._lock)
            raise
        self.alerts = AlertStore(self._database)
        self.deliveries = DeliveryStore(self._database)
        self.fleet = FleetStore(self._database)
        self.orders = OrderLog(self._database)
        self.audit = AuditLog(self._database)

    async def check(self) -> None:
        """Raises ``StoreError`` if the database does not answer."""
        await self._database.run(lambda db: db.execute("select 1"))

    def close(self) -> None:
        """Finishes work under way, then lets the folder go."""
        self._database.close()
        os.close(self._lock)
