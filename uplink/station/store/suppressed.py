"""What burns where it may: hotspots in the drones' ignore zones and alerts in the station's, with the rule
that kept each one back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.messages import Position, SuppressedHotspot
from uplink.station.incident_answers import SuppressedItem
from uplink.station.store.database import StationDatabase

# Of a drone's hotspot of which there is an alert that the station holds back, that says more.
_ALL = """(
    select drone_id, hotspot_id, 'drone' as by, zone, null as zone_id, null as zone_version, reason, label,
        position, first_seen_s, last_seen_s
    from suppressed
    where not exists (select 1 from alerts where alerts.id = hotspot_id and alerts.zone_id is not null)
    union all
    select a.drone_id, a.id, 'station', v.body ->> '$.name', a.zone_id, a.zone_version,
        v.body ->> '$.reason', a.label, a.body -> '$.position', a.first_seen_s, a.last_seen_s
    from alerts a join ignore_zone_versions v on v.zone_id = a.zone_id and v.version = a.zone_version
    where a.zone_id is not null
)"""


@dataclass(frozen=True, slots=True)
class SuppressedNews:
    """A hotspot as a drone has told it."""

    drone_id: str
    hotspot: SuppressedHotspot


class SuppressedStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def save(self, news: Sequence[SuppressedNews]) -> None:
        """New ones, and later sightings of known ones, whose rule may be another now; in any order."""

        def work(db: Connection) -> None:
            for one in news:
                hotspot, seen_s = one.hotspot, one.hotspot.last_seen_at.timestamp()
                db.execute(
                    "insert into suppressed (drone_id, hotspot_id, zone, reason, label, position, "
                    "first_seen_s, last_seen_s) values (:drone, :hotspot, :zone, :reason, :label, :position, "
                    ":seen, :seen) on conflict (drone_id, hotspot_id) do update set "
                    "first_seen_s = min(first_seen_s, :seen), "
                    "zone = iif(:seen >= last_seen_s, :zone, zone), "
                    "reason = iif(:seen >= last_seen_s, :reason, reason), "
                    "label = iif(:seen >= last_seen_s, :label, label), "
                    "position = iif(:seen >= last_seen_s, :position, position), "
                    "last_seen_s = max(last_seen_s, :seen)",
                    {
                        "drone": one.drone_id,
                        "hotspot": str(hotspot.hotspot_id),
                        "zone": hotspot.zone,
                        "reason": hotspot.reason,
                        "label": hotspot.label,
                        "position": hotspot.position.model_dump_json(),
                        "seen": seen_s,
                    },
                )

        await self._database.run(work)

    async def newest(
        self,
        limit: int,
        *,
        before: UUID | None = None,
        drone_id: str | None = None,
        zone: str | None = None,
        by: Literal["drone", "station"] | None = None,
    ) -> list[SuppressedItem]:
        """The last seen first; ``before`` continues after that hotspot."""
        conditions = ["true"]
        values: dict[str, Any] = {"limit": limit}
        if before is not None:
            last = f"select last_seen_s, hotspot_id from {_ALL} where hotspot_id = :before limit 1"  # noqa: S608
            conditions.append(f"(last_seen_s, hotspot_id) < ({last})")
            values["before"] = str(before)
        if drone_id is not None:
            conditions.append("drone_id = :drone")
            values["drone"] = drone_id
        if zone is not None:
            conditions.append("zone = :zone")
            values["zone"] = zone
        if by is not None:
            conditions.append("by = :by")
            values["by"] = by
        sql = (
            f"select * from {_ALL} where {' and '.join(conditions)} "  # noqa: S608 (conditions are ours)
            "order by last_seen_s desc, hotspot_id desc limit :limit"
        )

        def work(db: Connection) -> list[SuppressedItem]:
            return [_item(row) for row in db.query(sql, values)]

        return await self._database.read(work)


def _item(row: dict[str, Any]) -> SuppressedItem:
    first_s, last_s = row.pop("first_seen_s"), row.pop("last_seen_s")
    position = Position.model_validate_json(row.pop("position"))
    return SuppressedItem.model_validate(
        {
            **row,
            "position": position,
            "first_seen_at": datetime.fromtimestamp(first_s, UTC),
            "last_seen_at": datetime.fromtimestamp(last_s, UTC),
        }
    )
