"""What a look from somewhere would leave of a fire's error ellipse, reckoned before anybody flies there.

A look tells little along the line of sight and more across it, the less the flatter and the farther it is.
What is wrong in the same way in every look of a flight (compass, GNSS offset, the model's ground) does not
average out: it only cancels between looks from different sides. So it is carried along, and the second view
is judged by what it adds to the first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry.pose import PoseSigmas
from edge.geometry.rays import SHARED_VARIANCE
from edge.geometry.sighting import Cause
from edge.hotspots.spot import ALIKE

FloatArray = NDArray[np.float64]

# What is wrong in a look, in the order of the columns of ``effects_m``, and the part of each one's variance
# that is the same in all looks of a flight, as the fusion has it. Height is the ground's too, whose error at
# one place never changes. The last two: the foot of the flames in the picture, across and along.
COMMON_VARIANCE = {
    "east": SHARED_VARIANCE[Cause.EAST],
    "north": SHARED_VARIANCE[Cause.NORTH],
    "height": 1.0,
    "roll": SHARED_VARIANCE[Cause.ROLL],
    "tilt": SHARED_VARIANCE[Cause.TILT],
    "heading": SHARED_VARIANCE[Cause.HEADING],
    "foot across": ALIKE["fire"],
    "foot along": ALIKE["fire"],
}
_COMMON = np.sqrt(list(COMMON_VARIANCE.values()))
_OWN = np.sqrt(1 - _COMMON**2)
# Four pixels of a 78° picture that is 1280 wide: ``edge.geometry.foot``'s least.
FOOT_SIGMA_RAD = math.radians(0.3)
LOOKS = 8.0  # independent ones from one view: attitude and flames change over about a second


@dataclass(frozen=True, slots=True)
class ViewGeometry:
    """How a fire is seen from somewhere. Flat ground is enough to tell views apart."""

    bearing_deg: float
    """Of the camera, seen from the fire."""
    distance_m: float
    """Over ground."""
    above_m: float
    """Height of the camera above the fire; more than 0."""


def effects_m(view: ViewGeometry, sigmas: PoseSigmas, ground_sigma_m: float) -> FloatArray:
    """2 x 8: how far east and north 1σ of each cause moves what is seen from there."""
    bearing_rad = math.radians(view.bearing_deg)
    along = -np.array([math.sin(bearing_rad), math.cos(bearing_rad)])
    right = np.array([along[1], -along[0]])
    slant_m = math.hypot(view.distance_m, view.above_m)
    sin_down = view.above_m / slant_m
    level_rad = math.radians(math.hypot(sigmas.attitude_deg, sigmas.gimbal_deg))
    turn_rad = math.radians(math.hypot(sigmas.heading_deg, sigmas.gimbal_deg))
    height_m = math.hypot(sigmas.vertical_m, ground_sigma_m)
    columns = [
        np.array([sigmas.horizontal_m, 0.0]),
        np.array([0.0, sigmas.horizontal_m]),
        along * height_m * view.distance_m / view.above_m,
        right * slant_m * sin_down * level_rad,
        along * slant_m / sin_down * level_rad,
        right * view.distance_m * turn_rad,
        right * slant_m * FOOT_SIGMA_RAD,
        along * slant_m / sin_down * FOOT_SIGMA_RAD,
    ]
    return np.column_stack(columns)


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """A fire's place and the errors common to all looks, together: a covariance (10 x 10) of east and north
    (m) and of each cause in units of its own 1σ."""

    covariance: FloatArray

    @classmethod
    def of(cls, covariance_m2: FloatArray) -> Outlook:
        """Before the first look; ``covariance_m2`` is the fire's, 2x2."""
        covariance = np.eye(2 + len(_COMMON))
        covariance[:2, :2] = covariance_m2
        return cls(covariance)

    def left_m2(self, effects_m: FloatArray) -> FloatArray:
        """The fire's covariance (N, 2, 2) after a look of these effects (N, 2, 8), each by itself."""
        joint, noise_m2 = _observation(effects_m)
        carried = joint @ self.covariance
        gain = carried[..., :2].swapaxes(-1, -2) @ np.linalg.inv(carried @ joint.swapaxes(-1, -2) + noise_m2)
        left: FloatArray = self.covariance[:2, :2] - gain @ carried[..., :2]
        return left

    def looked(self, effects_m: FloatArray) -> Outlook:
        """After a look of these effects (2, 8)."""
        joint, noise_m2 = _observation(effects_m)
        carried = joint @ self.covariance
        gain = carried.T @ np.linalg.inv(carried @ joint.T + noise_m2)
        covariance = self.covariance - gain @ carried
        return Outlook((covariance + covariance.T) / 2)


def _observation(effects_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a look tells of (… x 2 x 10), and the covariance (… x 2 x 2) of what averages out within it."""
    place = np.broadcast_to(np.eye(2), (*effects_m.shape[:-1], 2))
    own = effects_m * _OWN
    return (
        np.concatenate([place, effects_m * _COMMON], axis=-1),
        own @ own.swapaxes(-1, -2) / LOOKS,
    )
