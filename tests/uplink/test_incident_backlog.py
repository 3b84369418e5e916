"""A drone that was out of reach for hours: its backlog makes the incidents that it would have made live."""

from __future__ import annotations

import random
from pathlib import Path
from uuid import UUID

import pytest

from uplink.messages import Alert

from .incident_makers import NOW_S, random_story
from .incident_station import Clock, Json, incident_station
from .makers import make_config

HOURS = 6.0
OF_ARRIVAL = {
    "version",
    "reported_at",
    "acknowledge",
    "dispatch",
    "level",
    "related",
    "aliases",
    "updated_at",
}
"""What depends on when the station heard of it, and on what it believed in between."""


def story() -> list[Alert]:
    """Six hours of two drones, as it happened: by the time of each revision's latest sighting."""
    made = random_story(random.Random(10), 50, drones=2, hours=HOURS)
    return sorted(made, key=lambda alert: (alert.last_seen_at, alert.revision))


def backlog_of(alerts: list[Alert], seed: int) -> list[Alert]:
    """As an outbox sends it in the end: the latest revision of each, in any order, some of them twice."""
    highest: dict[UUID, Alert] = {}
    for alert in alerts:
        if alert.id not in highest or highest[alert.id].revision < alert.revision:
            highest[alert.id] = alert
    rng = random.Random(seed)
    waiting = [*highest.values(), *rng.sample(list(highest.values()), 10)]
    rng.shuffle(waiting)
    return waiting


def new_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def incidents_after(folder: Path, alerts: list[Alert], *, live: bool) -> list[Json]:
    clock = Clock(NOW_S)
    async with incident_station(folder, make_config(folder), clock=clock) as station:
        for alert in alerts:
            if live:
                clock.s = max(clock.s, alert.last_seen_at.timestamp() + 1.0)
            await station.put(alert)
        if not live:
            clock.s += HOURS * 3600
        return [
            {name: value for name, value in incident.items() if name not in OF_ARRIVAL}
            for incident in await station.all(limit=500)
        ]


@pytest.mark.timeout(300)
async def test_six_hours_of_backlog_delivered_shuffled_make_the_incidents_of_live_delivery(
    tmp_path: Path,
) -> None:
    alerts = story()
    assert (alerts[-1].last_seen_at - alerts[0].last_seen_at).total_seconds() > 5.5 * 3600
    live = await incidents_after(new_folder(tmp_path / "live"), alerts, live=True)
    assert len(live) > 5
    assert sum(incident["alerts"] > 3 for incident in live) > 2
    for seed in range(2):
        backlog = backlog_of(alerts, seed)
        folder = new_folder(tmp_path / f"backlog-{seed}")
        assert await incidents_after(folder, backlog, live=False) == live
