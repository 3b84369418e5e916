"""Incidents: what people do with them, what time does to them, and how they are read.

Each change is one transaction with its step, its line in the audit log and its webhook deliveries. Whoever
changes an incident names the version that he saw; where somebody was faster nothing changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import uuid6
from sqlite_utils import Database as Connection

from uplink.errors import NotPossibleError
from uplink.station.escalation import escalate, next_due_s
from uplink.station.events import IncidentEventType
from uplink.station.incident import Incident
from uplink.station.incident_answers import StepKind
from uplink.station.incident_footprint import Footprint
from uplink.station.incident_life import StepRefusedError, step
from uplink.station.store.deeds import IncidentNote
from uplink.station.store.deliveries import EndpointName
from uplink.station.store.incident_links import Move
from uplink.station.store.incident_reading import (
    IncidentReader,
    MovedIncidentError,
    UnknownIncidentError,
)
from uplink.station.store.incident_rows import (
    IncidentRow,
    evidence_of,
    find_row,
    incident_of,
    is_withdrawn,
    keep_evidence,
    rows_where,
    save_row,
)
from uplink.station.store.incident_settling import STATION, Hand, IncidentNews, announce, settle

_EVENTS: dict[StepKind, IncidentEventType] = {
    StepKind.ACKNOWLEDGE: "incident.acknowledged",
    StepKind.DISPATCH: "incident.dispatched",
    StepKind.RESOLVE: "incident.resolved",
    StepKind.FALSE_ALARM: "incident.false_alarm",
    StepKind.REOPEN: "incident.reopened",
}
_NOTES: dict[StepKind, IncidentNote] = {
    StepKind.CONFIRM: "incident.confirmed",
    StepKind.NOTE: "incident.noted",
}
_AT_ONCE = 100


class IncidentConflictError(NotPossibleError):
    """Somebody was faster, or the step does not follow from the state."""

    def __init__(self, message: str, current: Incident) -> None:
        super().__init__(message)
        self.current = current


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something with an incident, why, and which version of it he saw; None: whichever."""

    name: str
    reason: str
    version: int | None


