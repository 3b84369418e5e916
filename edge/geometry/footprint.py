"""The ground that the camera sees now, as a ring for the map."""

from __future__ import annotations

import numpy as np

from edge.geometry.march import march
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain

POINTS_PER_SIDE = 7


def footprint(
    pose: Pose, camera: Camera, terrain: Terrain | None, *, max_range_m: float = 600.0
) -> list[tuple[float, float]]:
    """Ring of (lon, lat), degrees, clockwise in the picture and not closed: 28 points or none.

    Where the view goes on to the horizon the ring is cut ``max_range_m`` from the camera. Empty when
    no ground is in view.
    """
    ground = terrain if terrain is not None else FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    rays = camera.rays(camera.border(per_side=POINTS_PER_SIDE)) @ pose.camera_to_enu.T
    ranges_m = march(frame, rays, ground, max_range_m).range_m
    met = np.isfinite(ranges_m)
    if not met.any():
        return []
    level_m = max_range_m * rays[:, :2] / np.linalg.norm(rays[:, :2], axis=1, keepdims=True)
    points_m = np.where(met[:, None], ranges_m[:, None] * rays[:, :2], level_m)
    lat_deg, lon_deg, _ = frame.to_geodetic(points_m[:, 0], points_m[:, 1], np.zeros(len(points_m)))
    return list(zip(lon_deg.tolist(), lat_deg.tolist(), strict=True))
