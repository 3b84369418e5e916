"""The ground the drone flies over: heights above sea level from an elevation file.

All heights here are orthometric, in metres above mean sea level (EGM96 for SRTM), as the pose's
``alt_amsl_m`` is: the two meet in one datum (flight rule 36). A file that says it holds heights above
the ellipsoid is refused, because it would be wrong by tens of metres without anybody noticing.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyproj
import rasterio
import rasterio.errors
from numpy.typing import NDArray

from flight.errors import EmberwatchError

FloatArray = NDArray[np.float64]
AnyArray = NDArray[Any]

# SRTM's measured error is 5.6 to 9.0 m LE90 by continent (Rodríguez et al. 2006, table 1), which is
# 3.4 to 5.5 m at 1σ. A file that does not say its error gets the middle of that.
DEFAULT_SIGMA_M = 4.5
LARGEST_RASTER_PX = 150_000_000  # 600 MB as float32: more than this does not belong into a companion's memory
RASTER_SUFFIXES = (".hgt", ".tif", ".tiff")
METRES_PER_DEGREE = 111_320.0


class TerrainError(EmberwatchError):
    """An elevation file cannot be used."""


class Terrain(Protocol):
    """Ground heights. ``sigma_m`` is their 1σ error, ``resolution_m`` the distance between posts."""

    @property
    def name(self) -> str: ...
    @property
    def sigma_m(self) -> float: ...
    @property
    def resolution_m(self) -> float: ...

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        """Heights at these points, shaped as the arguments broadcast; NaN where nothing is known."""
        ...


class FlatTerrain:
    """The ground where no elevation is known: one height everywhere.

    ``sigma_m`` should be honest about that: hills are what this model leaves out.
    """

    def __init__(self, alt_amsl_m: float, *, sigma_m: float = 30.0, resolution_m: float = 30.0) -> None:
        if not math.isfinite(alt_amsl_m):
            raise TerrainError(f"flat ground at {alt_amsl_m} m is no ground")
        self.name = "flat"
        self.alt_amsl_m = alt_amsl_m
        self.sigma_m = sigma_m
        self.resolution_m = resolution_m

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        """The one height, in the shape of the arguments (NaN in, NaN out)."""
        return np.asarray(lat_deg, np.float64) * 0.0 + np.asarray(lon_deg, np.float64) * 0.0 + self.alt_amsl_m


class RasterTerrain:
    """An elevation grid held whole in memory, interpolated bilinearly between the posts' centres.

    Reads are pure and may come from several threads.
    """

    def __init__(
        self,
        name: str,
        heights_m: NDArray[np.float32],
        pixel_from_crs: tuple[float, float, float, float, float, float],
        to_crs: pyproj.Transformer | None,
        resolution_m: float,
        sigma_m: float = DEFAULT_SIGMA_M,
    ) -> None:
        """``heights_m`` (rows, columns) with NaN at holes; ``pixel_from_crs`` the affine a, b, c, d, e, f of
        column = a·x + b·y + c, row = d·x + e·y + f with (0, 0) in the centre of the first post;
        ``to_crs`` from longitude, latitude (WGS 84) to x, y, or None where these are the same.
        """
        self.name = name
        self.sigma_m = sigma_m
        self.resolution_m = resolution_m
        self._heights_m = heights_m
        self._pixel_from_crs = pixel_from_crs
        self._to_crs = to_crs

    @classmethod
    def open(cls, path: Path | str, *, sigma_m: float = DEFAULT_SIGMA_M) -> RasterTerrain:
        """Read a GeoTIFF, an SRTM ``.hgt``, or a zip with one of these in it.

        Raises ``TerrainError`` with one plain line when the file is missing, broken, has no place on earth,
        or holds heights above the ellipsoid.
        """
        path = Path(path)
        if not path.is_file():
            raise TerrainError(f"terrain file {path} does not exist")
        source = _inside_zip(path) if path.suffix.lower() == ".zip" else str(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
                with rasterio.open(source) as dataset:
                    return cls._read(path, dataset, sigma_m)
        except (rasterio.errors.RasterioError, pyproj.exceptions.ProjError) as error:
            raise TerrainError(
                f"terrain file {path} cannot be read: {_first_line(error)}",
                hint="It must be a whole GeoTIFF or SRTM .hgt file (or a zip with one).",
            ) from error

    @classmethod
    def _read(cls, path: Path, dataset: Any, sigma_m: float) -> RasterTerrain:
        if dataset.crs is None or dataset.transform.is_identity:
            raise TerrainError(
                f"terrain file {path} does not say where on earth it is",
                hint="Export it with its coordinate system.",
            )
        if dataset.width * dataset.height > LARGEST_RASTER_PX:
            raise TerrainError(
                f"terrain file {path} is too large ({dataset.width} x {dataset.height} posts)",
                hint="Cut out the area that will be flown.",
            )
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
        if _is_ellipsoidal(crs):
            raise TerrainError(
                f"terrain file {path} holds heights above the ellipsoid ({crs.name})",
                hint="Convert it to heights above sea level (EGM96) first.",
            )
        heights = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
        heights = heights * np.float32(dataset.scales[0]) + np.float32(dataset.offsets[0])
        if not np.isfinite(heights).any():
            raise TerrainError(f"terrain file {path} has no height in it")
        inverse = ~dataset.transform
        is_wgs84 = crs.equals("EPSG:4326", ignore_axis_order=True)
        return cls(
            path.name,
            np.ascontiguousarray(heights),
            (inverse.a, inverse.b, inverse.c - 0.5, inverse.d, inverse.e, inverse.f - 0.5),
            None if is_wgs84 else pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True),
            _resolution_m(dataset, crs),
            sigma_m,
        )

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        """Bilinear heights; the outer half post has the edge's height. NaN beyond it and beside a hole."""
        lat, lon = np.broadcast_arrays(np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64))
        x, y = (lon, lat) if self._to_crs is None else self._to_crs.transform(lon, lat)
        a, b, c, d, e, f = self._pixel_from_crs
        col, row = a * x + b * y + c, d * x + e * y + f
        rows, cols = self._heights_m.shape
        with np.errstate(invalid="ignore"):
            inside = (col >= -0.5) & (col <= cols - 0.5) & (row >= -0.5) & (row <= rows - 0.5)
        col = np.clip(np.where(inside, col, 0.0), 0.0, cols - 1.0)
        row = np.clip(np.where(inside, row, 0.0), 0.0, rows - 1.0)
        left = np.minimum(col.astype(np.intp), max(cols - 2, 0))
        top = np.minimum(row.astype(np.intp), max(rows - 2, 0))
        right, bottom = np.minimum(left + 1, cols - 1), np.minimum(top + 1, rows - 1)
        u, v = col - left, row - top
        height = (
            self._weighted(top, left, (1 - v) * (1 - u))
            + self._weighted(top, right, (1 - v) * u)
            + self._weighted(bottom, left, v * (1 - u))
            + self._weighted(bottom, right, v * u)
        )
        return np.where(inside, height, np.nan)

    def _weighted(self, row: NDArray[np.intp], col: NDArray[np.intp], weight: FloatArray) -> FloatArray:
        # A hole counts only where it has weight: exactly on a good post its neighbours do not matter.
        return np.where(weight > 0.0, self._heights_m[row, col] * weight, 0.0)


def _inside_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(RASTER_SUFFIXES)]
    except (zipfile.BadZipFile, OSError) as error:
        raise TerrainError(f"terrain file {path} is not a whole zip file ({error})") from error
    if len(names) != 1:
        found = "no elevation file" if not names else f"{len(names)} elevation files"
        raise TerrainError(f"terrain file {path} has {found} in it", hint="It must hold one .hgt or .tif.")
    return f"/vsizip/{path.resolve()}/{names[0]}"


def _is_ellipsoidal(crs: pyproj.CRS) -> bool:
    # A coordinate system of three axes and no vertical part of its own measures from the ellipsoid.
    return len(crs.axis_info) == 3 and not any(part.is_vertical for part in crs.sub_crs_list)


def _resolution_m(dataset: Any, crs: pyproj.CRS) -> float:
    """The mean distance between posts in the middle of the grid."""
    width, height = (float(size) for size in dataset.res)
    if not crs.is_geographic:
        unit = crs.axis_info[0].unit_conversion_factor
        return math.sqrt(width * height) * unit
    middle_lat_deg = (dataset.bounds.bottom + dataset.bounds.top) / 2
    return METRES_PER_DEGREE * math.sqrt(width * height * math.cos(math.radians(middle_lat_deg)))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
