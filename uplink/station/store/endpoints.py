"""What the station remembers of webhook endpoints: which are disabled, tests of them, and how they fare.

The endpoints themselves are in the configuration. Whatever a person does with one is in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database as Connection

from uplink.station.answers import Delivery
from uplink.station.events import WebhookEvent
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import DISABLED, EndpointName, get_delivery, insert_delivery
from uplink.station.store.delivery_queue import CUT_OFF


@dataclass(frozen=True, slots=True)
class EndpointTally:
    """How an endpoint fares."""

    disabled_at_s: float | None
    disabled_because: str | None
    waiting: int
    dead: int
    oldest_waiting_s: float | None
    last_delivered_s: float | None
    last_error: str | None


class EndpointStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def tally(self, endpoint_id: str) -> EndpointTally:
        """How it fares now. Tests are not counted."""

        def work(db: Connection) -> EndpointTally:
            off = next(iter(db.query("select * from disabled_endpoints where id = ?", [endpoint_id])), None)
            counts = next(
                iter(
                    db.query(
                        "select count(*) filter (where state = 'waiting') as waiting, "
                        "count(*) filter (where state = 'dead') as dead, "
                        "min(created_at_s) filter (where state = 'waiting') as oldest_waiting_s, "
                        "max(delivered_at_s) as last_delivered_s "
                        "from deliveries where endpoint_id = ? and type <> 'test.ping'",
                        [endpoint_id],
                    )
                )
            )
            latest = next(
                iter(
                    db.query(
                        "select error from delivery_attempts join deliveries on deliveries.id = delivery_id "
                        "where endpoint_id = ? order by delivery_attempts.id desc limit 1",
                        [endpoint_id],
                    )
                ),
                None,
            )
            return EndpointTally(
                disabled_at_s=None if off is None else off["disabled_at_s"],
                disabled_because=None if off is None else off["reason"],
                last_error=None if latest is None else latest["error"],
                **counts,
            )

        return await self._database.read(work)

    async def disable(self, endpoint: EndpointName, reason: str, *, now_s: float) -> list[Delivery]:
        """Nothing more goes there until a person enables it again; what waits is given up."""

        def work(db: Connection) -> list[Delivery]:
            new = db.execute(
                "insert into disabled_endpoints (id, disabled_at_s, reason) values (?, ?, ?) "
                "on conflict do nothing",
                [endpoint.id, now_s, reason],
            )
            if new.rowcount:
                deed = Deed("station", "webhook.disabled", endpoint.id, {"reason": reason})
                write_deed(db, deed, now_s=now_s)
            return _give_up(db, endpoint.id)

        return await self._database.run(work)

    async def enable(self, endpoint_id: str, *, by: str, now_s: float) -> bool:
        """Events go there again. Returns whether it was disabled."""

        def work(db: Connection) -> bool:
            gone = db.execute("delete from disabled_endpoints where id = ?", [endpoint_id])
            if gone.rowcount:
                write_deed(db, Deed(by, "webhook.enabled", endpoint_id), now_s=now_s)
            return bool(gone.rowcount)

        return await self._database.run(work)

    async def add_test(
        self, event: WebhookEvent, endpoint: EndpointName, *, by: str, now_s: float
    ) -> tuple[Delivery, str]:
        """A test, and its body. It is sent at once or not at all, so it is never among what waits."""

        def work(db: Connection) -> tuple[Delivery, str]:
            write_deed(db, Deed(by, "webhook.tested", endpoint.id), now_s=now_s)
            (delivery,) = insert_delivery(db, event, endpoint, now_s=now_s, why_dead=CUT_OFF)
            db.execute("update deliveries set attempts = 1, step = 1 where id = ?", [delivery.id])
            row = next(iter(db.query("select body from deliveries where id = ?", [delivery.id])))
            return get_delivery(db, delivery.id), str(row["body"])

        return await self._database.run(work)


def _give_up(db: Connection, endpoint_id: str) -> list[Delivery]:
    rows = list(
        db.query(
            "select id from deliveries where state = 'waiting' and endpoint_id = ? order by id", [endpoint_id]
        )
    )
    for row in rows:
        db.execute("update deliveries set state = 'dead', last_error = ? where id = ?", [DISABLED, row["id"]])
    return [get_delivery(db, row["id"]) for row in rows]
