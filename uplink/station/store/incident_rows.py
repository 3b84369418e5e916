"""Incidents as rows: how far people are (`life`), and what the alerts say together (`evidence`).

Evidence is reckoned when somebody asks, or a little after the alerts have news: never while a drone waits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from sqlite_utils import Database as Connection

from uplink.messages import Alert, AlertState
from uplink.station.crossings import crossings_of
from uplink.station.escalation import next_due_s
from uplink.station.incident import MOST_ALERT_IDS, MOST_ALIASES, MOST_PHOTOS, Incident, Target
from uplink.station.incident_evidence import Place, certainty_of, fused_place, severity_of
from uplink.station.incident_life import Life, Met
from uplink.station.incident_rules import IncidentRules, TargetName

_NAMESPACE = UUID("6f0c52b4-5c1b-4d0b-9d5e-2f7c0a3c9b11")
_DIRECTIONS_AT_MOST = 20
_FIRST_S, _LAST_S = datetime(1, 1, 2, tzinfo=UTC).timestamp(), datetime(9999, 12, 30, tzinfo=UTC).timestamp()
_MEMBERS = "from alerts a join footprints f on a.footprint_id = f.id where f.incident_id = :id"


def incident_id_of(first_alert_id: str) -> str:
    """The id of the incident whose first alert this is."""
    return str(uuid5(_NAMESPACE, first_alert_id))


@dataclass(slots=True)
class IncidentRow:
    """One incident. ``moved_to`` is the one that it has become part of."""

    id: str
    first_alert_id: str
    first_confirmed_s: float
    life: Life
    updated_at_s: float
    moved_to: str | None = None
    evidence: str = ""
    news: int = 1
    told: int = 0

    @property
    def is_stale(self) -> bool:
        """Whether its alerts have news that the evidence does not have."""
        return self.news > self.told


def find_row(db: Connection, incident_id: str) -> IncidentRow | None:
    """Within the caller's transaction: also one that has moved."""
    return next(iter(rows_where(db, "id = ?", [incident_id])), None)


def rows_where(db: Connection, condition: str, values: Sequence[Any] | dict[str, Any]) -> list[IncidentRow]:
    """Within the caller's transaction. The condition is ours, its values are bound."""
    sql = f"select * from incidents where {condition}"  # noqa: S608
    return [
        IncidentRow(
            row["id"],
            row["first_alert_id"],
            row["first_confirmed_s"],
            Life.from_json(row["life"]),
            row["updated_at_s"],
            row["moved_to"],
            row["evidence"],
            row["news"],
            row["told"],
        )
        for row in db.query(sql, values)
    ]


def save_row(db: Connection, row: IncidentRow, rules: IncidentRules) -> None:
    """Within the caller's transaction: new or changed. Its evidence is reckoned anew."""
    values = {
        "id": row.id,
        "moved_to": row.moved_to,
        "first_alert_id": row.first_alert_id,
        "first_confirmed_s": row.first_confirmed_s,
        "state": row.life.state.value,
        "life": row.life.to_json(),
        "due_s": next_due_s(row.life, rules),
        "updated_at_s": row.updated_at_s,
    }
    # No upsert: triggers would inherit its way with conflicts.
    changes = ", ".join(f"{name} = :{name}" for name in values)
    if not db.execute(f"update incidents set {changes} where id = :id", values).rowcount:  # noqa: S608 (names are ours)
        columns, slots = ", ".join(values), ", ".join(f":{name}" for name in values)
        db.execute(f"insert into incidents ({columns}) values ({slots})", values)  # noqa: S608
    if row.moved_to is None:
        refresh(db, row)


def mark_stale(db: Connection, incident_id: str, now_s: float) -> None:
    """Within the caller's transaction: its alerts have news."""
    db.execute("update incidents set news = news + 1, updated_at_s = ? where id = ?", [now_s, incident_id])


def refresh(db: Connection, row: IncidentRow) -> None:
    """Within the caller's transaction: what the alerts say now."""
    db.execute("update incidents set news = news + 1 where id = ?", [row.id])
    row.news = next(iter(db.query("select news from incidents where id = ?", [row.id])))["news"]
    keep_evidence(db, row, evidence_of(db, row.id))


