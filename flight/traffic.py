"""Other aircraft, from ADS-B: how near they will come, and whom to warn.

Crewed helicopters fight fires in the same air. The companion warns and does not manoeuvre; the autopilot's
own avoidance may. A warning is given for whoever is inside the volume, or will be at its closest point of
approach soon, both flying on straight. Pure: every call is told the time.

Message: https://mavlink.io/en/messages/common.html#ADSB_VEHICLE
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from flight.codec import Message, mavlink
from flight.local_frame import LocalFrame
from flight.telemetry import PositionSample

FORGET_S = 30.0
MOST_AIRCRAFT = 100
# A warning that was given stays until the aircraft is this much further off.
HYSTERESIS = 1.25

_EMITTERS = {
    0: "aircraft",
    1: "light aeroplane",
    2: "small aeroplane",
    3: "large aeroplane",
    4: "heavy aeroplane",
    5: "heavy aeroplane",
    6: "fast aeroplane",
    7: "helicopter",
    9: "glider",
    10: "balloon",
    11: "parachutist",
    12: "ultralight",
    14: "drone",
    15: "spacecraft",
    17: "emergency vehicle",
    18: "service vehicle",
    19: "obstacle",
}
_COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


@dataclass(frozen=True, slots=True)
class Volume:
    """How near is near: a cylinder around the vehicle, and how long before an approach to warn."""

    radius_m: float = 5000.0
    height_m: float = 600.0
    within_s: float = 90.0


@dataclass(frozen=True, slots=True)
class TrafficWarning:
    """One aircraft that is, or soon will be, near."""

    icao: str
    callsign: str
    emitter: str
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    pressure_altitude: bool
    """Its height is by air pressure: it may be off by 100 m and more."""
    height_known: bool
    """Where not, it is taken to fly at the vehicle's own height: that is the worst that can be."""
    distance_m: float
    bearing_deg: float
    """Where it is now, over ground, seen from the vehicle."""
    height_m: float
    """Above the vehicle, now."""
    cpa_distance_m: float
    cpa_height_m: float
    cpa_in_s: float
    track_deg: float | None
    """Where it flies to, over ground; None where it does not say, or stands."""
    speed_m_s: float

    @property
    def name(self) -> str:
        """What a pilot would call it."""
        return f"{self.emitter} {self.callsign or self.icao}"

    def words(self) -> str:
        """One line for people."""
        height = _height(self.height_m) if self.height_known else "height unknown"
        return (
            f"{self.name} {self.distance_m / 1000:.1f} km {_compass(self.bearing_deg)}, {height}; "
            f"closest {self.cpa_distance_m:.0f} m in {self.cpa_in_s:.0f} s"
        )

    def short(self) -> str:
        """The same for a STATUSTEXT: 50 characters."""
        bearing_deg = round(self.bearing_deg) % 360
        height = f"{self.height_m:+.0f}m" if self.height_known else "height?"
        return (
            f"Traffic {self.callsign or self.icao} {self.distance_m / 1000:.1f}km {bearing_deg:03d} "
            f"{height} cpa {self.cpa_distance_m:.0f}m {self.cpa_in_s:.0f}s"
        )[:50]


@dataclass(slots=True)
class _Aircraft:
    heard_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float | None
    velocity_enu_m_s: tuple[float, float, float]
    emitter: int
    callsign: str
    pressure_altitude: bool
    warned: bool = False


class Traffic:
    """What is in the air around one vehicle. Bounded; who is silent for 30 s is forgotten."""

    def __init__(self, volume: Volume | None = None, *, own_icao: int | None = None) -> None:
        self._volume = volume or Volume()
        self._own_icao = own_icao
        self._aircraft: OrderedDict[int, _Aircraft] = OrderedDict()

    def handle(self, message: Message, received_s: float) -> None:
        """Take an ADSB_VEHICLE; one without a position is left out, one without a height is not."""
        if not message.flags & mavlink.ADSB_FLAGS_VALID_COORDS or message.ICAO_address == self._own_icao:
            return
        before = self._aircraft.pop(message.ICAO_address, None)
        self._aircraft[message.ICAO_address] = _Aircraft(
            heard_s=received_s - message.tslc,
            lat_deg=message.lat / 1e7,
            lon_deg=message.lon / 1e7,
            alt_amsl_m=message.altitude / 1000 if message.flags & mavlink.ADSB_FLAGS_VALID_ALTITUDE else None,
            velocity_enu_m_s=_velocity(message),
            emitter=message.emitter_type,
            callsign=_callsign(message),
            pressure_altitude=message.altitude_type == mavlink.ADSB_ALTITUDE_TYPE_PRESSURE_QNH,
            warned=before is not None and before.warned,
        )
        while len(self._aircraft) > MOST_AIRCRAFT:
            self._aircraft.popitem(last=False)

    def warnings(self, own: PositionSample, now_s: float) -> list[TrafficWarning]:
        """Whom to warn of now, the most urgent first. Both are taken to fly on straight."""
        for icao in [i for i, each in self._aircraft.items() if now_s - each.heard_s > FORGET_S]:
            del self._aircraft[icao]
        found = []
        for icao, aircraft in self._aircraft.items():
            warning = _approach(icao, aircraft, own, now_s)
            aircraft.warned = self._is_near(warning, HYSTERESIS if aircraft.warned else 1.0)
            if aircraft.warned:
                found.append(warning)
        return sorted(found, key=lambda warning: (warning.cpa_in_s, warning.distance_m))

    def _is_near(self, warning: TrafficWarning, factor: float) -> bool:
        volume = self._volume
        radius_m, height_m = factor * volume.radius_m, factor * volume.height_m
        inside = warning.distance_m <= radius_m and abs(warning.height_m) <= height_m
        soon = (
            0 < warning.cpa_in_s <= factor * volume.within_s
            and warning.cpa_distance_m <= radius_m
            and abs(warning.cpa_height_m) <= height_m
        )
        return inside or soon


