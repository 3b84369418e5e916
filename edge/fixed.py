"""A camera on a mast or a roof: one pose for ever, from the configuration, and this computer's clock.

It is always on duty, and nobody can order it anywhere. Its picture may stand still for long and be good: at
night a video coder leaves the noise out. What no living camera does is to repeat the same picture, or nine
tenths of it under a running clock, for minutes.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.camera_eye import Second
from edge.carrier import TimeSource
from edge.config.file import AgentConfig
from edge.config.fixed_section import FixedSection
from edge.geometry.pose import Pose, PoseSigmas, camera_rotation
from edge.stillness import UNCHANGED
from flight.errors import EmberwatchError
from flight.listeners import Listeners
from flight.terrain import Terrain

STILL_S = 120.0
LEAST_HEIGHT_AGL_M = 0.0


class FixedCameraError(EmberwatchError):
    """A fixed camera cannot stand where the configuration says."""

    exit_code = 2


class FixedMount:
    """One camera that never moves."""

    still_s = STILL_S
    on_duty = True

    def __init__(
        self,
        section: FixedSection,
        terrain: Terrain | None,
        offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """``offset_rpy_deg`` turns a second camera away from the one whose angles the section has.

        Raises FixedCameraError where its height cannot be told, or is below the ground."""
        self.on_moved: Listeners[[]] = Listeners("poses")
        self.lat_deg, self.lon_deg = section.lat_deg, section.lon_deg
        self.alt_amsl_m, self.height_agl_m = heights_of(section, terrain)
        self.heading_deg = section.heading_deg % 360.0 % 360.0
        self._sigmas = PoseSigmas(
            horizontal_m=section.horizontal_sigma_m,
            vertical_m=section.vertical_sigma_m,
            attitude_deg=section.attitude_sigma_deg,
            heading_deg=section.heading_sigma_deg,
            gimbal_deg=0.0,
            time_s=0.0,
        )
        angles = section.heading_deg, section.pitch_deg, section.roll_deg
        self._camera_to_enu = rotation_of(*angles, offset_rpy_deg)
        self._changed_s: float | None = None

    async def must_go_on(self) -> bool:
        """A person waits for the reason at the start."""
        return False

    def pose_at(self, at_s: float) -> Pose:
        """The one that there is."""
        return Pose(
            boot_s=at_s,
            lat_deg=self.lat_deg,
            lon_deg=self.lon_deg,
            alt_amsl_m=self.alt_amsl_m,
            height_home_m=self.height_agl_m,
            camera_to_enu=self._camera_to_enu,
            sigmas=self._sigmas,
            steady=True,
        )

    def utc_at(self, at_s: float) -> tuple[datetime, TimeSource]:
        """By this computer's clock."""
        return datetime.now(tz=UTC) - timedelta(seconds=time.monotonic() - at_s), "companion"

    def is_stuck(self, unchanged: float, pose: Pose | None) -> bool:
        """Whether it has been almost the same picture for longer than any coder leaves it."""
        if unchanged < UNCHANGED or pose is None:
            self._changed_s = None
            return False
        if self._changed_s is None:
            self._changed_s = pose.boot_s
        return pose.boot_s - self._changed_s > STILL_S


def second_fixed(config: AgentConfig, section: FixedSection, terrain: Terrain | None) -> Second | None:
    """The thermal camera beside the colour one, if there is one. Raises CameraProfileError."""
    if config.second_camera is None:
        return None
    camera = config.second_camera.optics()
    return Second(FixedMount(section, terrain, camera.offset_rpy_deg), camera)


def heights_of(section: FixedSection, terrain: Terrain | None) -> tuple[float, float]:
    """Above sea level, and above the ground at the camera's foot. Raises FixedCameraError."""
    alt_amsl_m, height_agl_m = section.alt_amsl_m, section.height_agl_m
    if terrain is None:
        if alt_amsl_m is None or height_agl_m is None:
            raise FixedCameraError(
                "[agent.fixed] without a terrain model needs both alt_amsl_m and height_agl_m",
                hint="Or name a terrain model: [agent.terrain] dem = …",
            )
        return alt_amsl_m, height_agl_m
    ground_m = float(terrain.height_amsl_m(np.array([section.lat_deg]), np.array([section.lon_deg]))[0])
    if np.isnan(ground_m):
        raise FixedCameraError(
            f"the fixed camera at {section.lat_deg:.5f}, {section.lon_deg:.5f} is not on the terrain model "
            f"{terrain.name}",
            hint="Choose a model that reaches as far as the camera sees.",
        )
    if alt_amsl_m is None:
        assert height_agl_m is not None  # noqa: S101 - the section's own check
        return ground_m + height_agl_m, height_agl_m
    if alt_amsl_m - ground_m <= LEAST_HEIGHT_AGL_M:
        raise FixedCameraError(
            f"the fixed camera at {alt_amsl_m:.0f} m would be below the ground, which is at {ground_m:.0f} m "
            f"in {terrain.name}",
            hint="alt_amsl_m is above sea level (EGM96), not above the ellipsoid as GNSS receivers say it.",
        )
    return alt_amsl_m, alt_amsl_m - ground_m


def rotation_of(
    heading_deg: float,
    pitch_deg: float,
    roll_deg: float,
    offset_rpy_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> NDArray[np.float64]:
    """3x3 camera frame to east, north, up."""
    mount = Rotation.from_euler("ZYX", [heading_deg, pitch_deg, roll_deg], degrees=True)
    offset = Rotation.from_euler("ZYX", offset_rpy_deg[::-1], degrees=True)
    return camera_rotation(mount * offset)
