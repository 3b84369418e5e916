"""Between the ellipsoid and the sea: the EGM96 geoid.

Satellites measure heights above the WGS 84 ellipsoid; autopilots, maps and terrain files mostly mean heights
above the sea. The two differ by the geoid's undulation, from -107 m (south of India) to +85 m (New Guinea).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float64]
AnyArray = NDArray[Any]

EGM96_FILE = Path(__file__).parent / "egm96" / "egm96_15min.tif"
POSTS_PER_DEGREE = 4
# Posts of overlap around the grid, so that the spline does not notice where it ends: the influence of a post
# falls to a quarter with every step away.
OVERLAP = 12


def undulation_m(lat_deg: AnyArray | float, lon_deg: AnyArray | float) -> FloatArray:
    """Height of the EGM96 geoid above the WGS 84 ellipsoid, shaped as the arguments broadcast.

    A cubic spline through the model's values at every 15 minutes: within 2 cm of the model itself (bilinear
    interpolation would be off by up to a metre in mountains). NaN where the latitude is none.
    """
    lat, lon = np.broadcast_arrays(np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64))
    row = (90.0 - lat) * POSTS_PER_DEGREE + OVERLAP
    col = (lon % 360.0) * POSTS_PER_DEGREE + OVERLAP
    known = (np.abs(lat) <= 90.0) & np.isfinite(lon)
    at = np.where(known, (row, col), 0.0).reshape(2, -1)
    heights = ndimage.map_coordinates(_spline(), at, order=3, prefilter=False, output=np.float64)
    return np.where(known, heights.reshape(lat.shape), np.nan)


def alt_amsl_m(
    alt_ellipsoid_m: AnyArray | float, lat_deg: AnyArray | float, lon_deg: AnyArray | float
) -> FloatArray:
    """Height above the sea (EGM96) of what is this high above the WGS 84 ellipsoid."""
    return np.asarray(alt_ellipsoid_m, np.float64) - undulation_m(lat_deg, lon_deg)


@lru_cache(maxsize=1)
def _spline() -> NDArray[np.float64]:
    """The spline's coefficients, from 90 N and 0 E on, with the globe continued past its seam and poles."""
    with rasterio.open(EGM96_FILE) as dataset:
        posts_m = dataset.read(1) * float(dataset.scales[0])
    half = posts_m.shape[1] // 2
    beyond_north = np.roll(posts_m[OVERLAP:0:-1], half, axis=1)
    beyond_south = np.roll(posts_m[-2 : -OVERLAP - 2 : -1], half, axis=1)
    globe = np.vstack([beyond_north, posts_m, beyond_south])
    globe = np.hstack([globe[:, -OVERLAP:], globe, globe[:, : OVERLAP + 1]])
    return np.asarray(ndimage.spline_filter(globe, order=3, mode="nearest"), np.float64)
