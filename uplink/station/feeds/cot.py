"""Drones and fires as Cursor on Target events, for the maps of TAK. Pure.

A point's height is above the WGS 84 ellipsoid (``hae``), its errors (``ce``, ``le``) are read by TAK as 90 %.
What is not known is 9999999, as the standard has it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import numpy as np
from pyproj import Geod
from shapely.geometry import Point, Polygon

from flight.geoid import undulation_m
from uplink.messages import DroneState, ErrorEllipse, Position, SeeingState
from uplink.station.feeds.xml_text import add, document
from uplink.station.incident import Incident

UNKNOWN = "9999999"
UAV, FIXED_CAMERA = "a-f-A-M-H-Q", "a-f-G-E-S"
FIRE = "a-u-X-i-o"
"""Another incident, of a side that nobody knows. There is no symbol of a fire that all maps draw."""
DELETE, PING = "t-x-d-d", "t-x-c-t"
RED, ORANGE = "-65536", "-32768"  # ARGB as a signed number
CE = 0.9

_EARTH = Geod(ellps="WGS84")


def drone_uid(drone_id: str) -> str:
    """The name of a drone on all maps; the same for ever."""
    return f"emberwatch-{drone_id}"


def drone_event(state: DroneState, *, heard: datetime, now: datetime, stale_s: float) -> bytes | None:
    """A drone, or a fixed camera, with what its camera sees; None while nobody knows where it is.

    It goes stale by when the station heard it, not by when this is sent: a drone that fell silent must not
    look alive.
    """
    if state.position is None:
        return None
    event = _event(drone_uid(state.drone_id), FIXED_CAMERA if state.fixed else UAV, "m-g", now)
    event.set("start", _time(heard))
    event.set("stale", _time(heard + timedelta(seconds=stale_s)))
    _add_point(event, state.position, None)
    detail = add(event, "detail")
    add(detail, "contact", callsign=state.name or state.drone_id)
    if state.heading_deg is not None and state.ground_speed_m_s is not None:
        add(detail, "track", course=f"{state.heading_deg:.1f}", speed=f"{state.ground_speed_m_s:.1f}")
    if state.battery_percent is not None:
        add(detail, "status", battery=f"{state.battery_percent:.0f}")
    cone = sensor_cone(state)
    if cone is not None:
        azimuth_deg, fov_deg, range_m = cone
        add(
            detail,
            "sensor",
            azimuth=f"{azimuth_deg:.1f}",
            fov=f"{fov_deg:.1f}",
            range=f"{range_m:.0f}",
            displayMagneticReference="0",
            hideFov="false",
            fovAlpha="0.2",
            fovRed="1.0",
            fovGreen="0.6",
            fovBlue="0.0",
        )
    seeing = (
        f"BLIND: {state.blind_reason or 'no reason told'}"
        if state.seeing is SeeingState.BLIND
        else "; ".join(["sees", *(reason.words for reason in state.degraded)])
    )
    add(detail, "remarks", f"Emberwatch; {seeing}{f'; {state.mode}' if state.mode else ''}")
    return document(event)


def fire_event(incident: Incident, *, now: datetime, stale_s: float) -> bytes | None:
    """A fire or smoke where the incident has it; None while only a direction is known."""
    if incident.position is None:
        return None
    event = _event(str(incident.id), FIRE, "m-f", now)
    event.set("start", _time(incident.first_seen_at))
    event.set("stale", _time(now + timedelta(seconds=stale_s)))
    _add_point(event, incident.position, incident.ellipse)
    detail = add(event, "detail")
    what = {"fire": "Fire", "smoke": "Smoke"}[incident.label]
    add(detail, "contact", callsign=f"{what} {str(incident.id)[-4:]}")
    add(
        detail,
        "precisionlocation",
        geopointsrc="CALC",
        altsrc="DTED" if incident.position.alt_amsl_m else "???",
    )
    add(detail, "color", argb=RED if incident.label == "fire" else ORANGE)
    sure = "confirmed by a person" if incident.confirmed_by else f"{incident.probability:.0%}, not confirmed"
    last_seen = f"{incident.last_seen_at.astimezone(UTC):%H:%M:%S} UTC"
    add(detail, "remarks", f"Emberwatch; {sure}; {incident.state}; last seen {last_seen}")
    return document(event)


def delete_event(uid: str, *, now: datetime) -> bytes:
    """Takes something off all maps."""
    event = _event(f"{uid}-delete", DELETE, "m-g", now)
    event.set("stale", _time(now + timedelta(seconds=60)))
    _add_nowhere(event)
    detail = add(event, "detail")
    add(detail, "link", uid=uid, relation="p-p", type="none")
    add(detail, "__forcedelete")
    return document(event)


def ping_event(*, now: datetime) -> bytes:
    """Says that the connection lives."""
    event = _event("emberwatch-ping", PING, "m-g", now)
    event.set("stale", _time(now + timedelta(seconds=60)))
    _add_nowhere(event)
    add(event, "detail")
    return document(event)


def protocol_request_event(uid: str, *, now_s: float) -> bytes:
    """Asks a server that offers it for version 1 of TAK's protocol; ``uid`` is that of its offer."""
    now = datetime.fromtimestamp(now_s, UTC)
    event = _event(uid, "t-x-takp-q", "m-g", now)
    event.set("stale", _time(now + timedelta(seconds=60)))
    _add_nowhere(event)
    add(add(add(event, "detail"), "TakControl"), "TakRequest", version="1")
    return document(event)


