"""Where lines of sight cross: a place with its error from bearings alone. Pure.

Each camera knows a direction to what it sees and how far that may be off; two that look from different places
know where it is. Lines that run almost side by side do not: their crossing moves by kilometres for a degree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

FloatArray = NDArray[np.float64]

LEAST_ANGLE_DEG = 10.0
"""Lines that cross at less are almost parallel."""
FARTHEST_M = 15_000.0
NEAREST_M = 20.0
MOST_ERROR = 0.5
"""The larger semi-axis (90 %), to the distance from the nearest camera: beyond it is no place."""
MOST_OFF = 3.0
"""σ that a line may pass by the place."""
STEPS = 12
CHI2_90 = -2 * math.log(0.1)  # of two degrees of freedom
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Bearing:
    """One line of sight. Sigmas are 1σ; ``observer_sigma_m`` along each axis."""

    lat_deg: float
    lon_deg: float
    bearing_deg: float
    """From true north there."""
    sigma_deg: float
    observer_sigma_m: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """Where they cross; ``covariance_m2`` is 2x2, east and north."""

    lat_deg: float
    lon_deg: float
    covariance_m2: FloatArray
    angle_deg: float
    """The largest at which two of the lines cross; 90 tells most."""

    @property
    def semi_axes_m(self) -> tuple[float, float]:
        """Of the ellipse that holds it at 90 %, the larger first."""
        smaller, larger = np.sqrt(np.maximum(np.linalg.eigvalsh(self.covariance_m2), 0.0) * CHI2_90)
        return float(larger), float(smaller)

    @property
    def orientation_deg(self) -> float:
        """Of the major axis, clockwise from north, in [0, 180)."""
        east, north = np.linalg.eigh(self.covariance_m2)[1][:, 1]
        return math.degrees(math.atan2(east, north)) % 180.0 % 180.0


def triangulate(bearings: Sequence[Bearing]) -> Crossing | None:
    """The place that two or more bearings point at, by least squares weighed with their errors.

    None where they do not tell one: lines almost parallel, or running apart, or passing each other by more
    than their errors allow, or an ellipse that is as large as the distance.
    """
    if len(bearings) < 2:
        return None
    lat0_deg = float(np.mean([one.lat_deg for one in bearings]))
    lon0_deg = _mean_lon_deg([one.lon_deg for one in bearings])
    at_m = np.array([_plane_m(lat0_deg, lon0_deg, one.lat_deg, one.lon_deg) for one in bearings])
    # Meridians draw together: a camera in the east has its north a little to the west, seen from the middle.
    turned_deg = [
        ((one.lon_deg - lon0_deg + 180) % 360 - 180) * math.sin(math.radians((one.lat_deg + lat0_deg) / 2))
        for one in bearings
    ]
    angles_rad = np.radians([one.bearing_deg - turn for one, turn in zip(bearings, turned_deg, strict=True)])
    sigmas_rad = np.radians([max(one.sigma_deg, 1e-3) for one in bearings])
    angle_deg = _largest_angle_deg(angles_rad)
    if angle_deg < LEAST_ANGLE_DEG:
        return None
    moved_m = np.array([one.observer_sigma_m for one in bearings])
    found = _nearest_point(at_m, angles_rad, sigmas_rad, moved_m)
    if found is None:
        return None
    place_m, covariance_m2 = found
    lon_deg, lat_deg, _ = _GEOD.fwd(
        lon0_deg, lat0_deg, math.degrees(math.atan2(place_m[0], place_m[1])), math.hypot(*place_m)
    )
    crossing = Crossing(float(lat_deg), float(lon_deg), covariance_m2, angle_deg)
    nearest_m = float(np.linalg.norm(place_m - at_m, axis=1).min())
    return crossing if crossing.semi_axes_m[0] <= MOST_ERROR * nearest_m else None


def _nearest_point(
    at_m: FloatArray, angles_rad: FloatArray, sigmas_rad: FloatArray, moved_m: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """The point that the lines pass by least, in σ, and its covariance; None where one passes it by too far,
    points away from it, or it is too near or too far."""
    ahead = np.column_stack([np.sin(angles_rad), np.cos(angles_rad)])
    across = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    point_m = np.linalg.lstsq(across, np.sum(across * at_m, axis=1), rcond=None)[0]
    for _ in range(STEPS):
        ranges_m = np.maximum(np.linalg.norm(point_m - at_m, axis=1), NEAREST_M)
        weights = 1 / np.hypot(ranges_m * sigmas_rad, moved_m)
        rows = across * weights[:, None]
        point_m = np.linalg.lstsq(rows, weights * np.sum(across * at_m, axis=1), rcond=None)[0]
    along_m = np.sum((point_m - at_m) * ahead, axis=1)
    off = weights * np.sum((point_m - at_m) * across, axis=1)
    if along_m.min() < NEAREST_M or along_m.max() > FARTHEST_M or np.abs(off).max() > MOST_OFF:
        return None
    return point_m, np.asarray(np.linalg.inv(rows.T @ rows), np.float64)


def _largest_angle_deg(angles_rad: FloatArray) -> float:
    """At which two of these lines cross: 0 to 90."""
    apart = np.abs(np.sin(angles_rad[:, None] - angles_rad[None]))
    return math.degrees(math.asin(min(1.0, float(apart.max()))))


def _plane_m(lat0_deg: float, lon0_deg: float, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """East and north, by direction and distance on the ellipsoid."""
    azimuth_deg, _, away_m = _GEOD.inv(lon0_deg, lat0_deg, lon_deg, lat_deg)
    angle_rad = math.radians(azimuth_deg)
    return away_m * math.sin(angle_rad), away_m * math.cos(angle_rad)


def _mean_lon_deg(lons_deg: Sequence[float]) -> float:
    """Also where they are on both sides of the date line."""
    first = lons_deg[0]
    offset_deg = float(np.mean([(lon_deg - first + 180) % 360 - 180 for lon_deg in lons_deg]))
    return (first + offset_deg + 180) % 360 - 180
