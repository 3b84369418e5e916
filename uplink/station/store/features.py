"""What the feeds read of alerts and tips: by place and time, page by page. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database as Connection

from uplink.station.answers import StoredAlert
from uplink.station.feeds.query import Box, Interval, ItemsQuery
from uplink.station.store.alerts import COLUMNS, stored_alert
from uplink.station.store.database import StationDatabase
from uplink.station.tip_answers import Tip


@dataclass(frozen=True, slots=True)
class Reach:
    """What a collection covers; None where it is empty, or nothing in it has a position."""

    box: Box | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows that have a place and a time. The names are ours."""

    name: str
    lon: str
    lat: str
    first_s: str
    last_s: str
    condition: str = "true"


_ALERTS = _Table(
    "alerts",
    "body ->> '$.position.lon_deg'",
    "body ->> '$.position.lat_deg'",
    "confirmed_at_s",
    "confirmed_at_s",
)
_TIPS = _Table(
    "tips", "body ->> '$.place.lon_deg'", "body ->> '$.place.lat_deg'", "received_at_s", "received_at_s"
)
_INCIDENTS = _Table(
    "incidents",
    "lon_deg",
    "lat_deg",
    "first_confirmed_s",
    "last_seen_s",
    "moved_to is null and evidence <> ''",
)


class FeatureStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def alerts(self, query: ItemsQuery) -> list[StoredAlert]:
        """By time of confirmation, the newest first: one more than asked for, where there are more.

        An alert that knows only a direction is in no box.
        """
        return [stored_alert(row) for row in await self._page(_ALERTS, COLUMNS, query)]

    async def alert(self, alert_id: str) -> StoredAlert | None:
        """By its id as text, whatever that is: a feature's id is no more than that."""
        row = await self._row(f"select {COLUMNS} from alerts where id = ?", alert_id)  # noqa: S608
        return None if row is None else stored_alert(row)

    async def tips(self, query: ItemsQuery) -> list[Tip]:
        """By the time they came, the newest first: one more than asked for, where there are more."""
        return [Tip.model_validate_json(row["body"]) for row in await self._page(_TIPS, "body", query)]

    async def tip(self, tip_id: str) -> Tip | None:
        """By its id as text."""
        row = await self._row("select body from tips where id = ?", tip_id)
        return None if row is None else Tip.model_validate_json(row["body"])

    async def reach_of_alerts(self) -> Reach:
        """Where and when all of them were."""
        return await self._reach(_ALERTS)

    async def reach_of_incidents(self) -> Reach:
        """Where and when all of them were."""
        return await self._reach(_INCIDENTS)

    async def reach_of_tips(self) -> Reach:
        """Where and when all of them were."""
        return await self._reach(_TIPS)

    async def _page(self, table: _Table, columns: str, query: ItemsQuery) -> list[dict[str, Any]]:
        conditions, values = [table.condition], dict[str, Any]()
        if (box := query.box) is not None:
            # Over the antimeridian, west is the greater one.
            joint = "and" if box.west <= box.east else "or"
            conditions += [
                f"{table.lat} between :south and :north",
                f"({table.lon} >= :west {joint} {table.lon} <= :east)",
            ]
            values |= {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
        if query.interval is not None and query.interval.start is not None:
            conditions.append(f"{table.last_s} >= :start_s")
            values["start_s"] = query.interval.start.timestamp()
        if query.interval is not None and query.interval.end is not None:
            conditions.append(f"{table.first_s} <= :end_s")
            values["end_s"] = query.interval.end.timestamp()
        if query.after is not None:
            last = f"select {table.first_s}, id from {table.name} where id = :after"  # noqa: S608
            conditions.append(f"({table.first_s}, id) < ({last})")
            values["after"] = query.after
        values["limit"] = query.limit + 1
        sql = (
            f"select {columns} from {table.name} where {' and '.join(conditions)} "  # noqa: S608 (all of it is ours)
            f"order by {table.first_s} desc, id desc limit :limit"
        )
        return await self._database.read(lambda db: list(db.query(sql, values)))

    async def _row(self, sql: str, feature_id: str) -> dict[str, Any] | None:
        return await self._database.read(lambda db: next(iter(db.query(sql, [feature_id])), None))

    async def _reach(self, table: _Table) -> Reach:
        sql = (
            f"select min({table.lon}) as west, min({table.lat}) as south, max({table.lon}) as east, "  # noqa: S608
            f"max({table.lat}) as north, min({table.first_s}) as first_s, max({table.last_s}) as last_s "
            f"from {table.name} where {table.condition}"
        )

        def work(db: Connection) -> Reach:
            row = next(iter(db.query(sql)))
            places = [row[name] for name in ("west", "south", "east", "north")]
            times = [row[name] for name in ("first_s", "last_s")]
            return Reach(
                None if None in places else Box(*places),
                None if None in times else Interval(*(datetime.fromtimestamp(at, UTC) for at in times)),
            )

        return await self._database.read(work)
