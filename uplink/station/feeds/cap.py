"""An incident as a CAP 1.2 message (OASIS Common Alerting Protocol). Pure.

The first message of an incident is an Alert, later ones are Updates, and when people have closed it, or it
has become part of another, the last is a Cancel; opened again, it begins with an Alert anew. Status is what
the configuration says, and certainty is Observed only once a person has confirmed it. It names no person.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from xml.etree import ElementTree as ET

from pyproj import Geod

from uplink.station.feeds.cap_words import WORDS, Words
from uplink.station.feeds.config import CapConfig
from uplink.station.feeds.xml_text import add, document
from uplink.station.incident import Certainty, Incident, IncidentState

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
VALID_FOR = timedelta(hours=24)
"""What nobody has closed or changed for this long, receivers need not show any more."""
CORNERS = 24
LONG = 2.0
"""An ellipse this many times longer than wide is told as a polygon: most of a circle would be wrong."""
MOST_REFERENCES = 50
LEAST_RADIUS_M = 10.0

Kind = Literal["Alert", "Update", "Cancel"]
_EARTH = Geod(ellps="WGS84")
_SAID = ("version", "state", "label", "severity", "certainty", "evidence")


@dataclass(frozen=True, slots=True)
class Issued:
    """A message that was sent: what a later one refers to it by."""

    identifier: str
    sent: datetime
    kind: Kind


@dataclass(frozen=True, slots=True)
class CapMessage:
    """A message, and what it is kept under."""

    issued: Issued
    headline: str
    body: bytes


def kind_of(incident: Incident, before: Sequence[Issued], *, moved: bool, now: datetime) -> Kind | None:
    """What the next message is; None where there is none to send. Nobody is told of the end of what he never
    heard of, nor for the first time of what was last seen a day ago."""
    told = bool(before) and before[-1].kind != "Cancel"
    if incident.state.is_closed or moved:
        return "Cancel" if told else None
    if not told and now - incident.last_seen_at > VALID_FOR:
        return None
    return "Update" if told else "Alert"


def is_news(told: Incident, now: Incident) -> bool:
    """Whether receivers of the message about ``told`` have to hear of this. A place that is known a little
    better is none; one beyond the circle that they have is."""
    if any(getattr(told, name) != getattr(now, name) for name in _SAID):
        return True
    if told.position is None or now.position is None:
        return told.position != now.position
    _, _, moved_m = _EARTH.inv(
        told.position.lon_deg, told.position.lat_deg, now.position.lon_deg, now.position.lat_deg
    )
    return float(moved_m) > _axes_m(told)[0]


def cap_message(
    incident: Incident,
    kind: Kind,
    before: Sequence[Issued],
    *,
    now: datetime,
    config: CapConfig,
    web: str = "",
    moved: bool = False,
) -> CapMessage:
    """The next message of an incident. ``before`` are the earlier ones, the oldest first; ``web`` is where
    people see the incident; ``moved``: it has become part of another."""
    words = WORDS[config.language]
    issued = Issued(f"{incident.id}-{len(before) + 1}", now, kind)
    root = ET.Element("alert", {"xmlns": NAMESPACE})
    add(root, "identifier", issued.identifier)
    add(root, "sender", config.sender)
    add(root, "sent", cap_time(now))
    add(root, "status", config.status)
    add(root, "msgType", kind)
    add(root, "source", "Emberwatch")
    add(root, "scope", config.scope)
    if config.scope == "Restricted":
        add(root, "restriction", words.restriction)
    if kind == "Cancel":
        add(root, "note", words.moved if moved else words.closed[incident.state])
    if kind != "Alert":
        references = " ".join(
            f"{config.sender},{each.identifier},{cap_time(each.sent)}" for each in _current(before)
        )
        add(root, "references", references)
    add(root, "incidents", str(incident.id))
    headline = words.headline(incident, config.area)
    _add_info(root, incident, kind, words, headline, now=now, config=config, web=web)
    return CapMessage(issued, headline, document(root))


def cap_time(at: datetime) -> str:
    """As CAP wants it: seconds, and UTC as -00:00, never Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")


def _current(before: Sequence[Issued]) -> Sequence[Issued]:
    """The messages since the last cancel."""
    since = max((number for number, each in enumerate(before, 1) if each.kind == "Cancel"), default=0)
    return before[since:][-MOST_REFERENCES:]


