"""What keeps it from arming (``ArduCopter/AP_Arming.cpp``): the first of the checks that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardware.virtual.drone.modes import ARMABLE, NEEDS_POSITION, Mode

if TYPE_CHECKING:
    from hardware.virtual.drone.copter import VirtualCopter


def arming_fault(copter: VirtualCopter) -> str | None:
    """Why it would not arm now, in ArduCopter's words; None where it would."""
    parameters = copter.parameters
    if not copter.position_ok and (
        copter.mode in NEEDS_POSITION or copter.navigation.failed or not copter.home
    ):
        return "Need Position Estimate"
    fault = copter.fence.arming_fault(copter.where(), copter.home, position_ok=copter.position_ok)
    fault = fault or copter.failsafe_fault() or _battery_fault(copter)
    if fault is not None or parameters["ARMING_CHECK"] == 0:
        return fault
    if copter.mode == Mode.AUTO and len(copter.mission.items) < 2:
        return "Mode requires mission"
    return None if copter.mode in ARMABLE else f"{copter.mode.name} mode not armable"


def _battery_fault(copter: VirtualCopter) -> str | None:
    parameters, battery = copter.parameters, copter.body.battery
    left_mah = battery.capacity_mah - battery.used_mah
    for key, word in (("LOW", "low"), ("CRT", "critical")):
        if 0 < copter.battery_v < parameters[f"BATT_{key}_VOLT"]:
            return f"Battery 1 {word} voltage failsafe"
        if left_mah < parameters[f"BATT_{key}_MAH"]:
            return f"Battery 1 {word} capacity failsafe"
    if 0 < parameters["BATT_LOW_VOLT"] <= parameters["BATT_CRT_VOLT"]:
        return "Battery 1 voltage failsafe critical >= low"
    return None
