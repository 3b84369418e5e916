"""Keys of drones that were made, replaced or revoked while the station has its database; as digests."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database as Connection

from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is decided here of one drone; it wins over the configuration."""

    drone_id: str
    digest: str | None
    revoked: bool
    changed_at_s: float


class KeyStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def load(self) -> list[StoredKey]:
        """All of them, by the drones' names."""

        def work(db: Connection) -> list[StoredKey]:
            rows = db.query(
                "select drone_id, digest, revoked, changed_at_s from drone_keys order by drone_id"
            )
            return [StoredKey(**row | {"revoked": bool(row["revoked"])}) for row in rows]

        return await self._database.read(work)

    async def put(self, drone_id: str, digest: str, *, by: str, now_s: float) -> None:
        """Only this key is the drone's from now on."""
        await self._write(StoredKey(drone_id, digest, False, now_s), Deed(by, "key.made", drone_id))

    async def revoke(self, drone_id: str, *, by: str, now_s: float) -> None:
        """No key is this drone's from now on."""
        await self._write(StoredKey(drone_id, None, True, now_s), Deed(by, "key.revoked", drone_id))

    async def _write(self, key: StoredKey, deed: Deed) -> None:
        def work(db: Connection) -> None:
            db.execute(
                "insert or replace into drone_keys (drone_id, digest, revoked, changed_at_s) "
                "values (?, ?, ?, ?)",
                [key.drone_id, key.digest, int(key.revoked), key.changed_at_s],
            )
            write_deed(db, deed, now_s=key.changed_at_s)

        await self._database.run(work)