def _add_info(
    root: ET.Element,
    incident: Incident,
    kind: Kind,
    words: Words,
    headline: str,
    *,
    now: datetime,
    config: CapConfig,
    web: str,
) -> None:
    over = kind == "Cancel"
    info = add(root, "info")
    add(info, "language", config.language)
    add(info, "category", "Fire")
    add(info, "event", words.event[incident.label])
    add(info, "responseType", _response(incident, over=over))
    add(info, "urgency", "Past" if over else "Immediate" if incident.evidence == "seen" else "Unknown")
    add(info, "severity", incident.severity.value.title())
    add(info, "certainty", _certainty(incident))
    add(info, "effective", cap_time(now))
    add(info, "onset", cap_time(incident.first_seen_at))
    add(info, "expires", cap_time(now + VALID_FOR))
    if config.sender_name:
        add(info, "senderName", config.sender_name)
    add(info, "headline", headline)
    add(info, "description", words.description(incident))
    if web:
        add(info, "web", web)
    for name, value in _parameters(incident):
        parameter = add(info, "parameter")
        add(parameter, "valueName", f"emberwatch:{name}")
        add(parameter, "value", value)
    _add_area(info, incident, words, config.area)


def _response(incident: Incident, *, over: bool) -> str:
    if over:
        return "AllClear" if incident.state is IncidentState.RESOLVED else "None"
    return "Avoid" if incident.confirmed_by else "Assess"


def _certainty(incident: Incident) -> str:
    if incident.state is IncidentState.FALSE_ALARM:
        return "Unlikely"
    if incident.confirmed_by is not None:
        return "Observed"
    # No machine observes.
    return "Likely" if incident.certainty is Certainty.OBSERVED else incident.certainty.value.title()


def _parameters(incident: Incident) -> list[tuple[str, str]]:
    known = {
        "state": incident.state.value,
        "version": str(incident.version),
        "evidence": incident.evidence,
        "probability": f"{incident.probability:.3f}",
        "alerts": str(incident.alerts),
        "last_seen_at": cap_time(incident.last_seen_at),
        "area_m2": None if incident.area_m2 is None else f"{incident.area_m2:.0f}",
        "growth_m2_per_min": None
        if incident.growth_m2_per_min is None
        else f"{incident.growth_m2_per_min:.1f}",
    }
    return [(name, value) for name, value in known.items() if value is not None]


def _add_area(info: ET.Element, incident: Incident, words: Words, name: str) -> None:
    area = add(info, "area")
    add(area, "areaDesc", words.place(incident, name))
    position, ellipse = incident.position, incident.ellipse
    if position is None:
        return
    major_m, minor_m = _axes_m(incident)
    if ellipse is not None and major_m > LONG * minor_m:
        ring = _ring(position.lon_deg, position.lat_deg, major_m, minor_m, ellipse.orientation_deg)
        add(area, "polygon", " ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in ring))
    else:
        add(area, "circle", f"{position.lat_deg:.6f},{position.lon_deg:.6f} {major_m / 1000:.3f}")


def _axes_m(incident: Incident) -> tuple[float, float]:
    """Half of both axes of where it may burn: the error of the place, and the fire itself around that."""
    ellipse = incident.ellipse
    burning_m = math.sqrt((incident.area_m2 or 0.0) / math.pi)
    return (
        max(LEAST_RADIUS_M, ellipse.semi_major_m if ellipse else 0.0) + burning_m,
        max(LEAST_RADIUS_M, ellipse.semi_minor_m if ellipse else 0.0) + burning_m,
    )


def _ring(
    lon_deg: float, lat_deg: float, major_m: float, minor_m: float, orientation_deg: float
) -> list[tuple[float, float]]:
    """The ellipse on the ground as a ring of longitudes and latitudes, closed."""
    ring = []
    for number in range(CORNERS):
        angle = 2 * math.pi * number / CORNERS
        along_m, across_m = major_m * math.cos(angle), minor_m * math.sin(angle)
        azimuth_deg = orientation_deg + math.degrees(math.atan2(across_m, along_m))
        lon, lat, _ = _EARTH.fwd(lon_deg, lat_deg, azimuth_deg, math.hypot(along_m, across_m))
        ring.append((float(lon), float(lat)))
    return [*ring, ring[0]]
