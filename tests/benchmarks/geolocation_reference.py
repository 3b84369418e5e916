"""What can be known of the fire's place, reckoned without anything of `edge`.

From one view: a particle posterior. Each particle is one possible truth behind what was measured: the causes
of error drawn from their priors, and a terrain of its own, which is the elevation model less an error profile
drawn along the ray. The rays are followed over the level distance from the camera on a strip of the elevation
model, and end where they first pass below their terrain.

From many views: the posterior Cramér-Rao bound, for pixels that are Gaussian about the projection of the true
place, and priors for the errors that all views share and for the elevation model at the fire.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from tests.benchmarks.geolocation_world import (
    CAMERA,
    COMMON_M,
    COMMON_TURN_DEG,
    DEM_LENGTH_M,
    DEM_SIGMA_M,
    FOCAL_SIGMA,
    OWN_M,
    OWN_TURN_DEG,
    PIXEL_SIGMA_PX,
    SIGMAS,
    Standing,
    View,
    Waves,
    level_axes,
    rotation,
)

FloatArray = NDArray[np.float64]

PARTICLES = 400
SAMPLES = 96
POST_M = 10.0
PROFILE_POST_M, PROFILE_POSTS, PROFILES = 20.0, 80, 4096


def posterior(view: View, rng: np.random.Generator) -> FloatArray:
    """Places (P, 2; east and north) of the particles that meet the ground."""
    half = rng.normal(size=(PARTICLES // 2, 10))
    at_m, rays = _draw(view, np.concatenate([half, -half]))
    level = np.linalg.norm(rays[:, :2], axis=1)
    ahead = rays[:, :2].mean(axis=0)
    ahead /= np.linalg.norm(ahead)
    far_m = 2.5 * max(math.hypot(*(view.told.at_m[:2] - view.fire_m[:2])), 40.0) + 60.0
    along_m = np.linspace(0.0, far_m, SAMPLES)
    heading, rise = rays[:, :2] / level[:, None], rays[:, 2] / level
    east_m = at_m[:, :1] + along_m * heading[:, :1]
    north_m = at_m[:, 1:2] + along_m * heading[:, 1:]
    ground_m = _strip(view.dem, east_m, north_m, ahead) - _profiles(along_m, len(rays), rng)
    clearance_m = at_m[:, 2:] + along_m * rise[:, None] - ground_m
    below = clearance_m <= 0
    first = below.argmax(axis=1)
    rows = np.flatnonzero(below.any(axis=1) & (first > 0))
    before, after = clearance_m[rows, first[rows] - 1], clearance_m[rows, first[rows]]
    met_m = along_m[first[rows] - 1] + before / (before - after) * along_m[1]
    return np.asarray(at_m[rows, :2] + met_m[:, None] * heading[rows])


def _draw(view: View, unit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cameras (P, 3) and rays (P, 3) that may have been the true ones, from standard normal draws (P, 10)."""
    told = view.told
    at_m = told.at_m + unit[:, :3] * np.hypot(COMMON_M, OWN_M)
    at_m = at_m + unit[:, 3:4] * SIGMAS.time_s * told.velocity_m_s
    focal_px = CAMERA.fx_px * (1 + unit[:, 4:5] * FOCAL_SIGMA)
    flat = (view.pixel + unit[:, 5:7] * PIXEL_SIGMA_PX - (CAMERA.cx_px, CAMERA.cy_px)) / focal_px
    rays = np.column_stack([flat, np.ones(len(flat))]) @ told.turned.T
    turn_deg = unit[:, 7:10] * np.hypot(COMMON_TURN_DEG, OWN_TURN_DEG)
    return at_m, rays + np.cross(np.radians(turn_deg @ level_axes(told.turned)), rays)


