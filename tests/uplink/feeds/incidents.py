"""Incidents for the stories of the feeds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.uplink.makers import DRONE, HOME, NOON
from uplink.station.incident import Incident

INCIDENT_ID = UUID("01900000-0000-7000-8000-000000000001")


def make_incident(**changes: Any) -> Incident:
    """A fire that nobody has acknowledged, seen from noon on; ``changes`` are fields as JSON has them."""
    target = {
        "due_at": NOON + timedelta(minutes=3),
        "met_at": None,
        "by": None,
        "missed": False,
        "level": None,
    }
    fields: dict[str, Any] = {
        "id": INCIDENT_ID,
        "version": 1,
        "state": "new",
        "label": "fire",
        "certainty": "likely",
        "severity": "moderate",
        "probability": 0.9,
        "evidence": "seen",
        "first_seen_at": NOON,
        "confirmed_at": NOON,
        "last_seen_at": NOON,
        "reported_at": NOON,
        "position": HOME,
        "ellipse": {"semi_major_m": 12.0, "semi_minor_m": 7.0, "orientation_deg": 30.0},
        "covariance_m2": None,
        "area_m2": None,
        "growth_m2_per_min": None,
        "alerts": 1,
        "alert_ids": [INCIDENT_ID],
        "drone_ids": [DRONE],
        "acknowledge": target,
        "dispatch": target,
        "level": None,
        "confirmed_by": None,
        "closed_at": None,
        "closed_because": None,
        "related": None,
        "aliases": [],
        "updated_at": NOON,
    }
    return Incident.model_validate(fields | changes)
