"""Views of a fire in hills with a known formula, and what a drone with known errors would say of them.

The ground is two crossing waves of 50 m each, 1 to 2 km long: ±100 m, known exactly everywhere. The elevation
model that is handed to Emberwatch is that ground plus an error field. Metres are east, north, up of the fire.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

SIGMAS = PoseSigmas(
    horizontal_m=1.5, vertical_m=2.5, attitude_deg=0.5, heading_deg=2.0, gimbal_deg=0.5, time_s=0.01
)
# What of it is the same on every frame of a flight: a metre of GNSS to the east and to the north and all of
# its height, all of the gimbal's mount, the latency and the focal length, and nine tenths of the compass's
# variance. The rest is new on each frame.
COMMON_M = np.array([1.0, 1.0, 2.5])
OWN_M = np.array([math.sqrt(1.5**2 - 1.0), math.sqrt(1.5**2 - 1.0), 0.0])
COMMON_TURN_DEG = np.array([0.5, 0.5, math.hypot(2.0 * math.sqrt(0.9), 0.5)])
OWN_TURN_DEG = np.array([0.5, 0.5, 2.0 * math.sqrt(0.1)])
DEM_SIGMA_M, DEM_LENGTH_M = 3.0, 100.0
PIXEL_SIGMA_PX, FOCAL_SIGMA = 3.0, 0.005
SPEED_M_S = 10.0
SLANT_M, DEPRESSION_DEG = (50.0, 400.0), (20.0, 80.0)
BASE_AMSL_M = 500.0
ERROR_WAVES = 64
CAMERA = replace(Camera.load("virtual_78"), focal_sigma=FOCAL_SIGMA)
PLACE = LocalFrame(46.5, 7.5, BASE_AMSL_M)


@dataclass(frozen=True, eq=False)
class Waves:
    """A sum of waves: amplitudes (K,), wave vectors (K, 2; rad/m) and phases (K,)."""

    amplitude_m: FloatArray
    vector: FloatArray
    phase: FloatArray

    def height_m(self, east_m: FloatArray, north_m: FloatArray) -> FloatArray:
        angle = np.multiply.outer(east_m, self.vector[:, 0]) + np.multiply.outer(north_m, self.vector[:, 1])
        return np.asarray(np.cos(angle + self.phase) @ self.amplitude_m)

    def slope(self, east_m: float, north_m: float) -> FloatArray:
        """Rise to the east and to the north."""
        angle = self.vector @ (east_m, north_m) + self.phase
        return np.asarray(-(np.sin(angle) * self.amplitude_m) @ self.vector)

    def and_(self, other: Waves) -> Waves:
        return Waves(
            np.concatenate([self.amplitude_m, other.amplitude_m]),
            np.concatenate([self.vector, other.vector]),
            np.concatenate([self.phase, other.phase]),
        )


@dataclass(frozen=True, eq=False)
class WavyTerrain:
    """Waves as the elevation model that Emberwatch sees."""

    waves: Waves
    sigma_m: float = DEM_SIGMA_M
    resolution_m: float = 30.0
    name: str = "waves"

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        lat, lon = np.broadcast_arrays(lat_deg, lon_deg)
        east_m, north_m, _ = PLACE.from_geodetic(lat, lon, np.zeros_like(lat))
        return BASE_AMSL_M + self.waves.height_m(east_m, north_m)


@dataclass(frozen=True, eq=False)
class Standing:
    """A camera: where it is and how it is turned (camera x right, y down, z ahead to east, north, up)."""

    at_m: FloatArray
    turned: FloatArray
    velocity_m_s: FloatArray

    def pixel(self, point_m: FloatArray, focal_px: float) -> FloatArray:
        """Where the camera sees a point."""
        right, down, ahead = self.turned.T @ (point_m - self.at_m)
        centre = np.array([CAMERA.cx_px, CAMERA.cy_px])
        return np.asarray(centre + focal_px / ahead * np.array([right, down]))

    def ray(self, pixel: FloatArray) -> FloatArray:
        """What a pixel looks along, at the profile's focal length."""
        flat = (pixel - (CAMERA.cx_px, CAMERA.cy_px)) / CAMERA.fx_px
        return np.asarray(self.turned @ (flat[0], flat[1], 1.0))

    def pose(self, boot_s: float = 0.0) -> Pose:
        """As an autopilot tells it."""
        lat, lon, alt_m = PLACE.to_geodetic(*(np.array(x) for x in self.at_m))
        east_m_s, north_m_s, up_m_s = self.velocity_m_s.tolist()
        return Pose(
            boot_s=boot_s,
            lat_deg=float(lat),
            lon_deg=float(lon),
            alt_amsl_m=float(alt_m),
            height_home_m=float(self.at_m[2]),
            camera_to_enu=self.turned,
            sigmas=SIGMAS,
            velocity_enu_m_s=(east_m_s, north_m_s, up_m_s),
        )


@dataclass(frozen=True, eq=False)
class Common:
    """Errors that are the same on every frame of a flight."""

    gnss_m: FloatArray
    turn_deg: FloatArray
    """Roll, tilt and heading."""
    time_s: float
    focal: float

    @classmethod
    def draw(cls, rng: np.random.Generator, heading_deg: float | None = None) -> Common:
        """With this heading bias, or one from its prior."""
        turn_deg = rng.normal(size=3) * COMMON_TURN_DEG
        if heading_deg is not None:
            turn_deg[2] = heading_deg
        gnss_m = rng.normal(size=3) * COMMON_M
        return cls(gnss_m, turn_deg, rng.normal() * SIGMAS.time_s, rng.normal() * FOCAL_SIGMA)


