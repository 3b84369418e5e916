"""From alerts that hang together to incidents with a name and a state, in the transaction of the change.

**The name** follows the alert that was confirmed first. Where two incidents join, the older name stays and
the other becomes an alias, which says where it moved to; where they part again it is a name once more.

**The state** is what people did, and follows the alerts. An incident whose alerts part leaves its state to
the part with the most of them (as many: to the one that keeps the name). The others are new, because nobody
has looked at them as a place of their own, unless a person parted them: then all have the state. Where
incidents join, `incident_life.join` says what comes of it. The steps behind a state go with it, whatever it
is called.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlite_utils import Database as Connection

from uplink.station.answers import Delivery
from uplink.station.events import IncidentEventType, incident_event
from uplink.station.incident import Incident
from uplink.station.incident_footprint import Footprint
from uplink.station.incident_life import OPEN, Life, begin, join
from uplink.station.incident_rules import TARGETS, IncidentRules
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.deeds import IncidentNote
from uplink.station.store.deliveries import EndpointName, add_deliveries
from uplink.station.store.incident_links import (
    Move,
    Regrouping,
    all_of,
    earlier_incident,
    footprints_of,
    move_alerts,
)
from uplink.station.store.incident_rows import (
    IncidentRow,
    find_row,
    incident_id_of,
    incident_of,
    mark_stale,
    save_row,
)

STATION = "station"
_ROUNDS_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Hand:
    """Who changes incidents, when and why: a person, or the station because of alerts. ``is_quiet``: nobody
    is told, for what was there before the station kept incidents."""

    who: str
    now_s: float
    rules: IncidentRules
    endpoints: Sequence[EndpointName] = ()
    reason: str = ""
    unit: str = ""
    decision_id: str | None = None
    is_person: bool = False
    is_quiet: bool = False


@dataclass(slots=True)
class IncidentNews:
    """What changed: incidents as they are afterwards, and the deliveries of what was told of them."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)

    def add(self, other: IncidentNews) -> None:
        """The newer ones of the other win."""
        self.incidents |= other.incidents
        self.deliveries += other.deliveries


def settle(db: Connection, moves: Sequence[Move], hand: Hand) -> IncidentNews:
    """Within the caller's transaction: alerts have come or moved, or a person has said something of them."""
    news = IncidentNews()
    regrouping = move_alerts(db, moves)
    for _ in range(_ROUNDS_AT_MOST):
        for incident_id in regrouping.joined:
            mark_stale(db, incident_id, hand.now_s)
        news.add(_name(db, regrouping, hand))
        opened = _cut_no_more(db, regrouping)
        if not opened:
            break
        regrouping = move_alerts(db, opened)
    return news


def look_again(db: Connection, incident_id: str, hand: Hand) -> IncidentNews:
    """Within the caller's transaction: another alert may be the incident's first now."""
    return _name(db, all_of(db, incident_id), hand)


def announce(
    db: Connection,
    what: IncidentEventType | IncidentNote,
    row: IncidentRow,
    hand: Hand,
    *,
    detail: dict[str, object] | None = None,
) -> IncidentNews:
    """Within the caller's transaction: the step, the audit log and the webhooks, and what pages are to show.
    Of a note webhooks hear nothing."""
    db.execute(
        "insert into incident_steps (incident_id, at_s, what, who, reason, unit, decision_id) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [row.id, hand.now_s, what, hand.who, hand.reason, hand.unit, hand.decision_id],
    )
    said = {"reason": hand.reason, "version": row.life.version, "state": row.life.state.value}
    if hand.decision_id is not None:
        said["decision_id"] = hand.decision_id
    if hand.unit:
        said["unit"] = hand.unit
    write_deed(db, Deed(hand.who, what, row.id, said | (detail or {})), now_s=hand.now_s)
    incident = incident_of(db, row, hand.rules, now_s=hand.now_s)
    news = IncidentNews({row.id: incident})
    if what != "incident.confirmed" and what != "incident.noted" and not hand.is_quiet:
        level = None if detail is None else detail.get("level")
        event = incident_event(
            what,
            incident,
            now_s=hand.now_s,
            who=hand.who,
            reason=hand.reason,
            level=None if level is None else str(level),
        )
        news.deliveries = add_deliveries(db, event, hand.endpoints, now_s=hand.now_s)
    return news


@dataclass(slots=True)
class _Group:
    """An event by its footprints, the alert in it that was confirmed first, and how many of its alerts were
    in which incident before. ``heir_of`` are the incidents whose state it has now."""

    footprints: list[int]
    first_alert_id: str
    first_confirmed_s: float
    shares: Counter[str]
    heir_of: list[str] = field(default_factory=list)
    lost: bool = False
    """Alerts of one of these went elsewhere."""
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = incident_id_of(self.first_alert_id)


def _name(db: Connection, regrouping: Regrouping, hand: Hand) -> IncidentNews:
    groups = [_group(db, footprints, regrouping) for footprints in regrouping.groups]
    groups.sort(key=lambda group: (group.first_confirmed_s, group.first_alert_id))
    befores = {old: _row(db, old) for group in groups for old in group.shares}
    heirs = {old: max(groups, key=lambda group: (group.shares[old], group.id == old)) for old in befores}
    for old, heir in heirs.items():
        heir.heir_of.append(old)
    for group in groups:
        for old in group.shares:
            heirs[old].lost |= heirs[old] is not group
    by_id = {group.id: group for group in groups}
    for group in groups:
        db.execute(
            "update footprints set incident_id = ? where incident_id <> ? "
            "and id in (select value from json_each(?))",
            [group.id, group.id, json.dumps(group.footprints)],
        )
    news = IncidentNews()
    for old, before in befores.items():
        if old not in by_id:
            home = _incident_with(db, before.first_alert_id)
            db.execute("update incidents set moved_to = ? where moved_to = ? or id = ?", [home, old, old])
    for group in groups:
        news.add(_settle_group(db, group, befores, heirs, hand))
    return news


