"""What admins have set while the station runs; it wins over the configuration. Each change is a deed."""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database as Connection

from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import DeedName


class SettingStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def get(self, name: str) -> dict[str, Any] | None:
        """None: nobody has set it, and the configuration holds."""

        def work(db: Connection) -> dict[str, Any] | None:
            row = next(iter(db.query("select body from settings where name = ?", [name])), None)
            return None if row is None else dict(json.loads(row["body"]))

        return await self._database.read(work)

    async def put(
        self,
        name: str,
        value: dict[str, Any] | None,
        *,
        deed: DeedName,
        before: dict[str, Any],
        by: str,
        now_s: float,
    ) -> None:
        """None: as the configuration says, again. ``before`` is what held until now, for the audit log."""

        def work(db: Connection) -> None:
            if value is None:
                db.execute("delete from settings where name = ?", [name])
            else:
                db.execute(
                    "insert or replace into settings (name, body) values (?, ?)", [name, json.dumps(value)]
                )
            detail = {"before": before, "after": value}
            write_deed(db, Deed(by, deed, name, detail), now_s=now_s)

        await self._database.run(work)
