"""Other aircraft that fly past, as an ADS-B receiver on the drone reports them (ADSB_VEHICLE)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flight.link import mavlink
from hardware.virtual.drone.guidance import Point
from hardware.virtual.frame import LocalFrame

FLAGS: int = (
    mavlink.ADSB_FLAGS_VALID_COORDS
    | mavlink.ADSB_FLAGS_VALID_ALTITUDE
    | mavlink.ADSB_FLAGS_VALID_HEADING
    | mavlink.ADSB_FLAGS_VALID_VELOCITY
    | mavlink.ADSB_FLAGS_VALID_CALLSIGN
    | mavlink.ADSB_FLAGS_VALID_SQUAWK
    | mavlink.ADSB_FLAGS_SIMULATED
)


@dataclass(frozen=True, slots=True)
class Aircraft:
    """One that flies straight past, from metres off home, from ``from_s`` to ``until_s`` after the start."""

    icao: int
    callsign: str
    north_m: float
    east_m: float
    height_home_m: float
    course_deg: float
    speed_m_s: float
    climb_m_s: float = 0.0
    emitter: int = mavlink.ADSB_EMITTER_TYPE_LIGHT
    from_s: float = 0.0
    until_s: float = math.inf

    def place(self, now_s: float) -> Point:
        """Where it is; ``up_m`` above home."""
        flown_s, course_rad = now_s - self.from_s, math.radians(self.course_deg)
        return Point(
            self.north_m + self.speed_m_s * flown_s * math.cos(course_rad),
            self.east_m + self.speed_m_s * flown_s * math.sin(course_rad),
            self.height_home_m + self.climb_m_s * flown_s,
        )


def reports(aircraft: Sequence[Aircraft], frame: LocalFrame, now_s: float) -> Iterator[Any]:
    """An ADSB_VEHICLE of each that is there; the frame's height is home's."""
    for each in aircraft:
        if not each.from_s <= now_s < each.until_s:
            continue
        place = each.place(now_s)
        lat, lon = frame.to_geographic(place.east_m, place.north_m)
        yield mavlink.MAVLink_adsb_vehicle_message(
            each.icao,
            round(float(lat) * 1e7),
            round(float(lon) * 1e7),
            mavlink.ADSB_ALTITUDE_TYPE_GEOMETRIC,
            round((frame.height_m + place.up_m) * 1000),
            round(each.course_deg * 100) % 36000,
            round(each.speed_m_s * 100),
            round(each.climb_m_s * 100),
            each.callsign[:8].encode(),
            each.emitter,
            1,
            FLAGS,
            1200,
        )
