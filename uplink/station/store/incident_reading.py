"""How incidents are read: lists with filters, one with what it is made of, and its history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.errors import NotPossibleError
from uplink.messages import Alert
from uplink.station.answers import StoredAlert
from uplink.station.incident import Incident, IncidentState
from uplink.station.incident_answers import Timeline, TimelineEntry
from uplink.station.incident_life import OPEN
from uplink.station.incident_rules import IncidentRules
from uplink.station.store.database import StationDatabase
from uplink.station.store.incident_rows import find_row, incident_of, refresh, rows_where, utc

_OF_INCIDENT = "from alerts a join footprints f on f.id = a.footprint_id where f.incident_id = :id"


class UnknownIncidentError(NotPossibleError):
    """There is no incident with this id."""


class MovedIncidentError(NotPossibleError):
    """It has become part of another."""

    def __init__(self, incident_id: UUID, moved_to: str) -> None:
        super().__init__(f"incident {incident_id} has become part of {moved_to}")
        self.moved_to = UUID(moved_to)


@dataclass(frozen=True, slots=True)
class Revision:
    """That a revision of an alert came, and when; of its words only those of the highest are kept."""

    revision: int
    received_at: datetime
    state: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of the map, in degrees; across the date line west is the greater one."""

    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """All of it has to be so. ``since`` and ``until`` are capture times: it was seen between them."""

    states: tuple[IncidentState, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    box: Rectangle | None = None
    drone_id: str | None = None
    label: Literal["fire", "smoke"] | None = None
    text: str = ""
    """In its id, in what people said, in who they are and whom they sent."""


class IncidentReader:
    def __init__(self, database: StationDatabase, rules: IncidentRules) -> None:
        self._database = database
        self._rules = rules

    async def get(self, incident_id: UUID, *, now_s: float) -> Incident:
        """Raises ``UnknownIncidentError`` or ``MovedIncidentError``."""

        def work(db: Connection) -> Incident:
            row = find_row(db, str(incident_id))
            if row is None:
                raise UnknownIncidentError(f"there is no incident {incident_id}")
            if row.moved_to is not None:
                raise MovedIncidentError(incident_id, row.moved_to)
            return incident_of(db, row, self._rules, now_s=now_s)

        return await self._database.read(work)

    async def with_alert(self, alert_id: UUID, *, now_s: float) -> Incident:
        """The incident that an alert is in. Raises ``UnknownIncidentError``."""

        def work(db: Connection) -> Incident:
            rows = rows_where(
                db,
                "id = (select f.incident_id from alerts a join footprints f on f.id = a.footprint_id "
                "where a.id = ?)",
                [str(alert_id)],
            )
            if not rows:
                raise UnknownIncidentError(f"alert {alert_id} is in no incident")
            return incident_of(db, rows[0], self._rules, now_s=now_s)

        return await self._database.read(work)

    async def open(self, limit: int = 500, *, now_s: float) -> list[Incident]:
        """Whatever is not closed, by the time of its first confirmation, the newest first."""
        return await self.newest(limit, wanted=IncidentFilter(states=OPEN), now_s=now_s)

    async def newest(
        self,
        limit: int,
        before: Incident | None = None,
        *,
        wanted: IncidentFilter | None = None,
        now_s: float,
    ) -> list[Incident]:
        """By the time of first confirmation, the newest first; ``before`` continues after that one."""
        wanted = wanted or IncidentFilter()
        conditions, values = _conditions(wanted)
        if before is not None:
            conditions.append("(first_confirmed_s, id) < (:before_s, :before)")
            values |= {"before_s": before.confirmed_at.timestamp(), "before": str(before.id)}
        values["limit"] = limit
        condition = (
            f"moved_to is null and {' and '.join(conditions or ['true'])} "
            "order by first_confirmed_s desc, id desc limit :limit"
        )
        if wanted.box is not None or wanted.since is not None or wanted.label is not None:
            await self._database.run(_freshen_all)  # these are asked of what the alerts say

        def work(db: Connection) -> list[Incident]:
            rows = rows_where(db, condition, values)
            return [incident_of(db, row, self._rules, now_s=now_s) for row in rows]

        return await self._database.read(work)

    async def members(
        self, incident_id: UUID, limit: int, before: StoredAlert | None = None
    ) -> list[StoredAlert]:
        """Its alerts by time of confirmation, the oldest first; ``before`` continues after that one."""
        values: dict[str, Any] = {"id": str(incident_id), "limit": limit}
        after = ""
        if before is not None:
            after = "and (a.confirmed_at_s, a.id) > (:after_s, :after)"
            values |= {"after_s": before.confirmed_at.timestamp(), "after": str(before.id)}

        def work(db: Connection) -> list[StoredAlert]:
            rows = db.query(
                f"select a.body, a.received_at_s {_OF_INCIDENT} {after} "
                "order by a.confirmed_at_s, a.id limit :limit",
                values,
            )
            return [_stored(row) for row in rows]

        return await self._database.read(work)

    async def pictures(self, incident_id: UUID) -> list[str]:
        """Every picture that any revision of its alerts ever named, by hash."""

        def work(db: Connection) -> list[str]:
            rows = db.query(
                "select distinct e.sha256 from evidence e join alerts a on a.id = e.alert_id "
                "join footprints f on f.id = a.footprint_id where f.incident_id = ? order by e.sha256",
                [str(incident_id)],
            )
            return [row["sha256"] for row in rows]

        return await self._database.read(work)

    async def revisions(self, alert_ids: Sequence[UUID]) -> dict[UUID, list[Revision]]:
        """When each revision of these alerts came, the lowest first."""

        def work(db: Connection) -> dict[UUID, list[Revision]]:
            found: dict[UUID, list[Revision]] = {}
            for row in db.query(
                "select * from alert_revisions where alert_id in (select value from json_each(?)) "
                "order by alert_id, revision",
                [json.dumps([str(alert_id) for alert_id in alert_ids])],
            ):
                one = Revision(
                    row["revision"], utc(row["received_at_s"]), row["state"], utc(row["last_seen_s"])
                )
                found.setdefault(UUID(row["alert_id"]), []).append(one)
            return found

        return await self._database.read(work)

    async def timeline(self, incident_id: UUID, limit: int, offset: int) -> Timeline:
        """What its alerts said, what people did, and who was told; the oldest first."""
        names = "(select :id as id union select id from incidents where moved_to = :id)"
        # Steps that came with another incident are copies: each is told once.
        lines = f"""
            select r.received_at_s as at_s, 'alert' as kind, 'alert.' || r.state as what,
                'drone ' || a.drone_id as who, '' as reason, '' as unit, a.id as alert_id,
                r.revision as revision, r.last_seen_s as captured_s, null as decision_id, 0 as rank,
                r.revision as number
            from footprints f join alerts a on a.footprint_id = f.id
            join alert_revisions r on r.alert_id = a.id where f.incident_id = :id
            union all
            select at_s, 'step', what, who, reason, unit, null, null, null, decision_id, 1,
                coalesce(origin, seq) from incident_steps
            where incident_id in {names} group by coalesce(origin, seq)
            union all
            select coalesce(delivered_at_s, created_at_s), 'delivery',
                'webhook.' || state || ' ' || type, url_host, coalesce(last_error, ''), '',
                null, null, null, null, 2, id
            from deliveries where subject_id in (
                select id from {names} union select a.id {_OF_INCIDENT})
        """  # noqa: S608 (all of it is ours, values bound)

        def work(db: Connection) -> Timeline:
            values = {"id": str(incident_id), "limit": limit, "offset": offset}
            total = next(iter(db.query(f"select count(*) as lines from ({lines})", values)))  # noqa: S608
            rows = db.query(
                f"select * from ({lines}) order by at_s, rank, number limit :limit offset :offset",  # noqa: S608
                values,
            )
            return Timeline(entries=[_entry(row) for row in rows], total=total["lines"])

        return await self._database.read(work)

    async def units(self, limit: int) -> list[str]:
        """Who was ever sent, the latest first."""

        def work(db: Connection) -> list[str]:
            rows = db.query(
                "select unit from incident_steps where unit <> '' group by unit "
                "order by max(seq) desc limit ?",
                [limit],
            )
            return [row["unit"] for row in rows]

        return await self._database.read(work)


def _freshen_all(db: Connection) -> None:
    for row in rows_where(db, "news > told and moved_to is null", []):
        refresh(db, row)


def _conditions(wanted: IncidentFilter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if wanted.states:
        conditions.append("state in (select value from json_each(:states))")
        values["states"] = json.dumps([state.value for state in wanted.states])
    if wanted.since is not None:
        conditions.append("last_seen_s >= :since_s")
        values["since_s"] = wanted.since.timestamp()
    if wanted.until is not None:
        conditions.append("first_confirmed_s <= :until_s")
        values["until_s"] = wanted.until.timestamp()
    if wanted.box is not None:
        joint = "and" if wanted.box.west_deg <= wanted.box.east_deg else "or"
        conditions.append("lat_deg between :south and :north")
        conditions.append(f"(lon_deg >= :west {joint} lon_deg <= :east)")
        box = wanted.box
        values |= {"west": box.west_deg, "south": box.south_deg, "east": box.east_deg, "north": box.north_deg}
    if wanted.drone_id is not None:
        conditions.append(
            "exists (select 1 from footprints f join alerts a on a.footprint_id = f.id "
            "where f.incident_id = incidents.id and a.drone_id = :drone)"
        )
        values["drone"] = wanted.drone_id
    if wanted.label is not None:
        conditions.append("evidence ->> 'label' = :label")
        values["label"] = wanted.label
    if wanted.text:
        conditions.append(
            "(instr(id, lower(:text)) or exists (select 1 from incident_steps s "
            "where s.incident_id = incidents.id "
            "and instr(lower(s.who || ' ' || s.unit || ' ' || s.reason), lower(:text))))"
        )
        values["text"] = wanted.text
    return conditions, values


def _entry(row: dict[str, Any]) -> TimelineEntry:
    at_s, captured_s = row.pop("at_s"), row.pop("captured_s")
    captured_at = None if captured_s is None else utc(captured_s)
    del row["rank"], row["number"]
    return TimelineEntry.model_validate({**row, "at": utc(at_s), "captured_at": captured_at})


def _stored(row: dict[str, Any]) -> StoredAlert:
    alert = Alert.model_validate_json(row["body"])
    received_at = datetime.fromtimestamp(row["received_at_s"], UTC)
    return StoredAlert.model_validate({**alert.model_dump(), "received_at": received_at})
