"""A three-axis gimbal: level in roll, tilted as told, and turning with the vehicle unless told otherwise."""

from __future__ import annotations

import math

from hardware.virtual.drone.dynamics import wrapped

LOWEST_PITCH_RAD = math.radians(-90.0)  # ArduPilot's MNT1_PITCH_MIN
HIGHEST_PITCH_RAD = math.radians(20.0)  # ArduPilot's MNT1_PITCH_MAX


class Gimbal:
    """Pitch is against the horizon; yaw is kept against north, where the camera looks."""

    _FASTEST_RAD_S = math.radians(60.0)
    _FOLLOW_S = 0.25  # the soft way in which a gimbal follows its vehicle's turns

    def __init__(self, yaw_rad: float) -> None:
        self.roll_rad = 0.0
        self.pitch_rad = 0.0
        self.yaw_rad = yaw_rad
        self.yaw_is_locked = False  # against north; otherwise against the vehicle's nose
        self._pitch_target_rad = 0.0
        self._yaw_target_rad = 0.0

    def point(self, pitch_rad: float, yaw_rad: float, *, yaw_is_locked: bool = False) -> None:
        """Go to this pitch; to this yaw off the nose, or off north where it is locked."""
        self._pitch_target_rad = max(LOWEST_PITCH_RAD, min(HIGHEST_PITCH_RAD, pitch_rad))
        self._yaw_target_rad = yaw_rad
        self.yaw_is_locked = yaw_is_locked

    def step(self, vehicle_yaw_rad: float, dt_s: float) -> None:
        """Move towards the target for ``dt_s``."""
        yaw = self._yaw_target_rad if self.yaw_is_locked else vehicle_yaw_rad + self._yaw_target_rad
        self.pitch_rad += self._moved(self._pitch_target_rad - self.pitch_rad, dt_s)
        self.yaw_rad = wrapped(self.yaw_rad + self._moved(wrapped(yaw - self.yaw_rad), dt_s))

    def _moved(self, error_rad: float, dt_s: float) -> float:
        most = self._FASTEST_RAD_S * dt_s
        return max(-most, min(most, error_rad * min(1.0, dt_s / self._FOLLOW_S)))
