"""The virtual ArduCopter, story by story, in simulation time: nothing here waits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from flight.link import mavlink
from flight.plans.items import (
    MissionItem,
    gimbal_pitch,
    ground_speed,
    return_to_launch,
    takeoff,
    waypoint,
)
from flight.plans.qgc import Home, Plan
from hardware.virtual.drone.autopilot import VirtualDroneError
from hardware.virtual.drone.modes import Mode
from hardware.virtual.drone.parameters import ParameterError
from tests.hardware.station import UTC_AT_BOOT_S, Station, config

HOME = Home(-35.363262, 149.165237, 584.0)
ARM = mavlink.MAV_CMD_COMPONENT_ARM_DISARM
ACCEPTED, DENIED, FAILED = (
    mavlink.MAV_RESULT_ACCEPTED,
    mavlink.MAV_RESULT_DENIED,
    mavlink.MAV_RESULT_FAILED,
)


def patrol(*middle: MissionItem) -> Sequence[MissionItem]:
    return Plan.build("patrol", HOME, [takeoff(30.0), *middle, return_to_launch()]).items


@pytest.fixture
def station() -> Station:
    return Station(config())


def distance_m(message: Any, lat_deg: float, lon_deg: float) -> float:
    north = (message.lat / 1e7 - lat_deg) * 111_000.0
    east = (message.lon / 1e7 - lon_deg) * 111_320.0 * math.cos(math.radians(lat_deg))
    return math.hypot(north, east)


# --- before the flight ------------------------------------------------------------------------------


def test_only_heartbeats_flow_until_somebody_asks_for_more(station: Station) -> None:
    station.wait(10.0)
    kinds = {message.get_type() for message in station.heard}
    assert kinds == {"HEARTBEAT", "STATUSTEXT", "TIMESYNC", "HOME_POSITION", "GPS_GLOBAL_ORIGIN"}
    assert 9 <= len(station.of("HEARTBEAT")) <= 11
    beat = station.of("HEARTBEAT")[0]
    assert (beat.type, beat.autopilot) == (mavlink.MAV_TYPE_QUADROTOR, mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA)
    assert (beat.get_srcSystem(), beat.get_srcComponent()) == (1, 1)


def test_a_stream_comes_at_its_rate_and_stops_when_told(station: Station) -> None:
    assert station.stream(mavlink.MAVLINK_MSG_ID_ATTITUDE, 10.0) == ACCEPTED
    assert station.stream(mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, 4.0) == ACCEPTED
    station.wait(10.0)
    assert len(station.of("ATTITUDE")) == pytest.approx(100, abs=2)
    assert len(station.of("GLOBAL_POSITION_INT")) == pytest.approx(40, abs=2)
    boots = [message.time_boot_ms for message in station.of("ATTITUDE")]
    assert boots == sorted(set(boots))
    assert station.command(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAVLINK_MSG_ID_ATTITUDE, -1) == 0
    station.heard.clear()
    station.wait(1.0)
    assert station.of("ATTITUDE") == []
    assert station.command(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, 54321, 1000) == DENIED


def test_it_does_not_arm_without_a_position_and_says_why(station: Station) -> None:
    station.mode_to(Mode.GUIDED)
    assert station.command(ARM, 1) == FAILED
    assert station.texts[-1] == "Arm: Need Position Estimate"
    station.wait(0.1)
    assert "PreArm: Need Position Estimate" in station.texts
    station.wait(5.0)
    assert station.command(ARM, 1) == ACCEPTED


def test_it_does_not_arm_in_auto(station: Station) -> None:
    station.wait(5.0)
    station.mode_to(Mode.AUTO)
    assert station.command(ARM, 1) == FAILED
    assert station.texts[-1] == "Arm: Mode requires mission"
    station.upload(patrol(waypoint(-35.3630, 149.1652, 30.0)))
    assert station.command(ARM, 1) == FAILED
    assert station.texts[-1] == "Arm: AUTO mode not armable"


def test_an_armed_copter_does_not_enter_auto_without_a_mission_that_takes_off(station: Station) -> None:
    station.wait(5.0)
    station.mode_to(Mode.GUIDED)
    station.command(ARM, 1)
    assert station.mode_to(Mode.AUTO) == FAILED
    assert station.texts[-1] == "Mode change to AUTO failed: init failed"
    station.upload(Plan.build("no take-off", HOME, [waypoint(-35.36, 149.16, 50.0)]).items)
    assert station.mode_to(Mode.AUTO) == FAILED
    assert "Auto: Missing Takeoff Cmd" in station.texts
    assert station.mode_to(77) == FAILED
    assert station.command(mavlink.MAV_CMD_DO_SET_MODE, 0, 4) == DENIED


def test_armed_on_the_ground_and_forgotten_it_disarms(station: Station) -> None:
    station.wait(5.0)
    station.mode_to(Mode.GUIDED)
    station.command(ARM, 1)
    station.wait(9.0)
    assert station.armed
    station.wait(3.0)
    assert not station.armed


def test_before_a_fix_it_knows_neither_place_nor_time(station: Station) -> None:
    ids = (
        mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT,
        mavlink.MAVLINK_MSG_ID_SYSTEM_TIME,
        mavlink.MAVLINK_MSG_ID_GPS_RAW_INT,
        mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT,
    )
    for message_id in ids:
        station.stream(message_id, 1.0)
    assert station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_HOME_POSITION) == FAILED
    station.wait(6.0)
    first, last = station.of("GLOBAL_POSITION_INT")[0], station.of("GLOBAL_POSITION_INT")[-1]
    assert (first.lat, first.lon) == (0, 0)
    assert distance_m(last, HOME.lat_deg, HOME.lon_deg) < 5.0
    times = station.of("SYSTEM_TIME")
    assert times[0].time_unix_usec == 0
    assert times[-1].time_unix_usec / 1e6 - times[-1].time_boot_ms / 1e3 == pytest.approx(UTC_AT_BOOT_S)
    assert station.of("GPS_RAW_INT")[0].fix_type < 3 <= station.of("GPS_RAW_INT")[-1].fix_type
    absolute = mavlink.EKF_POS_HORIZ_ABS
    reports = station.of("EKF_STATUS_REPORT")
    assert not reports[0].flags & absolute
    assert reports[-1].flags & absolute


def test_it_answers_timesync_with_its_boot_time(station: Station) -> None:
    station.wait(3.0)
    (answer,) = station.send(mavlink.MAVLink_timesync_message(0, 123_456_789))
    assert (answer.ts1, answer.tc1) == (123_456_789, 3_000_000_000)
    assert station.send(mavlink.MAVLink_timesync_message(5, 123_456_789)) == []  # an answer is not answered


def test_it_tells_what_it_is(station: Station) -> None:
    assert station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION) == 0
    version = station.of("AUTOPILOT_VERSION")[-1]
    assert version.flight_sw_version >> 8 == 0x040603
    assert version.capabilities & mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_INT
    assert bytes(version.flight_custom_version) == b"virtual\0"  # and does not pretend to be the real one


def test_a_change_of_mode_is_told_at_once(station: Station) -> None:
    station.wait(5.5)
    answers = station.send(mavlink.MAVLink_command_long_message(1, 1, 176, 0, 1, Mode.GUIDED, 0, 0, 0, 0, 0))
    assert [answer.custom_mode for answer in answers if answer.get_type() == "HEARTBEAT"] == [Mode.GUIDED]


def test_parameters_are_listed_read_and_set(station: Station) -> None:
    rows = station.send(mavlink.MAVLink_param_request_list_message(1, 1))
    assert len(rows) == rows[0].param_count
    assert [row.param_index for row in rows] == list(range(len(rows)))
    (row,) = station.send(mavlink.MAVLink_param_request_read_message(1, 1, b"FS_GCS_ENABLE", -1))
    assert row.param_value == 0.0  # Copter's default: no failsafe
    (row,) = station.send(
        mavlink.MAVLink_param_set_message(1, 1, b"RTL_ALT", 4000.4, mavlink.MAV_PARAM_TYPE_INT32)
    )
    assert (row.param_id, row.param_value) == ("RTL_ALT", 4000.0)
    assert station.send(mavlink.MAVLink_param_request_read_message(1, 1, b"NO_SUCH", -1)) == []


def test_orders_for_somebody_else_are_not_its_own(station: Station) -> None:
    assert station.send(mavlink.MAVLink_command_long_message(2, 1, ARM, 0, 1, 0, 0, 0, 0, 0, 0)) == []
    assert station.send(mavlink.MAVLink_command_long_message(1, 154, ARM, 0, 1, 0, 0, 0, 0, 0, 0)) == []


def test_noise_on_the_line_does_no_harm(station: Station) -> None:
    station.autopilot.receive(b"this is no MAVLink" * 5)
    nan = math.nan
    for command in (mavlink.MAV_CMD_DO_SET_MODE, mavlink.MAV_CMD_REQUEST_MESSAGE, ARM, 4711):
        assert station.command(command, nan, nan, nan, nan, nan, nan, nan) != ACCEPTED
    assert station.command(mavlink.MAV_CMD_GET_MESSAGE_INTERVAL, nan) == FAILED
    station.wait(1.0)
    assert station.mode == Mode.STABILIZE


# --- in the air -------------------------------------------------------------------------------------


def test_it_flies_a_mission_comes_home_lands_and_disarms(station: Station) -> None:
    far = (-35.3615, 149.1672)
    plan = patrol(
        gimbal_pitch(-45.0),
        ground_speed(8.0),
        waypoint(-35.3615, 149.1652, 45.0),
        waypoint(*far, 45.0, hold_s=3.0),
    )
    assert station.upload(plan) == mavlink.MAV_MISSION_ACCEPTED
    station.to_guided_and_up(10.0)
    for message_id, rate_hz in (
        (mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, 5.0),
        (mavlink.MAVLINK_MSG_ID_MISSION_CURRENT, 5.0),
        (mavlink.MAVLINK_MSG_ID_VFR_HUD, 5.0),
        (mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS, 5.0),
        (mavlink.MAVLINK_MSG_ID_SYS_STATUS, 1.0),
    ):
        station.stream(message_id, rate_hz)
    assert station.mode_to(Mode.AUTO) == ACCEPTED
    station.until(lambda: station.autopilot.copter.runner.current == 5, 60.0)
    station.until(lambda: not station.armed, 200.0)
    assert [message.seq for message in station.of("MISSION_ITEM_REACHED")] == [1, 3, 4, 5, 6]
    assert "Reached command #5" in station.texts
    nearest = min(distance_m(message, *far) for message in station.of("GLOBAL_POSITION_INT"))
    assert nearest < 2.0
    assert max(message.groundspeed for message in station.of("VFR_HUD")) == pytest.approx(8.0, abs=1.0)
    assert max(m.relative_alt for m in station.of("GLOBAL_POSITION_INT")) == pytest.approx(45_000, abs=1500)
    assert distance_m(station.of("GLOBAL_POSITION_INT")[-1], HOME.lat_deg, HOME.lon_deg) < 5.0
    assert station.height_m == pytest.approx(0.0, abs=0.01)
    w, x, y, z = station.of("GIMBAL_DEVICE_ATTITUDE_STATUS")[-1].q
    assert math.degrees(math.asin(2 * (w * y - z * x))) == pytest.approx(-45.0, abs=1.5)
    assert station.of("SYS_STATUS")[-1].battery_remaining < station.of("SYS_STATUS")[0].battery_remaining


def test_mission_start_takes_off_from_the_ground(station: Station) -> None:
    station.upload(patrol(waypoint(-35.3630, 149.1652, 30.0)))
    station.wait(5.0)
    station.mode_to(Mode.GUIDED)
    station.command(ARM, 1)
    assert station.mode_to(Mode.AUTO) == ACCEPTED
    station.wait(3.0)
    assert station.height_m < 0.1  # the mode alone does not lift it
    assert station.command(mavlink.MAV_CMD_MISSION_START) == ACCEPTED
    station.until(lambda: station.height_m > 25.0, 20.0)


def test_an_interrupted_mission_goes_on_where_it_was(station: Station) -> None:
    station.upload(patrol(waypoint(-35.3620, 149.1652, 30.0), waypoint(-35.3620, 149.1672, 30.0)))
    station.to_guided_and_up(30.0)
    station.mode_to(Mode.AUTO)
    runner = station.autopilot.copter.runner
    station.until(lambda: runner.current == 3, 60.0)
    assert station.autopilot.pilot_sets_mode("LOITER")
    station.wait(5.0)
    assert station.mode == Mode.LOITER
    assert runner.current == 3
    truth = station.autopilot.copter.body.truth
    assert math.hypot(truth.vel_north_m_s, truth.vel_east_m_s) < 1.0
    station.mode_to(Mode.AUTO)
    station.wait(1.0)
    assert runner.current == 3
    station.send(mavlink.MAVLink_param_set_message(1, 1, b"MIS_RESTART", 1.0, mavlink.MAV_PARAM_TYPE_INT8))
    station.mode_to(Mode.LOITER)
    station.mode_to(Mode.AUTO)
    assert runner.current == 1


def test_a_target_without_change_mode_is_denied_once_the_pilot_has_taken_over(station: Station) -> None:
    station.to_guided_and_up(20.0)
    reposition, there = mavlink.MAV_CMD_DO_REPOSITION, (-35.3625, 149.1660, 25.0)
    assert station.command_int(reposition, there, -1, 0) == ACCEPTED
    station.wait(3.0)
    assert station.autopilot.pilot_sets_mode("LOITER")
    assert station.command_int(reposition, there, -1, 0) == DENIED
    assert station.mode_to(Mode.LOITER) == ACCEPTED
    station.wait(2.0)
    assert station.mode == Mode.LOITER
    change_mode = mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE
    assert station.command_int(reposition, there, -1, change_mode) == ACCEPTED
    station.stream(mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, 5.0)
    station.until(
        lambda: (
            bool(station.of("GLOBAL_POSITION_INT"))
            and distance_m(station.of("GLOBAL_POSITION_INT")[-1], *there[:2]) < 2.0
        ),
        40.0,
    )
    assert station.mode == Mode.GUIDED


def test_a_target_out_of_this_world_is_denied(station: Station) -> None:
    station.to_guided_and_up(20.0)
    reposition = mavlink.MAV_CMD_DO_REPOSITION
    assert station.command_int(reposition, (95.0, 10.0, 20.0), -1, 1) == DENIED
    assert station.command_int(reposition, (-35.0, 149.0, math.nan), -1, 1) == DENIED
    assert station.command_int(reposition, (-35.0, 149.0, 20.0), -1, 1, frame=8) == DENIED
    assert station.command(reposition, -1, 1) == mavlink.MAV_RESULT_UNSUPPORTED


def test_rtl_climbs_returns_lands_and_disarms(station: Station) -> None:
    station.to_guided_and_up(10.0)
    station.command_int(mavlink.MAV_CMD_DO_REPOSITION, (-35.3620, 149.1652, 10.0), -1, 0)
    station.wait(25.0)
    assert station.command(mavlink.MAV_CMD_NAV_RETURN_TO_LAUNCH) == ACCEPTED
    highest = 0.0
    while station.armed:
        station.wait(0.5)
        highest = max(highest, station.height_m)
        assert station.now_s < 200.0
    assert highest == pytest.approx(30.0, abs=2.0)  # RTL_ALT
    assert station.height_m == pytest.approx(0.0, abs=0.01)
    truth = station.autopilot.copter.body.truth
    assert math.hypot(truth.north_m, truth.east_m) < 5.0


def test_it_does_not_disarm_in_the_air_unless_forced(station: Station) -> None:
    station.to_guided_and_up(5.0)
    assert station.command(ARM, 0) == FAILED
    assert station.command(ARM, 0, 21196) == ACCEPTED
    station.wait(1.0)
    assert not station.armed


def test_it_does_not_fly_through_a_hill() -> None:
    def hill(lat_deg: float, _lon_deg: float) -> float:
        return 584.0 if lat_deg < -35.3625 else 650.0

    station = Station(config(ground_amsl_m=hill))
    station.to_guided_and_up(20.0)
    station.command_int(mavlink.MAV_CMD_DO_REPOSITION, (-35.3600, 149.1652, 20.0), -1, 0)
    station.until(lambda: not station.armed, 40.0)
    assert "Crash: Disarming" in station.texts


def test_beyond_the_edge_of_the_known_ground_it_flies_on() -> None:
    def small_world(lat_deg: float, _lon_deg: float) -> float:
        return 584.0 if lat_deg < -35.3628 else math.nan

    station = Station(config(ground_amsl_m=small_world))
    station.to_guided_and_up(20.0)
    station.command_int(mavlink.MAV_CMD_DO_REPOSITION, (-35.3620, 149.1652, 20.0), -1, 0)
    station.wait(30.0)
    assert station.armed
    assert station.height_m == pytest.approx(20.0, abs=2.0)


def test_a_mission_above_ground_follows_the_ground() -> None:
    def slope(lat_deg: float, _lon_deg: float) -> float:
        return 584.0 + max(0.0, lat_deg + 35.3630) * 111_000.0 * 0.15

    station = Station(config(ground_amsl_m=slope))
    above_ground = MissionItem(0, 16, 10, (0.0, 0.0, 0.0, 0.0), -353600000, 1491652370, 40.0)
    station.upload(patrol(above_ground))
    station.to_guided_and_up(30.0)
    station.mode_to(Mode.AUTO)
    body = station.autopilot.copter.body
    station.until(lambda: body.truth.north_m > 250.0, 60.0)
    assert 30.0 < body.truth.alt_m - body.ground_m < 41.0
    assert body.ground_m > 615.0


def test_look_at_a_place_and_let_go(station: Station) -> None:
    station.to_guided_and_up(30.0)
    east_of_home = (-35.363262, 149.165237 + 30.0 / 90_800.0, 0.0)  # thirty metres, on the ground
    assert station.command_int(mavlink.MAV_CMD_DO_SET_ROI_LOCATION, east_of_home) == ACCEPTED
    station.wait(5.0)
    gimbal = station.autopilot.copter.body.gimbal
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(-45.0, abs=4.0)
    assert math.degrees(gimbal.yaw_rad) == pytest.approx(90.0, abs=5.0)
    assert station.command(mavlink.MAV_CMD_DO_SET_ROI_NONE) == ACCEPTED
    station.wait(5.0)
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(0.0, abs=0.5)
    targeting = mavlink.MAV_MOUNT_MODE_MAVLINK_TARGETING
    assert station.command(mavlink.MAV_CMD_DO_MOUNT_CONTROL, -30, 0, 0, 0, 0, 0, targeting) == ACCEPTED
    station.wait(3.0)
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(-30.0, abs=0.5)


# --- configuration ----------------------------------------------------------------------------------


def test_a_configuration_that_cannot_fly_is_refused() -> None:
    with pytest.raises(VirtualDroneError, match="0 times real time"):
        Station(config(speed=0.0))
    with pytest.raises(ParameterError, match="NO_SUCH"):
        Station(config(parameters={"NO_SUCH": 1.0}))


def test_it_tells_the_wind_only_where_its_owner_has_told_it_its_drag() -> None:
    for drag, told in ((17.2, True), (0.0, False)):
        station = Station(config(parameters={"EK3_DRAG_BCOEF_X": drag}))
        station.stream(mavlink.MAVLINK_MSG_ID_WIND, 1.0)
        station.wait(3.0)
        assert bool(station.of("WIND")) is told
