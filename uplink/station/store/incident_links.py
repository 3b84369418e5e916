"""Keeps which alerts are one event, a footprint at a time, in the transaction of the alert that moves.

The result is always the one that `incident_links` gives for all footprints from nothing: no cluster is joined
to anything outside it, so only the clusters that a change touches are reckoned anew. Most changes touch
none: a footprint that is there already, or one that only adds to clusters in which nothing but places hang
together, or moves within one. What is near is found by an R*-tree over reaches.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
from sqlite_utils import Database as Connection

from uplink.station.incident_fit import Reach, misfits, reach_of
from uplink.station.incident_footprint import Footprint, Kind
from uplink.station.incident_links import events_of

_NEAR_DATE_LINE_DEG = 179.0
_EARLIER_AT_MOST = 200
_A_FEW = 32


@dataclass(frozen=True, slots=True)
class Move:
    """An alert that has come, or whose footprint may have changed."""

    alert_id: str
    footprint: Footprint


@dataclass(slots=True)
class Regrouping:
    """What moves have done. ``groups`` are the events, as footprints, that may have other members now;
    ``came_from`` says for each of these footprints how many of its alerts were in which incident before, the
    new ones in none. ``joined`` are incidents that have gained or kept alerts and are otherwise as they were.
    """

    groups: list[list[int]] = field(default_factory=list)
    came_from: dict[int, Counter[str]] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Node:
    id: int
    cluster: int
    incident_id: str
    is_plain: bool
    footprint: Footprint


def move_alerts(db: Connection, moves: Sequence[Move]) -> Regrouping:
    """Within the caller's transaction. The alerts are there already."""
    touched: set[int] = set()
    arrivals: dict[int, Counter[str]] = {}
    kept: set[str] = set()
    for move in moves:
        old = _node_of_alert(db, move.alert_id)
        if old is not None and old.footprint == move.footprint:
            kept.add(old.incident_id)
            continue
        new, near, is_new = _find_or_add(db, move.footprint, one_each=old is None)
        db.execute("update alerts set footprint_id = ? where id = ?", [new.id, move.alert_id])
        is_left = old is not None and _drop_if_left(db, old)
        if len(moves) == 1:
            if old is None and not is_new:
                return Regrouping(joined={new.incident_id})
            if old is not None and _stays(db, new, near, old, is_left=is_left):
                return Regrouping(joined={old.incident_id})
            if old is None and not near and new.footprint.pin is None:
                return Regrouping([[new.id]], {new.id: Counter()})
            if old is None and new.is_plain and (done := _only_adds(db, new, near)) is not None:
                return done
        touched |= {new.cluster, *(node.cluster for node in near)}
        arrivals.setdefault(new.id, Counter())[old.incident_id if old else ""] += 1
        if old is not None:
            touched.add(old.cluster)
    if not touched:
        return Regrouping(joined=kept)
    nodes = _nodes_where(db, "cluster in (select value from json_each(?))", [json.dumps(sorted(touched))])
    groups = _recluster(db, nodes)
    return Regrouping(groups, _came_from(db, nodes, arrivals), kept)


def all_of(db: Connection, incident_id: str) -> Regrouping:
    """An incident as it is, to be looked at again: another alert may be its first now."""
    nodes = _nodes_where(db, "incident_id = ?", [incident_id])
    return Regrouping([[node.id for node in nodes]], _came_from(db, nodes, {}))


def earlier_incident(db: Connection, incident_id: str, first: Footprint) -> str | None:
    """The incident that was last in the place where this one begins, if it was before."""
    found = [
        node
        for node in map(_node, _near_rows(db, first, any_time=True))
        if node.incident_id != incident_id and node.footprint.start_s <= first.start_s
    ]
    fits = misfits(first, [node.footprint for node in found], any_time=True) if found else np.array([])
    here = [found[k] for k in np.flatnonzero(np.isfinite(fits))]
    latest = max(here, key=lambda node: (node.footprint.end_s, node.incident_id), default=None)
    return None if latest is None else latest.incident_id


def footprints_of(db: Connection, ids: Iterable[int]) -> list[Footprint]:
    """By their row ids."""
    nodes = _nodes_where(db, "id in (select value from json_each(?))", [json.dumps(list(ids))])
    return [node.footprint for node in nodes]


