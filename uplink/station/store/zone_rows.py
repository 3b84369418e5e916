"""Ignore zones as rows, and which of them holds an alert back: within the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database as Connection

from uplink.messages import Alert
from uplink.station.people import name_key
from uplink.station.zone import StationZone
from uplink.station.zone_ground import unwrapped
from uplink.station.zone_rule import holds


def zones_where(db: Connection, condition: str, values: dict[str, Any] | list[Any]) -> list[StationZone]:
    """The condition is ours, its values are bound."""
    rows = db.query(f"select body from ignore_zones where {condition}", values)  # noqa: S608
    return [StationZone.model_validate_json(row["body"]) for row in rows]


def save_zone(db: Connection, zone: StationZone) -> None:
    """New or changed. What its end lets go has to be told anew."""
    lons, lats = zip(*unwrapped(zone.ring), strict=True)
    values = {
        "id": str(zone.id),
        "version": zone.version,
        "name_key": name_key(zone.name),
        "body": zone.model_dump_json(),
        "west": min(lons),
        "east": max(lons),
        "south": min(lats),
        "north": max(lats),
        "end_s": zone.end_s,
        "removed_s": None if zone.removed_at is None else zone.removed_at.timestamp(),
    }
    db.execute(
        "insert or replace into ignore_zones "
        "(id, version, name_key, body, west, east, south, north, end_s, removed_s) values "
        "(:id, :version, :name_key, :body, :west, :east, :south, :north, :end_s, :removed_s)",
        values,
    )


def zone_over(db: Connection, alert: Alert, now_s: float) -> StationZone | None:
    """The zone that holds this alert back now; those that stand before those that are history."""
    if alert.position is None:
        return None
    # Longitudes of a zone over the date line go past ±180°.
    near = zones_where(
        db,
        ":lat between south and north and "
        "(:lon between west and east or :lon + 360 between west and east "
        "or :lon - 360 between west and east) "
        "order by removed_s is not null, id",
        {"lat": alert.position.lat_deg, "lon": alert.position.lon_deg},
    )
    return next((zone for zone in near if holds(zone, alert, now_s)), None)
