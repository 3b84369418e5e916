"""The pose of a frame: right where samples allow it, refused with a reason where they do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edge.geometry.pose import KEEP_S, MAX_SAMPLES, PoseBuffer, PoseLimits, PoseSigmas, PoseUnavailable
from flight.telemetry import AttitudeSample, GimbalSample, PositionSample

LAT, LON = -35.363262, 149.165237
METRE_NORTH_DEG = 1 / 110_950.0


def attitude(boot_s: float, *, roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> AttitudeSample:
    return AttitudeSample(boot_s, math.radians(roll), math.radians(pitch), math.radians(yaw))


def position(
    boot_s: float, *, north_m: float = 0.0, speed_m_s: float = 0.0, lon: float = LON
) -> PositionSample:
    lat = LAT + north_m * METRE_NORTH_DEG
    return PositionSample(boot_s, lat, lon, 650.0 + boot_s, 50.0 + boot_s, speed_m_s, 0.0, -1.0)


def gimbal(boot_s: float, *, yaw: float = 0.0, pitch: float = 0.0, earth: bool = True) -> GimbalSample:
    x, y, z, w = Rotation.from_euler("ZYX", [yaw, pitch, 0.0], degrees=True).as_quat()
    return GimbalSample(boot_s, w, x, y, z, earth)


def steady(buffer: PoseBuffer, until_s: float = 2.0, **angles: float) -> None:
    for boot_s in np.arange(0.0, until_s + 1e-9, 0.1):
        buffer.add_attitude(attitude(float(boot_s), **angles))
        buffer.add_position(position(float(boot_s)))


@pytest.mark.parametrize(
    ("yaw", "forward_enu"),
    [(0, (0, 1)), (90, (1, 0)), (180, (0, -1)), (270, (-1, 0)), (45, (0.7071, 0.7071))],
)
def test_a_level_camera_looks_where_the_nose_points(yaw: float, forward_enu: tuple[float, float]) -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    steady(buffer, yaw=yaw)
    axes = buffer.at(1.05).camera_to_enu
    np.testing.assert_allclose(axes[:, 2], [*forward_enu, 0], atol=1e-4)
    np.testing.assert_allclose(axes[:, 0], [forward_enu[1], -forward_enu[0], 0], atol=1e-4)  # image right
    np.testing.assert_allclose(axes[:, 1], [0, 0, -1], atol=1e-9)  # image down


def test_a_fixed_mount_goes_with_the_airframe() -> None:
    buffer = PoseBuffer(mount_pitch_deg=-45.0)
    steady(buffer, pitch=-10.0, yaw=90.0)
    pose = buffer.at(1.0)
    assert pose.look_elevation_deg == pytest.approx(-55.0)
    assert pose.look_azimuth_deg == pytest.approx(90.0)


def test_roll_to_the_right_turns_the_picture_with_it() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    steady(buffer, roll=20.0)
    right = buffer.at(1.0).camera_to_enu[:, 0]
    np.testing.assert_allclose(right, [math.cos(math.radians(20)), 0, -math.sin(math.radians(20))], atol=1e-9)


def test_a_gimbal_in_the_earth_frame_ignores_how_the_vehicle_lies() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    steady(buffer, roll=15.0, pitch=8.0, yaw=200.0)
    for boot_s in (0.9, 1.1):
        buffer.add_gimbal(gimbal(boot_s, yaw=30.0, pitch=-40.0))
    pose = buffer.at(1.0)
    assert pose.look_azimuth_deg == pytest.approx(30.0)
    assert pose.look_elevation_deg == pytest.approx(-40.0)


def test_a_gimbal_in_the_vehicle_frame_adds_the_nose_and_only_that() -> None:
    buffer = PoseBuffer()
    steady(buffer, roll=15.0, pitch=8.0, yaw=200.0)
    for boot_s in (0.9, 1.1):
        buffer.add_gimbal(gimbal(boot_s, yaw=30.0, pitch=-40.0, earth=False))
    pose = buffer.at(1.0)
    assert pose.look_azimuth_deg == pytest.approx(230.0)
    assert pose.look_elevation_deg == pytest.approx(-40.0)


def test_a_camera_that_is_mounted_askew_in_its_gimbal() -> None:
    buffer = PoseBuffer(offset_rpy_deg=(0.0, 2.0, 3.0))
    steady(buffer)
    for boot_s in (0.9, 1.1):
        buffer.add_gimbal(gimbal(boot_s, yaw=30.0))
    pose = buffer.at(1.0)
    assert pose.look_azimuth_deg == pytest.approx(33.0)
    assert pose.look_elevation_deg == pytest.approx(2.0)


def test_between_samples_everything_moves_evenly_and_yaw_the_short_way() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    for boot_s, yaw, north_m in ((1.0, 350.0, 0.0), (1.4, 20.0, 8.0)):
        buffer.add_attitude(attitude(boot_s, yaw=yaw))
        buffer.add_position(position(boot_s, north_m=north_m, speed_m_s=20.0))
    pose = buffer.at(1.1)
    assert pose.look_azimuth_deg == pytest.approx(357.5)
    assert (pose.lat_deg - LAT) / METRE_NORTH_DEG == pytest.approx(2.0, abs=1e-3)
    assert pose.alt_amsl_m == pytest.approx(651.1)
    assert pose.height_home_m == pytest.approx(51.1)
    assert pose.velocity_enu_m_s == pytest.approx((0.0, 20.0, 1.0))


def test_a_turn_is_measured_because_a_wrong_instant_turns_with_it() -> None:
    buffer = PoseBuffer(mount_pitch_deg=-30.0)
    for boot_s in np.arange(0.0, 2.0, 0.1):
        buffer.add_attitude(attitude(float(boot_s), yaw=50.0 * boot_s))
        buffer.add_position(position(float(boot_s)))
    # Clockwise seen from above is negative about up.
    assert np.degrees(buffer.at(1.0).turn_rate_enu_rad_s) == pytest.approx([0.0, 0.0, -50.0], abs=0.01)


def test_position_is_carried_on_by_its_velocity_for_a_moment_only() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    for boot_s in (0.8, 1.0):
        buffer.add_position(position(boot_s, speed_m_s=10.0))
    for boot_s in (0.8, 1.0, 1.2, 1.4):
        buffer.add_attitude(attitude(boot_s))
    assert (buffer.at(1.15).lat_deg - LAT) / METRE_NORTH_DEG == pytest.approx(1.5, abs=0.01)
    with pytest.raises(PoseUnavailable, match=r"newest position is 0\.30 s older") as raised:
        buffer.at(1.3)
    assert raised.value.reason == "the newest position is 0.30 s older than the frame"


def test_an_attitude_that_is_held_while_turning_is_less_sure() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0, sigmas=PoseSigmas(gimbal_deg=0.5))
    for boot_s in np.arange(0.0, 1.01, 0.1):
        buffer.add_attitude(attitude(float(boot_s), yaw=40.0 * boot_s))
        buffer.add_position(position(float(boot_s)))
    assert buffer.at(0.95).sigmas.gimbal_deg == pytest.approx(0.5)
    assert buffer.at(1.1).sigmas.gimbal_deg == pytest.approx(math.hypot(0.5, 4.0), abs=0.01)
    with pytest.raises(PoseUnavailable, match="newest attitude"):
        buffer.at(1.18)


def test_every_way_of_having_no_pose_says_why() -> None:
    def reason(buffer: PoseBuffer, boot_s: float) -> str:
        with pytest.raises(PoseUnavailable) as raised:
            buffer.at(boot_s)
        return raised.value.reason

    empty = PoseBuffer(mount_pitch_deg=0.0)
    assert reason(empty, 1.0) == "no position yet"
    empty.add_position(position(1.0))
    assert reason(empty, 1.0) == "no attitude yet"
    assert reason(empty, 0.5) == "the oldest position is 0.50 s newer than the frame"

    bare = PoseBuffer()
    steady(bare)
    assert reason(bare, 1.0) == "no gimbal has reported and no mount angle is configured"

    torn = PoseBuffer(mount_pitch_deg=0.0, limits=PoseLimits(attitude_gap_s=0.3))
    steady(torn, 1.0)
    torn.add_attitude(attitude(1.5))
    torn.add_position(position(1.5))
    assert reason(torn, 1.2) == "attitude has a gap of 0.50 s around the frame"

    silent = PoseBuffer(mount_pitch_deg=0.0)
    steady(silent)
    silent.add_gimbal(gimbal(0.5))
    # Never back to the fixed angle: the gimbal may look anywhere now.
    assert reason(silent, 1.5) == "the newest gimbal is 1.00 s older than the frame"

    torn_frame = PoseBuffer()
    steady(torn_frame)
    torn_frame.add_gimbal(gimbal(0.9, earth=True))
    torn_frame.add_gimbal(gimbal(1.1, earth=False))
    assert reason(torn_frame, 1.0) == "the gimbal is changing the frame of its yaw"


def test_samples_out_of_order_are_put_in_order() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    for boot_s in (0.8, 1.2, 1.0, 1.2, 1.4):
        buffer.add_attitude(attitude(boot_s, yaw=100.0 * boot_s))
        buffer.add_position(position(boot_s))
    assert buffer.at(1.1).look_azimuth_deg == pytest.approx(110.0)


def test_a_reboot_makes_the_old_poses_unavailable() -> None:
    told, untold = PoseBuffer(mount_pitch_deg=0.0), PoseBuffer(mount_pitch_deg=0.0)
    for buffer in (told, untold):
        steady(buffer, 2.0)
        for boot_s in (100.0, 100.1):
            buffer.add_attitude(attitude(boot_s))
            buffer.add_position(position(boot_s))
    told.clear()
    untold.add_attitude(attitude(3.0))  # time has gone back: nobody needs to say it
    for buffer in (told, untold):
        with pytest.raises(PoseUnavailable, match="no position yet"):
            buffer.at(100.05)


def test_memory_is_bounded_by_time_and_by_number() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    for boot_s in np.arange(0.0, 4 * KEEP_S, 0.002):
        buffer.add_attitude(attitude(float(boot_s)))
    assert len(buffer._attitudes.samples) <= MAX_SAMPLES
    steady(buffer, 0.5)  # seen as a reboot
    with pytest.raises(PoseUnavailable):
        buffer.at(4 * KEEP_S - 1)


def test_the_date_line_is_crossed_the_short_way() -> None:
    buffer = PoseBuffer(mount_pitch_deg=0.0)
    for boot_s, lon in ((1.0, 179.9999), (1.4, -179.9999)):
        buffer.add_attitude(attitude(boot_s))
        buffer.add_position(position(boot_s, lon=lon))
    assert abs(buffer.at(1.2).lon_deg) == pytest.approx(180.0, abs=1e-9)
