"""CAP messages as they were sent: none is ever changed, and a later one refers to those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.station.feeds.cap import CapMessage, Issued
from uplink.station.incident import Incident
from uplink.station.incident_rules import IncidentRules
from uplink.station.store.database import StationDatabase
from uplink.station.store.incident_rows import find_row, incident_of

_AT_ONCE = 10  # in one transaction: alerts wait for it


@dataclass(frozen=True, slots=True)
class Subject:
    """An incident that has changed. ``before`` are its messages, the oldest first, and ``told`` is how it was
    in the last of them; ``moved``: it has become part of another, and is as it was told last."""

    incident: Incident
    before: Sequence[Issued]
    told: Incident | None
    moved: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One of them, for the index. ``seq`` counts all messages."""

    seq: int
    incident_id: UUID
    number: int
    kind: str
    sent: datetime
    headline: str


class CapStore:
    def __init__(self, database: StationDatabase, rules: IncidentRules) -> None:
        self._database = database
        self._rules = rules

    async def issue(self, make: Callable[[Subject], CapMessage | None], *, now_s: float) -> bool:
        """Makes the messages of incidents that have changed, some at a time; whether there may be more."""
        if not await self._database.read(_due):
            return False

        def work(db: Connection) -> bool:
            due = _due(db)
            for incident_id in due:
                subject = self._subject(db, incident_id, now_s)
                message = None if subject is None else make(subject)
                if subject is not None and message is not None:
                    _write(db, subject, message)
                db.execute("delete from cap_due where incident_id = ?", [incident_id])
            return len(due) == _AT_ONCE

        return await self._database.run(work)

    async def newest(self, limit: int, before: int | None = None) -> list[SentMessage]:
        """The newest first; ``before`` is the ``seq`` of the last one already known."""

        def work(db: Connection) -> list[SentMessage]:
            rows = db.query(
                "select seq, incident_id, number, kind, sent_s, headline from cap_messages "
                "where :before is null or seq < :before order by seq desc limit :limit",
                {"before": before, "limit": limit},
            )
            return [
                SentMessage(
                    row["seq"],
                    UUID(row["incident_id"]),
                    row["number"],
                    row["kind"],
                    datetime.fromtimestamp(row["sent_s"], UTC),
                    row["headline"],
                )
                for row in rows
            ]

        return await self._database.read(work)

    async def body(self, incident_id: UUID, number: int) -> str | None:
        """A message, as it was sent."""

        def work(db: Connection) -> str | None:
            rows = db.query(
                "select body from cap_messages where incident_id = ? and number = ?",
                [str(incident_id), number],
            )
            return next((row["body"] for row in rows), None)

        return await self._database.read(work)

    def _subject(self, db: Connection, incident_id: str, now_s: float) -> Subject | None:
        row = find_row(db, incident_id)
        sent = list(
            db.query(
                "select number, kind, sent_s, incident from cap_messages where incident_id = ? "
                "order by number",
                [incident_id],
            )
        )
        before = [_issued(incident_id, each) for each in sent]
        told = Incident.model_validate_json(sent[-1]["incident"]) if sent else None
        if row is not None and row.moved_to is None:
            incident = incident_of(db, row, self._rules, now_s=now_s)
            return Subject(incident, before, told, moved=False)
        return None if told is None else Subject(told, before, told, moved=True)


def _due(db: Connection) -> list[str]:
    """But for those whose alerts have news: they are reckoned anew beside this, and then they are due."""
    rows = db.query(
        "select d.incident_id from cap_due d left join incidents i on i.id = d.incident_id "
        "where i.id is null or i.told >= i.news or i.moved_to is not null limit ?",
        [_AT_ONCE],
    )
    return [row["incident_id"] for row in rows]


def _write(db: Connection, subject: Subject, message: CapMessage) -> None:
    db.execute(
        "insert into cap_messages (incident_id, number, kind, sent_s, headline, body, incident) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [
            str(subject.incident.id),
            len(subject.before) + 1,
            message.issued.kind,
            message.issued.sent.timestamp(),
            message.headline,
            message.body.decode(),
            subject.incident.model_dump_json(),
        ],
    )


def _issued(incident_id: str, row: dict[str, Any]) -> Issued:
    return Issued(f"{incident_id}-{row['number']}", datetime.fromtimestamp(row["sent_s"], UTC), row["kind"])
