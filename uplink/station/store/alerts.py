"""Alerts as the station keeps them: one row each, the highest revision wins in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.messages import Alert
from uplink.station.answers import Delivery, StoredAlert
from uplink.station.events import event_for
from uplink.station.incident import Incident
from uplink.station.incident_evidence import covariance_of
from uplink.station.incident_footprint import footprint_of
from uplink.station.incident_rules import IncidentRules
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import EndpointName, add_deliveries
from uplink.station.store.incident_links import Move
from uplink.station.store.incident_settling import STATION, Hand, IncidentNews, look_again, settle
from uplink.station.store.zone_rows import zone_over
from uplink.station.zone import StationZone

COLUMNS = "body, received_at_s, zone_name"


@dataclass(frozen=True, slots=True)
class AlertPut:
    """What became of an alert. ``stored`` is None when the station had this or a higher revision already;
    ``is_first`` when it had none at all. ``incidents`` are those that it opened, joined or parted: none for
    what an ignore zone holds back."""

    owner: str
    revision: int
    is_first: bool
    stored: StoredAlert | None
    deliveries: list[Delivery]
    incidents: list[Incident] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """An alert that people are told of, and what that means for incidents and webhooks."""

    stored: StoredAlert
    news: IncidentNews


class AlertStore:
    def __init__(self, database: StationDatabase, rules: IncidentRules) -> None:
        self._database = database
        self._rules = rules

    async def put(self, alert: Alert, *, now_s: float, endpoints: Sequence[EndpointName]) -> AlertPut:
        """In one transaction: stores a higher revision, finds the incident it belongs to, and one webhook
        delivery per endpoint for either.

        An alert of another drone is left alone; the answer names its owner.
        """
        hand = Hand(STATION, now_s, self._rules, endpoints)
        return await self._database.run(lambda db: store_alert(db, alert, hand))

    async def link_older(self, limit: int, *, now_s: float) -> int:
        """Finds incidents for alerts from before the station kept any, the oldest first; returns how many
        there were. Nobody is told of these."""
        hand = Hand(STATION, now_s, self._rules, is_quiet=True)

        def work(db: Connection) -> int:
            rows = list(
                db.query(
                    "select body, received_at_s from alerts where footprint_id is null and zone_id is null "
                    "order by confirmed_at_s, id limit ?",
                    [limit],
                )
            )
            for row in rows:
                alert = Alert.model_validate_json(row["body"])
                _write(db, alert, row["received_at_s"])
                _link(db, alert, hand)
            return len(rows)

        return await self._database.run(work)

    async def get(self, alert_id: UUID) -> StoredAlert | None:
        """The alert in its highest revision."""
        rows = await self._rows("where id = ?", [str(alert_id)])
        return rows[0] if rows else None

    async def newest(self, limit: int, before: StoredAlert | None = None) -> list[StoredAlert]:
        """By time of confirmation, the newest first; ``before`` continues after that alert."""
        order = "order by confirmed_at_s desc, id desc limit ?"
        if before is None:
            return await self._rows(order, [limit])
        return await self._rows(
            f"where (confirmed_at_s, id) < (?, ?) {order}",
            [before.confirmed_at.timestamp(), str(before.id), limit],
        )

    async def _rows(self, condition: str, values: list[Any]) -> list[StoredAlert]:
        sql = f"select {COLUMNS} from alerts {condition}"  # noqa: S608 (conditions are ours, values bound)

        def work(db: Connection) -> list[StoredAlert]:
            return [stored_alert(row) for row in db.query(sql, values)]

        return await self._database.run(work)


def store_alert(db: Connection, alert: Alert, hand: Hand) -> AlertPut:
    """Within the caller's transaction: all that ``AlertStore.put`` does."""
    known = next(
        iter(db.query("select drone_id, revision, zone_id from alerts where id = ?", [str(alert.id)])), None
    )
    if known and (known["drone_id"] != alert.drone_id or known["revision"] >= alert.revision):
        return AlertPut(known["drone_id"], known["revision"], False, None, [])
    _write(db, alert, hand.now_s)
    is_first = known is None
    # What was told once is told to its end: a zone takes no alarm away.
    if known is None or known["zone_id"] is not None:
        zone = zone_over(db, alert, hand.now_s)
        if zone is not None:
            hold_back(db, alert, zone, hand)
            stored = _stored(alert, hand.now_s, zone.name)
            return AlertPut(alert.drone_id, alert.revision, is_first, stored, [])
        told = _tell(db, alert, hand, is_first=True) if is_first else let_through(db, alert, hand)
    else:
        told = _tell(db, alert, hand, is_first=False)
    incidents = list(told.news.incidents.values())
    return AlertPut(alert.drone_id, alert.revision, is_first, told.stored, told.news.deliveries, incidents)


