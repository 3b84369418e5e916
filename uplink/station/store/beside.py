"""The station's database for a verb of the command line, whether the station runs or not."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from uplink.errors import StoreError
from uplink.station.store.audit import AuditLog
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import DeliveryStore
from uplink.station.store.delivery_queue import DeliveryQueue
from uplink.station.store.endpoints import EndpointStore
from uplink.station.store.keys import KeyStore
from uplink.station.store.lock import open_lock, take
from uplink.station.store.schema import STEPS
from uplink.station.store.users import UserStore


class StoreBeside:
    """Opens it beside a running station; SQLite lets the two write in turn, and the station sees within a
    second what was changed. Where none runs, none can start meanwhile.

    Raises ``StationError`` when the folder cannot be used, or a station of another version has it open.
    """

    def __init__(self, data_dir: Path) -> None:
        self._lock = open_lock(data_dir, hint="Run this as the user that the station runs as.")
        try:
            if not take(self._lock):
                _must_have_our_layout(data_dir / "station.db")
            self._database = StationDatabase(data_dir / "station.db")
        except BaseException:
            os.close(self._lock)
            raise
        self.users = UserStore(self._database)
        self.keys = KeyStore(self._database)
        self.audit = AuditLog(self._database)
        self.deliveries = DeliveryStore(self._database)
        self.delivery_queue = DeliveryQueue(self._database)
        self.endpoints = EndpointStore(self._database)

    def close(self) -> None:
        """Lets the folder go."""
        self._database.close()
        os.close(self._lock)


def _must_have_our_layout(path: Path) -> None:
    """Tables are not brought forward under a station that does not know the new ones."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)
        try:
            layout = int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as reason:
        raise StoreError(f"the station's database {path} cannot be read: {reason}") from None
    if layout != len(STEPS):
        raise StoreError(
            f"the station that runs is of another version: its layout is {layout}, ours {len(STEPS)}",
            hint="Start it anew with this version first.",
        )
