"""Which ground a picture shows so near that a small fire could be seen, and how large it would be there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry.depth import DepthPicture
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

SMALLEST_FIRE_M = 1.0  # what is of use to find
LEAST_PX = 6.0  # below this it is not learned, and looking closely is in vain

CELL_M = 4.0
GRID_CELLS = 512  # then it wraps round: 2 km
RANGE_M = 600.0
DEPTH_RAYS = (17, 10)
DEPTH_SLACK, DEPTH_SLACK_M = 1.1, 8.0  # terrain between those rays
LEAVING_S = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class GroundInView:
    """The N cells of ground that a picture shows within useful range."""

    key: NDArray[np.int64]
    slot: NDArray[np.intp]
    pixels: FloatArray
    fire_px: FloatArray
    """How large the smallest fire of use is there, in pixels of the frame."""
    leaves: Mask
    """Out of the picture soon, if the drone flies on."""


def ground_in_view(grid: LocalFrame, pose: Pose, camera: Camera, terrain: Terrain | None) -> GroundInView:
    """The cells in the picture up to where looking closely is in vain, that nothing stands before."""
    ground = terrain or FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
    here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    reach_m = min(RANGE_M, camera.fx_px * SMALLEST_FIRE_M / LEAST_PX)
    depth = DepthPicture.take(
        pose, camera, ground, reach_m, shape=DEPTH_RAYS, slack=DEPTH_SLACK, slack_m=DEPTH_SLACK_M
    )
    columns, rows = _window(grid, here, depth.ends(reach_m))
    column, row = (part.ravel() for part in np.meshgrid(columns, rows))
    middle = (np.stack([column, row]) + 0.5) * CELL_M
    lat_deg, lon_deg, _ = grid.to_geodetic(middle[0], middle[1], np.zeros(column.size))
    height_m = ground.height_amsl_m(lat_deg, lon_deg)
    points = np.stack(here.from_geodetic(lat_deg, lon_deg, height_m), axis=1)
    slant_m = np.linalg.norm(points, axis=1)
    near = np.flatnonzero(slant_m <= reach_m)  # NaN, where nothing is known, is not
    pixels = camera.project(points[near] @ pose.camera_to_enu)
    seen = camera.contains(pixels)
    near, pixels = near[seen], pixels[seen]
    clear = depth.shows(pixels, slant_m[near])
    near, pixels = near[clear], pixels[clear]
    ahead = points[near] - LEAVING_S * np.array(pose.velocity_enu_m_s)
    leaves = ~camera.contains(camera.project(ahead @ pose.camera_to_enu))
    column, row = column[near], row[near]
    slot = (row % GRID_CELLS) * GRID_CELLS + column % GRID_CELLS
    return GroundInView(
        key=(row << 32) + column,
        slot=slot.astype(np.intp),
        pixels=pixels,
        fire_px=camera.fx_px * SMALLEST_FIRE_M / np.maximum(slant_m[near], 1.0),
        leaves=leaves,
    )


def _window(
    grid: LocalFrame, here: LocalFrame, ends: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns (eastwards) and rows (northwards) of the cells that the picture's rays end among."""
    lat_deg, lon_deg, _ = here.to_geodetic(ends[:, 0], ends[:, 1], ends[:, 2])
    east_m, north_m, _ = grid.from_geodetic(lat_deg, lon_deg, np.zeros(len(ends)))
    columns, rows = (
        np.arange(math.floor(part.min() / CELL_M) - 1, math.floor(part.max() / CELL_M) + 2, dtype=np.int64)
        for part in (east_m, north_m)
    )
    return columns, rows
