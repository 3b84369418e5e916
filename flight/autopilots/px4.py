"""PX4 multicopters, from PX4's documentation. This side has never flown: not in simulation, nor in the air.

Modes: https://docs.px4.io/main/en/flight_modes_mc/ with the numbers of ``px4_custom_mode.h`` (main mode in
bits 16 to 23 of ``custom_mode``, sub mode in bits 24 to 31). Failsafes:
https://docs.px4.io/main/en/config/safety.html. Parameters travel by their bytes:
https://mavlink.io/en/services/parameter.html#parameter_encoding.

OFFBOARD is a mode that PX4 may be in, and never one that is asked for: it wants a stream of set-points,
and leaves the vehicle to its failsafe when the companion dies (flight rule 14).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from flight.autopilots.autopilot import Finding, UnknownHeightError, UnknownModeError
from flight.link import mavlink
from flight.plans.items import MissionItem

MODES: dict[tuple[int, int], str] = {
    (1, 0): "MANUAL",
    (2, 0): "ALTCTL",
    (3, 0): "POSCTL",
    (3, 1): "ORBIT",
    (4, 1): "AUTO.READY",
    (4, 2): "AUTO.TAKEOFF",
    (4, 3): "AUTO.LOITER",
    (4, 4): "AUTO.MISSION",
    (4, 5): "AUTO.RTL",
    (4, 6): "AUTO.LAND",
    (4, 8): "AUTO.FOLLOW",
    (4, 9): "AUTO.PRECLAND",
    (5, 0): "ACRO",
    (6, 0): "OFFBOARD",
    (7, 0): "STABILIZED",
}
_NUMBERS = {name: numbers for numbers, name in MODES.items()}
_MOST_SYSTEM_ID = 250
_NEVER_ASKED_FOR = frozenset({"OFFBOARD"})
_MULTICOPTERS = frozenset(
    {
        mavlink.MAV_TYPE_QUADROTOR,
        mavlink.MAV_TYPE_COAXIAL,
        mavlink.MAV_TYPE_HELICOPTER,
        mavlink.MAV_TYPE_HEXAROTOR,
        mavlink.MAV_TYPE_OCTOROTOR,
        mavlink.MAV_TYPE_TRICOPTER,
    }
)


class Px4Copter:
    """A multicopter that runs PX4."""

    name = "PX4"
    guided_mode = "AUTO.LOITER"  # "Hold": DO_REPOSITION moves the point that it holds
    mission_mode = "AUTO.MISSION"
    return_mode = "AUTO.RTL"
    smart_return_mode = ""  # RTL_TYPE decides how AUTO.RTL comes home
    land_mode = "AUTO.LAND"
    orbit_mode = "ORBIT"
    takeoff_mode = "AUTO.TAKEOFF"
    first_item_is_home = False
    parameters_are_cast = False
    safety_parameters: Sequence[str] = (
        "NAV_DLL_ACT",
        "COM_DL_LOSS_T",
        "NAV_RCL_ACT",
        "COM_LOW_BAT_ACT",
        "BAT_LOW_THR",
        "GF_ACTION",
    )
    set_up_parameters: Sequence[str] = ("MAV_SYS_ID", *(f"MAV_{number}_CONFIG" for number in range(3)))

    @staticmethod
    def is_it(autopilot: int, vehicle_type: int) -> bool:
        """Whether a heartbeat with this MAV_AUTOPILOT and MAV_TYPE is a PX4 multicopter's."""
        return autopilot == mavlink.MAV_AUTOPILOT_PX4 and vehicle_type in _MULTICOPTERS

    def for_wire(self, item: MissionItem) -> MissionItem:
        return item

    def mode_name(self, base_mode: int, custom_mode: int) -> str:  # noqa: ARG002 - as the protocol has it
        main, sub = custom_mode >> 16 & 0xFF, custom_mode >> 24 & 0xFF
        return MODES.get((main, sub)) or MODES.get((main, 0)) or f"MODE {main}.{sub}"

    def mode_params(self, name: str) -> tuple[float, float, float]:
        if name not in _NUMBERS or name in _NEVER_ASKED_FOR:
            usable = ", ".join(mode for mode in _NUMBERS if mode not in _NEVER_ASKED_FOR)
            raise UnknownModeError(f"PX4 is never put into {name!r}", hint=f"There are {usable}.")
        main, sub = _NUMBERS[name]
        return mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED, main, sub

    def takeoff_params(self, height_home_m: float, home_amsl_m: float | None) -> tuple[float, ...]:
        """The height is above sea level; NaN for yaw and place: as it stands, where it stands."""
        if home_amsl_m is None:
            raise UnknownHeightError(
                "the height of home is not known, and PX4 counts a take-off from sea level",
                hint="Wait for its position.",
            )
        return (0.0, 0.0, 0.0, math.nan, math.nan, math.nan, home_amsl_m + height_home_m)

    def judge(
        self, parameters: Mapping[str, float | None], ground_stations: Collection[int]
    ) -> list[Finding]:
        findings = [
            _acts(parameters, "ground station failsafe", "NAV_DLL_ACT", "the vehicle flies on without it"),
            _acts(parameters, "RC failsafe", "NAV_RCL_ACT", "nothing happens when the radio is lost"),
            _acts(parameters, "battery failsafe", "COM_LOW_BAT_ACT", "a low battery is only reported"),
            _acts(
                parameters,
                "fence action",
                "GF_ACTION",
                "the vehicle leaves its area freely",
                without_effect=(0, 1),  # none, and a warning
            ),
        ]
        if findings[0].passed and not ground_stations:
            findings[0] = Finding(findings[0].name, False, "no ground station was heard")
        return findings

    def judge_set_up(self, parameters: Mapping[str, float | None]) -> list[Finding]:
        number = parameters.get("MAV_SYS_ID")
        words = "MAV_SYS_ID could not be read" if number is None else f"MAV_SYS_ID is {number:.0f}"
        ports = [name for name in self.set_up_parameters if name.endswith("_CONFIG") and parameters.get(name)]
        return [
            Finding("system id", None if number is None else 1 <= number <= _MOST_SYSTEM_ID, words),
            Finding(
                "MAVLink ports", True if ports else None, f"{', '.join(ports) or 'no MAV_n_CONFIG'} is set"
            ),
        ]


def _acts(
    parameters: Mapping[str, float | None],
    name: str,
    parameter: str,
    otherwise: str,
    *,
    without_effect: Collection[int] = (0,),
) -> Finding:
    value = parameters.get(parameter)
    if value is None:
        return Finding(name, None, f"{parameter} could not be read")
    acts = value not in without_effect
    return Finding(name, acts, f"{parameter} is {value:.0f}" + ("" if acts else f": {otherwise}"))
