"""What the virtual autopilot believes: the truth with errors of the size and the slowness of real ones.

An autopilot's estimate is smooth; it does not jump about by its σ from sample to sample, it is wrong by
that much for a minute. So each error is a first-order Gauss–Markov process (Gelb, *Applied Optimal
Estimation*, ch. 2) with a little white noise on top. The compass is off by a constant.

All draws come from one generator, the same number in every step: equal seeds give equal errors whatever
anybody asks of the autopilot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hardware.virtual.drone.dynamics import Motion, wrapped


@dataclass(frozen=True, slots=True)
class SensorErrors:
    """1σ of each error (``heading_bias_deg`` is the largest); ``_s`` how long it takes to become another."""

    position_m: float = 0.9
    position_s: float = 60.0
    position_white_m: float = 0.1
    altitude_bias_m: float = 0.8
    altitude_m: float = 0.4
    altitude_s: float = 120.0
    velocity_white_m_s: float = 0.05
    attitude_deg: float = 0.3
    attitude_s: float = 20.0
    heading_bias_deg: float = 1.5
    gimbal_deg: float = 0.3
    gimbal_s: float = 30.0


@dataclass(slots=True)
class Estimate(Motion):
    """A ``Motion`` as the autopilot believes it, and the error of its gimbal's encoders."""

    gimbal_roll_error_rad: float = 0.0
    gimbal_pitch_error_rad: float = 0.0
    gimbal_yaw_error_rad: float = 0.0


class Sensors:
    """Steps the errors along and puts them on the truth."""

    _SLOW = 8  # north, east, altitude, roll, pitch, gimbal roll, pitch, yaw
    _WHITE = 6  # position and velocity north, east, up

    def __init__(self, errors: SensorErrors, rng: np.random.Generator) -> None:
        angle, gimbal = math.radians(errors.attitude_deg), math.radians(errors.gimbal_deg)
        self._rng = rng
        self._sigma = np.array([errors.position_m] * 2 + [errors.altitude_m] + [angle] * 2 + [gimbal] * 3)
        self._tau_s = np.array(
            [errors.position_s] * 2 + [errors.altitude_s] + [errors.attitude_s] * 2 + [errors.gimbal_s] * 3
        )
        self._white_sigma = np.array([errors.position_white_m] * 3 + [errors.velocity_white_m_s] * 3)
        self._slow = self._sigma * rng.standard_normal(self._SLOW)
        self._white = np.zeros(self._WHITE)
        self._altitude_bias_m = errors.altitude_bias_m * rng.standard_normal()
        self._heading_bias_rad = math.radians(errors.heading_bias_deg) * rng.uniform(-1.0, 1.0)

    def step(self, dt_s: float) -> None:
        """Let the errors wander for ``dt_s``."""
        keep = np.exp(-dt_s / self._tau_s)
        draws = self._rng.standard_normal(self._SLOW + self._WHITE)
        self._slow = keep * self._slow + self._sigma * np.sqrt(1.0 - keep * keep) * draws[: self._SLOW]
        self._white = self._white_sigma * draws[self._SLOW :]

    def estimate(self, truth: Motion) -> Estimate:
        """What the autopilot believes of this truth."""
        north, east, up, roll, pitch, gimbal_roll, gimbal_pitch, gimbal_yaw = self._slow.tolist()
        white = self._white.tolist()
        return Estimate(
            north_m=truth.north_m + north + white[0],
            east_m=truth.east_m + east + white[1],
            alt_m=truth.alt_m + self._altitude_bias_m + up + white[2],
            vel_north_m_s=truth.vel_north_m_s + white[3],
            vel_east_m_s=truth.vel_east_m_s + white[4],
            vel_up_m_s=truth.vel_up_m_s + white[5],
            roll_rad=truth.roll_rad + roll,
            pitch_rad=truth.pitch_rad + pitch,
            yaw_rad=wrapped(truth.yaw_rad + self._heading_bias_rad),
            roll_rate_rad_s=truth.roll_rate_rad_s,
            pitch_rate_rad_s=truth.pitch_rate_rad_s,
            yaw_rate_rad_s=truth.yaw_rate_rad_s,
            gimbal_roll_error_rad=gimbal_roll,
            gimbal_pitch_error_rad=gimbal_pitch,
            gimbal_yaw_error_rad=gimbal_yaw,
        )


class Wind:
    """A steady wind with gusts: Gauss–Markov again, a few seconds long."""

    _GUST_S = 3.0

    def __init__(self, speed_m_s: float, from_deg: float, gust_m_s: float, rng: np.random.Generator) -> None:
        self._steady = (0.0, 0.0)
        self.blow(speed_m_s, from_deg)
        self._gust_m_s = gust_m_s
        self._rng = rng
        self._gust = np.zeros(2)

    @property
    def steady_m_s(self) -> tuple[float, float]:
        """Without the gusts, towards (north, east)."""
        return self._steady

    def blow(self, speed_m_s: float, from_deg: float) -> None:
        """Change the steady part."""
        towards = math.radians(from_deg + 180.0)
        self._steady = (speed_m_s * math.cos(towards), speed_m_s * math.sin(towards))

    def step(self, dt_s: float) -> tuple[float, float]:
        """The wind now, towards (north, east), in m/s."""
        keep = math.exp(-dt_s / self._GUST_S)
        draw = self._rng.standard_normal(2)
        self._gust = keep * self._gust + self._gust_m_s * math.sqrt(1.0 - keep * keep) * draw
        return self._steady[0] + float(self._gust[0]), self._steady[1] + float(self._gust[1])
