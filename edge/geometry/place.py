"""A position fused from many looks, as others see it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry.sighting import Method

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A fused position. ``at_s`` is the capture time of the latest sighting in it."""

    at_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    local_m: tuple[float, float, float]
    """East, north, up in the frame that all places of its fusion share."""
    own_m2: FloatArray
    """3x3 covariance (east, north, up) of what is this place's own."""
    shared_m: FloatArray
    """3 x causes: displacement by what is left of the errors that all places of a flight share."""
    grazing: bool
    """No ray to it has met the ground at more than a grazing angle."""
    method: Method
    looks: int
    covariance_m2: FloatArray
    """2x2, east and north: all of the error."""
    semi_major_m: float
    """Of the ellipse that holds 90 %."""

    def offset_to(self, other: Place) -> tuple[FloatArray, FloatArray]:
        """To another place of the same fusion (east, north; m), and the offset's 2x2 covariance."""
        apart_m = (other.shared_m - self.shared_m)[:2]
        own_m2 = (self.own_m2 + other.own_m2)[:2, :2]
        return np.subtract(other.local_m, self.local_m)[:2], own_m2 + apart_m @ apart_m.T

    def distance_m(self, other: Place) -> float:
        """Over ground, to another place of the same fusion."""
        return math.hypot(other.local_m[0] - self.local_m[0], other.local_m[1] - self.local_m[1])
