"""Tips as the station keeps them, each change with its deed in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import TipDeed
from uplink.station.tip_answers import FINAL, Tip, TipState

_NEWEST_ALERTS = 5000


@dataclass(frozen=True, slots=True)
class PlacedAlert:
    """As much of an alert as it takes to say how near it is."""

    alert_id: UUID
    incident_id: UUID | None
    label: str
    lat_deg: float
    lon_deg: float


class TipStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def put(
        self, tip: Tip, told_again: Callable[[Tip, Tip], Tip], *, most_open: int
    ) -> tuple[Tip | None, str]:
        """A new tip, or the known one of the same source and external id; what became of it: `new`,
        `updated`, `same`, or `too many`, and then there is none."""

        def work(db: Connection) -> tuple[Tip | None, str]:
            known = _one(db, "where source = ? and external_id = ?", [tip.source, tip.external_id])
            if known is None:
                (open_now,) = db.query(
                    f"select count(*) as n from tips where state not in ({_marks(FINAL)})",  # noqa: S608 (marks only)
                    [state.value for state in FINAL],
                )
                if open_now["n"] >= most_open:
                    return None, "too many"
                _write(db, tip)
                write_deed(db, _deed(tip, "tip.told", tip.told_by), now_s=tip.received_at.timestamp())
                return tip, "new"
            news = told_again(known, tip)
            if news is known:
                return known, "same"
            _write(db, news)
            write_deed(db, _deed(news, "tip.updated", tip.told_by), now_s=tip.updated_at.timestamp())
            return news, "updated"

        return await self._database.run(work)

    async def change(
        self, tip_id: UUID, step: Callable[[Tip], Tip], *, what: TipDeed, who: str, now_s: float
    ) -> tuple[Tip, bool] | None:
        """Does one step, and whether that changed anything; None where there is no such tip. Raises what the
        step raises."""

        def work(db: Connection) -> tuple[Tip, bool] | None:
            known = _one(db, "where id = ?", [str(tip_id)])
            if known is None:
                return None
            tip = step(known)
            if tip is known:
                return known, False
            _write(db, tip)
            write_deed(db, _deed(tip, what, who), now_s=now_s)
            return tip, True

        return await self._database.run(work)

    async def get(self, tip_id: UUID) -> Tip | None:
        """As it stands."""
        return await self._database.run(lambda db: _one(db, "where id = ?", [str(tip_id)]))

    async def newest(
        self, limit: int, before: Tip | None = None, states: Collection[TipState] = ()
    ) -> list[Tip]:
        """By the time they came, the newest first; ``before`` continues after that tip."""
        conditions, values = ["1 = 1"], list[Any]()
        if before is not None:
            conditions.append("(received_at_s, id) < (?, ?)")
            values += [before.received_at.timestamp(), str(before.id)]
        if states:
            conditions.append(f"state in ({_marks(states)})")
            values += [state.value for state in states]
        where = f"where {' and '.join(conditions)} order by received_at_s desc, id desc limit ?"
        return await self._database.run(lambda db: _many(db, where, [*values, limit]))

    async def unfinished(self) -> list[Tip]:
        """All that somebody may still do something about, the oldest first."""
        where = f"where state not in ({_marks(FINAL)}) order by received_at_s, id"
        values = [state.value for state in FINAL]
        return await self._database.run(lambda db: _many(db, where, values))

    async def alerts_since(self, since_s: float) -> list[PlacedAlert]:
        """Alerts with a position that were confirmed since then and not withdrawn."""

        def work(db: Connection) -> list[PlacedAlert]:
            rows = db.query(
                "select alerts.id, footprints.incident_id, body ->> '$.label' as label, "
                "body ->> '$.position.lat_deg' as lat_deg, body ->> '$.position.lon_deg' as lon_deg "
                "from (select * from alerts where confirmed_at_s >= ? order by confirmed_at_s desc limit ?) "
                "as alerts left join footprints on footprints.id = alerts.footprint_id "
                "where body ->> '$.state' != 'withdrawn' and lat_deg is not null",
                [since_s, _NEWEST_ALERTS],
            )
            return [
                PlacedAlert(
                    UUID(row["id"]),
                    UUID(row["incident_id"]) if row["incident_id"] else None,
                    row["label"],
                    row["lat_deg"],
                    row["lon_deg"],
                )
                for row in rows
            ]

        return await self._database.run(work)


def _write(db: Connection, tip: Tip) -> None:
    db.execute(
        "insert into tips (id, source, external_id, state, received_at_s, body) values (?, ?, ?, ?, ?, ?) "
        "on conflict (id) do update set state = excluded.state, body = excluded.body",
        [
            str(tip.id),
            tip.source,
            tip.external_id,
            tip.state.value,
            tip.received_at.timestamp(),
            tip.model_dump_json(exclude={"near"}),
        ],
    )


def _deed(tip: Tip, what: TipDeed, who: str) -> Deed:
    detail: dict[str, Any] = {
        "source": tip.source,
        "external_id": tip.external_id,
        "state": tip.state.value,
        "reason": tip.reason,
        "lat_deg": tip.place.lat_deg,
        "lon_deg": tip.place.lon_deg,
        "radius_m": tip.radius_m,
        "alert_ids": [str(alert_id) for alert_id in tip.alert_ids],
    }
    if tip.look is not None:
        detail |= {"drone_id": tip.look.drone_id, "order_id": str(tip.look.order_id)}
    return Deed(
        who, what, str(tip.id), {name: value for name, value in detail.items() if value not in ("", [])}
    )


def _one(db: Connection, where: str, values: list[Any]) -> Tip | None:
    return next(iter(_many(db, where, values)), None)


def _many(db: Connection, where: str, values: list[Any]) -> list[Tip]:
    sql = f"select body from tips {where}"  # noqa: S608 (conditions are ours, values bound)
    return [Tip.model_validate_json(row["body"]) for row in db.query(sql, values)]


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
