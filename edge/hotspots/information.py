"""The algebra of the bundle: what looks and the ground say of places and of the errors that looks share.

The states of one hotspot are its place (east, north, up; metres) and one number for each cause of error, in
its 1σ. What is said of them is kept as information, the inverse of a covariance, and its vector (information
times the states' best values), so that more of it is a sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.geometry.rays import CAUSES, OWN_SIGMA, PIXELS, SHARED_SIGMA, Measured
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

STATES = 3 + CAUSES
# What is left at least of what looks say of a direction, when their wobble is taken off (a part, and 1/m²).
MOST_WOBBLE, LEAST_INFORMATION = 0.9, 1e-9
# A frame's own error is told by this many boxes that fit within this (σ, squared).
TOGETHER_LEAST, TOGETHER_D2, TOGETHER_PASSES = 3, 9.0, 2


def jacobian_of(measured: Measured) -> FloatArray:
    """(N, 2, states)"""
    return np.concatenate([measured.across, -measured.effects_m * SHARED_SIGMA], axis=2)


def information_of_looks(
    measured: Measured, weight: FloatArray, alike: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What each look says of the states: information (N, states, states) and its vector (N, states).

    And what of it is but the wobble of the lines of sight: (N, 3, 4), the place's information and its vector.
    """
    jacobian, own_m = jacobian_of(measured), measured.effects_m * OWN_SIGMA
    own_m[..., PIXELS] *= np.sqrt(alike)[:, None, None]
    certain = _inverse(own_m @ own_m.transpose(0, 2, 1)) * weight[:, None, None]
    weighed = jacobian.transpose(0, 2, 1) @ certain
    information = weighed @ jacobian
    vector = (weighed @ measured.at_m[..., None])[..., 0]
    sight, nothing = measured.sight, weight * measured.wobble
    along = np.concatenate([sight, (sight * measured.guess_m).sum(axis=1)[:, None]], axis=1)
    return information, vector, nothing[:, None, None] * sight[:, :, None] * along[:, None]


