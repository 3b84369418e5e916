"""Webhook deliveries: a row per event and endpoint, from the alert's own transaction to its last attempt.

An attempt is taken with a lease. If the process dies during it the lease runs out and the attempt is
made again: a receiver may hear an event twice (with the same ``webhook-id``), never not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database as Connection

from uplink.gcj02 import Datum, in_datum
from uplink.messages import WebhookEvent
from uplink.station.answers import Delivery
from uplink.station.events import event_id
from uplink.station.store.database import StationDatabase

_COLUMNS = (
    "id, event_id, type, alert_id, revision, url_host, state, attempts, last_status, last_error, "
    "created_at_s, due_at_s, delivered_at_s"
)


@dataclass(frozen=True, slots=True)
class EndpointName:
    """An endpoint without its secrets: an id derived from its address, the host to show, and the datum that
    it is told positions in."""

    id: str
    url_host: str
    datum: Datum = "wgs84"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery to be tried now. ``number`` counts from 1."""

    delivery_id: int
    event_id: str
    body: str
    number: int


class DeliveryStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def begin(self, endpoints: Sequence[EndpointName]) -> None:
        """At the start: attempts cut off by a crash are due again; what has no endpoint now is given up."""
        configured = json.dumps([endpoint.id for endpoint in endpoints])

        def work(db: Connection) -> None:
            db.execute("update deliveries set lease_until_s = null where lease_until_s is not null")
            db.execute(
                "update deliveries set state = 'dead', last_error = 'the endpoint is no longer configured' "
                "where state = 'waiting' and endpoint_id not in (select value from json_each(?))",
                [configured],
            )

        await self._database.run(work)

    async def take(self, endpoint_id: str, *, now_s: float, lease_s: float, limit: int) -> list[Attempt]:
        """Leases what is due for an endpoint, the longest due first."""

        def work(db: Connection) -> list[Attempt]:
            rows = list(
                db.query(
                    "select id, event_id, body, attempts from deliveries "
                    "where state = 'waiting' and endpoint_id = ? and due_at_s <= ? "
                    "and (lease_until_s is null or lease_until_s <= ?) order by due_at_s limit ?",
                    [endpoint_id, now_s, now_s, limit],
                )
            )
            for row in rows:
                db.execute(
                    "update deliveries set attempts = attempts + 1, lease_until_s = ? where id = ?",
                    [now_s + lease_s, row["id"]],
                )
            return [Attempt(row["id"], row["event_id"], row["body"], row["attempts"] + 1) for row in rows]

        return await self._database.run(work)

    async def next_due_s(self, endpoint_id: str) -> float | None:
        """When the endpoint's next attempt is due; a leased one not before its lease runs out."""

        def work(db: Connection) -> float | None:
            row = next(
                iter(
                    db.query(
                        "select min(max(due_at_s, coalesce(lease_until_s, 0))) as due_s from deliveries "
                        "where state = 'waiting' and endpoint_id = ?",
                        [endpoint_id],
                    )
                )
            )
            return None if row["due_s"] is None else float(row["due_s"])

        return await self._database.run(work)

    async def mark_delivered(self, delivery_id: int, *, status: int, now_s: float) -> Delivery:
        """The endpoint answered with 2xx."""
        return await self._update(
            delivery_id,
            "state = 'delivered', last_status = ?, last_error = null, delivered_at_s = ?",
            [status, now_s],
        )

    async def mark_failed(
        self, delivery_id: int, *, status: int | None, error: str, retry_at_s: float | None
    ) -> Delivery:
        """The attempt failed; with no time to retry at, the delivery is dead."""
        if retry_at_s is None:
            return await self._update(
                delivery_id, "state = 'dead', last_status = ?, last_error = ?", [status, error]
            )
        return await self._update(
            delivery_id, "due_at_s = ?, last_status = ?, last_error = ?", [retry_at_s, status, error]
        )

    async def give_up(self, endpoint_id: str, error: str) -> list[Delivery]:
        """Everything that waits for this endpoint is dead."""

        def work(db: Connection) -> list[Delivery]:
            waiting = list(
                db.query(
                    "select id from deliveries where state = 'waiting' and endpoint_id = ? order by id",
                    [endpoint_id],
                )
            )
            for row in waiting:
                db.execute(
                    "update deliveries set state = 'dead', lease_until_s = null, last_error = ? where id = ?",
                    [error, row["id"]],
                )
            return [_get(db, row["id"]) for row in waiting]

        return await self._database.run(work)

    async def newest(self, limit: int, before: int | None = None) -> list[Delivery]:
        """The newest first; ``before`` is the id of the last one already known."""

        def work(db: Connection) -> list[Delivery]:
            rows = db.query(
                f"select {_COLUMNS} from deliveries where id < coalesce(?, id + 1) order by id desc limit ?",  # noqa: S608
                [before, limit],
            )
            return [_delivery(row) for row in rows]

        return await self._database.run(work)

    async def _update(self, delivery_id: int, changes: str, values: list[Any]) -> Delivery:
        sql = f"update deliveries set {changes}, lease_until_s = null where id = ?"  # noqa: S608 (changes are ours)

        def work(db: Connection) -> Delivery:
            db.execute(sql, [*values, delivery_id])
            return _get(db, delivery_id)

        return await self._database.run(work)


def add_deliveries(
    db: Connection, event: WebhookEvent, endpoints: Sequence[EndpointName], *, now_s: float
) -> list[Delivery]:
    """Within the caller's transaction: one delivery per endpoint, due at once."""
    name = event_id(event.data)
    added = []
    for endpoint in endpoints:
        body = in_datum(event, endpoint.datum).model_dump_json()
        cursor = db.execute(
            "insert into deliveries (event_id, type, alert_id, revision, endpoint_id, url_host, body, "
            "created_at_s, due_at_s) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                name,
                event.type,
                str(event.data.id),
                event.data.revision,
                endpoint.id,
                endpoint.url_host,
                body,
                now_s,
                now_s,
            ],
        )
        added.append(_get(db, int(cursor.lastrowid or 0)))
    return added


def _get(db: Connection, delivery_id: int) -> Delivery:
    rows = db.query(f"select {_COLUMNS} from deliveries where id = ?", [delivery_id])  # noqa: S608
    return _delivery(next(iter(rows)))


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
