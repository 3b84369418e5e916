"""Sightings as rays in one local frame, with what each cause of error does to them.

A fire at ``p``, seen from a camera at ``c`` along the unit ray ``u``, obeys across the ray
``Bᵀ(p − c) = (Bᵀ·C + ρ·Bᵀ·U)·e``: ``B`` spans the plane across the ray, ``ρ`` is the distance, and the
columns of ``C`` and ``U`` are what 1σ of each :class:`~edge.geometry.sighting.Cause` does to the camera's
place and to the ray. This is linear in ``p`` and in the errors ``e`` but for the distance, which a first
guess gives well enough. No terrain is in it: a ray that grazes the ground is as good a measurement as any
other. Of a sighting without a place on the ground, whose foot nobody knows, the bearing alone is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry.pose import Pose
from edge.geometry.sighting import Cause, Sighting
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

CAUSES = len(Cause)
# The part of each cause's variance that is the same in all looks of a flight: judgement. GNSS wanders by a
# metre within minutes, compass and lens errors hardly change; flames flicker from look to look.
SHARED_VARIANCE = {
    Cause.EAST: 0.45,
    Cause.NORTH: 0.45,
    Cause.HEIGHT: 0.6,
    Cause.ROLL: 0.5,
    Cause.TILT: 0.5,
    Cause.HEADING: 0.8,
    Cause.PIXEL_1: 0.0,
    Cause.PIXEL_2: 0.0,
    Cause.TIME: 0.8,
    Cause.FOCAL: 1.0,
}
_SHARED = np.array([SHARED_VARIANCE[cause] for cause in Cause])
SHARED_SIGMA, OWN_SIGMA = np.sqrt(_SHARED), np.sqrt(1 - _SHARED)
# A camera that never moves is wrong by the same in every look: the common part has to be all of it.
_STEADY = 1 / np.where(_SHARED > 0, SHARED_SIGMA, 1.0)
PIXELS = [Cause.PIXEL_1, Cause.PIXEL_2]
# A whole radian either way: as good as nothing is known of how far below the horizon a foot is.
NO_ELEVATION_RAD = 1.0
# A thing known by its bearing alone is somewhere within this, until rays cross.
FAR_M = 3000.0


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """N rays in a local frame (east, north, up; metres)."""

    camera_m: FloatArray
    """(N, 3)"""
    direction: FloatArray
    """(N, 3)"""
    moves_m: FloatArray
    """(N, 3, causes): what 1σ of each cause moves the camera by."""
    turns: FloatArray
    """(N, 3, causes): what 1σ of each cause changes the direction by."""

    @classmethod
    def of(cls, sightings: Sequence[Sighting], frame: LocalFrame) -> Rays:
        """The rays of sightings, of one look or of many.

        The axes of ``frame`` stand for those at every camera: 10 km away they are turned by about 0.1°.
        """
        number: dict[int, int] = {}
        poses: list[Pose] = []
        for sighting in sightings:
            if id(sighting.pose) not in number:
                number[id(sighting.pose)] = len(poses)
                poses.append(sighting.pose)
        which = np.array([number[id(sighting.pose)] for sighting in sightings])
        camera_m, moves_m, turns_rad = _of_poses(poses, frame)
        direction = np.array([sighting.ray_enu for sighting in sightings])
        turns = np.zeros((len(sightings), 3, CAUSES))
        turns[:, :, _TURNS] = np.cross(turns_rad[which], direction[:, None]).transpose(0, 2, 1)
        turns[:, :, _OPTICS] = np.array([sighting.ray_effects for sighting in sightings])
        footless = [i for i, sighting in enumerate(sightings) if sighting.slant_range_m is None]
        if footless:
            level, upright = _across(direction[footless]).transpose(1, 0, 2)
            aside = np.einsum("ni,nij->nj", level, turns[footless][:, :, PIXELS])
            turns[footless, :, Cause.PIXEL_1] = level * np.linalg.norm(aside, axis=1)[:, None]
            turns[footless, :, Cause.PIXEL_2] = upright * NO_ELEVATION_RAD
        return cls(camera_m[which], direction, moves_m[which], turns)

    def take(self, rows: NDArray[np.intp]) -> Rays:
        """These of them."""
        return Rays(self.camera_m[rows], self.direction[rows], self.moves_m[rows], self.turns[rows])

    def seen_at(self, guess_m: FloatArray) -> Measured:
        """What the rays say of things that are near these points (N, 3); NaN where nothing is known of one.

        The plane across the line of sight must not follow the noise, or the wobble of the rays looks like
        parallax and draws every place towards the camera. The best line of sight lies between the
        ray and the line from the camera to the guess, as much nearer to the ray as the camera's place is more
        in doubt than the ray's direction.
        """
        known: NDArray[np.bool_] = np.isfinite(guess_m[:, 0])
        away_m = np.where(known[:, None], guess_m - self.camera_m, FAR_M * self.direction)
        range_m = np.maximum(np.linalg.norm(away_m, axis=1), 1.0)
        sight = away_m / range_m[:, None]
        across = _across(sight)
        moved_m2 = ((across @ (self.moves_m * OWN_SIGMA)) ** 2).sum(axis=2)
        turned_m2 = ((across @ (self.turns * OWN_SIGMA)) ** 2).sum(axis=2) * range_m[:, None] ** 2
        place_part = moved_m2 / (moved_m2 + turned_m2)
        aside = (across @ self.direction[..., None])[..., 0] * place_part
        sight = sight + (aside[:, None] @ across)[:, 0]
        sight /= np.linalg.norm(sight, axis=1, keepdims=True)
        across = _across(sight)
        along = (sight * self.direction).sum(axis=1)
        point_m = self.camera_m + (range_m / np.maximum(along, 0.1))[:, None] * self.direction
        effects_m = across @ (self.moves_m + range_m[:, None, None] * self.turns)
        # What is left of the wobble draws nowhere, but looks like this much information on the distance.
        wobble = np.where(known, (place_part * (1 - place_part)).sum(axis=1), 0.0) / range_m**2
        return Measured(
            across,
            (across @ point_m[..., None])[..., 0],
            effects_m,
            range_m,
            sight,
            self.camera_m + away_m,
            wobble,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Where N things are across N lines of sight: ``across @ thing = at_m + effects_m @ errors``."""

    across: FloatArray
    """(N, 2, 3): two unit vectors across each line of sight, the first of them level."""
    at_m: FloatArray
    """(N, 2)"""
    effects_m: FloatArray
    """(N, 2, causes): by 1σ of each cause."""
    range_m: FloatArray
    """(N,): as far as the things were taken to be."""
    sight: FloatArray
    """(N, 3): the lines of sight."""
    guess_m: FloatArray
    """(N, 3): where the things were taken to be."""
    wobble: FloatArray
    """(N,): information on the distance (1/m²) that is none, being noise."""


