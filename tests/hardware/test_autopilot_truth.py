"""What the autopilot believes, what is true, and that chance comes from the seed alone."""

from __future__ import annotations

import math

import pytest

from flight.link import mavlink
from hardware.virtual.drone.sensors import SensorErrors
from tests.hardware.station import Station, config


@pytest.fixture
def station() -> Station:
    return Station(config())


def a_short_flight(seed: int) -> Station:
    station = Station(config(seed=seed), hears_truth=True)
    station.stream(mavlink.MAVLINK_MSG_ID_ATTITUDE, 10.0)
    station.to_guided_and_up(20.0)
    station.command_int(mavlink.MAV_CMD_DO_REPOSITION, (-35.3620, 149.1652, 30.0), -1, 0)
    station.wait(20.0)
    return station


def test_the_same_seed_makes_the_same_flight_and_another_seed_another() -> None:
    one, again, other = (
        [bytes(message.get_msgbuf()) for message in a_short_flight(seed).truth] for seed in (5, 5, 6)
    )
    assert one == again
    assert one != other


def test_the_truth_comes_fifty_times_a_second_each_with_its_gimbal() -> None:
    station = Station(config(), hears_truth=True)
    station.wait(2.0)
    kinds = [message.get_type() for message in station.truth]
    assert kinds == ["SIM_STATE", "GIMBAL_DEVICE_ATTITUDE_STATUS"] * 100
    boots = [message.time_boot_ms for message in station.truth[1::2]]
    assert boots == [20 * step for step in range(1, 101)]
    state, gimbal = station.truth[-2:]
    assert (state.lat_int, state.lon_int) == (-353632620, 1491652370)
    assert state.alt == pytest.approx(584.0)
    assert gimbal.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME


def test_belief_and_truth_differ_by_about_the_sensors_errors() -> None:
    horizontal, vertical, roll, yaw = [], [], [], []
    for seed in range(60):
        body = Station(config(seed=seed)).autopilot.copter.body
        truth, belief = body.truth, body.estimate
        horizontal += [belief.north_m - truth.north_m, belief.east_m - truth.east_m]
        vertical.append(belief.alt_m - truth.alt_m)
        roll.append(math.degrees(belief.roll_rad - truth.roll_rad))
        yaw.append(math.degrees(belief.yaw_rad - truth.yaw_rad))
    errors = SensorErrors()
    rms = {
        name: math.sqrt(sum(v * v for v in values) / len(values))
        for name, values in {"horizontal": horizontal, "vertical": vertical, "roll": roll}.items()
    }
    assert rms["horizontal"] == pytest.approx(errors.position_m, rel=0.35)
    assert rms["vertical"] == pytest.approx(math.hypot(errors.altitude_bias_m, errors.altitude_m), rel=0.4)
    assert rms["roll"] == pytest.approx(errors.attitude_deg, rel=0.4)
    assert 0.8 < max(abs(value) for value in yaw) <= errors.heading_bias_deg


def test_the_gimbal_is_reported_off_the_nose_with_a_small_error(station: Station) -> None:
    station.to_guided_and_up(10.0)
    station.command(mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW, -50, 0, math.nan, math.nan)
    station.wait(5.0)
    station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS)
    report = station.of("GIMBAL_DEVICE_ATTITUDE_STATUS")[-1]
    assert report.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
    w, x, y, z = report.q
    pitch_deg = math.degrees(math.asin(2 * (w * y - z * x)))
    yaw_deg = math.degrees(math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
    assert pitch_deg == pytest.approx(-50.0, abs=1.5)
    assert pitch_deg != pytest.approx(-50.0, abs=1e-3)
    assert yaw_deg == pytest.approx(0.0, abs=2.0)
