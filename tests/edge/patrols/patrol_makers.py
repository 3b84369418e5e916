"""Patrol files, and a small terrain model on the disk, for the tests of patrols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from flight.plans.patrol_file import PatrolFile
from flight.terrain import RasterTerrain
from tests.flight.plan_makers import HOME, at

POST_DEG = 1 / 3600  # as SRTM's
HALF_DEG = 0.02


def write_dem(path: Path, *, steepness: float = 1.0) -> Path:
    """A GeoTIFF of 2 km each way around home: hills of about 40 m, 500 m apart, and a ridge in the north."""
    count = round(2 * HALF_DEG / POST_DEG)
    west, north = HOME.lon_deg - HALF_DEG, HOME.lat_deg + HALF_DEG
    rows, columns = np.indices((count, count)) * POST_DEG * 111_320.0
    north_m = HALF_DEG * 111_320.0 - rows
    east_m = (columns - HALF_DEG * 111_320.0) * np.cos(np.radians(HOME.lat_deg))
    waves = np.sin(east_m / 80.0) * np.cos(north_m / 110.0) + 1.5 * np.exp(-(((north_m - 500) / 60.0) ** 2))
    heights_m = (HOME.alt_amsl_m + steepness * 20.0 * waves).astype(np.float32)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=count,
        height=count,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(west, north, POST_DEG, POST_DEG),
    ) as dataset:
        dataset.write(heights_m, 1)
    return path


def dem(folder: Path, *, steepness: float = 1.0) -> RasterTerrain:
    return RasterTerrain.open(write_dem(folder / "dem.tif", steepness=steepness))


def box(west_m: float, south_m: float, east_m: float, north_m: float) -> list[tuple[float, float]]:
    """A ring of (lat, lon)."""
    return [at(west_m, south_m), at(east_m, south_m), at(east_m, north_m), at(west_m, north_m)]


def patrol(**changes: Any) -> PatrolFile:
    """A patrol over a box of 500 m by 400 m beside home, 60 m up, looking down and ahead."""
    said: dict[str, Any] = {
        "name": "west paddock",
        "home": (HOME.lat_deg, HOME.lon_deg),
        "home_alt_amsl_m": HOME.alt_amsl_m,
        "area": box(-550, -200, -50, 200),
        "camera": "virtual_78",
        "height_agl_m": 60.0,
    }
    said |= changes
    return PatrolFile.model_validate({key: value for key, value in said.items() if value is not None})
