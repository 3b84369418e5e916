"""In what ArduPilot and PX4 differ. PX4's side is from its documentation: it has never flown."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from flight.autopilots import Autopilot, Finding, UnknownHeightError, UnknownModeError, identify, px4
from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.px4 import Px4Copter
from flight.link import mavlink
from flight.plans.items import gimbal_pitch, takeoff, waypoint
from flight.telemetry import Telemetry
from tests.flight.scripted import heartbeat, stamped

ARDUPILOT, PX4 = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, mavlink.MAV_AUTOPILOT_PX4
QUAD, HELI = mavlink.MAV_TYPE_QUADROTOR, mavlink.MAV_TYPE_HELICOPTER


@pytest.mark.parametrize(
    ("autopilot", "vehicle_type", "kind"),
    [
        (ARDUPILOT, QUAD, ArduCopter),
        (ARDUPILOT, HELI, ArduCopter),
        (ARDUPILOT, mavlink.MAV_TYPE_HEXAROTOR, ArduCopter),
        (PX4, QUAD, Px4Copter),
        (ARDUPILOT, mavlink.MAV_TYPE_FIXED_WING, type(None)),  # its modes have other numbers
        (ARDUPILOT, mavlink.MAV_TYPE_GROUND_ROVER, type(None)),
        (PX4, mavlink.MAV_TYPE_FIXED_WING, type(None)),
        (mavlink.MAV_AUTOPILOT_GENERIC, QUAD, type(None)),
        (mavlink.MAV_AUTOPILOT_INVALID, QUAD, type(None)),
    ],
)
def test_only_what_is_known_is_commanded(autopilot: int, vehicle_type: int, kind: type) -> None:
    assert isinstance(identify(autopilot, vehicle_type), kind)


@pytest.mark.parametrize("autopilot", [ArduCopter(), Px4Copter()])
def test_the_modes_that_the_agent_uses_exist_and_have_numbers(autopilot: Autopilot) -> None:
    for mode in (autopilot.guided_mode, autopilot.mission_mode, autopilot.return_mode):
        base, *_ = autopilot.mode_params(mode)
        assert base == mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED
    with pytest.raises(UnknownModeError) as caught:
        autopilot.mode_params("HOVER")
    assert autopilot.mission_mode in caught.value.hint


# --- PX4 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("main", "sub", "name"),
    [  # px4_custom_mode.h
        (1, 0, "MANUAL"),
        (2, 0, "ALTCTL"),
        (3, 0, "POSCTL"),
        (4, 2, "AUTO.TAKEOFF"),
        (4, 3, "AUTO.LOITER"),
        (4, 4, "AUTO.MISSION"),
        (4, 5, "AUTO.RTL"),
        (4, 6, "AUTO.LAND"),
        (5, 0, "ACRO"),
        (6, 0, "OFFBOARD"),
        (7, 0, "STABILIZED"),
        (4, 77, "MODE 4.77"),
        (99, 0, "MODE 99.0"),
    ],
)
def test_px4s_modes_are_two_numbers_in_one(main: int, sub: int, name: str) -> None:
    telemetry = Telemetry(lambda: 0.0)
    telemetry.handle(stamped(heartbeat(autopilot=PX4, custom_mode=main << 16 | sub << 24)), 0.0)
    assert telemetry.mode == name
    if not name.startswith("MODE") and name != "OFFBOARD":
        assert Px4Copter().mode_params(name) == (1, main, sub)


def test_offboard_is_never_asked_for() -> None:
    """Rule 14: it wants a stream of set-points, and the companion may die."""
    with pytest.raises(UnknownModeError, match="never put into 'OFFBOARD'"):
        Px4Copter().mode_params("OFFBOARD")


def test_each_counts_its_mission_and_codes_its_parameters_in_its_own_way() -> None:
    """Rules 24, 25; https://mavlink.io/en/services/mission.html and …/parameter.html."""
    assert (ArduCopter().first_item_is_home, ArduCopter().parameters_are_cast) == (True, True)
    assert (Px4Copter().first_item_is_home, Px4Copter().parameters_are_cast) == (False, False)


def test_heights_of_a_take_off_are_in_the_datum_that_each_takes() -> None:
    """Rule 36: above home for ArduPilot, above the sea for PX4."""
    assert ArduCopter().takeoff_params(10.0, None)[6] == 10.0
    *_, yaw, lat, lon, alt = Px4Copter().takeoff_params(10.0, 585.0)
    assert alt == 595.0
    assert all(map(math.isnan, (yaw, lat, lon)))  # 0/0 would be a place in the Gulf of Guinea
    with pytest.raises(UnknownHeightError):
        Px4Copter().takeoff_params(10.0, None)


def test_a_yaw_that_is_not_given_is_kept_where_it_may_be_nan() -> None:
    """ArduPilot refuses NaN in other params (``AP_Mission::sanity_check_params``)."""
    for item in (takeoff(40.0), waypoint(-35.0, 149.0, 40.0)):
        assert math.isnan(ArduCopter().for_wire(item).params[3])
    assert ArduCopter().for_wire(gimbal_pitch(-60.0)).params == (-60.0, 0.0, 0.0, 0.0)
    kept = Px4Copter().for_wire(gimbal_pitch(-60.0))
    assert math.isnan(kept.params[2])


def test_px4_says_that_it_has_not_flown() -> None:
    assert "never flown" in (px4.__doc__ or "")


# --- can the failsafes work at all? -------------------------------------------------------------------

