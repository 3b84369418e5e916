"""The order log: who asked which drone for what, when, and what came of it. Nothing in it is deleted.

Every order and every change of its fate is a deed of the audit log as well, written in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.station.answers import LoggedOrder, OrderFate
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import OrderDeed

_NOT_IN_DEED = {"id", "by", "at", "fate"}  # the deed says these itself


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order as it is from ``at_s`` on, and through whom."""

    order: LoggedOrder
    what: OrderDeed
    who: str
    at_s: float

    def deed(self) -> Deed:
        """For the audit log."""
        whole = self.order.model_dump(mode="json", exclude=_NOT_IN_DEED)
        detail = {name: value for name, value in whole.items() if value not in (None, "", [])}
        return Deed(self.who, self.what, str(self.order.id), detail)


class OrderLog:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def write(self, changes: Sequence[OrderChange]) -> None:
        """New orders, and what became of known ones, in one transaction."""

        def work(db: Connection) -> None:
            for change in changes:
                order = change.order
                db.execute(
                    "insert into orders (id, drone_id, kind, operator, given_at_s, fate, fate_at_s, body) "
                    "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update set "
                    "fate = excluded.fate, fate_at_s = excluded.fate_at_s, body = excluded.body",
                    [
                        str(order.id),
                        order.drone_id,
                        order.kind.value,
                        order.by,
                        order.at.timestamp(),
                        order.fate.value,
                        change.at_s,
                        order.model_dump_json(),
                    ],
                )
                write_deed(db, change.deed(), now_s=change.at_s)

        await self._database.run(work)

    async def newest(self, limit: int, before: LoggedOrder | None = None) -> list[LoggedOrder]:
        """The newest first; ``before`` continues after that order."""
        order = "order by given_at_s desc, id desc limit ?"
        if before is None:
            return await self._rows(order, [limit])
        return await self._rows(
            f"where (given_at_s, id) < (?, ?) {order}", [before.at.timestamp(), str(before.id), limit]
        )

    async def get(self, order_id: UUID) -> LoggedOrder | None:
        """One order as it stands."""
        rows = await self._rows("where id = ?", [str(order_id)])
        return rows[0] if rows else None

    async def about_alerts(self, alert_ids: Sequence[str]) -> list[LoggedOrder]:
        """Looks again at these, and that there be none, the oldest first."""
        return await self._rows(
            "where body ->> 'alert_id' in (select value from json_each(?)) order by given_at_s, id",
            [json.dumps(alert_ids)],
        )

    async def unsettled(self) -> list[LoggedOrder]:
        """What no drone has told the end of, the oldest first."""
        under_way = [OrderFate.WAITING.value, OrderFate.ACCEPTED.value]
        return await self._rows("where fate in (?, ?) order by given_at_s, id", under_way)

    async def _rows(self, condition: str, values: list[Any]) -> list[LoggedOrder]:
        sql = f"select body from orders {condition}"  # noqa: S608 (conditions are ours, values bound)

        def work(db: Connection) -> list[LoggedOrder]:
            return [LoggedOrder.model_validate_json(row["body"]) for row in db.query(sql, values)]

        return await self._database.read(work)
