"""ArduCopter: its modes, its mission list, and what its failsafes need.

Mode numbers from ArduPilot ``ArduCopter/mode.h`` (``Mode::Number``); parameters from
``ArduCopter/Parameters.cpp``, ``libraries/AP_BattMonitor/AP_BattMonitor_Params.cpp`` and
``libraries/AC_Fence/AC_Fence.cpp``, all of Copter-4.6.3.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from flight.autopilots.autopilot import Finding, UnknownModeError
from flight.link import mavlink
from flight.plans.items import Command, MissionItem

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
_YAW_MAY_BE_NAN = frozenset(
    {Command.NAV_WAYPOINT, Command.NAV_LOITER_UNLIM, Command.NAV_LAND, Command.NAV_TAKEOFF}
)
_REPORTS_ONLY = 0
_TELEMETRY_PORTS = range(1, 7)
_MAVLINK_1, _MAVLINK_2 = 1, 2  # of SERIALn_PROTOCOL
_ALL_CHECKS = 1  # of ARMING_CHECK
_MOST_SYSTEM_ID = 250
_CONTINUE_MISSION_WITHOUT_STATION = 1 << 1  # of FS_OPTIONS
_POLYGONS_AND_CIRCLES = 1 << 2  # of FENCE_TYPE


class ArduCopter:
    """Any multicopter or helicopter that runs ArduCopter."""

    name = "ArduCopter"
    guided_mode = "GUIDED"
    mission_mode = "AUTO"
    return_mode = "RTL"
    smart_return_mode = "SMART_RTL"
    land_mode = "LAND"
    orbit_mode = ""
    takeoff_mode = ""  # it climbs in GUIDED
    first_item_is_home = True
    parameters_are_cast = True
    safety_parameters: Sequence[str] = (
        "FS_GCS_ENABLE",
        "FS_GCS_TIMEOUT",
        "FS_OPTIONS",
        "SYSID_MYGCS",
        "FS_THR_ENABLE",
        "FS_EKF_ACTION",
        "BATT_MONITOR",
        "BATT_FS_LOW_ACT",
        "BATT_LOW_VOLT",
        "BATT_LOW_MAH",
        "FENCE_ENABLE",
        "FENCE_ACTION",
        "FENCE_TYPE",
        "MIS_RESTART",
    )
    set_up_parameters: Sequence[str] = (
        "SYSID_THISMAV",
        "ARMING_CHECK",
        "EK3_DRAG_BCOEF_X",
        "EK3_DRAG_BCOEF_Y",
        "EK3_DRAG_MCOEF",
        *(f"SERIAL{number}_PROTOCOL" for number in _TELEMETRY_PORTS),
    )

    @staticmethod
    def is_it(autopilot: int, vehicle_type: int) -> bool:
        """Whether a heartbeat with this MAV_AUTOPILOT and MAV_TYPE is ArduCopter's."""
        return autopilot == mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA and vehicle_type in _COPTERS

    def for_wire(self, item: MissionItem) -> MissionItem:
        """ArduPilot refuses NaN but for the yaw of these (``AP_Mission::sanity_check_params``)."""
        takes_nan = {3} if item.command in _YAW_MAY_BE_NAN else set()
        params = [
            0.0 if math.isnan(value) and index not in takes_nan else value
            for index, value in enumerate(item.params)
        ]
        return replace(item, params=(params[0], params[1], params[2], params[3]))

    def mode_name(self, base_mode: int, custom_mode: int) -> str:  # noqa: ARG002 - PX4 needs both
        return COPTER_MODES.get(custom_mode, f"MODE {custom_mode}")

    def mode_params(self, name: str) -> tuple[float, float, float]:
        if name not in _NUMBERS:
            raise UnknownModeError(
                f"ArduCopter has no mode {name!r}", hint="It has " + ", ".join(_NUMBERS) + "."
            )
        return mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED, _NUMBERS[name], 0.0

    def takeoff_params(self, height_home_m: float, home_amsl_m: float | None) -> tuple[float, ...]:  # noqa: ARG002
        """The height is above home (``GCS_MAVLINK_Copter::handle_MAV_CMD_NAV_TAKEOFF``)."""
        return (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, height_home_m)

    def judge(
        self, parameters: Mapping[str, float | None], ground_stations: Collection[int]
    ) -> list[Finding]:
        return [
            _station_failsafe(parameters, ground_stations),
            _rc_failsafe(parameters),
            _battery_failsafe(parameters),
            _position_failsafe(parameters),
            _fence(parameters),
            _mission_restart(parameters),
        ]

    def judge_set_up(self, parameters: Mapping[str, float | None]) -> list[Finding]:
        return [
            _system_id(parameters),
            _arming_checks(parameters),
            _mavlink_ports(parameters),
            _wind(parameters),
        ]