def _only_adds(db: Connection, new: _Node, near: Sequence[_Node]) -> Regrouping | None:
    """A place has come that fits only places: it joins their clusters, and nothing else can have changed.
    None where it may have."""
    around = sorted({node.cluster for node in near})
    if not all(_is_plain_cluster(db, cluster) for cluster in around):
        return None
    home = around[0]
    if len(around) == 1:
        incident_id = near[0].incident_id
        db.execute(
            "update footprints set cluster = ?, incident_id = ? where id = ?", [home, incident_id, new.id]
        )
        return Regrouping(joined={incident_id})
    clusters_now = json.dumps([*around, new.cluster])
    nodes = _nodes_where(db, "cluster in (select value from json_each(?))", [clusters_now])
    db.execute(
        "update footprints set cluster = ? where cluster in (select value from json_each(?))",
        [home, clusters_now],
    )
    arrived = {new.id: Counter({"": 1})}
    return Regrouping([[node.id for node in nodes]], _came_from(db, nodes, arrived))


def _stays(db: Connection, new: _Node, near: Sequence[_Node], old: _Node, *, is_left: bool) -> bool:
    """Whether an alert that has moved is where it was among its like, and has let go of nobody. ``near`` is
    from before the old footprint went."""
    near = near or [node for node in _linked(db, new.footprint) if node.id != new.id]
    if not (new.is_plain and old.is_plain) or any(node.cluster != old.cluster for node in near):
        return False
    if new.incident_id == "" and not near:
        return False
    if new.incident_id not in ("", old.incident_id) or not _is_plain_cluster(db, old.cluster):
        return False
    if is_left:
        held = [node for node in near if node.id != old.id] + [new]
        known = {node.id for node in held}
        footprints = [node.footprint for node in held]
        for node in _linked(db, old.footprint):
            if node.id not in known and not np.isfinite(misfits(node.footprint, footprints)).any():
                return False
    if new.incident_id == "":
        db.execute(
            "update footprints set cluster = ?, incident_id = ? where id = ?",
            [old.cluster, old.incident_id, new.id],
        )
    return True


def _recluster(db: Connection, nodes: Sequence[_Node]) -> list[list[int]]:
    """Gives these whole clusters their clusters anew, and their events."""
    groups = []
    footprints = [node.footprint for node in nodes]
    apart = _apart(db, {footprint.pin for footprint in footprints if footprint.pin})
    for events in events_of(footprints, apart):
        cluster = [nodes[i] for event in events for i in event]
        number = min(node.id for node in cluster)
        changed = [(number, node.id) for node in cluster if node.cluster != number]
        db.conn.executemany("update footprints set cluster = ? where id = ?", changed)
        groups += [[nodes[i].id for i in event] for event in events]
    return groups


def _came_from(
    db: Connection, nodes: Sequence[_Node], arrivals: dict[int, Counter[str]]
) -> dict[int, Counter[str]]:
    counts = {
        row["footprint_id"]: row["alerts"]
        for row in db.query(
            "select footprint_id, count(*) as alerts from alerts "
            "where footprint_id in (select value from json_each(?)) group by footprint_id",
            [json.dumps([node.id for node in nodes])],
        )
    }
    found = {}
    for node in nodes:
        arrived = arrivals.get(node.id, Counter())
        stayed = counts.get(node.id, 0) - arrived.total()
        found[node.id] = Counter({node.incident_id: stayed}) + arrived
        del found[node.id][""]
    return found


def _find_or_add(db: Connection, footprint: Footprint, *, one_each: bool) -> tuple[_Node, list[_Node], bool]:
    """The footprint's row, what hangs together with it if the row is new, and whether it is."""
    key = footprint.key
    found = _nodes_where(db, "key = ?", [key])
    if found:
        return found[0], [], False
    near = _linked(db, footprint, one_each=one_each)
    is_plain = footprint.kind is Kind.PLACE and footprint.pin is None and footprint.cut_s is None
    cursor = db.execute(
        "insert into footprints (key, cluster, incident_id, is_plain) values (?, 0, '', ?)",
        [key, int(is_plain)],
    )
    row_id = int(cursor.lastrowid or 0)
    db.execute("update footprints set cluster = id where id = ?", [row_id])
    if footprint.kind is not Kind.NOWHERE:
        reach = reach_of(footprint)
        db.execute(
            "insert into reaches (id, west, east, south, north, start_s, end_s) values (?, ?, ?, ?, ?, ?, ?)",
            [row_id, *astuple(reach)],
        )
    return _Node(row_id, row_id, "", is_plain, footprint), near, True


