"""Fence and rally points, as ArduCopter 4.6.3 answers in SITL (``fence.cpp``, ``AP_Rally.cpp``)."""

from __future__ import annotations

import math

import pytest

from flight.link import mavlink
from flight.plans.fence import Circle, Fence, Polygon, RallyPoint, rally_items
from hardware.virtual.drone.modes import Mode
from tests.hardware.station import Station, config

ACCEPTED, DENIED, FAILED = (
    mavlink.MAV_RESULT_ACCEPTED,
    mavlink.MAV_RESULT_DENIED,
    mavlink.MAV_RESULT_FAILED,
)
REPOSITION = mavlink.MAV_CMD_DO_REPOSITION
LAT, LON, HALF = -35.363262, 149.165237, 0.0006
SQUARE = Polygon(
    ((LAT - HALF, LON - HALF), (LAT - HALF, LON + HALF), (LAT + HALF, LON + HALF), (LAT + HALF, LON - HALF))
)
INSIDE, OUTSIDE = (LAT + 0.0003, LON, 25.0), (LAT + 0.0012, LON, 25.0)


def fenced(fence: Fence) -> Station:
    station = Station(config())
    station.upload(fence.items(), mavlink.MAV_MISSION_TYPE_FENCE)
    return station


def test_a_target_outside_the_fence_fails_and_changes_nothing() -> None:
    station = fenced(Fence((SQUARE,), (Circle(LAT - 0.0003, LON, 10.0),)))
    station.set("FENCE_ENABLE", 1)
    station.to_guided_and_up(20.0)
    assert station.command_int(REPOSITION, OUTSIDE, -1, 0) == FAILED
    assert station.command_int(REPOSITION, (LAT - 0.0003, LON, 25.0), -1, 0) == FAILED  # a no-fly zone
    assert station.command_int(REPOSITION, (*INSIDE[:2], 150.0), -1, 0) == FAILED  # FENCE_ALT_MAX
    assert station.command_int(REPOSITION, INSIDE, -1, 0) == ACCEPTED
    station.autopilot.pilot_sets_mode("LOITER")
    assert station.command_int(REPOSITION, OUTSIDE, -1, 1) == FAILED
    assert station.command_int(REPOSITION, INSIDE, -1, 0) == DENIED
    station.wait(1.0)
    assert station.mode == Mode.LOITER


def test_a_breach_is_told_and_sends_it_home() -> None:
    station = fenced(Fence((SQUARE,)))
    station.to_guided_and_up(20.0)
    assert station.command_int(REPOSITION, OUTSIDE, -1, 0) == ACCEPTED  # the fence is off
    station.wait(20.0)
    station.set("FENCE_ENABLE", 1)
    station.wait(1.0)
    assert station.mode == Mode.RTL
    assert station.texts[-2:] == ["Polygon fence breached", "Manual recovery started"]
    assert station.of("HEARTBEAT")[-1].system_status == mavlink.MAV_STATE_ACTIVE  # no failsafe
    assert station.ask(mavlink.MAVLINK_MSG_ID_FENCE_STATUS).breach_type == mavlink.FENCE_BREACH_BOUNDARY
    station.until(lambda: "Fence breach cleared" in station.texts, 60.0)


@pytest.mark.parametrize(
    ("action", "mode"), [(0, Mode.GUIDED), (1, Mode.RTL), (2, Mode.LAND), (4, Mode.BRAKE)]
)
def test_what_a_breach_does_is_a_parameter(action: int, mode: Mode) -> None:
    station = Station(config(parameters={"FENCE_ACTION": action, "FENCE_RADIUS": 30.0}))
    station.to_guided_and_up(20.0)
    station.command_int(REPOSITION, OUTSIDE, -1, 0)
    station.wait(15.0)
    station.set("FENCE_ENABLE", 1)
    station.wait(1.5)
    assert "Circle fence breached" in station.texts
    assert station.mode == mode


def test_a_pilot_who_takes_it_back_outside_is_left_alone_for_ten_seconds() -> None:
    station = Station(config(parameters={"FENCE_ALT_MAX": 15.0}))
    station.to_guided_and_up(20.0)
    station.set("FENCE_ENABLE", 1)
    station.wait(1.0)
    assert station.mode == Mode.RTL
    station.autopilot.pilot_sets_mode("LOITER")
    station.wait(8.0)
    assert station.mode == Mode.LOITER


def test_it_does_not_arm_outside_its_fence() -> None:
    station = fenced(Fence((Circle(LAT + 0.01, LON, 100.0),)))
    station.set("FENCE_ENABLE", 1)
    station.wait(5.0)
    station.mode_to(Mode.GUIDED)
    assert station.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1) == FAILED
    assert station.texts[-1] == "Arm: Vehicle breaching Polygon fence"
    station.set("FENCE_ENABLE", 0)
    assert station.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1) == ACCEPTED


@pytest.mark.parametrize(
    ("fence", "goes_there"), [(Fence(), True), (Fence((), (Circle(LAT, LON + 0.0022, 20.0),)), False)]
)
def test_it_returns_to_the_nearest_rally_point_inside_the_fence(fence: Fence, goes_there: bool) -> None:
    station = fenced(fence)
    rally = [RallyPoint(LAT, LON + 0.0022, 40.0), RallyPoint(LAT, LON - 0.01, 40.0)]
    assert station.upload(rally_items(rally), mavlink.MAV_MISSION_TYPE_RALLY) == 0
    assert station.autopilot.parameters["RALLY_TOTAL"] == 2.0
    station.set("FENCE_ENABLE", 1)
    station.to_guided_and_up(20.0)
    station.command_int(REPOSITION, (LAT + 0.0003, LON + 0.002, 20.0), -1, 0)
    station.wait(40.0)
    station.mode_to(Mode.RTL)
    station.until(lambda: not station.armed, 250.0)
    truth = station.autopilot.copter.body.truth
    assert (math.hypot(truth.north_m, truth.east_m - 200.0) < 8.0) is goes_there
    assert (math.hypot(truth.north_m, truth.east_m) < 8.0) is not goes_there
