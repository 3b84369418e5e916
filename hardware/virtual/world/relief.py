"""The shape of the ground: fractal hills round home, mountains on the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import AnyArray, Floats, smoothstep

NEAR_POST_M = 4.0
FAR_POST_M = 64.0
NEAR_HALF_M = 1280.0
HALF_M = 16_000.0
_KNEE = NEAR_HALF_M / NEAR_POST_M - NEAR_HALF_M / FAR_POST_M
_HALF_POSTS = int(HALF_M / FAR_POST_M + _KNEE)


@dataclass(frozen=True, slots=True, eq=False)
class Relief:
    """Heights above sea level on one grid: 4 m posts within 1,280 m of home, 64 m posts out to 16 km.

    One grid with a knee in it (``posts``) costs a march one lookup per step, near and far alike.
    Rows run north to south, columns west to east.
    """

    heights_m: Floats

    @classmethod
    def generate(cls, rng: np.random.Generator, home_amsl_m: float, relief_m: float) -> Relief:
        """Hills of about ``relief_m`` between valley and top, gentle near home, ``home_amsl_m`` at home."""
        posts = np.arange(-_HALF_POSTS, _HALF_POSTS + 1, dtype=np.float32)
        reach = np.abs(posts)
        metres = np.where(
            reach * NEAR_POST_M <= NEAR_HALF_M,
            posts * NEAR_POST_M,
            np.sign(posts) * (reach - _KNEE) * FAR_POST_M,
        ).astype(np.float32)
        radius = np.hypot(metres[None, :], -metres[:, None])

        height = np.zeros_like(radius)
        for wavelength_m, share in ((900.0, 1.0), (430.0, 0.42), (190.0, 0.16), (80.0, 0.05), (30.0, 0.012)):
            height += np.float32(share) * _lattice_noise(rng, metres, -metres, wavelength_m)
        height *= np.float32(relief_m / 2.6)
        # A drone is launched from a place that is fairly flat.
        home = _HALF_POSTS
        height -= height[home, home]
        height *= 0.3 + 0.7 * smoothstep(100.0, 650.0, radius)

        ranges = 1.0 - np.abs(_lattice_noise(rng, metres, -metres, 5200.0))
        ranges += 0.35 * _lattice_noise(rng, metres, -metres, 1500.0)
        height += 170.0 * np.clip(ranges, -0.3, 2.0) * smoothstep(1800.0, 7000.0, radius)
        return cls((height + np.float32(home_amsl_m)).astype(np.float32))

    @staticmethod
    def posts(east_m: AnyArray, north_m: AnyArray) -> tuple[AnyArray, AnyArray]:
        """(column, row) in the grid, as floats, of local points."""
        return _posts_along(east_m) + _HALF_POSTS, _HALF_POSTS - _posts_along(north_m)

    def height_amsl_m(self, east_m: AnyArray, north_m: AnyArray) -> NDArray[np.float64]:
        """Bilinear heights at local points of any shape; the grid's edge value beyond its edge."""
        column, row = self.posts(np.asarray(east_m, np.float64), np.asarray(north_m, np.float64))
        last = self.heights_m.shape[0] - 1
        column = np.clip(column, 0.0, last - 1e-6)
        row = np.clip(row, 0.0, last - 1e-6)
        c0 = column.astype(np.intp)
        r0 = row.astype(np.intp)
        fc = column - c0
        fr = row - r0
        h = self.heights_m
        top = h[r0, c0] * (1.0 - fc) + h[r0, c0 + 1] * fc
        bottom = h[r0 + 1, c0] * (1.0 - fc) + h[r0 + 1, c0 + 1] * fc
        return np.asarray(top * (1.0 - fr) + bottom * fr, np.float64)

    def slope(self, east_m: float, north_m: float, over_m: float = 8.0) -> NDArray[np.float64]:
        """Rise per metre toward east and north (2,), taken over ``over_m``."""
        half = over_m / 2.0
        east = np.array([east_m + half, east_m - half, east_m, east_m])
        north = np.array([north_m, north_m, north_m + half, north_m - half])
        heights = self.height_amsl_m(east, north)
        return np.array([heights[0] - heights[1], heights[2] - heights[3]]) / over_m

    def sees(
        self, eye_m: NDArray[np.float64], targets_m: NDArray[np.float64], clearance_m: float = 0.3
    ) -> NDArray[np.bool_]:
        """Whether the line from ``eye_m`` (3,) to each of ``targets_m`` (N, 3) (ENU) stays above ground."""
        targets = np.atleast_2d(targets_m)
        share = np.linspace(0.005, 0.985, 120)[None, :, None]
        points = eye_m + (targets[:, None, :] - eye_m) * share
        ground = self.height_amsl_m(points[..., 0], points[..., 1])
        return np.asarray(np.all(points[..., 2] > ground - clearance_m, axis=1))


def _posts_along(metres: AnyArray) -> AnyArray:
    reach = np.abs(metres)
    return np.copysign(np.minimum(reach / NEAR_POST_M, reach / FAR_POST_M + _KNEE), metres)


def _lattice_noise(rng: np.random.Generator, east_m: Floats, north_m: Floats, wavelength_m: float) -> Floats:
    """Smooth noise with features of ``wavelength_m``, about unit deviation; a grid of columns and rows."""
    lattice = rng.standard_normal((256, 256), dtype=np.float32)
    # Half a wavelength between lattice nodes: hills and valleys alternate within one.
    u = (east_m / (wavelength_m / 2.0) + np.float32(rng.uniform(0, 256))) % 256
    v = (north_m / (wavelength_m / 2.0) + np.float32(rng.uniform(0, 256))) % 256
    smooth = cv2.GaussianBlur(np.tile(lattice, (3, 3)), (0, 0), 0.8)[254:514, 254:514]
    smooth = smooth / smooth.std()
    columns, rows = np.meshgrid((u + 2).astype(np.float32), (v + 2).astype(np.float32))
    return np.asarray(cv2.remap(smooth, columns, rows, cv2.INTER_CUBIC), np.float32)
