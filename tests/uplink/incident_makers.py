"""Alerts of fires at known places, and a station's database in memory that they are put into."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import sqlite_utils

from uplink.messages import Alert, AlertState, Position
from uplink.station.incident_footprint import footprint_of
from uplink.station.incident_links import events_of
from uplink.station.incident_rules import IncidentRules
from uplink.station.store.alerts import store_alert
from uplink.station.store.incident_rows import incident_id_of
from uplink.station.store.incident_settling import STATION, Hand
from uplink.station.store.schema import STEPS

from .makers import NOON

LAT_DEG, LON_DEG = 47.05, 8.3
M_PER_DEG = 111_320.0
NOW_S = NOON.timestamp() + 60.0
RULES = IncidentRules()

Grouping = dict[str, frozenset[str]]
"""By incident id: the alerts in it."""


def place(east_m: float, north_m: float, *, at: tuple[float, float] = (LAT_DEG, LON_DEG)) -> Position:
    """So far from the middle of the story."""
    lat_deg, lon_deg = at
    lon_deg += east_m / M_PER_DEG / math.cos(math.radians(lat_deg))
    return Position(lat_deg=lat_deg + north_m / M_PER_DEG, lon_deg=(lon_deg + 180) % 360 - 180)


def seen(
    east_m: float,
    north_m: float,
    *,
    number: int = 1,
    minutes: float = 0.0,
    for_minutes: float = 1.0,
    revision: int = 1,
    drone_id: str = "ember-1",
    sigma_m: float = 5.0,
    label: str = "fire",
    state: AlertState = AlertState.CONFIRMED,
    bearing_deg: float | None = None,
    at: tuple[float, float] = (LAT_DEG, LON_DEG),
    **more: object,
) -> Alert:
    """An alert of something there; with a bearing, of a camera there that knows no more than the bearing."""
    start = NOON + timedelta(minutes=minutes)
    where = place(east_m, north_m, at=at)
    if bearing_deg is None:
        said: dict[str, object] = {
            "position": where,
            "covariance_m2": (sigma_m**2, 0.0, sigma_m**2),
            "method": "dem",
        }
    else:
        said = {
            "position": None,
            "method": "bearing-only",
            "observer": where,
            "bearing_deg": bearing_deg % 360,
            "bearing_sigma_deg": 1.0,
        }
    return Alert.model_validate(
        {
            "id": UUID(int=number),
            "revision": revision,
            "drone_id": drone_id,
            "state": state,
            "label": label,
            "probability": 0.9,
            "score": 0.8,
            "looks": 5,
            "first_seen_at": start - timedelta(seconds=5),
            "confirmed_at": start,
            "last_seen_at": start + timedelta(minutes=for_minutes),
            "time_source": "gnss",
            "ellipse": None,
            "model_name": "test",
            "model_sha256": "0" * 64,
            **said,
            **more,
        }
    )


def memory_database() -> sqlite_utils.Database:
    """A station's tables, and nothing on a disk."""
    db = sqlite_utils.Database(memory=True)
    db.conn.isolation_level = None
    for step in STEPS:
        for statement in step:
            db.execute(statement)
    return db


def put_all(
    db: sqlite_utils.Database, alerts: Iterable[Alert], *, now_s: float = NOW_S
) -> sqlite_utils.Database:
    """One after the other."""
    for alert in alerts:
        store_alert(db, alert, Hand(STATION, now_s, RULES))
    return db


def grouping_of(db: sqlite_utils.Database) -> Grouping:
    """The incidents as the database has them."""
    found: dict[str, set[str]] = {}
    rows = db.query(
        "select i.id, a.id as alert_id from incidents i join footprints f on f.incident_id = i.id "
        "join alerts a on a.footprint_id = f.id where i.moved_to is null"
    )
    for row in rows:
        found.setdefault(row["id"], set()).add(row["alert_id"])
    return {incident_id: frozenset(members) for incident_id, members in found.items()}


def grouping_from_nothing(alerts: Sequence[Alert]) -> Grouping:
    """The incidents of the highest revisions, reckoned all at once."""
    highest: dict[UUID, Alert] = {}
    for alert in alerts:
        if alert.id not in highest or highest[alert.id].revision < alert.revision:
            highest[alert.id] = alert
    by_footprint: dict[str, list[Alert]] = {}
    for alert in highest.values():
        by_footprint.setdefault(footprint_of(alert).key, []).append(alert)
    groups = list(by_footprint.values())
    found = {}
    clusters = events_of([footprint_of(group[0]) for group in groups], {})
    for event in (event for cluster in clusters for event in cluster):
        members = sorted(
            (alert for i in event for alert in groups[i]),
            key=lambda alert: (alert.confirmed_at, str(alert.id)),
        )
        found[incident_id_of(str(members[0].id))] = frozenset(str(alert.id) for alert in members)
    return found


def random_story(
    rng: random.Random, alerts: int, *, drones: int = 4, hours: float = 8.0, only_places: bool = False
) -> list[Alert]:
    """Alerts about a few fires, with revisions: some good, some rough, some that only know a direction, some
    taken back, over some hours."""
    fires = [(rng.uniform(-900, 900), rng.uniform(-900, 900)) for _ in range(rng.randint(1, 6))]
    story = []
    for number in range(1, alerts + 1):
        fire = rng.choice(fires)
        minutes = rng.uniform(0, 60 * hours)
        kind = rng.choices(["good", "rough", "direction"], [6, 0, 0] if only_places else [6, 2, 2])[0]
        drone_id = f"ember-{rng.randint(1, drones)}"
        for revision in range(1, rng.randint(1, 3) + 1):
            sigma_m = rng.uniform(2, 30) if kind == "good" else rng.uniform(80, 300)
            spread_m = 80.0 if only_places else min(120.0, sigma_m)
            east_m, north_m = (axis + rng.gauss(0, spread_m) for axis in fire)
            bearing_deg = None
            if kind == "direction" and revision < 3:
                camera = rng.choice([(-3000.0, 0.0), (0.0, -3500.0), (2500.0, 2500.0)])
                bearing_deg = math.degrees(math.atan2(fire[0] - camera[0], fire[1] - camera[1]))
                bearing_deg += rng.gauss(0, 0.7)
                east_m, north_m = camera
            story.append(
                seen(
                    east_m,
                    north_m,
                    number=number,
                    minutes=minutes,
                    for_minutes=rng.choice([0.5, 3.0, 40.0]) * revision,
                    revision=revision,
                    drone_id=drone_id,
                    sigma_m=sigma_m,
                    label=rng.choice(["fire", "fire", "smoke"]),
                    state=AlertState.WITHDRAWN
                    if rng.random() < 0.05 and not only_places
                    else AlertState.CONFIRMED,
                    bearing_deg=bearing_deg,
                    area_m2=rng.choice([None, 20.0, 4000.0]),
                    growth_m2_per_min=rng.choice([None, None, 30.0]),
                )
            )
    return story