def _drop_if_left(db: Connection, node: _Node) -> bool:
    """Whether no alert has this footprint any more; then it goes."""
    if any(True for _ in db.query("select 1 from alerts where footprint_id = ? limit 1", [node.id])):
        return False
    db.execute("delete from footprints where id = ?", [node.id])
    db.execute("delete from reaches where id = ?", [node.id])
    return True


def _linked(db: Connection, footprint: Footprint, *, one_each: bool = False) -> list[_Node]:
    """All that hang together with it: by fitting, or by a person's word. ``one_each``: where it is enough to
    know the clusters, one of each."""
    near = _near_rows(db, footprint)
    if one_each:
        by_cluster: dict[int, list[dict[str, Any]]] = {}
        for row in near:
            by_cluster.setdefault(row["cluster"], []).append(row)
        linked = [node for rows in by_cluster.values() if (node := _first_fitting(footprint, rows))]
    else:
        linked = _fitting(footprint, near)
    if footprint.pin is None:
        return linked
    known = {node.id for node in linked}
    pinned = _nodes_where(db, "id in (select footprint_id from alerts where pin = ?)", [footprint.pin])
    return linked + [node for node in pinned if node.id not in known]


def _first_fitting(footprint: Footprint, rows: Sequence[dict[str, Any]]) -> _Node | None:
    for start in range(0, len(rows), _A_FEW):
        if fitting := _fitting(footprint, rows[start : start + _A_FEW]):
            return fitting[0]
    return None


def _fitting(footprint: Footprint, rows: Sequence[dict[str, Any]]) -> list[_Node]:
    near = [_node(row) for row in rows]
    fits = misfits(footprint, [node.footprint for node in near]) if near else np.array([])
    return [near[k] for k in np.flatnonzero(np.isfinite(fits))]


def _near_rows(db: Connection, footprint: Footprint, *, any_time: bool = False) -> list[dict[str, Any]]:
    if footprint.kind is Kind.NOWHERE:
        return []
    reach = reach_of(footprint)
    found: dict[int, dict[str, Any]] = {}
    for turn_deg in _turns_deg(reach):
        values = [reach.east_deg + turn_deg, reach.west_deg + turn_deg, reach.north_deg, reach.south_deg]
        condition = (
            "id in (select id from reaches where west <= ? and east >= ? and south <= ? and north >= ?"
        )
        if any_time:
            condition += " order by end_s desc limit ?)"
            values.append(_EARLIER_AT_MOST)
        else:
            condition += " and start_s <= ? and end_s >= ?)"
            values += [reach.end_s, reach.start_s]
        found |= {row["id"]: row for row in _rows_where(db, condition, values)}
    return list(found.values())


def _turns_deg(reach: Reach) -> tuple[float, ...]:
    """Near the date line the same place may be written with 360° more or less."""
    near = max(abs(reach.west_deg), abs(reach.east_deg)) > _NEAR_DATE_LINE_DEG
    return (-360.0, 0.0, 360.0) if near else (0.0,)


def _is_plain_cluster(db: Connection, cluster: int) -> bool:
    rows = db.query("select 1 from footprints where cluster = ? and is_plain = 0 limit 1", [cluster])
    return not any(True for _ in rows)


def _apart(db: Connection, pins: set[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    if pins:
        rows = db.query(
            "select pin, other from apart where pin in (select value from json_each(?))",
            [json.dumps(sorted(pins))],
        )
        for row in rows:
            found.setdefault(row["pin"], set()).add(row["other"])
    return {pin: frozenset(others) for pin, others in found.items()}


def _node_of_alert(db: Connection, alert_id: str) -> _Node | None:
    nodes = _nodes_where(db, "id = (select footprint_id from alerts where id = ?)", [alert_id])
    return nodes[0] if nodes else None


def _nodes_where(db: Connection, condition: str, values: list[Any]) -> list[_Node]:
    return [_node(row) for row in _rows_where(db, condition, values)]


def _rows_where(db: Connection, condition: str, values: list[Any]) -> Iterable[dict[str, Any]]:
    sql = f"select id, key, cluster, incident_id, is_plain from footprints where {condition}"  # noqa: S608 (conditions are ours)
    return db.query(sql, values)


def _node(row: dict[str, Any]) -> _Node:
    footprint = Footprint.from_key(row["key"])
    return _Node(row["id"], row["cluster"], row["incident_id"], bool(row["is_plain"]), footprint)
