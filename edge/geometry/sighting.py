"""A sighting: one detection put on the ground, with what is known of its error.

Its covariance is kept apart by cause (``effects_m``), because causes that are the same in every frame
(GNSS offset, compass error, ground height) must not be averaged away when frames are fused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.geometry.optics import Camera
from edge.geometry.pose import Pose
from edge.thermal.heat import Heat
from edge.vision.report import Eye

FloatArray = NDArray[np.float64]
Method = Literal["dem", "flat", "bearing-only"]
Box = tuple[float, float, float, float]

# From 1σ of an ellipse to its 90 %: the root of χ² with two degrees of freedom.
SIGMAS_90 = math.sqrt(-2 * math.log(0.1))


class Cause(IntEnum):
    """What can be wrong: the columns of ``Sighting.effects_m``."""

    EAST = 0
    NORTH = 1
    HEIGHT = 2
    """Of the camera above the ground: the autopilot's and the terrain's together."""
    ROLL = 3
    TILT = 4
    HEADING = 5
    PIXEL_1 = 6
    PIXEL_2 = 7
    TIME = 8
    FOCAL = 9


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One detection of one frame, seen from ``pose``.

    Without a position (``method`` is ``bearing-only``, ``why`` says why) only the bearing is known.
    """

    label: str
    score: float
    pixel: tuple[float, float]
    """The pixel taken as the foot of the fire or of the smoke column."""
    pixel_covariance_px2: FloatArray
    """2x2, u and v."""
    box: Box | None
    pose: Pose
    method: Method
    bearing_deg: float
    """From the camera, clockwise from true north."""
    bearing_sigma_deg: float
    half_width_deg: float
    """Half of the box's width as an angle; 0 without a box."""
    ray_enu: tuple[float, float, float]
    ray_effects: FloatArray
    """3 x 3: change of ``ray_enu`` by 1σ of PIXEL_1, PIXEL_2 and FOCAL (columns)."""
    terrain: str
    """Name of the terrain model that the ray was met with."""
    lat_deg: float | None = None
    lon_deg: float | None = None
    alt_amsl_m: float | None = None
    slant_range_m: float | None = None
    covariance_m2: FloatArray | None = None
    """2x2, east and north."""
    effects_m: FloatArray | None = None
    """2 x len(Cause): east and north displacement by 1σ of each cause; covariance_m2 is its square."""
    magnification: float = 1.0
    """How many times larger than in the whole frame the detector was shown it; 1 if found there, too."""
    camera: Camera | None = None
    """At the frame's size and zoom: with pose, pixel and terrain this is all that the rest was made of."""
    grazing: bool = False
    """The ray meets the ground so flatly that the error is not Gaussian; the covariance has been widened."""
    why: str = ""
    eye: Eye = "colour"
    """Which of the agent's cameras saw it."""
    heat: Heat | None = None
    """Its temperatures, where that was a thermal one."""


def ellipse(covariance_m2: FloatArray, confidence: float = 0.9) -> tuple[float, float, float]:
    """Semi-axes (m, larger first) and orientation of the ellipse that holds ``confidence`` of a Gaussian.

    The orientation is that of the major axis in degrees clockwise from north, in [0, 180). The factor is
    χ² with two degrees of freedom: -2 ln(1 - confidence).
    """
    values, vectors = np.linalg.eigh(covariance_m2)
    factor = -2 * math.log(1 - confidence)
    minor_m, major_m = (math.sqrt(max(float(value), 0.0) * factor) for value in values)
    east, north = float(vectors[0, 1]), float(vectors[1, 1])
    # The second modulo: a tiny negative angle modulo 180 is 180 itself in floating point.
    orientation_deg = math.degrees(math.atan2(east, north)) % 180.0 % 180.0
    return major_m, minor_m, orientation_deg
