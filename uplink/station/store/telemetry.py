"""Where drones were and how: a thinned row every few seconds or metres, for as long as retention allows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database as Connection

from uplink.messages import DroneState
from uplink.station.answers import TrackPoint
from uplink.station.store.database import StationDatabase

FOOTPRINT_DECIMALS = 6  # 11 cm
POINT_COLUMNS = (
    "id, drone_id, at_s, heard_at_s, lat_deg, lon_deg, alt_amsl_m, height_agl_m, height_home_m, heading_deg, "
    "ground_speed_m_s, battery_percent, mode, armed, control, seeing, blind_reason, degraded, patrol, "
    "footprint"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A state worth keeping, and when the station heard it (seconds since 1970)."""

    state: DroneState
    heard_at_s: float


class TelemetryStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def track(
        self,
        drone_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[TrackPoint]:
        """The newest first, by the drone's own time; ``before`` continues after that point."""

        def work(db: Connection) -> list[TrackPoint]:
            rows = db.query(
                f"select {POINT_COLUMNS} from telemetry where drone_id = :drone_id "  # noqa: S608 (our words)
                "and at_s >= :since_s and at_s < :until_s "
                "and (:before is null or (at_s, id) < "
                "(select at_s, id from telemetry where id = :before and drone_id = :drone_id)) "
                "order by at_s desc, id desc limit :limit",
                {
                    "drone_id": drone_id,
                    "since_s": since.timestamp() if since else -1e12,
                    "until_s": until.timestamp() if until else 1e12,
                    "before": before,
                    "limit": limit,
                },
            )
            return [point_of(row) for row in rows]

        return await self._database.read(work)

    async def between(
        self, drone_id: str, *, since: datetime, until: datetime, by_station: bool, limit: int
    ) -> list[TrackPoint]:
        """The oldest first, in the order of hearing. ``by_station``: by the station's calendar, which is as
        good as satellites' if anybody's is; else by the drone's own."""
        column = "heard_at_s" if by_station else "at_s"

        def work(db: Connection) -> list[TrackPoint]:
            rows = db.query(
                f"select {POINT_COLUMNS} from telemetry where drone_id = ? "  # noqa: S608 (our words)
                f"and {column} between ? and ? order by id limit ?",
                [drone_id, since.timestamp(), until.timestamp(), limit],
            )
            return [point_of(row) for row in rows]

        return await self._database.read(work)


def add_samples(db: Connection, samples: Sequence[Sample]) -> None:
    """Within the caller's transaction."""
    rows = [_row(sample) for sample in samples]
    if not rows:
        return
    columns, slots = ", ".join(rows[0]), ", ".join(f":{name}" for name in rows[0])
    db.conn.executemany(f"insert into telemetry ({columns}) values ({slots})", rows)  # noqa: S608 (our words)


def _row(sample: Sample) -> dict[str, Any]:
    state, place = sample.state, sample.state.position
    ring = [[round(part, FOOTPRINT_DECIMALS) for part in corner] for corner in state.footprint]
    return {
        "drone_id": state.drone_id,
        "at_s": state.at.timestamp(),
        "heard_at_s": sample.heard_at_s,
        "clock_s": state.clock_s,
        "run": None if state.run is None else str(state.run),
        "fixed": int(state.fixed),
        "lat_deg": place.lat_deg if place else None,
        "lon_deg": place.lon_deg if place else None,
        "alt_amsl_m": place.alt_amsl_m if place else None,
        "height_agl_m": state.height_agl_m,
        "height_home_m": state.height_home_m,
        "heading_deg": state.heading_deg,
        "ground_speed_m_s": state.ground_speed_m_s,
        "battery_percent": state.battery_percent,
        "mode": state.mode,
        "armed": None if state.armed is None else int(state.armed),
        "control": state.control.value,
        "seeing": state.seeing.value,
        "blind_reason": state.blind_reason,
        "degraded": json.dumps([one.model_dump(mode="json") for one in state.degraded])
        if state.degraded
        else None,
        "patrol": state.patrol.name if state.patrol else None,
        "footprint": json.dumps(ring, separators=(",", ":")) if ring else None,
    }


def point_of(row: dict[str, Any]) -> TrackPoint:
    """A row of ``POINT_COLUMNS``."""
    times = {
        "at": datetime.fromtimestamp(row.pop("at_s"), UTC),
        "heard_at": datetime.fromtimestamp(row.pop("heard_at_s"), UTC),
    }
    armed, degraded, ring = row.pop("armed"), row.pop("degraded"), row.pop("footprint")
    return TrackPoint.model_validate(
        {
            **row,
            **times,
            "armed": None if armed is None else bool(armed),
            "degraded": [] if degraded is None else json.loads(degraded),
            "footprint": [] if ring is None else json.loads(ring),
        }
    )
