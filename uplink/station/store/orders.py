"""The order log: who asked which drone for what, when, and what came of it. Nothing in it is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database as Connection

from uplink.station.answers import LoggedOrder, OrderFate
from uplink.station.store.database import StationDatabase


class OrderLog:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def write(self, orders: Sequence[LoggedOrder], *, now_s: float) -> None:
        """New orders, or what became of known ones, in one transaction."""

        def work(db: Connection) -> None:
            for order in orders:
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
                        now_s,
                        order.model_dump_json(),
                    ],
                )

        await self._database.run(work)

    async def newest(self, limit: int) -> list[LoggedOrder]:
        """The newest first."""
        return await self._rows("order by given_at_s desc, id desc limit ?", [limit])

    async def unsettled(self) -> list[LoggedOrder]:
        """What no drone has told the end of, the oldest first."""
        under_way = [OrderFate.WAITING.value, OrderFate.ACCEPTED.value]
        return await self._rows("where fate in (?, ?) order by given_at_s, id", under_way)

    async def _rows(self, condition: str, values: list[Any]) -> list[LoggedOrder]:
        sql = f"select body from orders {condition}"  # noqa: S608 (conditions are ours, values bound)

        def work(db: Connection) -> list[LoggedOrder]:
            return [LoggedOrder.model_validate_json(row["body"]) for row in db.query(sql, values)]

        return await self._database.run(work)
