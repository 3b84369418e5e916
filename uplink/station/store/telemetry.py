"""Where drones were and how: a thinned row every few seconds or metres, for as long as retention allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database as Connection

from uplink.messages import DroneState
from uplink.station.answers import TrackPoint
from uplink.station.store.database import StationDatabase

_COLUMNS = (
    "id, drone_id, at_s, heard_at_s, lat_deg, lon_deg, alt_amsl_m, height_agl_m, heading_deg, "
    "ground_speed_m_s, battery_percent, mode, armed, seeing"
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
                f"select {_COLUMNS} from telemetry where drone_id = :drone_id "  # noqa: S608 (our own words)
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
            return [_point(row) for row in rows]

        return await self._database.read(work)


def add_samples(db: Connection, samples: Sequence[Sample]) -> None:
    """Within the caller's transaction."""
    db.conn.executemany(
        "insert into telemetry (drone_id, at_s, heard_at_s, lat_deg, lon_deg, alt_amsl_m, height_agl_m, "
        "heading_deg, ground_speed_m_s, battery_percent, mode, armed, seeing) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(sample) for sample in samples],
    )


def _row(sample: Sample) -> tuple[Any, ...]:
    state, place = sample.state, sample.state.position
    return (
        state.drone_id,
        state.at.timestamp(),
        sample.heard_at_s,
        place.lat_deg if place else None,
        place.lon_deg if place else None,
        place.alt_amsl_m if place else None,
        state.height_agl_m,
        state.heading_deg,
        state.ground_speed_m_s,
        state.battery_percent,
        state.mode,
        None if state.armed is None else int(state.armed),
        state.seeing.value,
    )


def _point(row: dict[str, Any]) -> TrackPoint:
    times = {
        "at": datetime.fromtimestamp(row.pop("at_s"), UTC),
        "heard_at": datetime.fromtimestamp(row.pop("heard_at_s"), UTC),
    }
    armed = row.pop("armed")
    return TrackPoint.model_validate({**row, **times, "armed": None if armed is None else bool(armed)})