class IncidentStore(IncidentReader):
    """Reads, and changes."""

    async def take_step(
        self,
        incident_id: UUID,
        kind: StepKind,
        person: Actor,
        *,
        unit: str = "",
        now_s: float,
        endpoints: Sequence[EndpointName],
    ) -> IncidentNews:
        """One step; ``unit`` is who is sent. Raises ``UnknownIncidentError``, ``MovedIncidentError`` or
        ``IncidentConflictError``."""
        hand = Hand(person.name, now_s, self._rules, endpoints, person.reason, unit, is_person=True)

        def work(db: Connection) -> IncidentNews:
            row = _current(db, incident_id, person.version, hand)
            was_closed = row.life.state.is_closed
            try:
                row.life = step(row.life, kind, who=person.name, reason=person.reason, now_s=now_s, unit=unit)
            except StepRefusedError as refused:
                told = incident_of(db, row, self._rules, now_s=now_s)
                raise IncidentConflictError(refused.message, told) from None
            row.updated_at_s = now_s
            save_row(db, row, self._rules)
            news = announce(db, _EVENTS.get(kind) or _NOTES[kind], row, hand)
            if row.life.state.is_closed is not was_closed:
                cut_s = now_s + self._rules.reburn_s if row.life.state.is_closed else None
                news.add(_cut(db, row, cut_s, hand))
            return news

        return await self._database.run(work)

    async def merge(
        self,
        incident_id: UUID,
        others: Sequence[UUID],
        person: Actor,
        *,
        now_s: float,
        endpoints: Sequence[EndpointName],
    ) -> IncidentNews:
        """A person says that these are one event. Raises like ``take_step``."""
        hand = self._deciding(person, now_s, endpoints)

        def work(db: Connection) -> IncidentNews:
            row = _current(db, incident_id, person.version, hand)
            rows = [row, *(_current(db, other, None, hand) for other in others)]
            if len({one.id for one in rows}) < len(rows):
                raise IncidentConflictError(
                    "an incident cannot be merged with itself",
                    incident_of(db, row, self._rules, now_s=now_s),
                )
            members = [alert_id for one in rows for alert_id in _members(db, one.id)]
            return _decide(db, "merge", [members], hand)

        return await self._database.run(work)

    async def split(
        self,
        incident_id: UUID,
        alert_ids: Sequence[UUID],
        person: Actor,
        *,
        now_s: float,
        endpoints: Sequence[EndpointName],
    ) -> tuple[IncidentNews, UUID]:
        """A person says that these alerts are another event. Raises like ``take_step``. With the news comes
        an alert that stays."""
        hand = self._deciding(person, now_s, endpoints)

        def work(db: Connection) -> tuple[IncidentNews, UUID]:
            row = _current(db, incident_id, person.version, hand)
            members, leaving = _members(db, row.id), {str(alert_id) for alert_id in alert_ids}
            staying = [alert_id for alert_id in members if alert_id not in leaving]
            if not leaving <= set(members) or not staying:
                raise IncidentConflictError(
                    "some, and not all, of the incident's own alerts can be split off",
                    incident_of(db, row, self._rules, now_s=now_s),
                )
            return _decide(db, "split", [staying, sorted(leaving)], hand), UUID(staying[0])

        return await self._database.run(work)

    async def undo(
        self,
        incident_id: UUID,
        decision_id: UUID,
        person: Actor,
        *,
        now_s: float,
        endpoints: Sequence[EndpointName],
    ) -> IncidentNews:
        """A merge or split was a mistake: what it said of the alerts is as before. Raises like ``take_step``;
        later decisions about the same alerts are undone first."""
        hand = replace(self._deciding(person, now_s, endpoints), decision_id=str(decision_id))

        def work(db: Connection) -> IncidentNews:
            row = _current(db, incident_id, person.version, hand)
            rows = db.query("select * from decisions where id = ? and undone = 0", [str(decision_id)])
            decision = next(iter(rows), None)
            after = {} if decision is None else json.loads(decision["pins_after"])
            if not set(after) & set(_members(db, row.id)) or after != _pins(db, list(after)):
                raise IncidentConflictError(
                    "there is no such decision about this incident, or a later one has to be undone first",
                    incident_of(db, row, self._rules, now_s=now_s),
                )
            assert decision is not None  # noqa: S101 - there is something after it
            db.execute("update decisions set undone = 1 where id = ?", [str(decision_id)])
            return _pin(db, json.loads(decision["pins_before"]), hand)

        return await self._database.run(work)

    async def has_news(self, *, now_s: float) -> bool:
        """Whether ``freshen`` or ``escalate`` would find anything."""

        def work(db: Connection) -> bool:
            row = db.execute(
                "select exists (select 1 from incidents where news > told and moved_to is null) or "
                "exists (select 1 from incidents where due_s <= ? and moved_to is null)",
                [now_s],
            ).fetchone()
            return bool(row[0])

        return await self._database.read(work)

    async def freshen(self, *, now_s: float) -> list[Incident]:
        """Those whose alerts have news, as they are now; the longest waiting first, some at a time.

        They are reckoned while others write: for one of thousands of alerts that takes a while.
        """
        condition = f"news > told and moved_to is null order by updated_at_s limit {_AT_ONCE}"

        def reckon(db: Connection) -> list[tuple[IncidentRow, dict[str, Any]]]:
            return [(row, evidence_of(db, row.id)) for row in rows_where(db, condition, [])]

        found = await self._database.read(reckon)

        def work(db: Connection) -> list[Incident]:
            for then, evidence in found:
                keep_evidence(db, then, evidence)
            rows = [find_row(db, then.id) for then, _ in found]
            # What came in the meantime is told the next time.
            return [
                incident_of(db, replace(row, told=row.news), self._rules, now_s=now_s)
                for row in rows
                if row is not None and row.moved_to is None
            ]

        return await self._database.run(work)

    async def escalate(self, *, now_s: float, endpoints: Sequence[EndpointName]) -> IncidentNews:
        """Tells the next level of whatever people are late with."""
        hand = Hand(STATION, now_s, self._rules, endpoints)

        def work(db: Connection) -> IncidentNews:
            news = IncidentNews()
            rows = rows_where(db, f"due_s <= ? and moved_to is null order by due_s limit {_AT_ONCE}", [now_s])
            for row in rows:
                found = escalate(row.life, self._rules, now_s)
                if found is None:
                    continue
                row.life = found.life
                save_row(db, row, self._rules)
                if is_withdrawn(row):
                    continue  # nobody has to hurry to what the drones have taken back
                told = replace(hand, reason=f"{found.target} is late: {found.level}")
                detail: dict[str, object] = {"target": found.target, "level": found.level}
                news.add(announce(db, "incident.escalated", row, told, detail=detail))
            return news

        return await self._database.run(work)

    async def begin(self) -> None:
        """At the start: the clocks of what is open, by the rules as they are configured now."""

        def work(db: Connection) -> None:
            for row in rows_where(db, "moved_to is null and state in ('new', 'acknowledged')", []):
                due_s = next_due_s(row.life, self._rules)
                db.execute("update incidents set due_s = ? where id = ?", [due_s, row.id])

        await self._database.run(work)

    def _deciding(self, person: Actor, now_s: float, endpoints: Sequence[EndpointName]) -> Hand:
        decision_id = str(uuid6.uuid7())
        return Hand(
            person.name, now_s, self._rules, endpoints, person.reason, decision_id=decision_id, is_person=True
        )


