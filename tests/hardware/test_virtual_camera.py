"""The virtual camera hears where it truly is over UDP, as MAVLink, and renders that."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from flight.link import Codec, Message, mavlink
from hardware.virtual.camera import TruthReader, VirtualCamera, VirtualCameraError
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose, quaternion_from_euler
from tests.hardware.virtual_world import pose_near, small_world

LENS = VirtualLens(320, 180, 78.0)
EARTH = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
VEHICLE = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME


def truth(
    pose: TruePose,
    *,
    vehicle_yaw_deg: float = 0.0,
    gimbal: tuple[float, ...] | None = None,
    flags: int = EARTH,
) -> tuple[Message, Message]:
    """What the virtual autopilot sends for one instant."""
    body = quaternion_from_euler(0.08, -0.05, math.radians(vehicle_yaw_deg))
    state = mavlink.MAVLink_sim_state_message(
        *body, 0.08, -0.05, math.radians(vehicle_yaw_deg), 0, 0, -9.8, 0, 0, 0,
        pose.lat_deg, pose.lon_deg, pose.alt_amsl_m, 0, 0, 0, 0, 0,
        lat_int=round(pose.lat_deg * 1e7), lon_int=round(pose.lon_deg * 1e7),
    )  # fmt: skip
    attitude = mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, round(pose.time_s * 1000), flags, list(gimbal or pose.quaternion), 0.0, 0.0, 0.0, 0
    )
    return state, attitude


@pytest.fixture
def camera() -> Iterator[VirtualCamera]:
    made = VirtualCamera(small_world(), LENS, "udpin:127.0.0.1:0")
    yield made
    made.close()


def send(camera: VirtualCamera, *messages: Message) -> None:
    codec = Codec(1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for message in messages:
            out.sendto(codec.encode(message), ("127.0.0.1", camera.port))


def test_a_frame_shows_what_the_truth_says_and_when(camera: VirtualCamera) -> None:
    pose = pose_near(small_world(), 30.0, -40.0, 70.0, 130.0, -50.0, time_s=12.5)
    before = time.monotonic()
    send(camera, *truth(pose))
    taken = camera.read(10.0)
    assert taken is not None
    image, exposed_s = taken
    assert before <= exposed_s <= time.monotonic()
    assert image.shape == (180, 320, 3)
    expected = camera.renderer.render(pose)
    # The wire rounds (float32 height and attitude); the picture is the same but for that.
    assert np.abs(image.astype(int) - expected.astype(int)).mean() < 2.5


def test_no_truth_no_frame_and_each_truth_is_shown_once(camera: VirtualCamera) -> None:
    assert camera.read(0.02) is None
    pose = pose_near(small_world(), 0.0, 0.0, 60.0, 0.0, -60.0)
    send(camera, *truth(pose))
    assert camera.read(10.0) is not None
    assert camera.read(0.02) is None


def test_half_a_truth_is_no_truth() -> None:
    state, attitude = truth(TruePose.looking(-35.0, 149.0, 600.0, yaw_deg=10.0, pitch_deg=-30.0))
    reader = TruthReader()
    assert reader.pose_of(attitude) is None
    assert reader.pose_of(state) is None
    assert reader.pose_of(attitude) is not None
    assert reader.pose_of(attitude) is None  # its place is no longer known to be of the same instant


@pytest.mark.parametrize("vehicle_yaw_deg", [20.0, 110.0, 200.0, 290.0])
def test_gimbal_yaw_in_the_vehicles_frame_is_added_to_the_vehicles_own(vehicle_yaw_deg: float) -> None:
    wanted = TruePose.looking(-35.3, 149.1, 650.0, yaw_deg=vehicle_yaw_deg + 15.0, pitch_deg=-45.0)
    off_nose = quaternion_from_euler(0.0, math.radians(-45.0), math.radians(15.0))
    for flags in (VEHICLE, 0):  # devices from before these flags: an unlocked yaw is the vehicle's
        state, attitude = truth(wanted, vehicle_yaw_deg=vehicle_yaw_deg, gimbal=off_nose, flags=flags)
        reader = TruthReader()
        reader.pose_of(state)
        pose = reader.pose_of(attitude)
        assert pose is not None
        np.testing.assert_allclose(pose.enu_from_camera(), wanted.enu_from_camera(), atol=1e-6)


@pytest.mark.parametrize("flags", [EARTH, mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK])
def test_gimbal_yaw_in_the_earths_frame_is_taken_as_it_is(flags: int) -> None:
    wanted = TruePose.looking(-35.3, 149.1, 650.0, yaw_deg=75.0, pitch_deg=-45.0)
    state, attitude = truth(wanted, vehicle_yaw_deg=200.0, flags=flags)
    reader = TruthReader()
    reader.pose_of(state)
    pose = reader.pose_of(attitude)
    assert pose is not None
    np.testing.assert_allclose(pose.enu_from_camera(), wanted.enu_from_camera(), atol=1e-6)
    assert pose.lat_deg == pytest.approx(-35.3, abs=1e-7)


def test_the_newest_truth_wins(camera: VirtualCamera) -> None:
    poses = [pose_near(small_world(), 0.0, 0.0, 60.0, 10.0 * k, -60.0, time_s=5.0 + k) for k in range(6)]
    for pose in poses:
        send(camera, *truth(pose))
    shown = camera.read(10.0)
    while (later := camera.read(0.3)) is not None:
        shown = later
    assert shown is not None
    expected = camera.renderer.render(poses[-1])
    assert np.abs(shown[0].astype(int) - expected.astype(int)).mean() < 2.5


def test_noise_on_the_port_is_ignored(camera: VirtualCamera) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"\xfd\x00not mavlink", ("127.0.0.1", camera.port))
    send(camera, *truth(pose_near(small_world(), 0.0, 0.0, 60.0, 0.0, -60.0)))
    assert camera.read(10.0) is not None


def test_a_port_that_is_taken_is_one_clear_line(camera: VirtualCamera) -> None:
    with pytest.raises(VirtualCameraError, match=str(camera.port)) as caught:
        VirtualCamera(small_world(), LENS, f"udpin:127.0.0.1:{camera.port}")
    assert caught.value.hint
    with pytest.raises(VirtualCameraError, match="cannot listen"):
        VirtualCamera(small_world(), LENS, "udpout:127.0.0.1:14660")