def keep_evidence(db: Connection, row: IncidentRow, evidence: dict[str, Any]) -> None:
    """Within the caller's transaction: what was reckoned when the row was read, unless more is known already.
    What came since is news still."""
    position = evidence["position"] or {}
    row.evidence, row.told = json.dumps(evidence), row.news
    db.execute(
        "update incidents set evidence = :evidence, told = :news, first_seen_s = :first_s, "
        "last_seen_s = :last_s, lat_deg = :lat_deg, lon_deg = :lon_deg where id = :id and told < :news",
        {
            "id": row.id,
            "evidence": row.evidence,
            "news": row.news,
            "first_s": evidence["first_seen_s"],
            "last_s": evidence["last_seen_s"],
            "lat_deg": position.get("lat_deg"),
            "lon_deg": position.get("lon_deg"),
        },
    )


def is_withdrawn(row: IncidentRow) -> bool:
    """Whether the drones have taken all of it back."""
    return bool(row.evidence) and json.loads(row.evidence)["evidence"] == "withdrawn"


def incident_of(db: Connection, row: IncidentRow, rules: IncidentRules, *, now_s: float) -> Incident:
    """Within the caller's transaction: as people are told of it. Changes nothing."""
    said = evidence_of(db, row.id) if row.is_stale else json.loads(row.evidence)
    life = row.life
    aliases = db.query(
        "select id from incidents where moved_to = ? order by first_confirmed_s, id limit ?",
        [row.id, MOST_ALIASES],
    )
    return Incident.model_validate(
        {
            **{name: value for name, value in said.items() if name in Incident.model_fields},
            "id": row.id,
            "version": life.version,
            "state": life.state,
            "certainty": certainty_of(life.confirmed_by, said["probability"]),
            "severity": severity_of(said["label"], said["area_m2"], said["growth_m2_per_min"]),
            "first_seen_at": utc(said["first_seen_s"]),
            "confirmed_at": utc(row.first_confirmed_s),
            "last_seen_at": utc(said["last_seen_s"]),
            "reported_at": utc(life.reported_s),
            "acknowledge": _target(life, rules, "acknowledge", life.acknowledged, now_s),
            "dispatch": _target(life, rules, "dispatch", life.dispatched, now_s),
            "units": life.units,
            "level": rules.highest(life.told.values()),
            "confirmed_by": life.confirmed_by,
            "closed_at": None if life.closed_s is None else utc(life.closed_s),
            "closed_because": life.closed_because,
            "related": life.related,
            "aliases": [alias["id"] for alias in aliases],
            "updated_at": utc(row.updated_at_s),
        }
    )


def _target(life: Life, rules: IncidentRules, name: TargetName, met: Met | None, now_s: float) -> Target:
    due_s = life.clock_s + rules.seconds_for(name)
    now_s = now_s if life.closed_s is None else life.closed_s
    return Target(
        due_at=utc(due_s),
        met_at=None if met is None else utc(met.at_s),
        by=None if met is None else met.who,
        missed=(now_s if met is None else met.at_s) > due_s,
        level=life.told.get(name),
    )


