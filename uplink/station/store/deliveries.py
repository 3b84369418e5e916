"""Webhook deliveries: a row per event and endpoint, from the event's own transaction to its last attempt.

``add_deliveries`` is the one way in. ``DeliveryQueue`` (beside this) works them off; here they are read, and
sent anew when a person wants that. A replay keeps the row, and with it the ``webhook-id``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.gcj02 import Datum
from uplink.station.answers import Delivery
from uplink.station.events import WebhookEvent, event_id, subject_of
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.webhooks.answers import DeliveryAttempt
from uplink.station.webhooks.body import body_of
from uplink.station.webhooks.filters import EventFilter

DISABLED = "the endpoint is disabled"
_COLUMNS = (
    "id, event_id, type, subject_id, revision, endpoint_id as endpoint, url_host, state, attempts, "
    "last_status, last_error, created_at_s, due_at_s, delivered_at_s"
)


@dataclass(frozen=True, slots=True)
class EndpointName:
    """An endpoint without its secrets: what it is called, the host to show, the datum that it is told
    positions in, and what it wants to hear."""

    id: str
    url_host: str
    datum: Datum = "wgs84"
    wants: EventFilter = field(default_factory=EventFilter)
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """What is to be sent anew: one event, or all that were written down in a time. Of a time those that
    were given up, and on demand those that were delivered."""

    event_id: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    delivered_too: bool = False


class DeliveryStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def newest(
        self,
        limit: int,
        before: int | None = None,
        *,
        endpoint_id: str | None = None,
        state: str | None = None,
        subject_id: UUID | None = None,
    ) -> list[Delivery]:
        """The newest first; ``before`` is the id of the last one already known."""
        values = {
            "before": before,
            "endpoint": endpoint_id,
            "state": state,
            "subject": None if subject_id is None else str(subject_id),
            "limit": limit,
        }
        conditions = ["id < coalesce(:before, id + 1)"]
        conditions += [
            f"{column} = :{name}"
            for column, name in (("endpoint_id", "endpoint"), ("state", "state"), ("subject_id", "subject"))
            if values[name] is not None
        ]
        sql = (
            f"select {_COLUMNS} from deliveries where {' and '.join(conditions)} "  # noqa: S608 (values are bound)
            "order by id desc limit :limit"
        )

        def work(db: Connection) -> list[Delivery]:
            return [_delivery(row) for row in db.query(sql, values)]

        return await self._database.read(work)

    async def get(self, delivery_id: int) -> Delivery | None:
        """One of them."""
        return await self._database.read(lambda db: find_delivery(db, delivery_id))

    async def attempts(self, delivery_id: int, limit: int) -> list[DeliveryAttempt]:
        """What became of each attempt at a delivery, the newest first."""

        def work(db: Connection) -> list[DeliveryAttempt]:
            rows = db.query(
                "select at_s, took_ms, status, error from delivery_attempts where delivery_id = ? "
                "order by id desc limit ?",
                [delivery_id, limit],
            )
            return [
                DeliveryAttempt(
                    at=datetime.fromtimestamp(row["at_s"], UTC),
                    took_ms=row["took_ms"],
                    status=row["status"],
                    error=row["error"],
                )
                for row in rows
            ]

        return await self._database.read(work)

    async def replay(self, endpoint_id: str, what: ReplayRange, *, by: str, now_s: float) -> int:
        """Sends again what was given up, or delivered: due at once, with the whole schedule before it.
        Returns how many there are. What is under way this moment is left alone, and so are tests."""
        wanted = "'dead', 'delivered'" if what.delivered_too else "'dead'"
        if what.event_id is not None:
            wanted = "'dead', 'delivered', 'waiting'"
        sql = (
            "update deliveries set state = 'waiting', step = 0, due_at_s = :now, delivered_at_s = null "  # noqa: S608
            f"where endpoint_id = :endpoint and state in ({wanted}) and lease_until_s is null "
            "and type <> 'test.ping' and (:event is null or event_id = :event) "
            "and (:since is null or created_at_s >= :since) and (:until is null or created_at_s <= :until)"
        )
        values = {
            "now": now_s,
            "endpoint": endpoint_id,
            "event": what.event_id,
            "since": what.since_s,
            "until": what.until_s,
        }
        detail = {
            "event_id": what.event_id,
            "since_s": what.since_s,
            "until_s": what.until_s,
            "delivered_too": what.delivered_too,
        }

        def work(db: Connection) -> int:
            count = int(db.execute(sql, values).rowcount)
            deed = Deed(by, "webhook.replayed", endpoint_id, {**detail, "deliveries": count})
            write_deed(db, deed, now_s=now_s)
            return count

        return await self._database.run(work)


def add_deliveries(
    db: Connection, event: WebhookEvent, endpoints: Sequence[EndpointName], *, now_s: float
) -> list[Delivery]:
    """Within the caller's transaction: one delivery for each endpoint that wants the event, due at once.

    An event that is there already is not added again. For an endpoint that is disabled it is kept as given
    up, so that it can be replayed.
    """
    disabled = {row["id"] for row in db.query("select id from disabled_endpoints")}
    added = []
    for endpoint in endpoints:
        told_before = endpoint.wants.area is not None and _was_told(db, event, endpoint)
        if endpoint.wants.wants(event, told_before=told_before):
            why_dead = DISABLED if endpoint.id in disabled else None
            added += insert_delivery(db, event, endpoint, now_s=now_s, why_dead=why_dead)
    return added


def insert_delivery(
    db: Connection, event: WebhookEvent, endpoint: EndpointName, *, now_s: float, why_dead: str | None
) -> list[Delivery]:
    """Within the caller's transaction: the delivery, or none where this event has one already. With a reason
    it is given up from the beginning."""
    subject_id, revision = subject_of(event)
    cursor = db.execute(
        "insert into deliveries (event_id, type, subject_id, revision, endpoint_id, url_host, body, state, "
        "last_error, created_at_s, due_at_s) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        [
            event_id(event),
            event.type,
            str(subject_id),
            revision,
            endpoint.id,
            endpoint.url_host,
            body_of(event, datum=endpoint.datum, public_url=endpoint.public_url),
            "waiting" if why_dead is None else "dead",
            why_dead,
            now_s,
            now_s,
        ],
    )
    return [get_delivery(db, int(cursor.lastrowid or 0))] if cursor.rowcount else []


def get_delivery(db: Connection, delivery_id: int) -> Delivery:
    """Within the caller's transaction: one that is there."""
    found = find_delivery(db, delivery_id)
    assert found is not None, delivery_id  # noqa: S101 (nothing deletes one in the middle of a transaction)
    return found


def find_delivery(db: Connection, delivery_id: int) -> Delivery | None:
    """Within the caller's transaction: one that may be there."""
    rows = db.query(f"select {_COLUMNS} from deliveries where id = ?", [delivery_id])  # noqa: S608 (columns are ours)
    row = next(iter(rows), None)
    return None if row is None else _delivery(row)


def _was_told(db: Connection, event: WebhookEvent, endpoint: EndpointName) -> bool:
    subject_id, _ = subject_of(event)
    rows = db.query(
        "select 1 from deliveries where subject_id = ? and endpoint_id = ? limit 1",
        [str(subject_id), endpoint.id],
    )
    return any(True for _ in rows)


def _delivery(row: dict[str, Any]) -> Delivery:
    times = {
        "created_at": row.pop("created_at_s"),
        "next_attempt_at": row.pop("due_at_s"),
        "delivered_at": row.pop("delivered_at_s"),
    }
    if row["state"] != "waiting":
        times["next_attempt_at"] = None
    in_utc = {
        name: None if seconds is None else datetime.fromtimestamp(seconds, UTC)
        for name, seconds in times.items()
    }
    return Delivery.model_validate({**row, **in_utc})
