"""Sightings as rays in one local frame, with what each cause of error does to them.

A fire at ``p``, seen from a camera at ``c`` along the unit ray ``u``, obeys across the ray
``Bᵀ(p − c) = (Bᵀ·C + ρ·Bᵀ·U)·e``: ``B`` spans the plane across the ray, ``ρ`` is the distance, and the
columns of ``C`` and ``U`` are what 1σ of each :class:`~edge.sighting.Cause` does to the camera's place and to
the ray. This is linear in ``p`` and in the errors ``e`` but for the distance, which a first guess gives well
enough. No terrain is in it: a ray that grazes the ground is as good a measurement as any other. Of a sighting
without a place on the ground, whose foot nobody knows, the bearing alone is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.pose import Pose
from edge.sighting import Cause, Sighting
from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]

CAUSES = len(Cause)
# The part of each cause's variance that is the same in all looks of a flight: judgement. GNSS wanders by a
# metre within minutes, compass and lens errors hardly change; flames flicker from look to look.
SHARED_VARIANCE = {
    Cause.EAST: 0.45,
    Cause.NORTH: 0.45,
    Cause.HEIGHT: 1.0,
    Cause.ROLL: 0.5,
    Cause.TILT: 0.5,
    Cause.HEADING: 0.9,
    Cause.PIXEL_1: 0.0,
    Cause.PIXEL_2: 0.0,
    Cause.TIME: 0.8,
    Cause.FOCAL: 1.0,
}
_SHARED = np.array([SHARED_VARIANCE[cause] for cause in Cause])
SHARED_SIGMA, OWN_SIGMA = np.sqrt(_SHARED), np.sqrt(1 - _SHARED)
PIXELS = [Cause.PIXEL_1, Cause.PIXEL_2]
# A whole radian either way: as good as nothing is known of how far below the horizon a foot is.
NO_ELEVATION_RAD = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """N rays in a local frame (east, north, up; metres)."""

    camera_m: FloatArray
    """(N, 3)"""
    direction: FloatArray
    """(N, 3)"""
    across: FloatArray
    """(N, 2, 3): two unit vectors across each ray, the first of them level."""
    by_place: FloatArray
    """(N, 2, causes): shift across the ray by 1σ of each cause that moves the camera, in metres."""
    by_turn: FloatArray
    """(N, 2, causes): shift across the ray by 1σ of each cause that turns the ray, in radians."""

    @classmethod
    def of(cls, sightings: Sequence[Sighting], frame: LocalFrame) -> Rays:
        """The rays of sightings, of one look or of many.

        The axes of ``frame`` stand for those at every camera: 10 km away they are turned by about 0.1°.
        """
        poses: dict[int, int] = {}
        distinct: list[Pose] = []
        which = np.empty(len(sightings), np.intp)
        for i, sighting in enumerate(sightings):
            key = id(sighting.pose)
            if key not in poses:
                poses[key] = len(distinct)
                distinct.append(sighting.pose)
            which[i] = poses[key]
        camera_m, moves_m, turns_rad = _of_poses(distinct, frame)
        direction = np.array([sighting.ray_enu for sighting in sightings])
        across = _across(direction)
        turned = np.zeros((len(sightings), 3, CAUSES))
        turned[:, :, _TURNS] = np.cross(turns_rad[which], direction[:, None]).transpose(0, 2, 1)
        turned[:, :, _OPTICS] = np.array([sighting.ray_effects for sighting in sightings])
        by_turn = across @ turned
        for i, sighting in enumerate(sightings):
            if sighting.slant_range_m is None:
                by_turn[i, 0, Cause.PIXEL_1] = math.hypot(*by_turn[i, 0, PIXELS])
                by_turn[i, 1, Cause.PIXEL_1], by_turn[i, 0, Cause.PIXEL_2] = 0.0, 0.0
                by_turn[i, 1, Cause.PIXEL_2] = NO_ELEVATION_RAD
        return cls(camera_m[which], direction, across, across @ moves_m[which], by_turn)

    def effects_m(self, range_m: FloatArray) -> FloatArray:
        """(N, 2, causes): shift across the ray by 1σ of each cause, at these distances (N,)."""
        return self.by_place + range_m[:, None, None] * self.by_turn

    def miss_m(self, points_m: FloatArray) -> FloatArray:
        """(N, 2): how far the rays pass by points (N, 3), across the ray."""
        missed: FloatArray = (self.across @ (points_m - self.camera_m)[..., None])[..., 0]
        return missed

    def take(self, rows: NDArray[np.intp]) -> Rays:
        """These of them."""
        return Rays(
            self.camera_m[rows],
            self.direction[rows],
            self.across[rows],
            self.by_place[rows],
            self.by_turn[rows],
        )


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
