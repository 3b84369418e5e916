"""A small world with known truth for the geometry's tests: hills, poses and places, all by formula."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas, camera_rotation
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

HOME = LocalFrame(-35.363262, 149.165237, 0.0)
GROUND_AMSL_M = 600.0
CAMERA = Camera.load("virtual_78")


@dataclass(frozen=True)
class Plane:
    """Ground that rises by these parts of the way east and north. Nothing is known beyond ``edge_m``."""

    rise_east: float = 0.0
    rise_north: float = 0.0
    off_m: float = 0.0
    edge_m: float = 1e6
    sigma_m: float = 3.0
    resolution_m: float = 10.0
    name: str = "plane"

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        east_m, north_m = east_north(lat_deg, lon_deg)
        height = GROUND_AMSL_M + self.off_m + self.rise_east * east_m + self.rise_north * north_m
        return np.where(np.maximum(np.abs(east_m), np.abs(north_m)) <= self.edge_m, height, np.nan)


@dataclass(frozen=True)
class Hills:
    """Waves 1.2 km long and 60 m high each way."""

    off_m: float = 0.0
    sigma_m: float = 3.0
    resolution_m: float = 10.0
    name: str = "hills"

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        east_m, north_m = east_north(lat_deg, lon_deg)
        wave = 2 * math.pi / 1200.0
        height = (
            GROUND_AMSL_M + self.off_m + 60 * np.sin(wave * east_m + 0.5) * np.cos(1.3 * wave * north_m + 1)
        )
        return np.asarray(height, np.float64)


def east_north(lat_deg: FloatArray | float, lon_deg: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Metres from home."""
    lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
    east_m, north_m, _ = HOME.from_geodetic(lat, lon, np.zeros_like(lat))
    return east_m, north_m


def lat_lon(east_m: float, north_m: float) -> tuple[float, float]:
    lat, lon, _ = HOME.to_geodetic(np.array(east_m), np.array(north_m), np.array(0.0))
    return float(lat), float(lon)


def pose_at(
    east_m: float = 0.0,
    north_m: float = 0.0,
    *,
    height_m: float,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    roll_deg: float = 0.0,
    sigmas: PoseSigmas | None = None,
) -> Pose:
    """A camera ``height_m`` above the height of home's ground."""
    lat_deg, lon_deg = lat_lon(east_m, north_m)
    look = Rotation.from_euler("ZYX", [yaw_deg, pitch_deg, roll_deg], degrees=True)
    return Pose(
        boot_s=0.0,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=GROUND_AMSL_M + height_m,
        height_home_m=height_m,
        camera_to_enu=camera_rotation(look),
        sigmas=sigmas or PoseSigmas(),
    )


def pixel_of(
    pose: Pose, east_m: float, north_m: float, alt_amsl_m: float, camera: Camera = CAMERA
) -> FloatArray:
    """The pixel (u, v) where the camera sees a place; NaN behind it."""
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    lat_deg, lon_deg = lat_lon(east_m, north_m)
    point = frame.from_geodetic(np.array(lat_deg), np.array(lon_deg), np.array(alt_amsl_m))
    pixel: FloatArray = camera.project((np.array(point) @ pose.camera_to_enu)[None])[0]
    return pixel


@dataclass(frozen=True)
class FlightErrors:
    """What is wrong in the same way on every frame of a flight."""

    east_m: float = 0.0
    north_m: float = 0.0
    up_m: float = 0.0
    tilt_deg: float = 0.0
    heading_deg: float = 0.0


def measured(pose: Pose, rng: np.random.Generator, shared: FlightErrors, own: float = 1.0) -> Pose:
    """What an autopilot would say of a true pose: shared errors and, times ``own``, those of this instant."""
    east_m, north_m = east_north(pose.lat_deg, pose.lon_deg)
    sigmas = pose.sigmas
    lat_deg, lon_deg = lat_lon(
        float(east_m) + shared.east_m + own * rng.normal() * sigmas.horizontal_m,
        float(north_m) + shared.north_m + own * rng.normal() * sigmas.horizontal_m,
    )
    azimuth_rad = math.radians(pose.look_azimuth_deg)
    right = np.array([math.cos(azimuth_rad), -math.sin(azimuth_rad), 0.0])
    forward = np.array([math.sin(azimuth_rad), math.cos(azimuth_rad), 0.0])
    turn_deg = (
        right * (shared.tilt_deg + own * rng.normal() * sigmas.attitude_deg)
        + forward * own * rng.normal() * sigmas.attitude_deg
        + np.array([0.0, 0.0, shared.heading_deg + own * rng.normal() * sigmas.heading_deg])
    )
    gimbal_deg = own * rng.normal(size=3) * sigmas.gimbal_deg
    wrong = Rotation.from_rotvec(turn_deg, degrees=True).as_matrix()
    mount = Rotation.from_rotvec(gimbal_deg, degrees=True).as_matrix()
    return Pose(
        boot_s=pose.boot_s,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=pose.alt_amsl_m + shared.up_m + own * rng.normal() * sigmas.vertical_m,
        height_home_m=pose.height_home_m,
        camera_to_enu=wrong @ pose.camera_to_enu @ mount,
        sigmas=sigmas,
    )
