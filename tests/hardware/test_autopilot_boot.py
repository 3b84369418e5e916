"""Reboot, signing, traffic, the gimbal's manager, pausing: small things, as ArduCopter 4.6.3 does them."""

from __future__ import annotations

import math

import pytest

from flight.codec import Codec
from flight.link import mavlink
from flight.plans.items import return_to_launch, takeoff, waypoint
from flight.plans.qgc import Home, Plan
from flight.signing import Signing
from hardware.virtual.drone.modes import Mode
from hardware.virtual.drone.traffic import Aircraft
from tests.hardware.station import COMPANION, PILOTS_STATION, UTC_AT_BOOT_S, Station, config

REBOOT = mavlink.MAV_CMD_PREFLIGHT_REBOOT_SHUTDOWN
PLAN = Plan.build(
    "patrol",
    Home(-35.363262, 149.165237, 584.0),
    [takeoff(20.0), waypoint(-35.3615, 149.165237, 30.0), return_to_launch()],
).items


def test_a_reboot_keeps_plans_and_parameters_and_forgets_the_rest() -> None:
    station = Station(config())
    station.upload(PLAN)
    station.set("RTL_ALT", 4000)
    station.stream(mavlink.MAVLINK_MSG_ID_ATTITUDE, 5.0)
    station.wait(20.0)
    assert station.command(REBOOT, 1) == 0
    assert station.now_s == 0.0
    station.heard.clear()
    station.wait(2.0)
    assert station.of("ATTITUDE") == []
    assert len(station.download()) == len(PLAN)
    assert station.autopilot.parameters["RTL_ALT"] == 4000.0
    assert station.autopilot.parameters["STAT_BOOTCNT"] == 2.0
    assert station.autopilot.copter.home is None
    station.to_guided_and_up(10.0)
    assert station.command(REBOOT, 1) == mavlink.MAV_RESULT_FAILED
    assert station.armed


def test_with_a_key_it_hears_only_what_is_signed_with_it() -> None:
    station = Station(config())
    key = bytes(range(32))
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, list(key), 1))
    request = mavlink.MAVLink_param_request_read_message(1, 1, b"RTL_ALT", -1)
    assert station.send(request) == []
    wrong, right = (
        Codec(*COMPANION, Signing(secret, link_id=1, clock_file=None, utc_s=lambda: UTC_AT_BOOT_S + 5.0))
        for secret in (bytes(32), key)
    )
    station.autopilot.receive(wrong.encode(request))
    assert station.of("PARAM_VALUE") == []
    packet = right.encode(request)
    station.autopilot.receive(packet)
    (answer,) = station.of("PARAM_VALUE")
    assert answer.get_msgbuf()[2] & 1  # and signs what it says
    station.autopilot.receive(packet)  # a replay
    assert len(station.of("PARAM_VALUE")) == 1


def test_armed_it_takes_no_key() -> None:
    station = Station(config())
    station.to_guided_and_up(10.0)
    station.send(mavlink.MAVLink_setup_signing_message(1, 1, list(range(32)), 1))
    assert station.texts[-1] == "ERROR: Won't setup signing when armed"
    assert station.mode_to(Mode.LOITER) == 0


def test_aircraft_fly_past_for_who_asks() -> None:
    past = Aircraft(0xABCDEF, "HELI1", -1000.0, 200.0, 120.0, 0.0, 40.0, from_s=5.0, until_s=30.0)
    station = Station(config(traffic=(past,)))
    station.wait(8.0)
    assert station.of("ADSB_VEHICLE") == []
    station.stream(mavlink.MAVLINK_MSG_ID_ADSB_VEHICLE, 1.0)
    station.wait(40.0)
    reports = station.of("ADSB_VEHICLE")
    assert len(reports) == pytest.approx(22, abs=1)
    assert reports[0].callsign == "HELI1"
    assert (reports[0].hor_velocity, reports[0].altitude) == (4000, 704_000)
    assert (reports[10].lat - reports[0].lat) / 1e7 * 111_000 == pytest.approx(400.0, rel=0.02)


def test_the_gimbals_manager_notes_who_is_in_control_and_stops_nobody() -> None:
    station = Station(config())
    configure, pitch_yaw = (
        mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE,
        mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW,
    )
    assert station.command(configure, -2, -2) == 0
    told = station.of("GIMBAL_MANAGER_STATUS")[-1]
    assert (told.primary_control_sysid, told.primary_control_compid) == COMPANION
    nan = math.nan
    assert station.command(pitch_yaw, -20, 0, nan, nan, who=PILOTS_STATION) == 0
    station.wait(3.0)
    gimbal = station.autopilot.copter.body.gimbal
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(-20.0, abs=0.5)
    assert station.command(pitch_yaw, nan, nan, -5, 0) == 0  # a rate
    station.wait(4.0)
    assert math.degrees(gimbal.pitch_rad) == pytest.approx(-40.0, abs=2.0)
    assert station.command(configure, -3, -3, who=PILOTS_STATION) == 0
    assert station.autopilot.copter.mount.control == COMPANION
    assert station.command(configure, -5, -3) == mavlink.MAV_RESULT_FAILED
    assert station.command(pitch_yaw, -20, nan, nan, nan) == mavlink.MAV_RESULT_FAILED


def test_a_mount_without_a_pan_axis_lets_the_vehicle_turn() -> None:
    station = Station(config(parameters={"MNT1_YAW_MIN": 0, "MNT1_YAW_MAX": 0}))
    station.to_guided_and_up(20.0)
    east = (-35.363262, 149.165237 + 100.0 / 90_800.0, 0.0)
    assert station.command_int(mavlink.MAV_CMD_DO_SET_ROI_LOCATION, east) == 0
    station.wait(6.0)
    assert math.degrees(station.autopilot.copter.body.truth.yaw_rad) == pytest.approx(90.0, abs=5.0)


def test_a_mission_is_paused_and_goes_on() -> None:
    station = Station(config())
    pause = mavlink.MAV_CMD_DO_PAUSE_CONTINUE
    assert station.command(pause, 0) == mavlink.MAV_RESULT_FAILED
    assert station.texts[-1] == "Failed to pause"
    station.upload(PLAN)
    station.to_guided_and_up(20.0)

    def current() -> tuple[int, ...]:
        now = station.ask(mavlink.MAVLINK_MSG_ID_MISSION_CURRENT)
        return now.seq, now.total, now.mission_state, now.mission_mode

    assert current() == (0, 3, mavlink.MISSION_STATE_NOT_STARTED, 0)
    station.mode_to(Mode.AUTO)
    station.until(lambda: station.autopilot.copter.runner.current == 2, 20.0)
    station.wait(3.0)
    assert current() == (2, 3, mavlink.MISSION_STATE_ACTIVE, 1)
    assert station.command(pause, 0) == 0
    station.wait(5.0)
    assert current() == (2, 3, mavlink.MISSION_STATE_PAUSED, 1)
    truth = station.autopilot.copter.body.truth
    stopped_m = truth.north_m
    station.wait(5.0)
    assert truth.north_m == pytest.approx(stopped_m, abs=2.0)
    assert station.command(pause, 1) == 0
    station.wait(5.0)
    assert truth.north_m > stopped_m + 10.0
    station.mode_to(Mode.LOITER)
    assert current() == (2, 3, mavlink.MISSION_STATE_NOT_STARTED, 0)  # as from ArduPilot
