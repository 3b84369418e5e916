"""What a fused position was made of, in a few sums: kept with its alert, so that it can be solved anew.

``edge.hotspots.fusion`` looks for the states (place: east, north, up; then the common causes of error, in
their 1σ) that agree best with all looks, the ground and what other fires of the flight have told. Each of
these says its part as an information matrix and its vector, side by side in one table; their sum, solved, is
the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.local_frame import LocalFrame

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A position that comes out of a bundle."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    covariance_m2: FloatArray
    """2x2, east and north."""
    common_m2: FloatArray
    """The part of it that is left of the errors that all looks of the flight have in common."""


@dataclass(frozen=True, slots=True, eq=False)
class BundleRecord:
    """Tables are (n, n + 1): information and, as the last column, its vector. Metres are counted from
    ``lat_deg``, ``lon_deg``, ``alt_amsl_m``."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    looks: FloatArray
    """Of all states: what its own looks say, the later ones more."""
    ground: FloatArray
    """Of all states: what the terrain model says of its height."""
    others: FloatArray
    """Of the common causes: what is known of them beforehand, and what other fires say."""
    foot_m2: FloatArray
    """3x3, added to the place's covariance: where a smoke's foot may be."""
    widened: float
    """The errors are made larger by this, because no ray has met the ground steeply."""

    def solve(self) -> Solved:
        """The position and its error."""
        total = self.looks + self.ground
        total[3:, 3:] += self.others
        joint = np.asarray(np.linalg.inv(total[:, :-1]), np.float64)
        east_m, north_m, up_m = (np.array(x) for x in (joint @ total[:, -1])[:3])
        frame = LocalFrame(self.lat_deg, self.lon_deg, self.alt_amsl_m)
        lat_deg, lon_deg, alt_amsl_m = (float(x) for x in frame.to_geodetic(east_m, north_m, up_m))
        common_m2 = joint[:3, 3:] @ np.asarray(np.linalg.solve(joint[3:, 3:], joint[3:, :3]), np.float64)
        covariance_m2 = self.widened**2 * (joint[:3, :3] + self.foot_m2)
        return Solved(
            lat_deg, lon_deg, alt_amsl_m, covariance_m2[:2, :2], self.widened**2 * common_m2[:2, :2]
        )
