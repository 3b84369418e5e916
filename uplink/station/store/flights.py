"""Flights: cut out of the telemetry as it comes, a piece at a time, each piece exactly once.

How far that is stands beside the flights and moves in the same transaction, so that a station that was killed
goes on where it was, and one that was given older telemetry cuts that too.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlite_utils import Database as Connection

from uplink.messages import Alert
from uplink.station.answers import LoggedOrder, StoredAlert
from uplink.station.history.flight_answers import (
    MOST_ALERTS,
    MOST_ORDERS,
    FlightDetail,
    FlightPoint,
    FlightRecord,
    FlightTrack,
    RaisedAlert,
    record_of,
)
from uplink.station.history.flight_clock import FlightClock, Instant
from uplink.station.history.flight_cutting import Flight, FlightCutter, FlightKind, Kept, kept_from
from uplink.station.history.thinning import Thinner
from uplink.station.store.database import StationDatabase
from uplink.station.store.incident_rows import utc
from uplink.station.store.telemetry import POINT_COLUMNS, point_of

ROWS_AT_ONCE = 500
_CUT_COLUMNS = (
    "id, drone_id, at_s, heard_at_s, clock_s, run, lat_deg, lon_deg, alt_amsl_m, height_agl_m, "
    "height_home_m, battery_percent, armed, seeing, fixed, patrol"
)
# Alerts are dated by satellites, or by the drone's own calendar where it had none.
_RAISED = (
    "drone_id = :drone_id and confirmed_at_s + (case when body ->> 'time_source' = 'companion' "
    "then -:ahead_s else 0 end) between :from_s and :to_s"
    " and confirmed_at_s between :from_s - abs(:ahead_s) and :to_s + abs(:ahead_s)"
)
_IN_FLIGHT = "drone_id = :drone_id and id between :first and :last"
_TURNS = ("mode", "armed", "control", "seeing", "patrol")


def _turn(row: dict[str, Any]) -> tuple[object, ...]:
    """What the drone did then: a point with another one is worth keeping. Figures of a reason are no news."""
    degraded = () if row["degraded"] is None else tuple(one["kind"] for one in json.loads(row["degraded"]))
    return (*(row[name] for name in _TURNS), degraded)


@dataclass(frozen=True, slots=True)
class FlightFilter:
    """All of it has to be so. ``since`` and ``until``: it was under way between them."""

    drone_id: str | None = None
    kind: FlightKind | None = None
    since: datetime | None = None
    until: datetime | None = None


class FlightStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def has_news(self) -> bool:
        """Whether there is telemetry that was not looked at yet."""

        def work(db: Connection) -> bool:
            return bool(
                next(
                    iter(
                        db.query(
                            "select max(id) > (select telemetry_id from flights_cut) as news from telemetry"
                        )
                    )
                )["news"]
            )

        return await self._database.read(work)

    async def cut(self, day_of: Callable[[float], str]) -> int:
        """Looks at the next rows of the telemetry; how many there were."""
        return await self._database.run(lambda db: _cut(db, day_of))

    async def expire(self, day_of: Callable[[float], str], *, now_s: float) -> None:
        """Ends flights of drones that nobody has heard for long."""
        if await self._database.read(lambda db: not _has_open(db)):
            return
        await self._database.run(lambda db: _expire(db, day_of, now_s))

    async def newest(
        self, limit: int, before: FlightRecord | None = None, *, wanted: FlightFilter | None = None
    ) -> list[FlightRecord]:
        """By their beginning, the newest first; ``before`` continues after that one."""
        conditions, values = _conditions(wanted or FlightFilter())
        if before is not None:
            conditions.append("(started_s, id) < (select started_s, id from flights where id = :before)")
            values["before"] = str(before.id)
        where = " and ".join(conditions or ["true"])

        def work(db: Connection) -> list[FlightRecord]:
            rows = db.query(
                f"select body from flights where {where} order by started_s desc, id desc limit :limit",  # noqa: S608
                values | {"limit": limit},
            )
            return [_record(db, Flight.from_json(row["body"])) for row in list(rows)]

        return await self._database.read(work)

    async def get(self, flight_id: UUID) -> FlightRecord | None:
        """One flight, if there is such a one."""

        def work(db: Connection) -> FlightRecord | None:
            flight = _find(db, flight_id)
            return None if flight is None else _record(db, flight)

        return await self._database.read(work)

    async def detail(self, flight_id: UUID) -> FlightDetail | None:
        """One flight with its alerts and orders, as many as the answer holds."""

        def work(db: Connection) -> FlightDetail | None:
            flight = _find(db, flight_id)
            if flight is None:
                return None
            raised = db.query(
                f"select body, received_at_s from alerts where {_RAISED} "  # noqa: S608
                "order by confirmed_at_s, id limit :limit",
                _span(flight) | {"limit": MOST_ALERTS},
            )
            alerts = [_raised(flight, row) for row in raised]
            orders = db.query(
                "select body from orders where drone_id = :drone_id and given_at_s between :from_s and :to_s "
                "order by given_at_s, id limit :limit",
                _span(flight) | {"limit": MOST_ORDERS},
            )
            return FlightDetail(
                **dict(record_of(flight, _count(db, flight))),
                raised=alerts,
                orders=[LoggedOrder.model_validate_json(row["body"]) for row in orders],
            )

        return await self._database.read(work)

    async def track(self, flight_id: UUID, at_most: int) -> FlightTrack | None:
        """All of it in a bounded number of points."""

        def work(db: Connection) -> FlightTrack | None:
            flight = _find(db, flight_id)
            if flight is None:
                return None
            span = {"drone_id": flight.drone_id, "first": flight.first_row, "last": flight.last_row}
            counted = db.query(f"select count(*) as kept from telemetry where {_IN_FLIGHT}", span)  # noqa: S608
            kept = int(next(iter(counted))["kept"])
            thinner, clock, points = Thinner(kept, at_most), None, []
            for row in db.query(
                f"select {POINT_COLUMNS}, clock_s, run from telemetry where {_IN_FLIGHT} order by id",  # noqa: S608
                span,
            ):
                clock = _tick(clock, row)
                if thinner.keeps(_turn(row)):
                    points.append(_point(row, clock))
            return FlightTrack(points=points, kept=kept)

        return await self._database.read(work)

    async def points(self, flight_id: UUID) -> AsyncIterator[list[FlightPoint]]:
        """All of it, a page at a time."""
        clock: FlightClock | None = None
        after = 0
        while True:
            points, clock = await self._page(flight_id, after, clock)
            if not points:
                return
            yield points
            after = points[-1].id

    async def _page(
        self, flight_id: UUID, after: int, clock: FlightClock | None
    ) -> tuple[list[FlightPoint], FlightClock | None]:
        def work(db: Connection) -> tuple[list[FlightPoint], FlightClock | None]:
            now, points = clock, []
            flight = _find(db, flight_id)
            if flight is None:
                return [], now
            values = {
                "drone_id": flight.drone_id,
                "first": max(after + 1, flight.first_row),
                "last": flight.last_row,
                "limit": ROWS_AT_ONCE,
            }
            for row in db.query(
                f"select {POINT_COLUMNS}, clock_s, run from telemetry where {_IN_FLIGHT} "  # noqa: S608
                "order by id limit :limit",
                values,
            ):
                now = _tick(now, row)
                points.append(_point(row, now))
            return points, now

        return await self._database.read(work)


def _tick(clock: FlightClock | None, row: dict[str, Any]) -> FlightClock:
    instant = Instant(row["at_s"], row["heard_at_s"], row["clock_s"], row["run"])
    if clock is None:
        return FlightClock.begin(instant)
    clock.go_on(instant)
    return clock


def _point(row: dict[str, Any], clock: FlightClock) -> FlightPoint:
    del row["clock_s"], row["run"]
    return FlightPoint(**dict(point_of(row)), after_s=clock.elapsed_s)


def _cut(db: Connection, day_of: Callable[[float], str]) -> int:
    rows = [
        kept_from(row)
        for row in db.query(
            f"select {_CUT_COLUMNS} from telemetry "  # noqa: S608
            "where id > (select telemetry_id from flights_cut) order by id limit ?",
            [ROWS_AT_ONCE],
        )
    ]
    if not rows:
        return 0
    cutters: dict[str, FlightCutter] = {}
    changed: dict[str, Flight] = {}
    for state in rows:
        if state.drone_id not in cutters:
            cutters[state.drone_id] = _load(db, state.drone_id, day_of)
        for flight in cutters[state.drone_id].take(state):
            changed[flight.id] = flight
    _save(db, cutters, changed)
    db.execute("update flights_cut set telemetry_id = ?", [rows[-1].id])
    return len(rows)


def _expire(db: Connection, day_of: Callable[[float], str], now_s: float) -> None:
    open_ones = [
        row["drone_id"] for row in db.query("select drone_id from flight_cuts where flight_id is not null")
    ]
    cutters = {drone_id: _load(db, drone_id, day_of) for drone_id in open_ones}
    over = [flight for cutter in cutters.values() for flight in cutter.expire(now_s)]
    _save(db, cutters, {flight.id: flight for flight in over})


def _has_open(db: Connection) -> bool:
    return any(True for _ in db.query("select 1 from flight_cuts where flight_id is not null limit 1"))


def _load(db: Connection, drone_id: str, day_of: Callable[[float], str]) -> FlightCutter:
    row = next(
        iter(
            db.query(
                "select c.last, f.body from flight_cuts c left join flights f on f.id = c.flight_id "
                "where c.drone_id = ?",
                [drone_id],
            )
        ),
        None,
    )
    if row is None:
        return FlightCutter(day_of)
    last = json.loads(row["last"])
    known = Kept(**last | {"instant": Instant(**last["instant"])})
    return FlightCutter(day_of, known, None if row["body"] is None else Flight.from_json(row["body"]))


def _save(db: Connection, cutters: dict[str, FlightCutter], flights: dict[str, Flight]) -> None:
    db.conn.executemany(
        "insert into flights (id, drone_id, kind, started_s, last_s, ended, first_row, last_row, body) "
        "values (:id, :drone_id, :kind, :started_s, :last_s, :ended, :first_row, :last_row, :body) "
        "on conflict (id) do update set started_s = excluded.started_s, last_s = excluded.last_s, "
        "ended = excluded.ended, last_row = excluded.last_row, body = excluded.body",
        [
            {
                "id": flight.id,
                "drone_id": flight.drone_id,
                "kind": flight.kind.value,
                "started_s": flight.started_s,
                "last_s": flight.started_s + flight.duration_s,
                "ended": None if flight.ended is None else flight.ended.value,
                "first_row": flight.first_row,
                "last_row": flight.last_row,
                "body": flight.to_json(),
            }
            for flight in flights.values()
        ],
    )
    db.conn.executemany(
        "insert or replace into flight_cuts (drone_id, last, flight_id) values (?, ?, ?)",
        [
            (drone_id, json.dumps(asdict(cutter.last)), None if cutter.open is None else cutter.open.id)
            for drone_id, cutter in cutters.items()
            if cutter.last is not None
        ],
    )


def _find(db: Connection, flight_id: UUID) -> Flight | None:
    rows = db.query("select body from flights where id = ?", [str(flight_id)])
    return next((Flight.from_json(row["body"]) for row in rows), None)


def _record(db: Connection, flight: Flight) -> FlightRecord:
    return record_of(flight, _count(db, flight))


def _count(db: Connection, flight: Flight) -> int:
    (row,) = db.query(f"select count(*) as alerts from alerts where {_RAISED}", _span(flight))  # noqa: S608
    return int(row["alerts"])


def _span(flight: Flight) -> dict[str, Any]:
    return {
        "drone_id": flight.drone_id,
        "from_s": flight.started_s,
        "to_s": flight.started_s + flight.duration_s,
        "ahead_s": flight.clock.drone_ahead_s,
    }


def _conditions(wanted: FlightFilter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if wanted.drone_id is not None:
        conditions.append("drone_id = :drone_id")
        values["drone_id"] = wanted.drone_id
    if wanted.kind is not None:
        conditions.append("kind = :kind")
        values["kind"] = wanted.kind.value
    if wanted.since is not None:
        conditions.append("last_s >= :since_s")
        values["since_s"] = wanted.since.timestamp()
    if wanted.until is not None:
        conditions.append("started_s <= :until_s")
        values["until_s"] = wanted.until.timestamp()
    return conditions, values


def _raised(flight: Flight, row: dict[str, Any]) -> RaisedAlert:
    alert = Alert.model_validate_json(row["body"])
    ahead_s = flight.clock.drone_ahead_s if alert.time_source == "companion" else 0.0
    return RaisedAlert(
        after_s=alert.confirmed_at.timestamp() - ahead_s - flight.started_s,
        alert=StoredAlert.model_validate({**alert.model_dump(), "received_at": utc(row["received_at_s"])}),
    )
