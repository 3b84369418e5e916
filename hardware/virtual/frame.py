"""The world's flat local frame: metres east and north of home, on the WGS 84 ellipsoid's radii there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

WGS84_A_M = 6378137.0
WGS84_E2 = 6.69437999014e-3

Number = float | NDArray[Any]


@dataclass(frozen=True, slots=True)
class LocalFrame:
    """East/north metres at ``(lat_deg, lon_deg)``; good to centimetres over a few kilometres.

    Radii of curvature after Torge & Müller, *Geodesy*, 4th ed., eqs. 4.15-4.16, taken ``height_m`` above
    the ellipsoid so that a metre is a metre on the ground, not at sea level.
    """

    lat_deg: float
    lon_deg: float
    height_m: float = 0.0
    metres_per_degree: tuple[float, float] = field(init=False, repr=False, compare=False)
    """Of latitude, and of longitude."""

    def __post_init__(self) -> None:
        sin_lat = math.sin(math.radians(self.lat_deg))
        w2 = 1.0 - WGS84_E2 * sin_lat * sin_lat
        meridian_m = WGS84_A_M * (1.0 - WGS84_E2) / w2**1.5
        normal_m = WGS84_A_M / math.sqrt(w2)
        north = math.radians(1.0) * (meridian_m + self.height_m)
        east = math.radians(1.0) * (normal_m + self.height_m) * math.cos(math.radians(self.lat_deg))
        object.__setattr__(self, "metres_per_degree", (north, east))

    def to_local(self, lat_deg: Number, lon_deg: Number) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(east_m, north_m) of geographic points."""
        per_lat, per_lon = self.metres_per_degree
        east = (np.asarray(lon_deg, np.float64) - self.lon_deg) * per_lon
        north = (np.asarray(lat_deg, np.float64) - self.lat_deg) * per_lat
        return np.asarray(east), np.asarray(north)

    def to_geographic(
        self, east_m: Number, north_m: Number
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(lat_deg, lon_deg) of local points."""
        per_lat, per_lon = self.metres_per_degree
        lat = self.lat_deg + np.asarray(north_m, np.float64) / per_lat
        lon = self.lon_deg + np.asarray(east_m, np.float64) / per_lon
        return np.asarray(lat), np.asarray(lon)
