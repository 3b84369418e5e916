"""What is ArduCopter's own: mode numbers and names, and which vehicles they hold for.

Numbers from ArduPilot ``ArduCopter/mode.h`` (``Mode::Number``).
"""

from __future__ import annotations

from flight.errors import EmberwatchError
from flight.link import mavlink

COPTER_MODES: dict[int, str] = {
    0: "STABILIZE",
    1: "ACRO",
    2: "ALT_HOLD",
    3: "AUTO",
    4: "GUIDED",
    5: "LOITER",
    6: "RTL",
    7: "CIRCLE",
    9: "LAND",
    11: "DRIFT",
    13: "SPORT",
    14: "FLIP",
    15: "AUTOTUNE",
    16: "POSHOLD",
    17: "BRAKE",
    18: "THROW",
    19: "AVOID_ADSB",
    20: "GUIDED_NOGPS",
    21: "SMART_RTL",
    22: "FLOWHOLD",
    23: "FOLLOW",
    24: "ZIGZAG",
    25: "SYSTEMID",
    26: "AUTOROTATE",
    27: "AUTO_RTL",
    28: "TURTLE",
}
_NUMBERS = {name: number for number, name in COPTER_MODES.items()}

_COPTERS = frozenset(
    {
        mavlink.MAV_TYPE_QUADROTOR,
        mavlink.MAV_TYPE_COAXIAL,
        mavlink.MAV_TYPE_HELICOPTER,
        mavlink.MAV_TYPE_HEXAROTOR,
        mavlink.MAV_TYPE_OCTOROTOR,
        mavlink.MAV_TYPE_TRICOPTER,
        mavlink.MAV_TYPE_DODECAROTOR,
        mavlink.MAV_TYPE_DECAROTOR,
    }
)


class UnknownModeError(EmberwatchError):
    """A mode that this vehicle does not have, or a vehicle whose modes we do not know."""


def is_copter(autopilot: int, vehicle_type: int) -> bool:
    """Whether a heartbeat with this MAV_AUTOPILOT and MAV_TYPE is ArduCopter's."""
    return autopilot == mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA and vehicle_type in _COPTERS


def mode_name(custom_mode: int) -> str:
    """The name of an ArduCopter mode, or ``MODE n`` for one newer than this table."""
    return COPTER_MODES.get(custom_mode, f"MODE {custom_mode}")


def mode_number(name: str) -> int:
    """The ``custom_mode`` of an ArduCopter mode; raises UnknownModeError."""
    if name not in _NUMBERS:
        raise UnknownModeError(f"ArduCopter has no mode {name!r}", hint="It has " + ", ".join(_NUMBERS) + ".")
    return _NUMBERS[name]
