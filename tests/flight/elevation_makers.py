"""Elevation files to read: small ones, written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from flight.terrain import Terrain

FloatArray = NDArray[np.float64]
Ground = Callable[[FloatArray, FloatArray], FloatArray]


def write_geotiff(path: Path, heights: NDArray[Any], **profile: Any) -> Path:
    settings: dict[str, Any] = {
        "driver": "GTiff",
        "height": heights.shape[0],
        "width": heights.shape[1],
        "count": 1,
        "dtype": str(heights.dtype),
        "crs": "EPSG:4326",
        # Post (0, 0) stands at 149.0 E, 35.0 S: the origin is the corner of its pixel.
        "transform": from_origin(149.0 - 0.0005, -35.0 + 0.0005, 0.001, 0.001),
    }
    with rasterio.open(path, "w", **(settings | profile)) as dataset:
        dataset.write(heights, 1)
    return path


def height_at(terrain: Terrain, lat_deg: float, lon_deg: float) -> float:
    return float(terrain.height_amsl_m(np.array(lat_deg), np.array(lon_deg)))


def slope(rows: int = 5, cols: int = 5) -> NDArray[Any]:
    """Ten metres up per post to the east, one metre up per post to the south."""
    row, col = np.mgrid[0:rows, 0:cols]
    heights: NDArray[Any] = (500.0 + 10.0 * col + 1.0 * row).astype(np.float32)
    return heights


def write_hgt(path: Path) -> Path:
    """A 3-arc-second SRTM tile of 149 E, 36 S: 100 m at its first post, a metre more with every row south."""
    rows = np.mgrid[0:1201, 0:1201][0]
    path.write_bytes((100 + rows).astype(">i2").tobytes())
    return path


def write_tile(folder: Path, lat: int, lon: int, ground: Ground, *, posts: int = 1201) -> Path:
    """An SRTM tile (posts on its borders, shared with its neighbours) of some ground, to a metre."""
    name = f"{'N' if lat >= 0 else 'S'}{abs(lat):02}{'E' if lon >= 0 else 'W'}{abs(lon):03}.hgt"
    lats, lons = np.meshgrid(
        np.linspace(lat + 1, lat, posts), np.linspace(lon, lon + 1, posts), indexing="ij"
    )
    heights = np.round(ground(lats, lons)).astype(">i2")
    (folder / name).write_bytes(np.ascontiguousarray(heights).tobytes())
    return folder / name