def _station_failsafe(parameters: Mapping[str, float | None], stations: Collection[int]) -> Finding:
    name = "ground station failsafe"
    enabled, timeout_s, listens_to = (
        parameters.get(key) for key in ("FS_GCS_ENABLE", "FS_GCS_TIMEOUT", "SYSID_MYGCS")
    )
    if enabled is None or listens_to is None:
        return Finding(name, None, "FS_GCS_ENABLE or SYSID_MYGCS could not be read")
    if enabled == _REPORTS_ONLY:
        return Finding(name, False, "FS_GCS_ENABLE is 0: the vehicle flies on when the station is lost")
    if not stations:
        return Finding(name, False, "no ground station was heard: the failsafe watches one only once heard")
    if int(listens_to) not in stations:
        heard = ", ".join(map(str, sorted(stations)))
        return Finding(
            name, False, f"it listens to system {listens_to:.0f}, and the station heard is {heard}"
        )
    options = parameters.get("FS_OPTIONS")
    if options is not None and int(options) & _CONTINUE_MISSION_WITHOUT_STATION:
        return Finding(
            name, False, "FS_OPTIONS has bit 1: the vehicle goes on with its mission when the station is lost"
        )
    after = "" if timeout_s is None else f" after {timeout_s:g} s without it"
    return Finding(name, True, f"watches system {listens_to:.0f}{after}")


def _rc_failsafe(parameters: Mapping[str, float | None]) -> Finding:
    enabled = parameters.get("FS_THR_ENABLE")
    if enabled is None:
        return Finding("RC failsafe", None, "FS_THR_ENABLE could not be read")
    if enabled == _REPORTS_ONLY:
        return Finding("RC failsafe", False, "FS_THR_ENABLE is 0: nothing happens when the radio is lost")
    return Finding("RC failsafe", True, f"FS_THR_ENABLE is {enabled:.0f}")


def _battery_failsafe(parameters: Mapping[str, float | None]) -> Finding:
    name = "battery failsafe"
    monitor, action, volts, capacity = (
        parameters.get(key) for key in ("BATT_MONITOR", "BATT_FS_LOW_ACT", "BATT_LOW_VOLT", "BATT_LOW_MAH")
    )
    if monitor is None:
        return Finding(name, None, "BATT_MONITOR could not be read")
    if monitor == 0:
        return Finding(name, False, "BATT_MONITOR is 0: the vehicle does not know its battery")
    if action is None:
        return Finding(name, None, "BATT_FS_LOW_ACT could not be read")
    if action == _REPORTS_ONLY:
        return Finding(name, False, "BATT_FS_LOW_ACT is 0: a low battery is only reported")
    if not volts and not capacity:
        if volts is None or capacity is None:
            return Finding(name, None, "BATT_LOW_VOLT or BATT_LOW_MAH could not be read")
        return Finding(name, False, "BATT_LOW_VOLT and BATT_LOW_MAH are 0: no battery is ever low")
    return Finding(name, True, f"acts below {volts or 0:g} V or {capacity or 0:g} mAh left")


def _position_failsafe(parameters: Mapping[str, float | None]) -> Finding:
    action = parameters.get("FS_EKF_ACTION")
    if action is None:
        return Finding("position failsafe", None, "FS_EKF_ACTION could not be read")
    if action == _REPORTS_ONLY:
        return Finding("position failsafe", False, "FS_EKF_ACTION is 0: a lost position is only reported")
    return Finding("position failsafe", True, f"FS_EKF_ACTION is {action:.0f}")