_TURNS = [Cause.ROLL, Cause.TILT, Cause.HEADING, Cause.TIME]
_OPTICS = [Cause.PIXEL_1, Cause.PIXEL_2, Cause.FOCAL]


def _of_poses(poses: Sequence[Pose], frame: LocalFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cameras (M, 3), what moves them (M, 3, causes), and small turns (M, 4, 3) in the order of _TURNS."""
    place = np.array([(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m) for pose in poses]).T
    camera_m = np.column_stack(frame.from_geodetic(place[0], place[1], place[2]))
    moves_m = np.zeros((len(poses), 3, CAUSES))
    turns_rad = np.zeros((len(poses), 4, 3))
    for i, pose in enumerate(poses):
        sigmas = pose.sigmas
        moves_m[i, 0, Cause.EAST] = moves_m[i, 1, Cause.NORTH] = sigmas.horizontal_m
        moves_m[i, 2, Cause.HEIGHT] = sigmas.vertical_m
        moves_m[i, :, Cause.TIME] = sigmas.time_s * np.array(pose.velocity_enu_m_s)
        level_rad = math.radians(math.hypot(sigmas.attitude_deg, sigmas.gimbal_deg))
        turns_rad[i, :3] = level_axes(pose.camera_to_enu)
        turns_rad[i, :2] *= level_rad
        turns_rad[i, 2] *= math.radians(math.hypot(sigmas.heading_deg, sigmas.gimbal_deg))
        turns_rad[i, 3] = sigmas.time_s * np.array(pose.turn_rate_enu_rad_s)
        if pose.steady:
            moves_m[i] *= _STEADY
            turns_rad[i] *= _STEADY[_TURNS, None]
    return camera_m, moves_m, turns_rad


def level_axes(camera_to_enu: FloatArray) -> FloatArray:
    """Rows: forward and right in the horizontal plane as the picture lies, and up."""
    right_east, right_north = float(camera_to_enu[0, 0]), float(camera_to_enu[1, 0])
    length = math.hypot(right_east, right_north)
    if length > 1e-3:
        right_east, right_north = right_east / length, right_north / length
    else:
        right_east, right_north = 1.0, 0.0
    return np.array([[-right_north, right_east, 0.0], [right_east, right_north, 0.0], [0.0, 0.0, 1.0]])


def _across(direction: FloatArray) -> FloatArray:
    """(N, 2, 3): for each unit vector a level one and a third, square to each other."""
    level = np.column_stack([direction[:, 1], -direction[:, 0], np.zeros(len(direction))])
    length = np.linalg.norm(level, axis=1, keepdims=True)
    level = np.where(length > 1e-9, level / np.maximum(length, 1e-9), [1.0, 0.0, 0.0])
    return np.stack([level, np.cross(direction, level)], axis=1)
