"""What a report or a package about an incident is made of, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from uplink.messages import Evidence, Sha256
from uplink.station.answers import StoredAlert, TrackPoint
from uplink.station.incident import MOST_ALERT_IDS, Incident
from uplink.station.incident_answers import TimelineEntry
from uplink.station.store.media import MediaRow
from uplink.station.store.store import Store

MOST_LINES = 1000
MOST_POINTS = 1500
AROUND = timedelta(minutes=2)
LONGEST = timedelta(hours=2)
_ORDER = {"detection": 0, "thermal": 1, "ground view": 2, "lead-up": 3}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an alert, and how it stands at the station; none of it came where ``row`` is None."""

    alert: StoredAlert
    evidence: Evidence
    row: MediaRow | None


@dataclass(frozen=True, slots=True)
class Facts:
    """``alerts`` are the first hundred of the incident, ``timeline`` its first thousand lines."""

    incident: Incident
    alerts: list[StoredAlert]
    timeline: list[TimelineEntry]
    lines_in_all: int
    tracks: dict[str, list[TrackPoint]]
    pictures: list[Picture]
    made_at: datetime
    made_by: str
    station_key: str


async def gather(
    store: Store, incident_id: UUID, *, made_at: datetime, made_by: str, station_key: str
) -> Facts:
    """Raises as ``IncidentReader.get`` does."""
    incident = await store.incidents.get(incident_id, now_s=made_at.timestamp())
    alerts = await store.incidents.members(incident_id, MOST_ALERT_IDS)
    timeline = await store.incidents.timeline(incident_id, MOST_LINES, 0)
    return Facts(
        incident=incident,
        alerts=alerts,
        timeline=timeline.entries,
        lines_in_all=timeline.total,
        tracks=await _tracks(store, alerts),
        pictures=await pictures_of(store, alerts),
        made_at=made_at,
        made_by=made_by,
        station_key=station_key,
    )


async def pictures_of(store: Store, alerts: list[StoredAlert]) -> list[Picture]:
    """Each once: frames with the detections, then the ground, then what led up to it; the newest first."""
    seen: dict[Sha256, tuple[StoredAlert, Evidence]] = {}
    for alert in alerts:
        for evidence in alert.evidence:
            seen.setdefault(evidence.sha256, (alert, evidence))
    ordered = sorted(
        seen.values(), key=lambda one: (_ORDER[one[1].kind], -one[1].captured_at.timestamp(), one[1].sha256)
    )
    rows = await store.media.rows([evidence.sha256 for _, evidence in ordered])
    return [Picture(alert, evidence, rows.get(evidence.sha256)) for alert, evidence in ordered]


async def _tracks(store: Store, alerts: list[StoredAlert]) -> dict[str, list[TrackPoint]]:
    """Where each drone was while it saw the fire, and a little before and after; the oldest point first."""
    tracks: dict[str, list[TrackPoint]] = {}
    for drone_id in sorted({alert.drone_id for alert in alerts}):
        own = [alert for alert in alerts if alert.drone_id == drone_id]
        since = min(alert.first_seen_at for alert in own) - AROUND
        until = min(max(alert.last_seen_at for alert in own) + AROUND, since + LONGEST)
        by_satellite = any(alert.time_source == "gnss" for alert in own)
        points = await store.telemetry.between(
            drone_id, since=since, until=until, by_station=by_satellite, limit=MOST_POINTS
        )
        if points:
            tracks[drone_id] = points
    return tracks
