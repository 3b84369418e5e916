"""Casts a camera's rays onto the relief: which ground, how far, at a quarter of the resolution.

Where the quarter would show (skylines, ridges before ridges) the pixels are cast one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.world.noise import AnyArray, Floats, lookup
from hardware.virtual.world.relief import Relief

STEP_PX = 4
FAR_M = 14_000.0
_MAX_STEPS = 60
# Few slopes of the relief are steeper than this; a march that trusts it hardly ever jumps over a hill.
_STEEPEST = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class RayGrid:
    """Unit rays of every fourth pixel with one cell of margin all round: cell i sits at pixel 4i - 2.5.

    ``camera_rays`` is (rows, columns, 3) in camera axes.
    """

    lens: VirtualLens
    camera_rays: Floats

    @classmethod
    def of(cls, lens: VirtualLens) -> RayGrid:
        """The grid of a lens."""
        columns = -(-lens.width_px // STEP_PX) + 2
        rows = -(-lens.height_px // STEP_PX) + 2
        u, v = np.meshgrid(np.arange(columns) * 4.0 - 2.5, np.arange(rows) * 4.0 - 2.5)
        return cls(lens, np.asarray(lens.rays(np.stack([u, v], axis=-1)), np.float32))

    def full(self, field: AnyArray) -> AnyArray:
        """Enlarge a field of this grid, or of one with twice its cells, to exactly the frame."""
        rows, columns = self.camera_rays.shape[:2]
        grown = cv2.resize(field, (columns * STEP_PX, rows * STEP_PX), interpolation=cv2.INTER_LINEAR)
        height, width = self.lens.height_px, self.lens.width_px
        return np.ascontiguousarray(grown[STEP_PX : STEP_PX + height, STEP_PX : STEP_PX + width])


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Single pixels (N,) whose ground the coarse grid would smear; sky has ``distance_m`` = ``FAR_M``."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    rays: Floats
    east_m: Floats
    north_m: Floats
    distance_m: Floats
    sky: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Where a grid's rays end. Arrays are (rows, columns), rays (3, rows, columns) in ENU."""

    eye_m: NDArray[np.float64]
    enu_from_camera: NDArray[np.float64]
    east_m: Floats
    north_m: Floats
    distance_m: Floats
    sky: NDArray[np.bool_]
    rays: Floats
    edges: Edges


