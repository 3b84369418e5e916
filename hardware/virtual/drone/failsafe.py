"""What happens when something fails: ground station, radio, battery, position (``ArduCopter/events.cpp``).

ArduCopter watches the heartbeats of ONE system, SYSID_MYGCS, whatever sends them: a companion that speaks
as 255 keeps that failsafe from ever happening (flight rule 1). It watches only once it has heard one.
"""

from __future__ import annotations

from flight.link import mavlink
from hardware.virtual.drone.copter import VirtualCopter
from hardware.virtual.drone.modes import Mode
from hardware.virtual.drone.radio import Radio

# Actions of the BATT_FS_*_ACT parameters; what is SmartRTL in ArduCopter is RTL here.
NONE, LAND, RTL, SMART_RTL, SMART_RTL_OR_LAND, TERMINATE, DO_LAND_START, BRAKE = range(8)
# Of FS_GCS_ENABLE and FS_THR_ENABLE: what is not named returns.
LANDS_WITHOUT_STATION, BRAKES_WITHOUT_STATION = 5, 7
LANDS_WITHOUT_RADIO, BRAKES_WITHOUT_RADIO = 3, 7
# Bits of FS_OPTIONS.
RADIO_IN_AUTO, STATION_IN_AUTO, RADIO_IN_GUIDED, GOES_ON_LANDING, GOES_ON_FOR_PILOT = (
    1 << n for n in range(5)
)
FLOWN_BY_PILOT = frozenset({Mode.STABILIZE, Mode.ALT_HOLD, Mode.LOITER, Mode.BRAKE})
WARNING: int = mavlink.MAV_SEVERITY_WARNING
THROTTLE_SAMPLES = 3


class Failsafes:
    """All of them. ``check`` is called in every step."""

    def __init__(self, copter: VirtualCopter, radio: Radio) -> None:
        self.station = GroundStationFailsafe(copter, radio)
        self.radio = RadioFailsafe(copter, radio)
        self.battery = BatteryFailsafe(copter)
        self._copter = copter

    @property
    def is_on(self) -> bool:
        """Whether HEARTBEAT says CRITICAL."""
        return self.station.is_on or self.radio.is_on or self.battery.is_on or self._copter.navigation.failed

    def check(self) -> None:
        self.radio.check()
        self.battery.check()
        self.station.check()

    def arming_fault(self) -> str | None:
        """Which of them keeps it from arming."""
        if self.radio.is_on:
            return "Radio failsafe on"
        if self.battery.is_on:
            return "Battery failsafe"
        return "GCS failsafe on" if self.station.is_on else None


def _announce(copter: VirtualCopter, kind: str, action: str = "") -> None:
    copter.say(f"{kind} Failsafe" + (f" - {action}" if action else ""), WARNING)


def _disarms(copter: VirtualCopter) -> bool:
    """``should_disarm_on_failsafe``."""
    if copter.mode == Mode.AUTO:
        return copter.landed and not copter.auto_armed
    return copter.landed


def _act(copter: VirtualCopter, action: int) -> None:
    """``do_failsafe_action``: what cannot be done ends in a landing after a pause."""
    wanted = {
        LAND: Mode.LAND,
        RTL: Mode.RTL,
        SMART_RTL: Mode.RTL,
        SMART_RTL_OR_LAND: Mode.RTL,
        DO_LAND_START: Mode.RTL,
        BRAKE: Mode.BRAKE,
    }
    if action == TERMINATE:
        copter.disarm(force=True)
    elif action in wanted and (wanted[action] == Mode.LAND or not copter.set_mode(wanted[action])):
        copter.land_after_pause()


class GroundStationFailsafe:
    """Fed with heartbeats; orders the copter home when they stop."""

    def __init__(self, copter: VirtualCopter, radio: Radio) -> None:
        self._copter = copter
        self._radio = radio
        self._heard_s: float | None = None
        self.is_on = False

    def heard(self) -> None:
        """The ground station's heartbeat came."""
        self._heard_s = self._copter.now_s

    def check(self) -> None:
        parameters = self._copter.parameters
        if self._heard_s is None or parameters["FS_GCS_ENABLE"] == 0:
            return
        silent = self._copter.now_s - self._heard_s > parameters["FS_GCS_TIMEOUT"]
        if silent and not self.is_on:
            self.is_on = True
            self._radio.clear_overrides()
            self._begin()
        elif self.is_on and not silent:
            self.is_on = False
            self._copter.say("GCS Failsafe Cleared", WARNING)

    def _begin(self) -> None:
        copter, options = self._copter, int(self._copter.parameters["FS_OPTIONS"])
        enable = int(copter.parameters["FS_GCS_ENABLE"])
        action = {LANDS_WITHOUT_STATION: LAND, BRAKES_WITHOUT_STATION: BRAKE}.get(enable, RTL)
        if not copter.armed:
            _announce(copter, "GCS")
        elif _disarms(copter):
            copter.disarm(force=True)
            _announce(copter, "GCS", "Disarming")
        elif copter.is_landing and options & GOES_ON_LANDING:
            _announce(copter, "GCS", "Continuing Landing")
        elif copter.mode == Mode.AUTO and options & STATION_IN_AUTO:
            _announce(copter, "GCS", "Continuing Auto Mode")
        elif copter.mode in FLOWN_BY_PILOT and options & GOES_ON_FOR_PILOT:
            _announce(copter, "GCS", "Continuing Pilot Control")
        else:
            _announce(copter, "GCS")
            _act(copter, action)