def sensor_cone(state: DroneState) -> tuple[float, float, float] | None:
    """Azimuth of its middle, opening angle and range of the ground that the camera sees, as seen from above.
    360° where the drone is over it."""
    if state.position is None or len(state.footprint) < 3:
        return None
    lon, lat = state.position.lon_deg, state.position.lat_deg
    corners = np.array(state.footprint)
    azimuths, _, distances_m = _EARTH.inv(
        np.full(len(corners), lon), np.full(len(corners), lat), corners[:, 0], corners[:, 1]
    )
    range_m = float(np.max(distances_m))
    ring = [
        (float(d * math.sin(math.radians(a))), float(d * math.cos(math.radians(a))))
        for a, d in zip(azimuths, distances_m, strict=True)
    ]
    if Polygon(ring).buffer(0).contains(Point(0.0, 0.0)):
        return 0.0, 360.0, range_m
    ordered = np.sort(np.asarray(azimuths) % 360.0)
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(np.argmax(gaps))
    fov_deg = 360.0 - float(gaps[widest])
    first_deg = float(ordered[(widest + 1) % len(ordered)])
    return (first_deg + fov_deg / 2) % 360.0, fov_deg, range_m


def _event(uid: str, kind: str, how: str, now: datetime) -> ET.Element:
    event = ET.Element("event", {"version": "2.0", "type": kind, "how": how})
    event.set("uid", uid)
    event.set("time", _time(now))
    event.set("start", _time(now))
    return event


def _add_point(event: ET.Element, position: Position, ellipse: ErrorEllipse | None) -> None:
    hae_m = UNKNOWN
    if position.alt_amsl_m is not None:
        hae_m = f"{position.alt_amsl_m + float(undulation_m(position.lat_deg, position.lon_deg)):.1f}"
    ce_m = UNKNOWN
    if ellipse is not None:
        # A circle through the far ends of the ellipse of 90 %: the truth is in it at least as often.
        ce_m = f"{ellipse.semi_major_m * math.sqrt(math.log1p(-CE) / math.log1p(-ellipse.confidence)):.1f}"
    add(
        event,
        "point",
        lat=f"{position.lat_deg:.7f}",
        lon=f"{position.lon_deg:.7f}",
        hae=hae_m,
        ce=ce_m,
        le=UNKNOWN,
    )


def _add_nowhere(event: ET.Element) -> None:
    add(event, "point", lat="0.0", lon="0.0", hae=UNKNOWN, ce=UNKNOWN, le=UNKNOWN)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