def hold_back(db: Connection, alert: Alert, zone: StationZone, hand: Hand) -> None:
    """Within the caller's transaction: the alert is kept, listed as suppressed, and nobody is alarmed."""
    before = _zone_of(db, alert)
    db.execute(
        "update alerts set zone_id = ?, zone_version = ?, zone_name = ? where id = ?",
        [str(zone.id), zone.version, zone.name, str(alert.id)],
    )
    if before != str(zone.id):
        detail = {"zone": zone.name, "zone_id": str(zone.id), "zone_version": zone.version}
        write_deed(db, Deed(STATION, "alert.suppressed", str(alert.id), detail), now_s=hand.now_s)


def let_through(db: Connection, alert: Alert, hand: Hand) -> Told:
    """Within the caller's transaction: no zone holds it back any more, and people hear of it at last."""
    detail = {"zone_id": _zone_of(db, alert)}
    write_deed(db, Deed(STATION, "alert.released", str(alert.id), detail), now_s=hand.now_s)
    db.execute(
        "update alerts set zone_id = null, zone_version = null, zone_name = null where id = ?",
        [str(alert.id)],
    )
    return _tell(db, alert, hand, is_first=True)


def stored_alert(row: dict[str, Any]) -> StoredAlert:
    """From a row with ``COLUMNS``."""
    return _stored(Alert.model_validate_json(row["body"]), row["received_at_s"], row["zone_name"])


def _tell(db: Connection, alert: Alert, hand: Hand, *, is_first: bool) -> Told:
    event = event_for(alert, is_first=is_first, now_s=hand.now_s)
    news = IncidentNews(deliveries=add_deliveries(db, event, hand.endpoints, now_s=hand.now_s))
    news.add(_link(db, alert, hand))
    (row,) = db.query("select received_at_s from alerts where id = ?", [str(alert.id)])
    return Told(_stored(alert, row["received_at_s"], None), news)


def _zone_of(db: Connection, alert: Alert) -> str | None:
    (row,) = db.query("select zone_id from alerts where id = ?", [str(alert.id)])
    zone_id: str | None = row["zone_id"]
    return zone_id


def _link(db: Connection, alert: Alert, hand: Hand) -> IncidentNews:
    """Within the caller's transaction: the incident of an alert that is stored."""
    said = next(iter(db.query("select pin, cut_s from alerts where id = ?", [str(alert.id)])))
    news = settle(db, [Move(str(alert.id), footprint_of(alert, said["pin"], said["cut_s"]))], hand)
    row = next(
        iter(
            db.query(
                "select i.id, i.first_alert_id, i.first_confirmed_s from alerts a "
                "join footprints f on f.id = a.footprint_id join incidents i on i.id = f.incident_id "
                "where a.id = ?",
                [str(alert.id)],
            )
        )
    )
    first, own = (
        (row["first_confirmed_s"], row["first_alert_id"]),
        (alert.confirmed_at.timestamp(), str(alert.id)),
    )
    if own < first or (own[1] == first[1] and own != first):
        news.add(look_again(db, row["id"], hand))
    return news


def _write(db: Connection, alert: Alert, received_at_s: float) -> None:
    """Within the caller's transaction: over a lower revision of it. What people said of the alert stays."""
    values = {
        "id": str(alert.id),
        "drone_id": alert.drone_id,
        "revision": alert.revision,
        "confirmed_at_s": alert.confirmed_at.timestamp(),
        "received_at_s": received_at_s,
        "body": alert.model_dump_json(),
        "first_seen_s": alert.first_seen_at.timestamp(),
        "last_seen_s": alert.last_seen_at.timestamp(),
        "spread_m2": None if alert.position is None else float(covariance_of(alert).trace()),
        "state": alert.state.value,
        "label": alert.label,
        "probability": alert.probability,
        "area_m2": alert.area_m2,
        "growth_m2_per_min": alert.growth_m2_per_min,
    }
    # No upsert: triggers would inherit its way with conflicts.
    changes = ", ".join(f"{name} = :{name}" for name in values)
    if not db.execute(f"update alerts set {changes} where id = :id", values).rowcount:  # noqa: S608 (names are ours)
        columns, slots = ", ".join(values), ", ".join(f":{name}" for name in values)
        db.execute(f"insert into alerts ({columns}) values ({slots})", values)  # noqa: S608
    db.execute(
        "insert or ignore into alert_revisions (alert_id, revision, received_at_s, state, last_seen_s) "
        "values (:id, :revision, :received_at_s, :state, :last_seen_s)",
        {name: values[name] for name in ("id", "revision", "received_at_s", "state", "last_seen_s")},
    )


def _stored(alert: Alert, received_at_s: float, zone: str | None) -> StoredAlert:
    received_at = datetime.fromtimestamp(received_at_s, UTC)
    return StoredAlert.model_validate(
        {**alert.model_dump(), "received_at": received_at, "suppressed_by": zone}
    )
