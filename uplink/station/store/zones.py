"""The station's ignore zones, their versions, and what becomes of alerts when a zone changes or ends.

Each change is one transaction with its version, its line in the audit log, and the incidents and webhook
deliveries of whatever it lets go.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import uuid6
from sqlite_utils import Database as Connection

from uplink.errors import NotPossibleError, UnknownNameError
from uplink.messages import Alert
from uplink.station.answers import StoredAlert
from uplink.station.incident_rules import IncidentRules
from uplink.station.people import name_key
from uplink.station.store.alerts import hold_back, let_through
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deeds import ZoneDeed
from uplink.station.store.deliveries import EndpointName
from uplink.station.store.incident_settling import STATION, Hand, IncidentNews
from uplink.station.store.zone_rows import save_zone, zone_over, zones_where
from uplink.station.zone import StationZone, ZoneDraft, ZoneVersion
from uplink.station.zone_ground import area_of_ring_m2
from uplink.station.zone_rule import STILL_BURNS_S, may_still_burn

MOST_ZONES = 500
_STANDING = "removed_s is null"


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes zones, when, and which webhooks hear of what that lets go."""

    who: str
    now_s: float
    endpoints: Sequence[EndpointName] = ()


@dataclass(slots=True)
class ZoneNews:
    """What changed: zones as they are now, the alerts that they let go, and those alerts' incidents."""

    zones: list[StationZone] = field(default_factory=list)
    alerts: list[StoredAlert] = field(default_factory=list)
    incidents: IncidentNews = field(default_factory=IncidentNews)


class ZoneStore:
    def __init__(self, database: StationDatabase, rules: IncidentRules) -> None:
        self._database = database
        self._rules = rules

    # --- reading ----------------------------------------------------------------------------------

    async def standing(self, limit: int = MOST_ZONES, after: UUID | None = None) -> list[StationZone]:
        """Those that are not removed, the oldest first; also what has ended or has yet to begin."""
        values = {"after": "" if after is None else str(after), "limit": limit}
        condition = f"{_STANDING} and id > :after order by id limit :limit"
        return await self._database.read(lambda db: zones_where(db, condition, values))

    async def get(self, zone_id: UUID) -> StationZone:
        """Also one that is removed. Raises ``UnknownNameError``."""
        return await self._database.read(lambda db: _find(db, zone_id))

    async def versions(self, zone_id: UUID, limit: int, before: int | None = None) -> list[ZoneVersion]:
        """Its history, the newest first; ``before`` continues after that version. Raises like ``get``."""

        def work(db: Connection) -> list[ZoneVersion]:
            _find(db, zone_id)
            rows = db.query(
                "select at_s, who, what, body from ignore_zone_versions where zone_id = :id "
                "and version < coalesce(:before, version + 1) order by version desc limit :limit",
                {"id": str(zone_id), "before": before, "limit": limit},
            )
            return [
                ZoneVersion(
                    at=_utc(row["at_s"]),
                    who=row["who"],
                    what=row["what"],
                    zone=StationZone.model_validate_json(row["body"]),
                )
                for row in rows
            ]

        return await self._database.read(work)

    # --- changing ---------------------------------------------------------------------------------

    async def add(self, draft: ZoneDraft, change: Change) -> ZoneNews:
        """Raises ``NotPossibleError`` where the name is taken, or there are too many. A zone takes no alarm
        away: it holds back only what comes from now on."""

        def work(db: Connection) -> ZoneNews:
            now = _utc(change.now_s)
            zone = StationZone(
                **draft.model_dump(),
                id=uuid6.uuid7(),
                version=1,
                area_m2=area_of_ring_m2(draft.ring),
                made_at=now,
                made_by=change.who,
                changed_at=now,
                changed_by=change.who,
                removed_at=None,
            )
            _must_have_room(db)
            _must_be_free(db, zone)
            _keep(db, zone, "zone.made", change)
            return ZoneNews([zone])

        return await self._database.run(work)

    async def change(self, zone_id: UUID, version: int | None, draft: ZoneDraft, change: Change) -> ZoneNews:
        """What still burns and is no longer in it is told at once. Raises ``UnknownNameError``, and
        ``NotPossibleError`` where somebody was faster, or the name is taken."""

        def work(db: Connection) -> ZoneNews:
            before = _current(db, zone_id, version)
            zone = StationZone(
                **draft.model_dump(),
                id=before.id,
                version=before.version + 1,
                area_m2=area_of_ring_m2(draft.ring),
                made_at=before.made_at,
                made_by=before.made_by,
                changed_at=_utc(change.now_s),
                changed_by=change.who,
                removed_at=None,
            )
            _must_be_free(db, zone)
            _keep(db, zone, "zone.changed", change)
            return self._look_again(db, [zone], change)

        return await self._database.run(work)

    async def remove(self, zone_id: UUID, version: int | None, change: Change) -> ZoneNews:
        """What still burns in it is told at once. Raises like ``change``."""

        # As times are kept: else the end may lie a part of a microsecond ahead, and hold back until then.
        now = _utc(change.now_s)
        change = replace(change, now_s=now.timestamp())

        def work(db: Connection) -> ZoneNews:
            before = _current(db, zone_id, version)
            zone = before.model_copy(
                update={
                    "version": before.version + 1,
                    "changed_at": now,
                    "changed_by": change.who,
                    "removed_at": now,
                }
            )
            _keep(db, zone, "zone.removed", change)
            return self._look_again(db, [zone], change)

        return await self._database.run(work)

    async def some_ended(self, now_s: float) -> bool:
        """Whether ``tell_ended`` would find anything."""
        condition = "settled = 0 and end_s <= ? limit 1"
        return bool(await self._database.read(lambda db: zones_where(db, condition, [now_s])))

    async def tell_ended(self, change: Change) -> ZoneNews:
        """Zones have come to their end: what still burns in them is told now."""

        def work(db: Connection) -> ZoneNews:
            return self._look_again(db, zones_where(db, "settled = 0 and end_s <= ?", [change.now_s]), change)

        return await self._database.run(work)

    def _look_again(self, db: Connection, zones: Sequence[StationZone], change: Change) -> ZoneNews:
        """Whether another zone holds back what these did, or it is to be told."""
        hand = Hand(STATION, change.now_s, self._rules, change.endpoints)
        news = ZoneNews(list(zones))
        for zone in zones:
            end_s = min(change.now_s, zone.end_s or change.now_s)
            rows = db.query(
                "select body from alerts where zone_id = ? and last_seen_s > ? order by confirmed_at_s, id",
                [str(zone.id), end_s - STILL_BURNS_S],
            )
            for alert in [Alert.model_validate_json(row["body"]) for row in rows]:
                if not may_still_burn(alert, end_s):
                    continue
                holder = zone_over(db, alert, change.now_s)
                if holder is not None:
                    hold_back(db, alert, holder, hand)
                    continue
                put = let_through(db, alert, hand)
                news.incidents.add(put.news)
                news.alerts.append(put.stored)
            settled = zone.end_s is not None and zone.end_s <= change.now_s
            db.execute("update ignore_zones set settled = ? where id = ?", [int(settled), str(zone.id)])
        return news


