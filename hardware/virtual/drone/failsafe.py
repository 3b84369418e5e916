"""What happens when the ground station falls silent (``ArduCopter/events.cpp``, ``failsafe_gcs_check``).

ArduCopter watches the heartbeats of ONE system, SYSID_MYGCS, whatever sends them: a companion that speaks
as 255 keeps this from ever happening (flight rule 1). It watches only once it has heard one.
"""

from __future__ import annotations

from flight.link import mavlink
from hardware.virtual.drone.copter import Mode, VirtualCopter

# FS_GCS_ENABLE; what ends in SmartRTL there is RTL here.
LANDS, BRAKES = 5, 7
# Bits of FS_OPTIONS.
GOES_ON_IN_AUTO, GOES_ON_LANDING, GOES_ON_FOR_PILOT = 1 << 1, 1 << 3, 1 << 4
FLOWN_BY_PILOT = frozenset({Mode.STABILIZE, Mode.LOITER, Mode.BRAKE})


class GroundStationFailsafe:
    """Fed with heartbeats; orders the copter home when they stop."""

    def __init__(self, copter: VirtualCopter) -> None:
        self._copter = copter
        self._heard_s: float | None = None
        self.is_on = False

    def heard(self) -> None:
        """The ground station's heartbeat came."""
        self._heard_s = self._copter.now_s

    def check(self) -> None:
        """Called in every step."""
        parameters = self._copter.parameters
        if self._heard_s is None or parameters["FS_GCS_ENABLE"] == 0:
            return
        silent = self._copter.now_s - self._heard_s > parameters["FS_GCS_TIMEOUT"]
        if silent and not self.is_on:
            self.is_on = True
            self._act()
        elif self.is_on and not silent:
            self.is_on = False
            self._copter.say("GCS Failsafe Cleared", mavlink.MAV_SEVERITY_WARNING)

    def _act(self) -> None:
        copter = self._copter
        options = int(copter.parameters["FS_OPTIONS"])
        if not copter.armed:
            self._announce()
        elif copter.landed:
            self._announce("Disarming")
            copter.disarm()
        elif copter.mode == Mode.LAND and options & GOES_ON_LANDING:
            self._announce("Continuing Landing")
        elif copter.mode == Mode.AUTO and options & GOES_ON_IN_AUTO:
            self._announce("Continuing Auto Mode")
        elif copter.mode in FLOWN_BY_PILOT and options & GOES_ON_FOR_PILOT:
            self._announce("Continuing Pilot Control")
        else:
            self._announce()
            wanted = {LANDS: Mode.LAND, BRAKES: Mode.BRAKE}.get(
                int(copter.parameters["FS_GCS_ENABLE"]), Mode.RTL
            )
            copter.set_mode(wanted) or copter.set_mode(Mode.LAND)

    def _announce(self, action: str = "") -> None:
        self._copter.say("GCS Failsafe" + (f" - {action}" if action else ""), mavlink.MAV_SEVERITY_WARNING)
