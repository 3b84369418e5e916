"""What a ray from above meets first: the ground, or what stands on it.

``open_terrain`` makes one terrain of what a user has: an elevation file or a folder of them, and perhaps a
surface: a raster of the surface itself (DSM), or footprints of buildings with heights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flight.buildings import SUFFIXES as FOOTPRINT_SUFFIXES
from flight.buildings import Buildings
from flight.elevation_file import TerrainError
from flight.terrain import AnyArray, FloatArray, RasterTerrain, Terrain

LONGEST_NAME = 256
"""Letters of a terrain's name that an alert has room for."""


def open_terrain(dem: Path, *, surface: Path | None = None, sigma_m: float | None = None) -> Terrain:
    """The ground of a file or a folder of files, with the surface that stands on it if there is one.

    ``sigma_m`` replaces what the files are known for. Raises ``TerrainError`` with one plain line.
    """
    ground = RasterTerrain.open(dem, sigma_m=sigma_m)
    return ground if surface is None else with_surface(ground, surface, sigma_m=sigma_m)


def with_surface(ground: Terrain, surface: Path, *, sigma_m: float | None = None) -> Terrain:
    """A ground with what stands on it. Raises ``TerrainError``."""
    if not surface.exists():
        raise TerrainError(f"surface file {surface} does not exist")
    if surface.suffix.lower() in FOOTPRINT_SUFFIXES:
        return BuiltTerrain(ground, Buildings.open(surface, ground))
    return SurfaceTerrain(ground, RasterTerrain.open(surface, sigma_m=sigma_m))


class BuiltTerrain:
    """The ground with blocks on it: the higher one of ground and roof."""

    def __init__(self, ground: Terrain, buildings: Buildings) -> None:
        self._ground, self._buildings = ground, buildings
        self.name = f"{ground.name} with the buildings of {buildings.name}"[:LONGEST_NAME]
        self.sigma_m = ground.sigma_m
        self.resolution_m = min(ground.resolution_m, buildings.cell_m)

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        """Heights of the ground or the roof, whichever is higher; NaN where no ground is known."""
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        return np.fmax(self._ground.height_amsl_m(lat, lon), self._buildings.roof_amsl_m(lat, lon))


class SurfaceTerrain:
    """A raster of the surface, and the ground wherever that raster says nothing."""

    def __init__(self, ground: Terrain, surface: Terrain) -> None:
        self._ground, self._surface = ground, surface
        self.name = f"{surface.name} over {ground.name}"[:LONGEST_NAME]
        self.sigma_m = max(ground.sigma_m, surface.sigma_m)
        self.resolution_m = min(ground.resolution_m, surface.resolution_m)

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        """Heights of the surface, else of the ground; NaN where neither is known."""
        lat, lon = np.broadcast_arrays(np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64))
        heights = self._surface.height_amsl_m(lat, lon)
        unknown = np.isnan(heights)
        if unknown.any():
            heights[unknown] = self._ground.height_amsl_m(lat[unknown], lon[unknown])
        return heights