class RadioFailsafe:
    """The transmitter is gone, or its receiver says so with a throttle below FS_THR_VALUE."""

    def __init__(self, copter: VirtualCopter, radio: Radio) -> None:
        self._copter = copter
        self._radio = radio
        self._low = 0
        self.is_on = False

    def check(self) -> None:
        parameters = self._copter.parameters
        if parameters["FS_THR_ENABLE"] == 0:
            self.is_on = False
            return
        silent = self._radio.silent_s() > parameters["RC_FS_TIMEOUT"]
        is_low = self._radio.throttle_pwm < parameters["FS_THR_VALUE"]
        step = 0 if self._radio.silent_s() > 0 else (1 if is_low else -1)
        self._low = max(0, min(THROTTLE_SAMPLES, self._low + step))
        if not self.is_on and (silent or self._low == THROTTLE_SAMPLES):
            self.is_on = True
            self._begin()
        elif self.is_on and not silent and self._low == 0 and self._radio.silent_s() == 0:
            self.is_on = False
            self._copter.say("Radio Failsafe Cleared", WARNING)

    def _begin(self) -> None:
        copter, options = self._copter, int(self._copter.parameters["FS_OPTIONS"])
        enable = int(copter.parameters["FS_THR_ENABLE"])
        action = {LANDS_WITHOUT_RADIO: LAND, BRAKES_WITHOUT_RADIO: BRAKE}.get(enable, RTL)
        if not copter.armed:
            _announce(copter, "Radio")
        elif _disarms(copter):
            _announce(copter, "Radio", "Disarming")
            copter.disarm(force=True)
        elif copter.is_landing and options & GOES_ON_LANDING:
            _announce(copter, "Radio", "Continuing Landing")
        elif copter.mode == Mode.AUTO and options & RADIO_IN_AUTO:
            _announce(copter, "Radio", "Continuing Auto")
        elif copter.mode == Mode.GUIDED and options & RADIO_IN_GUIDED:
            _announce(copter, "Radio", "Continuing Guided Mode")
        else:
            _announce(copter, "Radio")
            _act(copter, action)


class BatteryFailsafe:
    """Low, and then critical; each once, and only while armed (``AP_BattMonitor::check_failsafes``).

    It stays until the next boot: a mended voltage does not make a battery full.
    """

    # Worst first (``ArduCopter/Copter.h``, ``_failsafe_priorities``).
    _PRIORITIES = (TERMINATE, LAND, RTL, SMART_RTL_OR_LAND, SMART_RTL, NONE)

    def __init__(self, copter: VirtualCopter) -> None:
        self._copter = copter
        self._level = 0  # 1 low, 2 critical
        self._since_s: dict[str, float] = {}
        self._priority = len(self._PRIORITIES)

    @property
    def is_on(self) -> bool:
        return self._level > 0

    @property
    def level(self) -> int:
        """0 fine, 1 low, 2 critical."""
        return self._level

    def check(self) -> None:
        if not self._copter.armed:
            return
        level = 2 if self._is_below("CRT") else 1 if self._is_below("LOW") else 0
        if level <= self._level:
            return
        self._level = level
        battery, parameters = self._copter.body.battery, self._copter.parameters
        word, key = ("critical", "CRT") if level == 2 else ("low", "LOW")
        used = f"{self._copter.battery_v:.2f}V used {battery.used_mah:.0f} mAh"
        self._copter.say(f"Battery 1 is {word} {used}", WARNING)
        action = int(parameters[f"BATT_FS_{key}_ACT"])
        priority = self._PRIORITIES.index(action) if action in self._PRIORITIES else len(self._PRIORITIES)
        if priority <= self._priority:
            self._priority = priority
            self._begin(action)

    def _is_below(self, key: str) -> bool:
        copter, parameters, battery = self._copter, self._copter.parameters, self._copter.body.battery
        limit_v, limit_mah = parameters[f"BATT_{key}_VOLT"], parameters[f"BATT_{key}_MAH"]
        if limit_mah > 0 and battery.capacity_mah - battery.used_mah < limit_mah:
            return True
        if not (limit_v > 0 and copter.battery_v < limit_v):
            self._since_s.pop(key, None)
            return False
        since_s = self._since_s.setdefault(key, copter.now_s)
        return 0 < parameters["BATT_LOW_TIMER"] < copter.now_s - since_s

    def _begin(self, action: int) -> None:
        copter, options = self._copter, int(self._copter.parameters["FS_OPTIONS"])
        if _disarms(copter):
            copter.disarm(force=True)
            _announce(copter, "Battery", "Disarming")
        elif copter.is_landing and options & GOES_ON_LANDING and action != NONE:
            _announce(copter, "Battery", "Continuing Landing")
        else:
            _announce(copter, "Battery")
            _act(copter, action)