@dataclass(frozen=True, eq=False)
class View:
    """One true view of the fire, and what is measured of it."""

    hills: Waves
    dem: Waves
    fire_m: FloatArray
    true: Standing
    told: Standing
    pixel: FloatArray
    slant_m: float
    depression_deg: float

    @property
    def incidence_deg(self) -> float:
        """Angle between the true ray and the true surface at the fire."""
        ray = (self.fire_m - self.true.at_m) / np.linalg.norm(self.fire_m - self.true.at_m)
        east, north = self.hills.slope(0.0, 0.0)
        sine = (ray[0] * east + ray[1] * north - ray[2]) / math.sqrt(1 + east**2 + north**2)
        return math.degrees(math.asin(sine))


def draw_hills(rng: np.random.Generator) -> Waves:
    """Two waves that cross at 60 to 90 degrees."""
    first = rng.uniform(0, 2 * math.pi)
    angles = np.array([first, first + rng.uniform(math.pi / 3, math.pi / 2)])
    number = 2 * math.pi / rng.uniform(1000.0, 2000.0, 2)
    vector = number[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return Waves(np.full(2, 50.0), vector, rng.uniform(0, 2 * math.pi, 2))


def draw_error(rng: np.random.Generator) -> Waves:
    """A Gaussian field whose correlation is exp(-(d / DEM_LENGTH_M)²), made of random waves."""
    vector = rng.normal(size=(ERROR_WAVES, 2)) * math.sqrt(2) / DEM_LENGTH_M
    amplitude_m = np.full(ERROR_WAVES, DEM_SIGMA_M * math.sqrt(2 / ERROR_WAVES))
    return Waves(amplitude_m, vector, rng.uniform(0, 2 * math.pi, ERROR_WAVES))


def draw_view(rng: np.random.Generator) -> View:
    """A view with all errors of a first look, drawn until no hill stands between camera and fire."""
    while True:
        hills = draw_hills(rng)
        slant_m, depression_deg = rng.uniform(*SLANT_M), rng.uniform(*DEPRESSION_DEG)
        true = stand(hills, slant_m, depression_deg, rng.uniform(0, 360), rng)
        if is_clear(hills, true.at_m):
            break
    return look(hills, hills.and_(draw_error(rng)), true, Common.draw(rng), rng)


def fire_at(hills: Waves) -> FloatArray:
    return np.array([0.0, 0.0, float(hills.height_m(np.array(0.0), np.array(0.0)))])


def stand(
    hills: Waves, slant_m: float, depression_deg: float, bearing_deg: float, rng: np.random.Generator
) -> Standing:
    """A camera that sees the fire at this bearing (clockwise from north), somewhere in its picture."""
    ahead = direction(bearing_deg, -depression_deg)
    at_m = fire_at(hills) - slant_m * ahead
    boresight = direction(
        bearing_deg + rng.uniform(-20, 20), float(np.clip(-depression_deg + rng.uniform(-12, 12), -89, -5))
    )
    right = np.cross(boresight, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    level = np.column_stack([right, np.cross(boresight, right), boresight])
    turned = rotation(boresight * math.radians(rng.uniform(-5, 5))) @ level
    return Standing(at_m, turned, SPEED_M_S * direction(bearing_deg + 90.0, 0.0))


def look(hills: Waves, dem: Waves, true: Standing, common: Common, rng: np.random.Generator) -> View:
    """What is measured from there, with the errors of the flight and of this frame."""
    fire_m = fire_at(hills)
    told_m = true.at_m + common.gnss_m + rng.normal(size=3) * OWN_M + common.time_s * true.velocity_m_s
    turn_deg = common.turn_deg + rng.normal(size=3) * OWN_TURN_DEG
    turned = rotation(np.radians(turn_deg @ level_axes(true.turned))) @ true.turned
    focal_px = CAMERA.fx_px * (1 + common.focal)
    ray = fire_m - true.at_m
    slant_m = float(np.linalg.norm(ray))
    return View(
        hills=hills,
        dem=dem,
        fire_m=fire_m,
        true=true,
        told=Standing(told_m, turned, true.velocity_m_s),
        pixel=true.pixel(fire_m, focal_px) + rng.normal(size=2) * PIXEL_SIGMA_PX,
        slant_m=slant_m,
        depression_deg=math.degrees(math.asin(-ray[2] / slant_m)),
    )


def level_axes(turned: FloatArray) -> FloatArray:
    """Rows: level ahead, level to the right, up. Turns about them are roll, tilt and heading."""
    east, north, _ = turned[:, 2] / math.hypot(turned[0, 2], turned[1, 2])
    return np.array([[east, north, 0.0], [north, -east, 0.0], [0.0, 0.0, 1.0]])


def is_clear(hills: Waves, at_m: FloatArray) -> bool:
    """Whether the fire is seen from there: the hills are far longer than the samples are apart."""
    parts = np.linspace(0.0, 0.995, 160)[:, None]
    points = at_m + parts * (fire_at(hills) - at_m)
    return bool((points[:, 2] > hills.height_m(points[:, 0], points[:, 1])).all())


def rotation(turn_rad: FloatArray) -> FloatArray:
    """The matrix of a rotation vector (Rodrigues' formula)."""
    angle = float(np.linalg.norm(turn_rad))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = turn_rad / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def direction(bearing_deg: float, elevation_deg: float) -> FloatArray:
    bearing, elevation = math.radians(bearing_deg), math.radians(elevation_deg)
    level = math.cos(elevation)
    return np.array([level * math.sin(bearing), level * math.cos(bearing), math.sin(elevation)])
