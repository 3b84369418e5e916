"""How a multicopter moves: a point mass that tilts to accelerate, and the wind it leans against.

Pure: a ``Motion`` goes in with what is demanded of it and comes out a time step later. There are no
rotors and no control loops here; what matters to a camera is that position, velocity, acceleration and
attitude belong together, and that none of them jumps.

Directions are north, east, up in the world's local frame; attitude is roll, pitch, yaw (ZYX, NED to
body FRD), as MAVLink's ATTITUDE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

GRAVITY_M_S2 = 9.80665


@dataclass(frozen=True, slots=True)
class Airframe:
    """What this multicopter can do. The drag makes it lean 12° at 12 m/s, as camera drones do."""

    acceleration_m_s2: float = 2.5  # ArduCopter's WPNAV_ACCEL
    climb_acceleration_m_s2: float = 2.0
    tilt_rad: float = math.radians(25.0)
    yaw_rate_rad_s: float = math.radians(60.0)  # ArduCopter's ATC_SLEW_YAW
    drag_per_s: float = GRAVITY_M_S2 * math.tan(math.radians(12.0)) / 12.0  # m/s² per m/s of air speed


@dataclass(frozen=True, slots=True)
class Demand:
    """What the autopilot wants: a velocity over ground, and a heading."""

    north_m_s: float
    east_m_s: float
    up_m_s: float
    yaw_rad: float


@dataclass(slots=True)
class Motion:
    """Where the vehicle is and how it moves. ``alt_m`` is above sea level."""

    north_m: float = 0.0
    east_m: float = 0.0
    alt_m: float = 0.0
    vel_north_m_s: float = 0.0
    vel_east_m_s: float = 0.0
    vel_up_m_s: float = 0.0
    roll_rad: float = 0.0
    pitch_rad: float = 0.0
    yaw_rad: float = 0.0
    roll_rate_rad_s: float = 0.0  # body rates
    pitch_rate_rad_s: float = 0.0
    yaw_rate_rad_s: float = 0.0


def wrapped(angle_rad: float) -> float:
    """The same direction within ±π."""
    return math.remainder(angle_rad, math.tau)


class Multicopter:
    """One vehicle in the air. ``rest`` puts it on the ground."""

    # Time constants of the loops that are not modelled: velocity, thrust vector, its trim against the wind.
    _VELOCITY_S = 0.6
    _THRUST_S = 0.2
    _TRIM_S = 0.5
    _YAW_PER_S = 1.5
    _YAW_S = 0.25

    def __init__(self, motion: Motion, airframe: Airframe) -> None:
        self.motion = motion
        self.airframe = airframe
        self._wanted = [0.0, 0.0, 0.0]  # acceleration asked of the thrust, north, east, up
        self._trim = [0.0, 0.0]  # drag that the tilt makes up for, north, east

    def rest(self) -> None:
        """Stand still and level, as on the ground."""
        motion = self.motion
        motion.vel_north_m_s = motion.vel_east_m_s = motion.vel_up_m_s = 0.0
        motion.roll_rad = motion.pitch_rad = 0.0
        motion.roll_rate_rad_s = motion.pitch_rate_rad_s = motion.yaw_rate_rad_s = 0.0
        self._wanted = [0.0, 0.0, 0.0]
        self._trim = [0.0, 0.0]

    def step(self, demand: Demand, wind_m_s: tuple[float, float], dt_s: float) -> None:
        """Move on by ``dt_s`` in a wind that blows towards (north, east)."""
        motion, airframe = self.motion, self.airframe
        self._want(demand, dt_s)
        drag_north = airframe.drag_per_s * (motion.vel_north_m_s - wind_m_s[0])
        drag_east = airframe.drag_per_s * (motion.vel_east_m_s - wind_m_s[1])
        follow = dt_s / self._TRIM_S
        self._trim[0] += (drag_north - self._trim[0]) * follow
        self._trim[1] += (drag_east - self._trim[1]) * follow

        lift = GRAVITY_M_S2 + self._wanted[2]
        push_north, push_east = _limited(
            self._wanted[0] + self._trim[0],
            self._wanted[1] + self._trim[1],
            lift * math.tan(airframe.tilt_rad),
        )
        self._turn(demand.yaw_rad, dt_s)
        self._lean(push_north, push_east, lift, dt_s)

        motion.vel_north_m_s += (push_north - drag_north) * dt_s
        motion.vel_east_m_s += (push_east - drag_east) * dt_s
        motion.vel_up_m_s += self._wanted[2] * dt_s
        motion.north_m += motion.vel_north_m_s * dt_s
        motion.east_m += motion.vel_east_m_s * dt_s
        motion.alt_m += motion.vel_up_m_s * dt_s

    def _want(self, demand: Demand, dt_s: float) -> None:
        motion, airframe = self.motion, self.airframe
        north, east = _limited(
            (demand.north_m_s - motion.vel_north_m_s) / self._VELOCITY_S,
            (demand.east_m_s - motion.vel_east_m_s) / self._VELOCITY_S,
            airframe.acceleration_m_s2,
        )
        climb = airframe.climb_acceleration_m_s2
        up = max(-climb, min(climb, (demand.up_m_s - motion.vel_up_m_s) / self._VELOCITY_S))
        follow = dt_s / self._THRUST_S
        for axis, want in enumerate((north, east, up)):
            self._wanted[axis] += (want - self._wanted[axis]) * follow

    def _turn(self, yaw_rad: float, dt_s: float) -> None:
        motion, fastest = self.motion, self.airframe.yaw_rate_rad_s
        rate = max(-fastest, min(fastest, self._YAW_PER_S * wrapped(yaw_rad - motion.yaw_rad)))
        motion.yaw_rate_rad_s += (rate - motion.yaw_rate_rad_s) * dt_s / self._YAW_S
        motion.yaw_rad = wrapped(motion.yaw_rad + motion.yaw_rate_rad_s * dt_s)

    def _lean(self, push_north: float, push_east: float, lift: float, dt_s: float) -> None:
        """Tilt so that the thrust points along (push, lift).

        Body down is -thrust: (sin p cos r, -sin r, cos p cos r) in the frame turned by the yaw.
        """
        motion = self.motion
        cos_yaw, sin_yaw = math.cos(motion.yaw_rad), math.sin(motion.yaw_rad)
        ahead = push_north * cos_yaw + push_east * sin_yaw
        aside = push_east * cos_yaw - push_north * sin_yaw
        pitch = math.atan2(-ahead, lift)
        roll = math.asin(aside / math.sqrt(ahead * ahead + aside * aside + lift * lift))
        roll_dot, pitch_dot = (roll - motion.roll_rad) / dt_s, (pitch - motion.pitch_rad) / dt_s
        yaw_dot = motion.yaw_rate_rad_s
        motion.roll_rad, motion.pitch_rad = roll, pitch
        motion.roll_rate_rad_s = roll_dot - yaw_dot * math.sin(pitch)
        motion.pitch_rate_rad_s = pitch_dot * math.cos(roll) + yaw_dot * math.sin(roll) * math.cos(pitch)


def _limited(north: float, east: float, most: float) -> tuple[float, float]:
    size = math.hypot(north, east)
    return (north, east) if size <= most else (north * most / size, east * most / size)
