"""Alerts as the station keeps them: one row each, the highest revision wins in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.messages import Alert
from uplink.station.answers import Delivery, StoredAlert
from uplink.station.events import event_for
from uplink.station.store.database import StationDatabase
from uplink.station.store.deliveries import EndpointName, add_deliveries


@dataclass(frozen=True, slots=True)
class AlertPut:
    """What became of an alert. ``stored`` is None when the station had this or a higher revision already;
    ``is_first`` when it had none at all."""

    owner: str
    revision: int
    is_first: bool
    stored: StoredAlert | None
    deliveries: list[Delivery]


class AlertStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def put(self, alert: Alert, *, now_s: float, endpoints: Sequence[EndpointName]) -> AlertPut:
        """In one transaction: stores a higher revision, and one webhook delivery per endpoint for it.

        An alert of another drone is left alone; the answer names its owner.
        """

        def work(db: Connection) -> AlertPut:
            known = next(
                iter(db.query("select drone_id, revision from alerts where id = ?", [str(alert.id)])), None
            )
            if known and (known["drone_id"] != alert.drone_id or known["revision"] >= alert.revision):
                return AlertPut(known["drone_id"], known["revision"], False, None, [])
            db.execute(
                "insert or replace into alerts (id, drone_id, revision, confirmed_at_s, received_at_s, body) "
                "values (?, ?, ?, ?, ?, ?)",
                [
                    str(alert.id),
                    alert.drone_id,
                    alert.revision,
                    alert.confirmed_at.timestamp(),
                    now_s,
                    alert.model_dump_json(),
                ],
            )
            is_first = known is None
            event = event_for(alert, is_first=is_first, now_s=now_s)
            deliveries = add_deliveries(db, event, endpoints, now_s=now_s)
            return AlertPut(alert.drone_id, alert.revision, is_first, _stored(alert, now_s), deliveries)

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
        sql = f"select body, received_at_s from alerts {condition}"  # noqa: S608 (conditions are ours, values bound)

        def work(db: Connection) -> list[StoredAlert]:
            return [
                _stored(Alert.model_validate_json(row["body"]), row["received_at_s"])
                for row in db.query(sql, values)
            ]

        return await self._database.run(work)


def _stored(alert: Alert, received_at_s: float) -> StoredAlert:
    received_at = datetime.fromtimestamp(received_at_s, UTC)
    return StoredAlert.model_validate({**alert.model_dump(), "received_at": received_at})
