"""A place in the grids that rescuers' maps have: UTM, and MGRS made from it. WGS 84.

Between 80° south and 84° north; nearer to the poles other grids hold, and there is none here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from pyproj import Transformer

BANDS = "CDEFGHJKLMNPQRSTUVWX"
SOUTHERNMOST_DEG, NORTHERNMOST_DEG = -80.0, 84.0
# Squares of 100 km: columns in three sets, rows in two, without I and O.
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_SQUARE_M = 100_000


@dataclass(frozen=True, slots=True)
class Utm:
    """``band`` is the letter of the latitude: N and later is the northern half."""

    zone: int
    band: str
    easting_m: float
    northing_m: float

    def __str__(self) -> str:
        return f"{self.zone}{self.band} {self.easting_m:.0f} mE {self.northing_m:.0f} mN"

    @property
    def mgrs(self) -> str:
        """To the metre; digits are cut off and not rounded, as the grid has it."""
        column = _COLUMNS[(self.zone - 1) % 3][int(self.easting_m // _SQUARE_M) - 1]
        shifted = 0 if self.zone % 2 else 5
        row = _ROWS[(int(self.northing_m // _SQUARE_M) + shifted) % len(_ROWS)]
        east, north = int(self.easting_m % _SQUARE_M), int(self.northing_m % _SQUARE_M)
        return f"{self.zone}{self.band} {column}{row} {east:05d} {north:05d}"


def utm_of(lat_deg: float, lon_deg: float) -> Utm | None:
    """None near the poles."""
    if not SOUTHERNMOST_DEG <= lat_deg <= NORTHERNMOST_DEG:
        return None
    zone = _zone(lat_deg, lon_deg)
    east_m, north_m = _transformer(zone, lat_deg >= 0).transform(lon_deg, lat_deg)
    band = BANDS[min(int((lat_deg - SOUTHERNMOST_DEG) // 8), len(BANDS) - 1)]
    return Utm(zone, band, float(east_m), float(north_m))


def _zone(lat_deg: float, lon_deg: float) -> int:
    """With the exceptions for the south-west of Norway and for Svalbard."""
    zone = min(60, math.floor((lon_deg + 180) / 6) + 1)
    if 56 <= lat_deg < 64 and 3 <= lon_deg < 12:
        return 32
    if lat_deg >= 72 and 0 <= lon_deg < 42:
        return 31 if lon_deg < 9 else 33 if lon_deg < 21 else 35 if lon_deg < 33 else 37
    return zone


@lru_cache(maxsize=8)
def _transformer(zone: int, north: bool) -> Transformer:
    return Transformer.from_crs(
        "EPSG:4326", f"EPSG:{32600 + zone if north else 32700 + zone}", always_xy=True
    )
