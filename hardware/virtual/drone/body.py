"""The virtual copter's body: its motion over the ground, its wind, sensors, gimbal and battery.

Stepped at ``STEP_S``. ``truth`` is where it is; ``estimate`` is where its autopilot believes it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from hardware.virtual.drone.battery import Battery
from hardware.virtual.drone.dynamics import Airframe, Demand, Motion, Multicopter, wrapped
from hardware.virtual.drone.gimbal import Gimbal
from hardware.virtual.drone.guidance import Point
from hardware.virtual.drone.maneuvers import Place
from hardware.virtual.drone.sensors import Estimate, SensorErrors, Sensors, Wind
from hardware.virtual.frame import LocalFrame

STEP_S = 0.02
HARD_LANDING_M_S = 3.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where the copter stands at the start, and the air and ground around it."""

    lat_deg: float
    lon_deg: float
    ground_amsl_m: Callable[[float, float], float]  # of latitude, longitude
    heading_deg: float = 0.0
    wind_m_s: float = 0.0
    wind_from_deg: float = 0.0
    gust_m_s: float = 0.0


class Contact(Enum):
    """How the body meets the ground."""

    NONE = auto()
    SOFT = auto()
    CRASH = auto()


class Body:
    """Moves when it is asked to; everything else of it moves with time."""

    def __init__(self, site: Site, errors: SensorErrors, *, battery_mah: float, seed: int) -> None:
        wind_seed, sensor_seed = np.random.SeedSequence(seed).spawn(2)
        self._site = site
        ground_m = site.ground_amsl_m(site.lat_deg, site.lon_deg)
        yaw_rad = wrapped(math.radians(site.heading_deg))
        self.frame = LocalFrame(site.lat_deg, site.lon_deg, ground_m)
        self._multicopter = Multicopter(Motion(alt_m=ground_m, yaw_rad=yaw_rad), Airframe())
        self._wind = Wind(site.wind_m_s, site.wind_from_deg, site.gust_m_s, np.random.default_rng(wind_seed))
        self.wind_m_s = (0.0, 0.0)
        self._ground_m = ground_m
        self._sensors = Sensors(errors, np.random.default_rng(sensor_seed))
        self.estimate: Estimate = self._sensors.estimate(self.truth)
        self.gimbal = Gimbal(yaw_rad)
        self._roi: Place | None = None
        self.battery = Battery(battery_mah)

    @property
    def truth(self) -> Motion:
        return self._multicopter.motion

    @property
    def where(self) -> Point:
        """The estimated position, up above sea level."""
        return Point(self.estimate.north_m, self.estimate.east_m, self.estimate.alt_m)

    @property
    def ground_m(self) -> float:
        """The ground below, above sea level; beyond the edge of what is known it goes on as it was there."""
        lat, lon = self.frame.to_geographic(self.truth.east_m, self.truth.north_m)
        ground_m = self._site.ground_amsl_m(float(lat), float(lon))
        if math.isfinite(ground_m):
            self._ground_m = ground_m
        return self._ground_m

    def sense(self) -> None:
        """Let wind and errors move on, and look again."""
        self._sensors.step(STEP_S)
        self.wind_m_s = self._wind.step(STEP_S)
        self.estimate = self._sensors.estimate(self.truth)

    def move(self, demand: Demand) -> Contact:
        """Fly one step, and stand on the ground rather than in it."""
        # The nose is steered by the compass, so the true course is off by what the compass is off.
        yaw_rad = self.truth.yaw_rad + wrapped(demand.yaw_rad - self.estimate.yaw_rad)
        turned = Demand(demand.north_m_s, demand.east_m_s, demand.up_m_s, yaw_rad)
        self._multicopter.step(turned, self.wind_m_s, STEP_S)
        below_m = self.ground_m - self.truth.alt_m
        if below_m <= 0.0:
            return Contact.NONE
        hit_m_s = max(-self.truth.vel_up_m_s, math.hypot(self.truth.vel_north_m_s, self.truth.vel_east_m_s))
        self.truth.alt_m += below_m
        self.truth.vel_up_m_s = max(0.0, self.truth.vel_up_m_s)
        return Contact.CRASH if hit_m_s > HARD_LANDING_M_S else Contact.SOFT

    def rest(self) -> None:
        """Stand still on the ground."""
        self._multicopter.rest()

    def run_down(self, *, flying: bool) -> None:
        """Turn the gimbal and drain the battery for one step."""
        if self._roi is not None:
            target, here = self._roi.point, self.where
            up_m = target.up_m + (self.ground_m if self._roi.over_ground else 0.0) - here.up_m
            north, east = target.north_m - here.north_m, target.east_m - here.east_m
            pitch_rad = math.atan2(up_m, math.hypot(north, east))
            self.gimbal.point(pitch_rad, math.atan2(east, north), yaw_is_locked=True)
        self.gimbal.step(self.truth.yaw_rad, STEP_S)
        self.battery.step(flying=flying, climb_m_s=self.truth.vel_up_m_s, dt_s=STEP_S)

    @property
    def roi(self) -> Place | None:
        """The place that the camera is kept on."""
        return self._roi

    def look_at(self, place: Place | None) -> None:
        """Keep the camera on a place, or no more."""
        self._roi = place

    def turn_camera(self, pitch_deg_s: float, yaw_deg_s: float, *, yaw_is_locked: bool = False) -> None:
        """Turn the camera until told otherwise."""
        self._roi = None
        rates = (math.radians(pitch_deg_s), math.radians(yaw_deg_s))
        self.gimbal.turn(*rates, yaw_is_locked=yaw_is_locked)

    @property
    def steady_wind_m_s(self) -> tuple[float, float]:
        """The wind without its gusts, towards (north, east)."""
        return self._wind.steady_m_s

    def blow(self, speed_m_s: float, from_deg: float) -> None:
        """Let another steady wind blow."""
        self._wind.blow(speed_m_s, from_deg)

    def point_camera(self, pitch_deg: float, yaw_deg: float, *, yaw_is_locked: bool = False) -> None:
        """Point the camera above the horizon, and off the nose (or off north where locked)."""
        self._roi = None
        self.gimbal.point(math.radians(pitch_deg), math.radians(yaw_deg), yaw_is_locked=yaw_is_locked)
