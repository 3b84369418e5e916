"""How far the ground is in a picture, on a coarse grid of its rays: what lies behind a hill is not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry.march import march
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DepthPicture:
    """Rays (N, 3; east, north, up of the camera) row by row of a grid over the picture, and their ranges.

    ``range_m`` is infinite where a ray meets no ground within reach. What is up to ``slack`` times plus
    ``slack_m`` farther than the nearest ray's ground counts as seen: terrain goes on between the rays.
    """

    rays: FloatArray
    range_m: FloatArray
    shape: tuple[int, int]
    """Columns and rows of the grid."""
    camera: Camera
    slack: float
    slack_m: float

    @classmethod
    def take(
        cls,
        pose: Pose,
        camera: Camera,
        ground: Terrain,
        reach_m: float,
        *,
        shape: tuple[int, int],
        slack: float,
        slack_m: float,
    ) -> DepthPicture:
        """Marches the grid's rays over ``ground`` up to ``reach_m``."""
        across = np.linspace(0, camera.width_px - 1, shape[0])
        down = np.linspace(0, camera.height_px - 1, shape[1])
        pixels = np.stack([part.ravel() for part in np.meshgrid(across, down)], axis=1)
        rays = camera.rays(pixels) @ pose.camera_to_enu.T
        here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        ranges_m = march(here, rays, ground, reach_m).range_m
        return cls(rays, np.where(np.isfinite(ranges_m), ranges_m, np.inf), shape, camera, slack, slack_m)

    def ends(self, reach_m: float) -> FloatArray:
        """Where the rays end, on the ground or at ``reach_m``: (N, 3) from the camera."""
        return self.rays * np.minimum(self.range_m, reach_m)[:, None]

    def shows(self, pixels: FloatArray, slant_m: FloatArray) -> NDArray[np.bool_]:
        """Which points, so far away and at these pixels (N, 2) of the picture, no ground stands before."""
        steps = np.array([self.camera.width_px - 1, self.camera.height_px - 1]) / (np.array(self.shape) - 1)
        column, row = np.rint(pixels / steps).astype(np.intp).T.clip(0, np.array(self.shape)[:, None] - 1)
        ground_m = self.range_m.reshape(self.shape[::-1])[row, column]
        return np.asarray(slant_m <= self.slack * ground_m + self.slack_m)