SAFE_ARDUPILOT: Mapping[str, float | None] = {
    "FS_GCS_ENABLE": 1,
    "FS_GCS_TIMEOUT": 5,
    "FS_OPTIONS": 16,
    "SYSID_MYGCS": 255,
    "FS_THR_ENABLE": 1,
    "FS_EKF_ACTION": 1,
    "BATT_MONITOR": 4,
    "BATT_FS_LOW_ACT": 2,
    "BATT_LOW_VOLT": 14.0,
    "BATT_LOW_MAH": 0,
    "FENCE_ENABLE": 1,
    "FENCE_ACTION": 1,
    "FENCE_TYPE": 7,
    "MIS_RESTART": 0,
}
SAFE_PX4: Mapping[str, float | None] = {
    "NAV_DLL_ACT": 2,
    "COM_DL_LOSS_T": 10,
    "NAV_RCL_ACT": 2,
    "COM_LOW_BAT_ACT": 3,
    "BAT_LOW_THR": 0.2,
    "GF_ACTION": 3,
}


def found(
    autopilot: Autopilot, parameters: Mapping[str, float | None], stations: tuple[int, ...] = (255,)
) -> dict[str, Finding]:
    return {finding.name: finding for finding in autopilot.judge(parameters, stations)}


@pytest.mark.parametrize(
    ("autopilot", "safe"),
    [(ArduCopter(), SAFE_ARDUPILOT), (Px4Copter(), SAFE_PX4)],
    ids=["ArduCopter", "PX4"],
)
def test_a_vehicle_that_is_set_up_well_passes_and_an_unread_one_is_a_persons_to_judge(
    autopilot: Autopilot, safe: Mapping[str, float | None]
) -> None:
    """Rule 6."""
    assert set(autopilot.safety_parameters) == set(safe)
    assert [finding for finding in found(autopilot, safe).values() if finding.passed is not True] == []
    unread = found(autopilot, dict.fromkeys(safe))
    assert [finding for finding in unread.values() if finding.passed is not None] == []
    assert all("could not be read" in finding.detail for finding in unread.values())


@pytest.mark.parametrize("name", SAFE_ARDUPILOT)
def test_no_unread_parameter_is_ever_a_reason_to_fail_or_to_crash(name: str) -> None:
    for finding in found(ArduCopter(), {**SAFE_ARDUPILOT, name: None}).values():
        assert finding.passed is not False
        assert finding.detail


@pytest.mark.parametrize(
    ("change", "stations", "finding", "words"),
    [
        ({"FS_GCS_ENABLE": 0}, (255,), "ground station failsafe", "FS_GCS_ENABLE is 0: the vehicle flies on"),
        ({}, (), "ground station failsafe", "no ground station was heard"),
        ({"SYSID_MYGCS": 252}, (255,), "ground station failsafe", "listens to system 252"),
        ({"FS_OPTIONS": 18}, (255,), "ground station failsafe", "goes on with its mission"),
        ({"FS_THR_ENABLE": 0}, (255,), "RC failsafe", "nothing happens when the radio is lost"),
        ({"FS_EKF_ACTION": 0}, (255,), "position failsafe", "only reported"),
        ({"BATT_MONITOR": 0}, (255,), "battery failsafe", "does not know its battery"),
        ({"BATT_FS_LOW_ACT": 0}, (255,), "battery failsafe", "only reported"),
        ({"BATT_LOW_VOLT": 0}, (255,), "battery failsafe", "no battery is ever low"),
        ({"FENCE_ENABLE": 0}, (255,), "fence action", "leaves its area freely"),
        ({"FENCE_ACTION": 0}, (255,), "fence action", "only reported"),
        ({"FENCE_TYPE": 3}, (255,), "fence action", "polygons and circles aboard are not watched"),
        ({"MIS_RESTART": 1}, (255,), "mission resumes", "the patrol begins anew"),
    ],
)
def test_each_unsafe_setting_of_ardupilot_fails_its_line_and_no_other(
    change: dict[str, float], stations: tuple[int, ...], finding: str, words: str
) -> None:
    """Rule 6, and MIS_RESTART for resuming."""
    lines = found(ArduCopter(), {**SAFE_ARDUPILOT, **change}, stations)
    assert lines[finding].passed is False
    assert words in lines[finding].detail
    assert [line.name for line in lines.values() if line.passed is not True] == [finding]


@pytest.mark.parametrize(
    ("change", "stations", "finding"),
    [
        ({"NAV_DLL_ACT": 0}, (255,), "ground station failsafe"),
        ({}, (), "ground station failsafe"),
        ({"NAV_RCL_ACT": 0}, (255,), "RC failsafe"),
        ({"COM_LOW_BAT_ACT": 0}, (255,), "battery failsafe"),
        ({"GF_ACTION": 0}, (255,), "fence action"),
        ({"GF_ACTION": 1}, (255,), "fence action"),  # only a warning
    ],
)
def test_each_unsafe_setting_of_px4_fails_its_line(
    change: dict[str, float], stations: tuple[int, ...], finding: str
) -> None:
    """https://docs.px4.io/main/en/config/safety.html"""
    lines = found(Px4Copter(), {**SAFE_PX4, **change}, stations)
    assert [line.name for line in lines.values() if line.passed is not True] == [finding]


def test_the_station_that_is_watched_is_named_with_its_timeout() -> None:
    line = found(ArduCopter(), SAFE_ARDUPILOT)["ground station failsafe"]
    assert line.detail == "watches system 255 after 5 s without it"
