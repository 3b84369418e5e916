"""Works the deliveries off: what is due, for whom, and what became of each attempt.

An attempt is taken with a lease. If the process dies during it the attempt is made again at the next start:
a receiver may hear an event twice (with the same ``webhook-id``), never not at all. Times are wall time,
because they outlive the process; ``shift`` follows the clock when somebody sets it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database as Connection

from uplink.station.answers import Delivery
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import EndpointName, get_delivery
from uplink.station.webhooks.schedule import LONGEST_WAIT_S, RETRY_AFTER_MAX_S
from uplink.station.webhooks.verdict import ABOUT_THE_EVENT

CUT_OFF = "cut off: the station stopped"
# Nothing is ever due later than this: what seems to be was written down by a clock that was wrong.
FARTHEST_S = max(LONGEST_WAIT_S, RETRY_AFTER_MAX_S) + 60.0
_IS_DUE = "(due_at_s <= :now or due_at_s > :now + :farthest)"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery to be tried now. ``step`` counts from 1 and is where it is in the schedule."""

    delivery_id: int
    event_id: str
    body: str
    step: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: an HTTP status if there was an answer, and what is wrong if anything is."""

    at_s: float
    took_ms: float
    status: int | None
    error: str | None


class DeliveryQueue:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def begin(self, endpoints: Sequence[EndpointName], *, now_s: float) -> None:
        """At the start: attempts cut off by a crash are due again; what has no endpoint now is given up."""
        configured = json.dumps([endpoint.id for endpoint in endpoints])

        def work(db: Connection) -> None:
            db.execute(
                "insert into delivery_attempts (delivery_id, at_s, error) "
                "select id, ?, ? from deliveries where lease_until_s is not null",
                [now_s, CUT_OFF],
            )
            db.execute("update deliveries set lease_until_s = null where lease_until_s is not null")
            db.execute(
                "update deliveries set state = 'dead', last_error = 'the endpoint is no longer configured' "
                "where state = 'waiting' and endpoint_id not in (select value from json_each(?))",
                [configured],
            )

        await self._database.run(work)

    async def take(
        self, endpoint_id: str, *, now_s: float, lease_s: float, limit: int, probing: bool = False
    ) -> list[Attempt]:
        """Leases what is due for an endpoint, in the order of the events. Of one alert or incident only the
        oldest, so that they do not overtake each other; one that waits for its next try holds up no other.

        ``probing`` an endpoint that is broken, it is the one that was tried least: the fault may lie with
        a single event.
        """
        order = "attempts, id" if probing else "id"
        sql = (
            "select id, event_id, body, step from deliveries as this "  # noqa: S608 (the order is ours)
            f"where state = 'waiting' and endpoint_id = :endpoint and {_IS_DUE} "
            "and (lease_until_s is null or lease_until_s <= :now) and not exists ("
            "  select 1 from deliveries as older where older.subject_id = this.subject_id "
            "  and older.endpoint_id = :endpoint and older.id < this.id and older.state = 'waiting' "
            "  and (older.lease_until_s > :now or older.due_at_s <= :now)) "
            f"order by {order} limit :limit"
        )
        values = {"endpoint": endpoint_id, "now": now_s, "farthest": FARTHEST_S, "limit": limit}

        def work(db: Connection) -> list[Attempt]:
            rows = list(db.query(sql, values))
            for row in rows:
                db.execute(
                    "update deliveries set attempts = attempts + 1, step = step + 1, lease_until_s = ? "
                    "where id = ?",
                    [now_s + lease_s, row["id"]],
                )
            return [Attempt(row["id"], row["event_id"], row["body"], row["step"] + 1) for row in rows]

        return await self._database.run(work)

    async def next_due_s(self, endpoint_id: str) -> float | None:
        """When the endpoint's next attempt is due; a leased one not before its lease runs out."""

        def work(db: Connection) -> float | None:
            rows = db.query(
                "select min(max(due_at_s, coalesce(lease_until_s, 0))) as due_s from deliveries "
                "where state = 'waiting' and endpoint_id = ?",
                [endpoint_id],
            )
            due_s = next(iter(rows))["due_s"]
            return None if due_s is None else float(due_s)

        return await self._database.read(work)

    async def delivered(self, delivery_id: int, outcome: Outcome) -> Delivery:
        """The endpoint answered with 2xx."""

        def work(db: Connection) -> Delivery:
            _note(db, delivery_id, outcome)
            db.execute(
                "update deliveries set state = 'delivered', lease_until_s = null, last_status = ?, "
                "last_error = null, delivered_at_s = ? where id = ?",
                [outcome.status, outcome.at_s, delivery_id],
            )
            return get_delivery(db, delivery_id)

        return await self._database.run(work)

    async def failed(self, delivery_id: int, outcome: Outcome, *, retry_at_s: float | None) -> Delivery:
        """The attempt failed; with no time to retry at, the delivery is dead."""

        def work(db: Connection) -> Delivery:
            _note(db, delivery_id, outcome)
            db.execute(
                "update deliveries set lease_until_s = null, last_status = ?, last_error = ? where id = ?",
                [outcome.status, outcome.error, delivery_id],
            )
            # It may have been given up, with all others, while this attempt was under way.
            db.execute(
                "update deliveries set state = iif(:due is null, 'dead', state), "
                "due_at_s = coalesce(:due, due_at_s) where id = :id and state = 'waiting'",
                {"due": retry_at_s, "id": delivery_id},
            )
            return get_delivery(db, delivery_id)

        return await self._database.run(work)

    async def put_off(
        self, endpoint_id: str, error: str, *, now_s: float, wait_before: Callable[[int], float | None]
    ) -> list[Delivery]:
        """The endpoint is broken, so what else is due has failed without being sent: each goes one step on
        in its schedule. Returns those for which that was the last."""

        def work(db: Connection) -> list[Delivery]:
            rows = list(
                db.query(
                    "select id, step from deliveries where state = 'waiting' and endpoint_id = :endpoint "  # noqa: S608
                    f"and {_IS_DUE} and lease_until_s is null",
                    {"endpoint": endpoint_id, "now": now_s, "farthest": FARTHEST_S},
                )
            )
            dead = []
            for row in rows:
                step = row["step"] + 1
                wait_s = wait_before(step + 1)
                db.execute(
                    "update deliveries set step = :step, due_at_s = coalesce(:due, due_at_s), "
                    "state = iif(:due is null, 'dead', state), last_error = :error where id = :id",
                    {
                        "step": step,
                        "due": None if wait_s is None else now_s + wait_s,
                        "error": error,
                        "id": row["id"],
                    },
                )
                if wait_s is None:
                    dead.append(row["id"])
            return [get_delivery(db, delivery_id) for delivery_id in dead]

        return await self._database.run(work)

    async def release(self, endpoint_id: str, *, now_s: float) -> None:
        """The endpoint works again: what waits for it is due now, but for what it refused itself."""

        def work(db: Connection) -> None:
            db.execute(
                "update deliveries set due_at_s = :now where state = 'waiting' and endpoint_id = :endpoint "
                "and due_at_s > :now and (last_status is null "
                "or last_status not in (select value from json_each(:about_the_event)))",
                {
                    "now": now_s,
                    "endpoint": endpoint_id,
                    "about_the_event": json.dumps(sorted(ABOUT_THE_EVENT)),
                },
            )

        await self._database.run(work)

    async def shift(self, by_s: float) -> None:
        """The clock was set: what waits keeps its distance."""

        def work(db: Connection) -> None:
            db.execute(
                "update deliveries set due_at_s = due_at_s + :by, lease_until_s = lease_until_s + :by "
                "where state = 'waiting'",
                {"by": by_s},
            )

        await self._database.run(work)


def _note(db: Connection, delivery_id: int, outcome: Outcome) -> None:
    db.execute(
        "insert into delivery_attempts (delivery_id, at_s, took_ms, status, error) values (?, ?, ?, ?, ?)",
        [delivery_id, outcome.at_s, outcome.took_ms, outcome.status, outcome.error],
    )