def _settle_group(
    db: Connection,
    group: _Group,
    befores: dict[str, IncidentRow],
    heirs: dict[str, _Group],
    hand: Hand,
) -> IncidentNews:
    parted = [old for old in group.shares if old not in group.heir_of]
    parted_from = max(parted, key=lambda old: (group.shares[old], old), default=None)
    own = find_row(db, group.id)
    kind: IncidentEventType | None = None
    if group.heir_of:
        life = join(befores[old].life for old in group.heir_of)
        if group.heir_of != [group.id]:
            kind = "incident.merged"
        elif group.lost:
            kind = "incident.split"
        if kind is not None and len(group.heir_of) == 1:
            life = replace(life, version=life.version + 1)
    elif parted_from is not None and hand.is_person:
        life = replace(befores[parted_from].life, version=befores[parted_from].life.version + 1)
        kind = "incident.split"
    else:
        life = _new_life(db, group, own, heirs[parted_from].id if parted_from else None, hand)
        kind = "incident.opened"
    if kind is None:
        assert own is not None  # noqa: S101 - it is its own heir
        if own.first_confirmed_s != group.first_confirmed_s:
            own.first_confirmed_s = group.first_confirmed_s
            save_row(db, own, hand.rules)
        mark_stale(db, group.id, hand.now_s)
        return IncidentNews()
    if own is not None and group.id not in group.heir_of:
        life = replace(life, version=max(life.version, own.life.version + 1))
    row = IncidentRow(group.id, group.first_alert_id, group.first_confirmed_s, life, hand.now_s)
    save_row(db, row, hand.rules)
    for old in group.heir_of or ([parted_from] if parted_from and hand.is_person else []):
        if old != group.id and _row(db, old).moved_to != group.id:
            _copy_steps(db, old, group.id)
    detail = {"alerts": sum(group.shares.values()), "from": sorted(group.shares)}
    return announce(db, kind, row, hand, detail=detail)


def _new_life(
    db: Connection, group: _Group, own: IncidentRow | None, related: str | None, hand: Hand
) -> Life:
    """Nobody has looked at it as an incident yet, but for one that was part of another for a while.
    ``related`` is the one that it has parted from."""
    if own is not None and own.moved_to is not None:
        return replace(own.life, clock_s=hand.now_s, told={})
    if related is None:
        first = _footprint_of_alert(db, group.first_alert_id)
        related = earlier_incident(db, group.id, footprints_of(db, [first])[0])
    life = begin(hand.now_s, related)
    if hand.is_quiet and hand.rules.levels:
        life = replace(life, told=dict.fromkeys(TARGETS, hand.rules.levels[-1].name))
    return life


def _group(db: Connection, footprints: list[int], regrouping: Regrouping) -> _Group:
    first = next(
        iter(
            db.query(
                "select id, confirmed_at_s from alerts where footprint_id in "
                "(select value from json_each(?)) order by confirmed_at_s, id limit 1",
                [json.dumps(footprints)],
            )
        )
    )
    shares: Counter[str] = Counter()
    for footprint in footprints:
        shares.update(regrouping.came_from[footprint])
    return _Group(footprints, first["id"], first["confirmed_at_s"], shares)


def _cut_no_more(db: Connection, regrouping: Regrouping) -> list[Move]:
    """Alerts of closed incidents that are part of an open one now: they are as open as it is."""
    if not regrouping.groups:
        return []
    rows = list(
        db.query(
            "select a.id, a.pin, f.key from footprints f join alerts a on a.footprint_id = f.id "
            "join incidents i on i.id = f.incident_id where f.id in (select value from json_each(?)) "
            "and a.cut_s is not null and i.state in (select value from json_each(?))",
            [
                json.dumps([one for group in regrouping.groups for one in group]),
                json.dumps([state.value for state in OPEN]),
            ],
        )
    )
    for row in rows:
        db.execute("update alerts set cut_s = null where id = ?", [row["id"]])
    return [Move(row["id"], Footprint.from_key(row["key"]).with_decisions(row["pin"], None)) for row in rows]


def _copy_steps(db: Connection, source: str, target: str) -> None:
    """What was done with an incident is the history of what it has become. Each line once."""
    db.execute(
        "insert into incident_steps (incident_id, at_s, what, who, reason, unit, decision_id, origin) "
        "select :target, at_s, what, who, reason, unit, decision_id, coalesce(origin, seq) "
        "from incident_steps "
        "where incident_id in (select id from incidents where id = :source or moved_to = :source) "
        "and coalesce(origin, seq) not in "
        "(select coalesce(origin, seq) from incident_steps where incident_id = :target) order by seq",
        {"source": source, "target": target},
    )


def _row(db: Connection, incident_id: str) -> IncidentRow:
    row = find_row(db, incident_id)
    assert row is not None, incident_id  # noqa: S101 (a footprint is never in an incident that is not there)
    return row


def _footprint_of_alert(db: Connection, alert_id: str) -> int:
    rows = db.query("select footprint_id from alerts where id = ?", [alert_id])
    return int(next(iter(rows))["footprint_id"])


def _incident_with(db: Connection, alert_id: str) -> str:
    rows = db.query(
        "select f.incident_id from alerts a join footprints f on f.id = a.footprint_id where a.id = ?",
        [alert_id],
    )
    return str(next(iter(rows))["incident_id"])
