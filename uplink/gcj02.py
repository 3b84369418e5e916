"""WGS 84 to GCJ-02 and back: the shifted coordinates of maps that are published in mainland China.

GCJ-02 itself is not published. These are the well-known formulae on Krasovsky's ellipsoid of 1940, public
since 2010 (`Converter.java` of the emq project, `EvilTransform.cs` of on4wp7) and shared by all open
converters; tests compare with the published pairs of googollee/eviltransform and wandergis/coordtransform.
Places outside a box around China, theirs too, are left alone and stay WGS 84. The box is generous: neighbours
whose maps are not shifted lie in it, so GCJ-02 is only ever given to who asks for it.

What is shifted is where a place is drawn. Lengths, bearings, ellipses and covariances are those on the ground
in either datum.
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar

from uplink.messages import Message, Position

Datum = Literal["wgs84", "gcj02"]
M = TypeVar("M", bound=Message)

KRASOVSKY_A_M = 6_378_245.0
KRASOVSKY_E2 = 0.006693421622965943
LON_DEG = (72.004, 137.8347)
LAT_DEG = (0.8293, 55.8271)
# Of the inverse: each step is a thousand times nearer.
STEPS = 6


def in_china(lat_deg: float, lon_deg: float) -> bool:
    """Whether a place (in either datum) lies in the box in which GCJ-02 differs from WGS 84."""
    return LAT_DEG[0] <= lat_deg <= LAT_DEG[1] and LON_DEG[0] <= lon_deg <= LON_DEG[1]


def to_gcj02(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Latitude and longitude in GCJ-02 of a place in WGS 84; the same outside China."""
    if not in_china(lat_deg, lon_deg):
        return lat_deg, lon_deg
    shift_lat_deg, shift_lon_deg = _shift_deg(lat_deg, lon_deg)
    return lat_deg + shift_lat_deg, lon_deg + shift_lon_deg


def to_wgs84(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Latitude and longitude in WGS 84 of a place in GCJ-02; the same outside China."""
    if not in_china(lat_deg, lon_deg):
        return lat_deg, lon_deg
    found_lat_deg, found_lon_deg = lat_deg, lon_deg
    for _ in range(STEPS):
        shift_lat_deg, shift_lon_deg = _shift_deg(found_lat_deg, found_lon_deg)
        found_lat_deg, found_lon_deg = lat_deg - shift_lat_deg, lon_deg - shift_lon_deg
    return found_lat_deg, found_lon_deg


def in_datum(message: M, datum: Datum) -> M:
    """The message with every position in it in this datum. Each names its own: one outside China is still
    ``WGS84``."""
    return message if datum == "wgs84" else _converted(message)


def is_wgs84(message: Message) -> bool:
    """Whether every position in a message is WGS 84, as all that drones send must be."""
    return all(position.datum == "WGS84" for position in _positions(message))


def _converted(message: M) -> M:
    changed: dict[str, object] = {}
    for name in type(message).model_fields:
        value = getattr(message, name)
        if isinstance(value, Position):
            changed[name] = _position(value)
        elif isinstance(value, Message):
            changed[name] = _converted(value)
        elif isinstance(value, list) and value and isinstance(value[0], Message):
            changed[name] = [_converted(part) for part in value]
    return message.model_copy(update=changed)


def _position(position: Position) -> Position:
    if position.datum == "GCJ02" or not in_china(position.lat_deg, position.lon_deg):
        return position
    lat_deg, lon_deg = to_gcj02(position.lat_deg, position.lon_deg)
    return position.model_copy(update={"lat_deg": lat_deg, "lon_deg": lon_deg, "datum": "GCJ02"})


def _positions(message: Message) -> list[Position]:
    found = []
    for name in type(message).model_fields:
        value = getattr(message, name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Position):
                found.append(part)
            elif isinstance(part, Message):
                found += _positions(part)
    return found


def _shift_deg(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """From WGS 84 to GCJ-02."""
    x, y = lon_deg - 105.0, lat_deg - 35.0
    short = 20 * _sine(6 * x) + 20 * _sine(2 * x)
    root = math.sqrt(abs(x))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (short + 20 * _sine(y) + 40 * _sine(y / 3) + 160 * _sine(y / 12) + 320 * _sine(y / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (short + 20 * _sine(x) + 40 * _sine(x / 3) + 150 * _sine(x / 12) + 300 * _sine(x / 30)) * 2 / 3
    lat_rad = math.radians(lat_deg)
    w2 = 1 - KRASOVSKY_E2 * math.sin(lat_rad) ** 2
    meridian_m = KRASOVSKY_A_M * (1 - KRASOVSKY_E2) / w2**1.5
    vertical_m = KRASOVSKY_A_M / math.sqrt(w2)
    return math.degrees(north / meridian_m), math.degrees(east / (vertical_m * math.cos(lat_rad)))


def _sine(half_turns: float) -> float:
    return math.sin(half_turns * math.pi)