def evidence_of(db: Connection, incident_id: str) -> dict[str, Any]:
    """Within the caller's transaction: what its alerts say together. Changes nothing."""
    values = {"id": incident_id, "withdrawn": AlertState.WITHDRAWN.value}
    count = _one(
        db,
        "select count(*) as alerts, sum(a.state = 'withdrawn') as withdrawn, "
        "sum(a.state = 'confirmed') as seen, "
        f"min(a.first_seen_s) as first_seen_s, max(a.last_seen_s) as last_seen_s {_MEMBERS}",
        values,
    )
    # What was taken back says nothing more, unless there is nothing else.
    standing = "" if count["withdrawn"] == count["alerts"] else " and a.state <> :withdrawn"
    sums = _one(
        db,
        "select max(a.label = 'fire') as is_fire, max(a.probability) as probability, "
        f"max(a.area_m2) as area_m2, max(a.growth_m2_per_min) as growth_m2_per_min {_MEMBERS}{standing}",
        values,
    )
    area_sigma_m2, growth_sigma = (
        _sigma_of_largest(db, name, standing, values) for name in ("area_m2", "growth_m2_per_min")
    )
    place = _place(db, standing, values)
    ids = db.query(f"select a.id {_MEMBERS} order by a.confirmed_at_s, a.id limit {MOST_ALERT_IDS}", values)
    drones = db.query(f"select distinct a.drone_id {_MEMBERS} order by a.drone_id", values)
    return {
        "label": "fire" if sums["is_fire"] else "smoke",
        "probability": sums["probability"],
        "evidence": "withdrawn" if not standing else "seen" if count["seen"] else "lost",
        "first_seen_s": count["first_seen_s"],
        "last_seen_s": count["last_seen_s"],
        "position": None if place is None else place.position.model_dump(),
        "ellipse": None if place is None else place.ellipse.model_dump(),
        "covariance_m2": None if place is None else place.covariance_m2,
        "method": None if place is None else place.method,
        "area_m2": sums["area_m2"],
        "area_sigma_m2": area_sigma_m2,
        "growth_m2_per_min": sums["growth_m2_per_min"],
        "growth_sigma_m2_per_min": growth_sigma,
        "alerts": count["alerts"],
        "alert_ids": [row["id"] for row in ids],
        "drone_ids": [row["drone_id"] for row in drones],
        "photos": _photos(db, standing, values),
    }


def _sigma_of_largest(
    db: Connection, name: Literal["area_m2", "growth_m2_per_min"], standing: str, values: dict[str, Any]
) -> float | None:
    """Of the alert that says the most."""
    sigma = {"area_m2": "area_sigma_m2", "growth_m2_per_min": "growth_sigma_m2_per_min"}[name]
    rows = db.query(
        f"select a.body ->> '{sigma}' as sigma, max(a.{name}) as most {_MEMBERS}{standing}",
        values,
    )
    return next(None if row["most"] is None else row["sigma"] for row in rows)


def _photos(db: Connection, standing: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The clearest frame of each of the alerts that were seen last, the newest frame first."""
    sql = f"""
        select a.id as alert_id, a.drone_id, picture.value ->> 'sha256' as sha256,
            picture.value ->> 'width_px' as width_px, picture.value ->> 'height_px' as height_px,
            picture.value ->> 'captured_at' as captured_at, picture.value -> 'box_px' as box_px
        from (select a.id, a.drone_id, a.body, a.last_seen_s {_MEMBERS}{standing}
            and json_array_length(a.body, '$.evidence') > 0
            order by a.last_seen_s desc, a.id limit {MOST_PHOTOS}) a,
            json_each(a.body, '$.evidence') picture
        where picture.value ->> 'kind' = 'detection'
    """  # noqa: S608 (all of it is ours, values bound)
    rows = db.query(sql, values)
    found = [{**row, "box_px": json.loads(row["box_px"] or "null")} for row in rows]
    found.sort(
        key=lambda photo: (datetime.fromisoformat(photo["captured_at"]), photo["sha256"]), reverse=True
    )
    return found[:MOST_PHOTOS]


def _place(db: Connection, standing: str, values: dict[str, Any]) -> Place | None:
    """From the best placed alert of each drone; else from where their directions cross."""
    best = db.query(
        f"select a.body, min(a.spread_m2) {_MEMBERS}{standing} and a.spread_m2 is not null "
        "group by a.drone_id",
        values,
    )
    place = fused_place([Alert.model_validate_json(row["body"]) for row in best])
    if place is not None:
        return place
    lines = db.query(
        f"select a.body {_MEMBERS}{standing} order by a.last_seen_s desc, a.id limit {_DIRECTIONS_AT_MOST}",
        values,
    )
    crossings = crossings_of([Alert.model_validate_json(row["body"]) for row in lines])
    if len(crossings) != 1 or crossings[0].ambiguous:
        return None
    return Place(crossings[0].position, crossings[0].ellipse, crossings[0].covariance_m2, "crossing")


def _one(db: Connection, sql: str, values: dict[str, Any]) -> dict[str, Any]:
    return next(iter(db.query(sql, values)))


def utc(seconds: float) -> datetime:
    """A time with its zone, and within the calendar: a drone's clock may say anything."""
    return datetime.fromtimestamp(min(max(seconds, _FIRST_S), _LAST_S), UTC)