def without_wobble(
    information: FloatArray, vector: FloatArray, wobble: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """N sums of looks less what is but wobble, or as much of that as leaves something in every direction.

    Rays that wobble less than expected would else be left with less than no information.
    """
    place, cross, causes = information[:, :3, :3], information[:, :3, 3:], information[:, 3:, 3:]
    alone = place - cross @ np.linalg.solve(causes + np.eye(CAUSES), cross.transpose(0, 2, 1))
    alone = alone + LEAST_INFORMATION * np.eye(3)
    most = np.linalg.eigvals(np.linalg.solve(alone, wobble[:, :, :3])).real.max(axis=1)
    part = np.minimum(1.0, MOST_WOBBLE / np.maximum(most, 1e-12))
    less, less_towards = information.copy(), vector.copy()
    less[:, :3, :3] -= part[:, None, None] * wobble[:, :, :3]
    less_towards[:, :3] -= part[:, None] * wobble[:, :, 3]
    return less, less_towards


def misfit(measured: Measured, states: FloatArray, joint: FloatArray) -> FloatArray:
    """(N,) by how many σ, squared, rays pass by places."""
    jacobian, own_m = jacobian_of(measured), measured.effects_m * OWN_SIGMA
    missed_m = jacobian @ states[..., None] - measured.at_m[..., None]
    covariance_m2 = jacobian @ joint @ jacobian.transpose(0, 2, 1) + own_m @ own_m.transpose(0, 2, 1)
    return _squared(missed_m, covariance_m2)


def left_open(information: FloatArray, vector: FloatArray) -> FloatArray:
    """(N, causes, causes + 1): what is said of the common causes whatever the place may be."""
    across = information[:, 3:, :3] @ np.linalg.inv(information[:, :3, :3])
    return np.concatenate(
        [
            information[:, 3:, 3:] - across @ information[:, :3, 3:],
            vector[:, 3:, None] - across @ vector[:, :3, None],
        ],
        axis=2,
    )


def split(joint: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """N joint covariances (N, states, states) in parts: each place's own (N, 3, 3), its displacement
    (N, 3, causes) by what is left in common, and a root of that (N, causes, causes)."""
    cross_m = joint[:, :3, 3:]
    root = np.asarray(np.linalg.cholesky(joint[:, 3:, 3:]), np.float64)
    shared_m = np.asarray(np.linalg.solve(root, cross_m.transpose(0, 2, 1)), np.float64).transpose(0, 2, 1)
    return joint[:, :3, :3] - shared_m @ shared_m.transpose(0, 2, 1), shared_m, root


def misfit_in_frame(
    rows: NDArray[np.intp], missed_m: FloatArray, alone_m2: FloatArray, together: FloatArray
) -> FloatArray:
    """(K,) by how many σ, squared, pairs of one frame miss, given by what all boxes of the frame miss.

    ``rows`` (K,) says of which box each pair is; ``together`` (K, 2, causes) is what they have in common, by
    1σ of each cause, ``alone_m2`` (K, 2, 2) what they have not. The pose of a frame is off for all of its
    boxes alike: what the boxes that fit best have in common is taken off before any is judged.
    """
    causes = together.shape[2]
    across = together.transpose(0, 2, 1)
    squared = _squared(missed_m, alone_m2 + together @ across)
    weighed = across @ _inverse(alone_m2)
    for _ in range(TOGETHER_PASSES):
        order = np.lexsort((squared, rows))
        best = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
        best = best[squared[best] < TOGETHER_D2]
        if len(best) < TOGETHER_LEAST:
            break
        left = np.linalg.inv(np.eye(causes) + (weighed[best] @ together[best]).sum(axis=0))
        common = left @ (weighed[best] @ missed_m[best]).sum(axis=0)
        squared = _squared(missed_m - together @ common, alone_m2 + (together @ left) @ across)
    return squared


def _inverse(matrices: FloatArray) -> FloatArray:
    """Of N symmetric 2x2 matrices; many times faster than a general one."""
    a, b, c = matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 1]
    inverse = np.array([[c, -b], [-b, a]]) / (a * c - b * b)
    return inverse.transpose(2, 0, 1)


def _squared(missed_m: FloatArray, covariance_m2: FloatArray) -> FloatArray:
    """(N,) by how many σ, squared, N misses (N, 2, 1) are."""
    squared: FloatArray = (missed_m * (_inverse(covariance_m2) @ missed_m)).sum(axis=(1, 2))
    return squared


def information_of_ground(
    frame: LocalFrame, terrain: Terrain, guess_m: FloatArray, axes_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What a terrain says of places (N, 3): information (N, states, states) and its vector (N, states).

    The slope is a secant over the ellipse (``axes_m``: N, 2, 2), so that the ground's shape over its length
    is in it. Nothing is said where the height is not known.
    """
    ends_m = guess_m[:, None, :2] + np.concatenate([axes_m, -axes_m], axis=1)
    points_m = np.concatenate([guess_m[:, None, :2], ends_m], axis=1)
    lat_deg, lon_deg, _ = frame.to_geodetic(
        points_m[..., 0], points_m[..., 1], np.broadcast_to(guess_m[:, 2, None], points_m.shape[:2])
    )
    up_m = (
        terrain.height_amsl_m(lat_deg, lon_deg)
        - frame.alt_m
        - frame.drop_m(points_m[..., 0], points_m[..., 1])
    )
    rise_m = (up_m[:, 1:3] - up_m[:, 3:5]) / 2
    slope = np.nan_to_num(np.linalg.solve(axes_m, rise_m[..., None])[..., 0])
    row = np.zeros((len(guess_m), STATES))
    row[:, :2], row[:, 2] = -slope, 1.0
    height_m = np.where(np.isfinite(up_m[:, 0]), up_m[:, 0], 0.0) - (slope * guess_m[:, :2]).sum(axis=1)
    certain = np.isfinite(up_m[:, 0]) / terrain.sigma_m**2
    return row[:, :, None] * row[:, None] * certain[:, None, None], row * (height_m * certain)[:, None]
