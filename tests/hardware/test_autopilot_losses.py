"""Battery, position, transmitter fail: as ArduCopter 4.6.3 in SITL (``events.cpp``, ``ekf_check.cpp``)."""

from __future__ import annotations

import pytest

from flight.link import mavlink
from hardware.virtual.drone.modes import Mode
from tests.hardware.station import COMPANION, PILOTS_STATION, Station, config

CRITICAL = mavlink.MAV_STATE_CRITICAL


@pytest.fixture
def station() -> Station:
    station = Station(config())
    station.to_guided_and_up(20.0)
    return station


def status(station: Station) -> int:
    return int(station.of("HEARTBEAT")[-1].system_status)


def test_a_low_battery_sends_it_home_after_ten_seconds_and_stays_low(station: Station) -> None:
    station.set("BATT_FS_LOW_ACT", 2)
    station.set("SIM_BATT_VOLTAGE", 10.0)
    station.wait(9.0)
    assert station.mode == Mode.GUIDED
    station.wait(3.0)
    assert station.mode == Mode.RTL
    low, failsafe = station.texts[-2:]
    assert low.startswith("Battery 1 is low 10.00V used ")
    assert failsafe == "Battery Failsafe"
    assert status(station) == CRITICAL
    report = station.ask(mavlink.MAVLINK_MSG_ID_BATTERY_STATUS)
    assert (report.voltages[:2], report.charge_state) == (
        [10000, 65535],
        mavlink.MAV_BATTERY_CHARGE_STATE_LOW,
    )
    station.set("SIM_BATT_VOLTAGE", 12.6)
    station.mode_to(Mode.GUIDED)
    station.wait(15.0)
    assert (station.mode, status(station)) == (Mode.GUIDED, CRITICAL)


def test_capacity_left_counts_at_once_and_critical_comes_after_low(station: Station) -> None:
    station.set("BATT_FS_CRT_ACT", 1)
    station.set("BATT_LOW_MAH", 20000)
    station.wait(1.0)
    assert station.mode == Mode.GUIDED  # BATT_FS_LOW_ACT 0 only tells
    station.set("BATT_CRT_MAH", 20000)
    station.wait(1.0)
    assert station.mode == Mode.LAND
    assert any(text.startswith("Battery 1 is critical") for text in station.texts)


def test_without_gnss_it_lands_where_it_drifts_and_its_position_stands_still(station: Station) -> None:
    station.stream(mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, 2.0)
    station.set("SIM_GPS_DISABLE", 1)
    station.wait(6.0)
    assert station.mode == Mode.GUIDED
    assert station.ask(mavlink.MAVLINK_MSG_ID_GPS_RAW_INT).fix_type < 3
    station.wait(4.0)
    assert station.mode == Mode.LAND
    assert station.texts[-2:] == ["EKF variance", "EKF Failsafe: changed to LAND Mode"]
    assert status(station) == CRITICAL
    flags = station.ask(mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT).flags
    assert not flags & (mavlink.EKF_POS_HORIZ_ABS | mavlink.EKF_POS_HORIZ_REL)
    assert station.mode_to(Mode.GUIDED) == mavlink.MAV_RESULT_FAILED
    assert station.texts[-1] == "Mode change to GUIDED failed: requires position"
    station.wait(8.0)
    assert station.ask(mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT).flags == 167  # as in SITL
    before = station.of("GLOBAL_POSITION_INT")[-1]
    station.until(lambda: not station.armed, 60.0)
    after = station.of("GLOBAL_POSITION_INT")[-1]
    assert (before.lat, before.lon) == (after.lat, after.lon)


def test_a_short_loss_of_gnss_is_bridged_and_a_long_one_is_cleared(station: Station) -> None:
    station.set("SIM_GPS_DISABLE", 1)
    station.wait(5.0)
    station.set("SIM_GPS_DISABLE", 0)
    station.wait(10.0)
    assert station.mode == Mode.GUIDED
    station.set("FS_EKF_ACTION", 2)
    station.set("SIM_GPS_DISABLE", 1)
    station.wait(10.0)
    assert station.mode == Mode.ALT_HOLD
    station.set("SIM_GPS_DISABLE", 0)
    station.until(lambda: "EKF Failsafe Cleared" in station.texts, 20.0)
    station.wait(1.0)
    assert status(station) == mavlink.MAV_STATE_ACTIVE
    assert station.mode_to(Mode.GUIDED) == 0


@pytest.mark.parametrize("how", [1, 2])
def test_a_lost_transmitter_sends_it_home_and_comes_back(station: Station, how: int) -> None:
    station.set("SIM_RC_FAIL", how)
    station.wait(2.5)
    assert station.mode == Mode.RTL
    assert "Radio Failsafe" in station.texts
    assert status(station) == CRITICAL
    station.set("SIM_RC_FAIL", 0)
    station.wait(1.5)
    assert station.texts[-1] == "Radio Failsafe Cleared"
    assert (station.mode, status(station)) == (Mode.RTL, mavlink.MAV_STATE_ACTIVE)


def test_the_mode_switch_changes_the_mode_when_it_is_turned(station: Station) -> None:
    station.autopilot.radio.turn(5, 1700)  # position 5: LOITER
    station.wait(1.5)
    assert station.mode == Mode.LOITER
    station.mode_to(Mode.GUIDED)
    station.wait(2.0)
    assert station.mode == Mode.GUIDED  # it is turned no more
    station.autopilot.radio.turn(9, 1900)
    station.wait(0.1)
    channels = station.ask(mavlink.MAVLINK_MSG_ID_RC_CHANNELS)
    assert (channels.chancount, channels.chan5_raw, channels.chan9_raw) == (9, 1700, 1900)


def test_only_the_pilots_station_can_lay_itself_over_the_channels(station: Station) -> None:
    keep = 65535
    override = mavlink.MAVLink_rc_channels_override_message(
        1, 1, keep, keep, keep, keep, 1700, keep, 1900, keep
    )
    station.send(override, COMPANION)
    station.wait(0.5)
    assert station.ask(mavlink.MAVLINK_MSG_ID_RC_CHANNELS).chan7_raw == 1000
    station.send(override, PILOTS_STATION)
    station.wait(1.5)
    assert station.ask(mavlink.MAVLINK_MSG_ID_RC_CHANNELS).chan7_raw == 1900
    assert station.mode == Mode.LOITER
    station.wait(3.0)  # RC_OVERRIDE_TIME
    assert station.ask(mavlink.MAVLINK_MSG_ID_RC_CHANNELS).chan7_raw == 1000
    assert station.mode == Mode.STABILIZE  # where the pilot's own switch stands