def _fence(parameters: Mapping[str, float | None]) -> Finding:
    enabled, action, kinds = (parameters.get(key) for key in ("FENCE_ENABLE", "FENCE_ACTION", "FENCE_TYPE"))
    if enabled is None or action is None:
        return Finding("fence action", None, "FENCE_ENABLE or FENCE_ACTION could not be read")
    if enabled == 0:
        return Finding("fence action", False, "FENCE_ENABLE is 0: the vehicle leaves its area freely")
    if action == _REPORTS_ONLY:
        return Finding("fence action", False, "FENCE_ACTION is 0: a breach is only reported")
    if kinds is not None and not int(kinds) & _POLYGONS_AND_CIRCLES:
        return Finding(
            "fence action", False, "FENCE_TYPE lacks bit 2: the polygons and circles aboard are not watched"
        )
    return Finding("fence action", True, f"FENCE_ACTION is {action:.0f}")


def _mission_restart(parameters: Mapping[str, float | None]) -> Finding:
    restart = parameters.get("MIS_RESTART")
    if restart is None:
        return Finding("mission resumes", None, "MIS_RESTART could not be read")
    if restart != 0:
        return Finding(
            "mission resumes", False, "MIS_RESTART is 1: after a look again the patrol begins anew; set it 0"
        )
    return Finding("mission resumes", True, "MIS_RESTART is 0")


def _system_id(parameters: Mapping[str, float | None]) -> Finding:
    number = parameters.get("SYSID_THISMAV")
    if number is None:
        return Finding("system id", None, "SYSID_THISMAV could not be read")
    usable = 1 <= number <= _MOST_SYSTEM_ID
    words = "" if usable else f": a vehicle's is 1 to {_MOST_SYSTEM_ID}"
    return Finding("system id", usable, f"SYSID_THISMAV is {number:.0f}{words}")


def _arming_checks(parameters: Mapping[str, float | None]) -> Finding:
    checks = parameters.get("ARMING_CHECK")
    if checks is None:
        return Finding("arming checks", None, "ARMING_CHECK could not be read")
    if checks == 0:
        return Finding(
            "arming checks", False, "ARMING_CHECK is 0: the vehicle arms whatever is wrong with it"
        )
    if checks != _ALL_CHECKS:
        return Finding("arming checks", None, f"ARMING_CHECK is {checks:.0f}: not every check is made")
    return Finding("arming checks", True, "ARMING_CHECK is 1: all of them")


def _mavlink_ports(parameters: Mapping[str, float | None]) -> Finding:
    spoken = {number: parameters.get(f"SERIAL{number}_PROTOCOL") for number in _TELEMETRY_PORTS}
    old = [f"SERIAL{number}" for number, protocol in spoken.items() if protocol == _MAVLINK_1]
    new = [f"SERIAL{number}" for number, protocol in spoken.items() if protocol == _MAVLINK_2]
    if old:
        words = f"{', '.join(old)} speaks MAVLink 1: the companion's needs SERIALn_PROTOCOL 2"
        return Finding("MAVLink ports", None, words)
    if not new:
        return Finding("MAVLink ports", None, "no SERIALn_PROTOCOL is 2: it is heard another way")
    return Finding("MAVLink ports", True, f"MAVLink 2 on {', '.join(new)}")


def _wind(parameters: Mapping[str, float | None]) -> Finding:
    names = ("EK3_DRAG_BCOEF_X", "EK3_DRAG_BCOEF_Y", "EK3_DRAG_MCOEF")
    values = [parameters.get(name) for name in names]
    if None in values:
        return Finding("wind", None, "EK3_DRAG_BCOEF_X, _Y or EK3_DRAG_MCOEF could not be read")
    if not any(values):
        words = "EK3_DRAG_BCOEF_X, _Y and EK3_DRAG_MCOEF are 0: looks again keep twice as far off, all round"
        return Finding("wind", None, words)
    return Finding("wind", True, "it estimates the wind (EK3_DRAG_…)")
