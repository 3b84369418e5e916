"""Takes leave of what nobody needs any more, a little at a time.

A picture leaves in two steps: it is marked, and then its files and the mark go in one piece of the writing
thread's work. What a crash cuts off between them is finished the next time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database as Connection

from uplink.station.retention_answers import Leaving
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase

MEDIA_AT_ONCE = 100
ROWS_AT_ONCE = 1000

# An alert that no incident has yet may become part of one, unless an ignore zone holds it back.
_MAY_GO = """
from media where received_at_s < :before_s and state not in ('leaving', 'gone') and hold = '' and not exists (
    select 1 from evidence join alerts on alerts.id = evidence.alert_id
    left join footprints on footprints.id = alerts.footprint_id
    left join incidents on incidents.id = footprints.incident_id
    where evidence.sha256 = media.sha256 and (
        (incidents.id is null and (alerts.zone_id is null or alerts.last_seen_s >= :before_s))
        or incidents.state not in ('resolved', 'false alarm')
        or incidents.updated_at_s >= :before_s
    )
)"""
_MARK = f"""
update media set state = 'leaving' where sha256 in (
    select sha256 {_MAY_GO} order by received_at_s limit :limit
)"""  # noqa: S608 (all of it is ours)
_OLD_TELEMETRY = "heard_at_s < ?"
_OLD_FLIGHTS = "last_s < ? and ended is not null"
_OLD_DELIVERIES = "state <> 'waiting' and created_at_s < ?"


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What is older may go; seconds since 1970."""

    media_s: float
    telemetry_s: float
    deliveries_s: float
    sessions_s: float


class RetentionStore:
    """``files_of`` gives the files of a picture."""

    def __init__(self, database: StationDatabase, files_of: Callable[[str], tuple[Path, ...]]) -> None:
        self._database = database
        self._files_of = files_of

    async def leaving(self, cutoffs: Cutoffs) -> Leaving:
        """What these limits would remove."""

        def work(db: Connection) -> Leaving:
            (media,) = db.query(
                f"select count(*) as pictures, coalesce(sum(size_bytes), 0) as picture_bytes {_MAY_GO}",
                {"before_s": cutoffs.media_s},
            )
            return Leaving(
                **media,
                telemetry=_count(db, "telemetry", _OLD_TELEMETRY, cutoffs.telemetry_s),
                flights=_count(db, "flights", _OLD_FLIGHTS, cutoffs.telemetry_s),
                deliveries=_count(db, "deliveries", _OLD_DELIVERIES, cutoffs.deliveries_s),
            )

        return await self._database.read(work)

    async def use(self) -> dict[str, int]:
        """How much there is: of ``DiskUse``, what the database knows."""

        def work(db: Connection) -> dict[str, int]:
            (media,) = db.query(
                "select count(*) as pictures, coalesce(sum(size_bytes), 0) as picture_bytes, "
                "count(*) filter (where hold <> '') as held_pictures from media where state <> 'gone'"
            )
            (pages,) = db.query(
                "select page_count * page_size as bytes from pragma_page_count, pragma_page_size"
            )
            return {
                **media,
                "database_bytes": pages["bytes"],
                "telemetry": _count(db, "telemetry"),
                "deliveries": _count(db, "deliveries"),
            }

        return await self._database.read(work)

    async def take_media(self, cutoffs: Cutoffs) -> int:
        """Removes some of the pictures that are old and that nothing holds; how many."""

        def mark(db: Connection) -> None:
            db.execute(_MARK, {"before_s": cutoffs.media_s, "limit": MEDIA_AT_ONCE})

        def remove(db: Connection) -> int:
            leaving = [row["sha256"] for row in db.query("select sha256 from media where state = 'leaving'")]
            for sha256 in leaving:
                for path in self._files_of(sha256):
                    path.unlink(missing_ok=True)
            db.execute("update media set state = 'gone' where state = 'leaving'")
            return len(leaving)

        await self._database.run(mark)
        return await self._database.run(remove)

    async def take_telemetry(self, cutoffs: Cutoffs) -> int:
        """Removes some of the old telemetry; how many rows."""
        return await self._delete("telemetry", "id", _OLD_TELEMETRY, cutoffs.telemetry_s)

    async def take_flights(self, cutoffs: Cutoffs) -> int:
        """Removes some of the flights whose telemetry is old, and so on its way; how many."""
        return await self._delete("flights", "id", _OLD_FLIGHTS, cutoffs.telemetry_s)

    async def take_deliveries(self, cutoffs: Cutoffs) -> int:
        """Removes some of the old deliveries that are over, with their attempts; how many."""

        def work(db: Connection) -> int:
            over = f"select id from deliveries where {_OLD_DELIVERIES} order by id limit ?"  # noqa: S608
            values = [cutoffs.deliveries_s, ROWS_AT_ONCE]
            db.execute(f"delete from delivery_attempts where delivery_id in ({over})", values)  # noqa: S608
            return int(db.execute(f"delete from deliveries where id in ({over})", values).rowcount)  # noqa: S608

        return await self._database.run(work)

    async def take_sessions(self, cutoffs: Cutoffs) -> int:
        """Removes sessions that are over."""
        return await self._delete("sessions", "digest", "begun_at_s < ?", cutoffs.sessions_s)

    async def record(self, counts: dict[str, int], cutoffs: Cutoffs, *, now_s: float) -> None:
        """What a sweep took."""
        before = {
            "media": cutoffs.media_s,
            "telemetry": cutoffs.telemetry_s,
            "deliveries": cutoffs.deliveries_s,
        }
        deed = Deed("station", "retention.swept", "retention", {"removed": counts, "before_s": before})
        await self._database.run(lambda db: write_deed(db, deed, now_s=now_s))

    async def _delete(self, table: str, key: str, condition: str, before_s: float) -> int:
        sql = f"delete from {table} where {key} in (select {key} from {table} where {condition} limit ?)"  # noqa: S608

        def work(db: Connection) -> int:
            return int(db.execute(sql, [before_s, ROWS_AT_ONCE]).rowcount)

        return await self._database.run(work)


def _count(db: Connection, table: str, condition: str = "true", *values: float) -> int:
    (row,) = db.query(f"select count(*) as rows from {table} where {condition}", list(values))  # noqa: S608
    return int(row["rows"])