def _current(db: Connection, incident_id: UUID, version: int | None, hand: Hand) -> IncidentRow:
    """The incident, if it is what who asks believes it to be."""
    row = find_row(db, str(incident_id))
    if row is None:
        raise UnknownIncidentError(f"there is no incident {incident_id}")
    if row.moved_to is not None:
        raise MovedIncidentError(incident_id, row.moved_to)
    if version not in (None, row.life.version):
        raise IncidentConflictError(
            f"somebody was faster: this is version {row.life.version}",
            incident_of(db, row, hand.rules, now_s=hand.now_s),
        )
    return row


def _members(db: Connection, incident_id: str) -> list[str]:
    rows = db.query(
        "select a.id from alerts a join footprints f on f.id = a.footprint_id where f.incident_id = ? "
        "order by a.confirmed_at_s, a.id",
        [incident_id],
    )
    return [row["id"] for row in rows]


def _cut(db: Connection, row: IncidentRow, cut_s: float | None, hand: Hand) -> IncidentNews:
    """What is confirmed later than this is another event; None: nothing is."""
    members = _members(db, row.id)
    db.execute(
        "update alerts set cut_s = ? where id in (select value from json_each(?))",
        [cut_s, json.dumps(members)],
    )
    return settle(db, _moves(db, members), replace(hand, who=STATION, is_person=False))


def _decide(db: Connection, what: str, groups: Sequence[Sequence[str]], hand: Hand) -> IncidentNews:
    """Each group of alerts is one event, and no two of them are the same one. What was said of these alerts
    and others stays said."""
    every = [alert_id for group in groups for alert_id in group]
    before = _pins(db, every)
    after: dict[str, str] = {}
    pins = [str(uuid6.uuid7()) for _ in groups]
    inside = {pin for pin in before.values() if pin is not None}
    for pin, group in zip(pins, groups, strict=True):
        after |= dict.fromkeys(group, pin)
        for old in {old for alert_id in group if (old := before[alert_id]) is not None}:
            others = [row["other"] for row in db.query("select other from apart where pin = ?", [old])]
            _keep_apart(db, [(pin, other) for other in others if other not in inside])
    _keep_apart(db, [(pins[0], pin) for pin in pins[1:]])
    db.execute(
        "insert into decisions (id, what, pins_before, pins_after) values (?, ?, ?, ?)",
        [hand.decision_id, what, json.dumps(before), json.dumps(after)],
    )
    return _pin(db, after, hand)


def _keep_apart(db: Connection, pairs: Sequence[tuple[str, str]]) -> None:
    both_ways = [*pairs, *((other, pin) for pin, other in pairs)]
    db.conn.executemany("insert or ignore into apart (pin, other) values (?, ?)", both_ways)


def _pins(db: Connection, alert_ids: Sequence[str]) -> dict[str, str | None]:
    rows = db.query(
        "select id, pin from alerts where id in (select value from json_each(?))", [json.dumps(alert_ids)]
    )
    return {row["id"]: row["pin"] for row in rows}


def _pin(db: Connection, pins: dict[str, str], hand: Hand) -> IncidentNews:
    db.conn.executemany(
        "update alerts set pin = ? where id = ?", [(pin, alert_id) for alert_id, pin in pins.items()]
    )
    return settle(db, _moves(db, list(pins)), hand)


def _moves(db: Connection, alert_ids: Sequence[str]) -> list[Move]:
    """To the same places, with what people say of them now."""
    rows = db.query(
        "select a.id, a.pin, a.cut_s, f.key from alerts a join footprints f on f.id = a.footprint_id "
        "where a.id in (select value from json_each(?)) order by a.id",
        [json.dumps(alert_ids)],
    )
    return [
        Move(row["id"], Footprint.from_key(row["key"]).with_decisions(row["pin"], row["cut_s"]))
        for row in rows
    ]
