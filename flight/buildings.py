"""Buildings: footprints with heights, as OpenStreetMap and open building data have them.

From them comes one number for every place: how high above the sea the roof over it is. A building is taken as
a block with a flat roof and upright walls.
"""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from flight.elevation_file import TerrainError
from flight.elevation_grid import METRES_PER_DEGREE, FloatArray
from flight.terrain import Terrain

log = logging.getLogger(__name__)

SUFFIXES = (".geojson", ".json")
CELL_M = 2.0
LARGEST_CELL_M = 5.0
MOST_CELLS = 16_000_000
"""64 MB. Up to 8 x 8 km this is a cell of ``CELL_M``; beyond 20 x 20 km it is none."""
LARGEST_FILE_BYTES = 100_000_000
LEVEL_M = 3.0
"""Of a building of which only the number of levels is known. Others take 3 to 4.5 m; a block that is too
high would hide what can be seen."""
HEIGHT_KEYS = ("height", "height_m", "building:height")
LEVEL_KEYS = ("building:levels", "levels", "num_floors")
# "12", "12 m", "40 ft", "40'"; feet and inches (40'6") by the feet.
_HEIGHT = re.compile(
    r"""^\s*(\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|ft|feet|')?(?:\s*\d+(?:\.\d+)?\s*")?\s*$""", re.I
)
_FOOT_M = 0.3048


class Buildings:
    """Roofs as a grid of square cells; reads are pure and may come from several threads."""

    def __init__(self, name: str, footprints: list[Any], heights_m: FloatArray, ground: Terrain) -> None:
        """``footprints`` are shapely polygons in longitude and latitude, each this high above the lowest
        ground under its outline (as OpenStreetMap's ``height`` is). Where no ground is known it is left out.
        """
        self.name = name
        roofs_m = heights_m + _lowest_ground_m(footprints, ground)
        known = np.isfinite(roofs_m)
        if not known.any():
            raise TerrainError(
                f"no building of {name} stands on the terrain model",
                hint="Both must be of the same place, and the buildings in longitude and latitude.",
            )
        self.count = int(known.sum())
        # Where two overlap the higher one is painted last: it is what a ray meets.
        order = [int(i) for i in np.argsort(roofs_m) if known[i]]
        west, south, east, north = shapely.total_bounds([footprints[i] for i in order])
        per_lat_m = METRES_PER_DEGREE
        per_lon_m = METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
        area_m2 = (east - west) * per_lon_m * (north - south) * per_lat_m
        self.cell_m = max(CELL_M, math.sqrt(area_m2 / MOST_CELLS))
        if self.cell_m > LARGEST_CELL_M:
            raise TerrainError(
                f"the buildings of {name} are spread over {area_m2 / 1e6:.0f} km²",
                hint="Cut out the area that will be flown, up to 20 x 20 km.",
            )
        self._per_lat, self._per_lon = per_lat_m / self.cell_m, per_lon_m / self.cell_m
        self._north, self._west = float(north), float(west)
        rows = max(1, math.ceil((north - south) * self._per_lat))
        cols = max(1, math.ceil((east - west) * self._per_lon))
        self._last_row, self._last_col = rows, cols
        grid: NDArray[np.float32] = rasterize(
            ((footprints[i], roofs_m[i]) for i in order),
            out_shape=(rows, cols),
            transform=Affine(1 / self._per_lon, 0.0, west, 0.0, -1 / self._per_lat, north),
            fill=np.nan,
            dtype="float32",
        )
        # A rim without buildings: whatever lies outside is clipped onto it.
        self._roofs_m = np.pad(grid, 1, constant_values=np.nan)

    @classmethod
    def open(cls, path: Path, ground: Terrain) -> Buildings:
        """Read a GeoJSON file of polygons with ``height`` (metres) or ``building:levels``.

        Raises ``TerrainError`` with one plain line.
        """
        footprints, heights_m, without = [], [], 0
        for feature in _features(path):
            height_m = height_of(feature.get("properties") or {})
            polygons = _polygons(feature.get("geometry"))
            if height_m is None:
                without += bool(polygons)
                continue
            footprints += polygons
            heights_m += [height_m] * len(polygons)
        if not footprints:
            raise TerrainError(
                f"buildings file {path} has no footprint with a height in it",
                hint="Each polygon needs a property `height` in metres, or `building:levels`.",
            )
        if without:
            log.info(
                "%s: %d of %d footprints have no height and count as ground",
                path.name,
                without,
                without + len(footprints),
            )
        return cls(path.name, footprints, np.array(heights_m), ground)

    def roof_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        """How high the roof over each point is; NaN where there is no building."""
        row = (self._north - lat_deg) * self._per_lat
        col = (lon_deg - self._west) * self._per_lon
        # fmin and fmax take the number where the other is NaN: a place that is none lands on the rim.
        row = np.fmin(np.fmax(np.floor(row), -1.0), self._last_row).astype(np.intp)
        col = np.fmin(np.fmax(np.floor(col), -1.0), self._last_col).astype(np.intp)
        return np.asarray(self._roofs_m[row + 1, col + 1], np.float64)


def height_of(properties: dict[str, Any]) -> float | None:
    """Metres above the ground that a footprint's properties say, or None."""
    for key in HEIGHT_KEYS:
        height_m = _metres(properties.get(key))
        if height_m is not None:
            return height_m
    for key in LEVEL_KEYS:
        levels = _metres(properties.get(key))
        if levels is not None:
            # A level more where there is one under the roof: `building:levels` does not count it.
            return LEVEL_M * (levels + (_metres(properties.get("roof:levels")) or 0.0))
    return None


def _metres(value: object) -> float | None:
    if isinstance(value, str):
        found = _HEIGHT.match(value)
        if found is None:
            return None
        number = float(found[1].replace(",", "."))
        value = number * (_FOOT_M if (found[2] or "m").lower() in ("ft", "feet", "'") else 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Data sets write -1 or 0 where they do not know.
    return float(value) if math.isfinite(value) and value > 0 else None


def _features(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise TerrainError(
                f"buildings file {path} is larger than {LARGEST_FILE_BYTES // 1_000_000} MB",
                hint="Cut out the area that will be flown.",
            )
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TerrainError(f"buildings file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TerrainError(f"buildings file {path} is not GeoJSON: {error}") from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise TerrainError(f"buildings file {path} is not a GeoJSON FeatureCollection")
    system = json.dumps(content.get("crs", "CRS84"))
    if not re.search(r"CRS84|EPSG:+4326", system):
        raise TerrainError(
            f"buildings file {path} is not in longitude and latitude (WGS 84)",
            hint="Export it as RFC 7946 says.",
        )
    return features


def _polygons(geometry: object) -> list[Any]:
    """The polygons of a GeoJSON geometry that can be used; a broken one is mended or left out."""
    try:
        shape = shapely.geometry.shape(geometry)
    except (shapely.errors.ShapelyError, AttributeError, KeyError, TypeError, ValueError, IndexError):
        return []
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    parts = shapely.get_parts(shape)
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]


def _lowest_ground_m(footprints: list[Any], ground: Terrain) -> FloatArray:
    corners, owner = shapely.get_coordinates(footprints, return_index=True)
    heights_m = ground.height_amsl_m(corners[:, 1], corners[:, 0])
    first = np.searchsorted(owner, np.arange(len(footprints)))
    # NaN wins: ground that is known under one corner only is not known.
    lowest: FloatArray = np.minimum.reduceat(heights_m, first)
    return lowest