def _approach(icao: int, aircraft: _Aircraft, own: PositionSample, now_s: float) -> TrafficWarning:
    frame = LocalFrame(own.lat_deg, own.lon_deg, own.alt_amsl_m)
    east_m, north_m, _ = frame.from_geodetic(
        np.array([aircraft.lat_deg]), np.array([aircraft.lon_deg]), np.array([own.alt_amsl_m])
    )
    theirs = np.array(aircraft.velocity_enu_m_s)
    alt_amsl_m = own.alt_amsl_m if aircraft.alt_amsl_m is None else aircraft.alt_amsl_m
    at = np.array([east_m[0], north_m[0], alt_amsl_m - own.alt_amsl_m])
    at = at + theirs * (now_s - aircraft.heard_s)  # it has flown on since it was heard
    if aircraft.alt_amsl_m is None:  # at our height, and it stays there
        at[2], theirs[2] = 0.0, -own.vel_down_m_s
    relative = theirs - (own.vel_east_m_s, own.vel_north_m_s, -own.vel_down_m_s)
    speed2 = float(relative[:2] @ relative[:2])
    # Closest over ground: heights from two altimeters are too rough to trade against metres on the map.
    in_s = max(0.0, -float(at[:2] @ relative[:2]) / speed2) if speed2 > 1e-6 else 0.0
    closest = at + relative * in_s
    speed_m_s = float(np.hypot(theirs[0], theirs[1]))
    now_lat, now_lon, _ = frame.to_geodetic(at[:1], at[1:2], np.zeros(1))
    return TrafficWarning(
        icao=f"{icao:06X}",
        callsign=aircraft.callsign,
        emitter=_EMITTERS.get(aircraft.emitter, "aircraft"),
        lat_deg=float(now_lat[0]),
        lon_deg=float(now_lon[0]),
        alt_amsl_m=own.alt_amsl_m + float(at[2]),
        pressure_altitude=aircraft.pressure_altitude,
        height_known=aircraft.alt_amsl_m is not None,
        distance_m=float(np.hypot(at[0], at[1])),
        bearing_deg=math.degrees(math.atan2(at[0], at[1])) % 360.0 % 360.0,
        height_m=float(at[2]),
        cpa_distance_m=float(np.hypot(closest[0], closest[1])),
        cpa_height_m=float(closest[2]),
        cpa_in_s=in_s,
        track_deg=math.degrees(math.atan2(theirs[0], theirs[1])) % 360.0 % 360.0 if speed_m_s > 0 else None,
        speed_m_s=speed_m_s,
    )


def _velocity(message: Message) -> tuple[float, float, float]:
    east = north = up = 0.0
    if message.flags & mavlink.ADSB_FLAGS_VALID_HEADING and message.flags & mavlink.ADSB_FLAGS_VALID_VELOCITY:
        heading_rad = math.radians(message.heading / 100)
        speed_m_s = message.hor_velocity / 100
        east, north = speed_m_s * math.sin(heading_rad), speed_m_s * math.cos(heading_rad)
    if message.flags & mavlink.ADSB_FLAGS_VERTICAL_VELOCITY_VALID:
        up = message.ver_velocity / 100
    return east, north, up


def _callsign(message: Message) -> str:
    if not message.flags & mavlink.ADSB_FLAGS_VALID_CALLSIGN:
        return ""
    text = message.callsign
    text = text if isinstance(text, str) else text.decode("ascii", "replace")
    return "".join(c for c in text if c.isalnum() or c in "-/").strip()


def _compass(bearing_deg: float) -> str:
    return _COMPASS[round(bearing_deg / 45) % 8]


def _height(height_m: float) -> str:
    if abs(height_m) < 15:
        return "at this height"
    return f"{abs(height_m):.0f} m {'above' if height_m > 0 else 'below'}"
