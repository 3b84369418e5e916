"""A three-axis gimbal: level in roll, tilted as told, and turning with the vehicle unless told otherwise."""

from __future__ import annotations

import math

from hardware.virtual.drone.dynamics import wrapped


class Gimbal:
    """Pitch is against the horizon; yaw is kept against north, where the camera looks."""

    _FASTEST_RAD_S = math.radians(60.0)
    _FOLLOW_S = 0.25  # the soft way in which a gimbal follows its vehicle's turns

    def __init__(self, yaw_rad: float) -> None:
        self.roll_rad = 0.0
        self.pitch_rad = 0.0
        self.yaw_rad = yaw_rad
        self.yaw_is_locked = False  # against north; otherwise against the vehicle's nose
        self.pitch_limits_rad = (math.radians(-90.0), math.radians(20.0))
        self.yaw_limits_rad = (-math.pi, math.pi)  # off the nose; the same twice where it cannot pan
        self._pitch_target_rad = 0.0
        self._yaw_target_rad = 0.0
        self._rates_rad_s = (0.0, 0.0)

    @property
    def pans(self) -> bool:
        """Whether it has a yaw of its own."""
        return self.yaw_limits_rad[0] < self.yaw_limits_rad[1]

    def point(self, pitch_rad: float, yaw_rad: float, *, yaw_is_locked: bool = False) -> None:
        """Go to this pitch; to this yaw off the nose, or off north where it is locked."""
        self._pitch_target_rad = _within(pitch_rad, self.pitch_limits_rad)
        self._yaw_target_rad = yaw_rad if yaw_is_locked else _within(wrapped(yaw_rad), self.yaw_limits_rad)
        self.yaw_is_locked = yaw_is_locked
        self._rates_rad_s = (0.0, 0.0)

    def turn(self, pitch_rad_s: float, yaw_rad_s: float, *, yaw_is_locked: bool = False) -> None:
        """Move at these rates until told otherwise."""
        self._rates_rad_s = (pitch_rad_s, yaw_rad_s)
        self.yaw_is_locked = yaw_is_locked

    def step(self, vehicle_yaw_rad: float, dt_s: float) -> None:
        """Move towards the target for ``dt_s``."""
        pitch_rate, yaw_rate = self._rates_rad_s
        self._pitch_target_rad = _within(self._pitch_target_rad + pitch_rate * dt_s, self.pitch_limits_rad)
        self._yaw_target_rad = wrapped(self._yaw_target_rad + yaw_rate * dt_s)
        off_nose = self._yaw_target_rad - vehicle_yaw_rad if self.yaw_is_locked else self._yaw_target_rad
        yaw = vehicle_yaw_rad + _within(wrapped(off_nose), self.yaw_limits_rad)
        self.pitch_rad += self._moved(self._pitch_target_rad - self.pitch_rad, dt_s)
        self.yaw_rad = wrapped(self.yaw_rad + self._moved(wrapped(yaw - self.yaw_rad), dt_s))

    def _moved(self, error_rad: float, dt_s: float) -> float:
        most = self._FASTEST_RAD_S * dt_s
        return max(-most, min(most, error_rad * min(1.0, dt_s / self._FOLLOW_S)))


def _within(angle_rad: float, limits_rad: tuple[float, float]) -> float:
    return max(limits_rad[0], min(limits_rad[1], angle_rad))
