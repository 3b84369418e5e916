"""The truth that a virtual camera is told, and nobody else."""

from __future__ import annotations

import math
from typing import Any

from flight.link import mavlink
from hardware.virtual.drone.body import Body
from hardware.virtual.pose import quaternion_from_euler

ROLL_AND_PITCH_LOCK = mavlink.GIMBAL_DEVICE_FLAGS_ROLL_LOCK | mavlink.GIMBAL_DEVICE_FLAGS_PITCH_LOCK
TRUE_GIMBAL_FLAGS = (
    ROLL_AND_PITCH_LOCK
    | mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK
    | mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
)


def truth_messages(body: Body, now_s: float) -> tuple[Any, Any]:
    """SIM_STATE and, of the same instant, the gimbal's true attitude with its yaw against north."""
    now = body.truth
    lat, lon = (float(value) for value in body.frame.to_geographic(now.east_m, now.north_m))
    state = mavlink.MAVLink_sim_state_message(
        *quaternion_from_euler(now.roll_rad, now.pitch_rad, now.yaw_rad),
        now.roll_rad,
        now.pitch_rad,
        now.yaw_rad,
        0.0,
        0.0,
        0.0,
        now.roll_rate_rad_s,
        now.pitch_rate_rad_s,
        now.yaw_rate_rad_s,
        lat,
        lon,
        now.alt_m,
        0.0,
        0.0,
        now.vel_north_m_s,
        now.vel_east_m_s,
        -now.vel_up_m_s,
        round(lat * 1e7),
        round(lon * 1e7),
    )
    gimbal = body.gimbal
    quaternion = quaternion_from_euler(gimbal.roll_rad, gimbal.pitch_rad, gimbal.yaw_rad)
    return state, gimbal_message(round(now_s * 1000), TRUE_GIMBAL_FLAGS, quaternion)


def gimbal_message(boot_ms: int, flags: int, quaternion: tuple[float, float, float, float]) -> Any:
    unknown = math.nan
    return mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, boot_ms, flags, quaternion, unknown, unknown, unknown, 0, unknown, unknown, 1
    )