def cast(grid: RayGrid, pose: TruePose, eye_m: NDArray[np.float64], relief: Relief) -> Cast:
    """Cast the whole grid, then the pixels along skylines and ridges."""
    rotation = pose.enu_from_camera()
    turn = rotation.T.astype(np.float32)
    rays = np.ascontiguousarray((grid.camera_rays @ turn).transpose(2, 0, 1))
    shape = rays.shape[1:]
    # Every second ray of the grid first: the others start shortly before what their neighbours met.
    sparse = np.ascontiguousarray(rays[:, ::2, ::2])
    scout, _ = _march(sparse.reshape(3, -1), _from_eye(sparse[0].size), eye_m, relief)
    nearby = cv2.erode(scout.reshape(sparse.shape[1:]), np.ones((3, 3), np.uint8))
    start = 0.75 * nearby.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]
    found = _march(rays.reshape(3, -1), np.asarray(start, np.float32).ravel(), eye_m, relief)
    distance, sky = (part.reshape(shape) for part in found)
    east = np.float32(eye_m[0]) + distance * rays[0]
    north = np.float32(eye_m[1]) + distance * rays[1]

    # Over even ground 1/distance is linear across the picture: where it bends there is a silhouette.
    near = 1.0 / distance
    bend_down = np.abs(near[:-2, 1:-1] - 2 * near[1:-1, 1:-1] + near[2:, 1:-1])
    bend_right = np.abs(near[1:-1, :-2] - 2 * near[1:-1, 1:-1] + near[1:-1, 2:])
    bent = np.maximum(bend_down, bend_right) > 0.10 * near[1:-1, 1:-1]
    kernel = np.ones((3, 3), np.uint8)
    broken = cv2.dilate(bent.astype(np.uint8), kernel)
    nearest = cv2.erode(distance, np.ones((5, 5), np.uint8))
    cells = np.argwhere(broken)
    offsets = np.arange(STEP_PX)
    rows = (cells[:, 0, None, None] * STEP_PX + offsets[None, :, None]).repeat(STEP_PX, axis=2).ravel()
    columns = (cells[:, 1, None, None] * STEP_PX + offsets[None, None, :]).repeat(STEP_PX, axis=1).ravel()
    kept = (rows < grid.lens.height_px) & (columns < grid.lens.width_px)
    rows, columns = rows[kept], columns[kept]
    pixel_rays = grid.lens.rays(np.stack([columns, rows], axis=1)).astype(np.float32)
    fine = np.ascontiguousarray((pixel_rays @ turn).T)
    begin = 0.7 * nearest[rows // STEP_PX + 1, columns // STEP_PX + 1]
    far, open_sky = _march(fine, np.asarray(begin, np.float32), eye_m, relief)
    edges = Edges(
        rows,
        columns,
        fine,
        np.float32(eye_m[0]) + far * fine[0],
        np.float32(eye_m[1]) + far * fine[1],
        far,
        open_sky,
    )
    return Cast(eye_m, rotation, east, north, distance, sky, rays, edges)


def ground_along(
    directions: NDArray[np.float64], eye_m: NDArray[np.float64], relief: Relief
) -> NDArray[np.float64]:
    """Where ENU ``directions`` (N, 3) from ``eye_m`` meet the ground: (N, 3) metres, NaN for the sky."""
    rays = np.ascontiguousarray(np.atleast_2d(directions).T, np.float32)
    rays /= np.linalg.norm(rays, axis=0)
    distance, sky = _march(rays, _from_eye(rays.shape[1]), eye_m, relief)
    points = eye_m + (rays * distance).T
    points[sky] = np.nan
    return np.asarray(points, np.float64)


def _from_eye(count: int) -> Floats:
    """The start of rays about which nothing is known: two metres before the lens."""
    return np.full(count, 2.0, np.float32)


def _march(
    rays: Floats, start_m: Floats, eye_m: NDArray[np.float64], relief: Relief
) -> tuple[Floats, NDArray[np.bool_]]:
    """(distance, is sky) of rays (3, N): march each until it is below ground, then find the crossing."""
    count = rays.shape[1]
    distance = np.full(count, FAR_M, np.float32)
    sky = np.ones(count, np.bool_)
    if not count:
        return distance, sky
    eye_e, eye_n, eye_u = (np.float32(value) for value in eye_m)
    heights = relief.heights_m
    top = float(heights.max())

    def gaps(t: Floats, dirs: Floats) -> Floats:
        column, row = relief.posts(eye_e + t * dirs[0], eye_n + t * dirs[1])
        return np.asarray(eye_u + t * dirs[2] - lookup(heights, column, row), np.float32)

    live = np.arange(count)
    dirs = rays
    # A start inside a hill that the neighbours missed is no start.
    t = np.where(gaps(start_m, dirs) > 0.0, start_m, np.float32(2.0))
    gap = gaps(t, dirs)
    sink = np.maximum(_STEEPEST * np.hypot(dirs[0], dirs[1]) - dirs[2], 0.02)
    found: list[tuple[NDArray[np.intp], Floats, Floats, Floats, Floats]] = []
    for _ in range(_MAX_STEPS):
        ahead = np.minimum(t + np.maximum(gap / sink, 0.10 * t + 0.5), np.float32(FAR_M))
        gap_ahead = gaps(ahead, dirs)
        struck = gap_ahead <= 0.0
        if struck.any():
            found.append((live[struck], t[struck], gap[struck], ahead[struck], gap_ahead[struck]))
        flying = ~struck & (ahead < FAR_M) & ~((dirs[2] > 0.0) & (eye_u + ahead * dirs[2] > top))
        t, gap = ahead, gap_ahead
        if not flying.all():
            live, dirs, sink = live[flying], dirs[:, flying], sink[flying]
            t, gap = t[flying], gap[flying]
        if not live.size:
            break
    if not found:
        return distance, sky
    index = np.concatenate([part[0] for part in found])
    before, gap_before, below, gap_below = (np.concatenate([part[k] for part in found]) for k in range(1, 5))
    dirs = rays[:, index]
    for turn in range(3):
        share = gap_before / np.maximum(gap_before - gap_below, 1e-6)
        # One bisection among the false positions: a long bracket over a bend converges too.
        middle = before + (below - before) * (np.float32(0.5) if turn == 1 else np.clip(share, 0.02, 0.98))
        gap = gaps(middle, dirs)
        above = gap > 0.0
        before, gap_before = np.where(above, middle, before), np.where(above, gap, gap_before)
        below, gap_below = np.where(above, below, middle), np.where(above, gap_below, gap)
    share = gap_before / np.maximum(gap_before - gap_below, 1e-6)
    distance[index] = before + (below - before) * np.clip(share, 0.0, 1.0)
    sky[index] = False
    return distance, sky