def _strip(dem: Waves, east_m: FloatArray, north_m: FloatArray, ahead: FloatArray) -> FloatArray:
    """Heights of the elevation model, by way of posts on a strip along ``ahead``."""
    along_m = east_m * ahead[0] + north_m * ahead[1]
    across_m = north_m * ahead[0] - east_m * ahead[1]
    first_m = np.array([along_m.min(), across_m.min()])
    count = np.ceil((np.array([along_m.max(), across_m.max()]) - first_m) / POST_M).astype(int) + 2
    posts_along, posts_across = (first_m[i] + POST_M * np.arange(count[i]) for i in (0, 1))
    # cos(a + b) = cos a · cos b - sin a · sin b: a grid of a sum of waves is a product of two matrices.
    a = np.multiply.outer(posts_along, dem.vector @ ahead) + dem.phase
    b = np.multiply.outer(posts_across, dem.vector @ (-ahead[1], ahead[0]))
    grid = (np.cos(a) * dem.amplitude_m) @ np.cos(b).T - (np.sin(a) * dem.amplitude_m) @ np.sin(b).T
    return np.asarray(
        map_coordinates(grid, [(along_m - first_m[0]) / POST_M, (across_m - first_m[1]) / POST_M], order=1)
    )


def _profiles(along_m: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Errors of the elevation model along rays (count, len(along_m)): on a line the field is a process."""
    bank = _bank()
    chosen = bank[rng.integers(0, len(bank), count)]
    place = np.minimum(along_m / PROFILE_POST_M, PROFILE_POSTS - 1.001)
    left = place.astype(int)
    part = place - left
    return np.asarray(chosen[:, left] * (1 - part) + chosen[:, left + 1] * part)


@lru_cache(maxsize=1)
def _bank() -> FloatArray:
    apart_m = PROFILE_POST_M * np.subtract.outer(np.arange(PROFILE_POSTS), np.arange(PROFILE_POSTS))
    values, vectors = np.linalg.eigh(np.exp(-((apart_m / DEM_LENGTH_M) ** 2)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(DEM_SIGMA_M * np.random.default_rng(5).normal(size=(PROFILES, PROFILE_POSTS)) @ root.T)


def bound_m2(views: list[View]) -> FloatArray:
    """Posterior Cramér-Rao bound of the fire's east and north (2x2; m²) from views of one flight."""
    slope = views[0].hills.slope(0.0, 0.0)
    # East, north, error of the elevation model; GNSS; turns; time; focal length.
    prior = np.concatenate([[0.0, 0.0, DEM_SIGMA_M**-2], COMMON_M**-2, COMMON_TURN_DEG**-2])
    information = np.diag(np.concatenate([prior, [SIGMAS.time_s**-2, FOCAL_SIGMA**-2]]))
    own = np.concatenate([OWN_M**2, OWN_TURN_DEG**2])
    for view in views:
        place, moved, turned, focal = _by_each(view)
        by_state = np.column_stack(
            [place[:, :2] + np.outer(place[:, 2], slope), place[:, 2], moved, turned,
             moved @ view.true.velocity_m_s, focal]
        )  # fmt: skip
        by_own = np.column_stack([moved, turned])
        noise = (by_own * own) @ by_own.T + PIXEL_SIGMA_PX**2 * np.eye(2)
        information += by_state.T @ np.linalg.solve(noise, by_state)
    return np.asarray(np.linalg.inv(information)[:2, :2])


def _by_each(view: View) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Change of the pixel by metres of the fire (2, 3), metres of GNSS, degrees of turn, parts of the focal
    length (2), by differences of the projection.

    The errors are of what is told: told too far to the east, the camera is to the west of it.
    """
    true = view.true

    def seen(moved_m: FloatArray, turn_deg: FloatArray, focal: float) -> FloatArray:
        turned = rotation(np.radians(turn_deg @ level_axes(true.turned))) @ true.turned
        standing = Standing(true.at_m, turned, true.velocity_m_s)
        return standing.pixel(view.fire_m + moved_m, CAMERA.fx_px * (1 + focal))

    still, step = np.zeros(3), 1e-3
    both = [step * axis for axis in np.eye(3)]
    place = np.column_stack([seen(by, still, 0.0) - seen(-by, still, 0.0) for by in both]) / (2 * step)
    turned = np.column_stack([seen(still, by, 0.0) - seen(still, -by, 0.0) for by in both]) / (2 * step)
    focal = (seen(still, still, step) - seen(still, still, -step)) / (2 * step)
    return place, place, -turned, focal