def _keep(db: Connection, zone: StationZone, what: ZoneDeed, change: Change) -> None:
    save_zone(db, zone)
    db.execute(
        "insert into ignore_zone_versions (zone_id, version, at_s, who, what, body) "
        "values (?, ?, ?, ?, ?, ?)",
        [str(zone.id), zone.version, change.now_s, change.who, what, zone.model_dump_json()],
    )
    said = json.loads(zone.model_dump_json(exclude={"id", "made_at", "made_by", "changed_at", "changed_by"}))
    write_deed(db, Deed(change.who, what, str(zone.id), said), now_s=change.now_s)


def _find(db: Connection, zone_id: UUID) -> StationZone:
    found = zones_where(db, "id = ?", [str(zone_id)])
    if not found:
        raise UnknownNameError(f"there is no zone {zone_id}")
    return found[0]


def _current(db: Connection, zone_id: UUID, version: int | None) -> StationZone:
    zone = _find(db, zone_id)
    if zone.removed_at is not None:
        raise NotPossibleError(f"zone {zone.name} was removed by {zone.changed_by}")
    if version not in (None, zone.version):
        raise NotPossibleError(
            f"{zone.changed_by} was faster: this is version {zone.version}", hint="Look at it again."
        )
    return zone


def _must_be_free(db: Connection, zone: StationZone) -> None:
    condition = f"{_STANDING} and name_key = ? and id <> ?"
    if zones_where(db, condition, [name_key(zone.name), str(zone.id)]):
        raise NotPossibleError(f"there is a zone {zone.name} already", hint="Choose another name.")


def _must_have_room(db: Connection) -> None:
    (count,) = db.query(f"select count(*) as zones from ignore_zones where {_STANDING}")  # noqa: S608
    if count["zones"] >= MOST_ZONES:
        raise NotPossibleError(f"there are {MOST_ZONES} zones already", hint="Remove what is over.")


def _utc(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
