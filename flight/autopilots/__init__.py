"""The firmwares that Emberwatch knows, one file each."""

from __future__ import annotations

from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.autopilot import Autopilot, Finding, UnknownHeightError, UnknownModeError
from flight.autopilots.px4 import Px4Copter

__all__ = ["Autopilot", "Finding", "UnknownHeightError", "UnknownModeError", "identify"]


def identify(autopilot: int, vehicle_type: int) -> Autopilot | None:
    """The firmware behind a heartbeat with this MAV_AUTOPILOT and MAV_TYPE; None where it is not known."""
    for kind in (ArduCopter, Px4Copter):
        if kind.is_it(autopilot, vehicle_type):
            return kind()
    return None
