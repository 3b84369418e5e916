"""Where the virtual camera truly is and how it truly looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Quaternion = tuple[float, float, float, float]

# Camera axes (x right, y down, z forward) written in gimbal axes (x forward, y right, z down).
GIMBAL_FROM_CAMERA = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
ENU_FROM_NED = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])


def quaternion_from_euler(roll_rad: float, pitch_rad: float, yaw_rad: float) -> Quaternion:
    """(w, x, y, z) of the ZYX Euler angles that MAVLink uses."""
    cr, sr = math.cos(roll_rad / 2), math.sin(roll_rad / 2)
    cp, sp = math.cos(pitch_rad / 2), math.sin(pitch_rad / 2)
    cy, sy = math.cos(yaw_rad / 2), math.sin(yaw_rad / 2)
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )


def quaternion_product(a: Quaternion, b: Quaternion) -> Quaternion:
    """Hamilton product: rotate by ``b``, then by ``a``."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def rotation_matrix(quaternion: Quaternion) -> NDArray[np.float64]:
    """3x3 rotation of a (w, x, y, z) quaternion of any positive length."""
    w, x, y, z = np.asarray(quaternion, np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@dataclass(frozen=True, slots=True)
class TruePose:
    """The camera's true position, and its attitude as a quaternion (w, x, y, z) from gimbal axes to NED.

    The boresight is gimbal +x, image right is gimbal +y, image down is gimbal +z. ``time_s`` is the world's
    clock: it moves flames and smoke.
    """

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    quaternion: Quaternion
    time_s: float = 0.0

    @classmethod
    def looking(
        cls,
        lat_deg: float,
        lon_deg: float,
        alt_amsl_m: float,
        *,
        yaw_deg: float,
        pitch_deg: float,
        roll_deg: float = 0.0,
        time_s: float = 0.0,
    ) -> TruePose:
        """A camera that looks to compass ``yaw_deg``, ``pitch_deg`` above the horizon (-90 is down)."""
        quaternion = quaternion_from_euler(
            math.radians(roll_deg), math.radians(pitch_deg), math.radians(yaw_deg)
        )
        return cls(lat_deg, lon_deg, alt_amsl_m, quaternion, time_s)

    def enu_from_camera(self) -> NDArray[np.float64]:
        """3x3 rotation from camera axes (x right, y down, z forward) to east, north, up."""
        return np.asarray(ENU_FROM_NED @ rotation_matrix(self.quaternion) @ GIMBAL_FROM_CAMERA)
