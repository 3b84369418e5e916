"""An elevation file: where it lies, what its heights are measured from, and how far off they may be.

Whatever a file holds comes out in metres above the sea (EGM96), as the pose's ``alt_amsl_m`` is (flight
rule 36). Heights above the ellipsoid are converted with the geoid (``flight.geoid``). Heights in another
system of the sea (EGM2008, a national one) are taken as they are.
"""

from __future__ import annotations

import math
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.errors
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window

from flight.elevation_grid import Frame, Posts, applied
from flight.errors import EmberwatchError

SUFFIXES = (".hgt", ".tif", ".tiff", ".dt0", ".dt1", ".dt2")

LE90 = 1.6449
"""A normal error's 90 % bound over its 1σ."""
SRTM_SIGMA_M = 4.5
"""SRTM was measured at 5.6 to 9.0 m LE90, by continent (Rodríguez et al. 2006, table 1): the middle of it."""
COPERNICUS_SIGMA_M = 4.0 / LE90
"""Copernicus DEM, GLO-30 and GLO-90: absolute vertical accuracy below 4 m LE90 (its product handbook)."""
EGM2008_SIGMA_M = 0.5
"""EGM2008 heights are taken as EGM96 heights. The two geoids differ by some 0.5 m RMS and by 10 m at most,
near ocean trenches (the help of the US Naval Academy's MICRODEM): little over plains, metres in high
mountains."""
DEFAULT_SIGMA_M = SRTM_SIGMA_M
"""Of a file that does not say what it is."""
FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us-ft": 1200 / 3937, "us survey foot": 1200 / 3937}

# GeoTIFF's vertical system is kept only when asked for.
GDAL = {"GTIFF_REPORT_COMPD_CS": "YES"}
# What is outside this is no ground: the Dead Sea's shore is at -430 m, Everest at 8849 m.
LOWEST_M, HIGHEST_M = -600.0, 9000.0
# The undulation is evaluated this far apart: it is smooth over tens of kilometres.
UNDULATION_STEP_M = 3000.0
# Grids coincide when their posts are this close, in parts of a post.
SAME_POST = 1e-3


class TerrainError(EmberwatchError):
    """An elevation file cannot be used."""


@dataclass(frozen=True, slots=True)
class ElevationFile:
    """A raster of heights on disk. Nothing of it is in memory until ``paint`` is called."""

    path: Path
    source: str
    """What rasterio opens: the path, or a file in a zip."""
    frame: Frame
    rows: int
    cols: int
    metres_per_unit: float
    above_ellipsoid: bool
    sigma_m: float
    post_m: float

    @classmethod
    def open(cls, path: Path) -> ElevationFile:
        """Read what the file says about itself: a GeoTIFF, ``.hgt``, DTED, or a zip with one of these.

        Raises ``TerrainError`` with one plain line when it is missing, broken or has no place on earth.
        """
        if not path.is_file():
            raise TerrainError(f"terrain file {path} does not exist")
        source = _inside_zip(path) if path.suffix.lower() == ".zip" else str(path)
        try:
            with warnings.catch_warnings(), rasterio.Env(**GDAL):
                warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
                with rasterio.open(source) as dataset:
                    return cls._of(path, source, dataset)
        except (rasterio.errors.RasterioError, pyproj.exceptions.ProjError) as error:
            raise unreadable(path, error) from error

    @classmethod
    def _of(cls, path: Path, source: str, dataset: Any) -> ElevationFile:
        if dataset.crs is None or dataset.transform.is_identity:
            raise TerrainError(
                f"terrain file {path} does not say where on earth it is",
                hint="Export it with its coordinate system.",
            )
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
        vertical = next((part for part in crs.sub_crs_list if part.is_vertical), None)
        if vertical is None:
            # Three axes and no vertical system of its own: the third axis measures from the ellipsoid.
            above_ellipsoid = len(crs.axis_info) == 3
            unit = crs.axis_info[2].unit_conversion_factor if above_ellipsoid else 1.0
        else:
            above_ellipsoid = "ellips" in vertical.name.lower()
            unit = vertical.axis_info[0].unit_conversion_factor
        if unit == 1.0:
            unit = FEET.get((dataset.units[0] or "").strip().lower(), 1.0)
        horizontal = crs.to_2d() if vertical is None else crs.sub_crs_list[0]
        frame = Frame(horizontal, dataset.transform)
        return cls(
            path=path,
            source=source,
            frame=frame,
            rows=dataset.height,
            cols=dataset.width,
            metres_per_unit=unit,
            above_ellipsoid=above_ellipsoid,
            sigma_m=_sigma_m(path, dataset, vertical),
            post_m=frame.window(dataset.height // 2, dataset.width // 2).post_m,
        )

    def corners(self, frame: Frame) -> tuple[float, float, float, float]:
        """First row, first column, last row and last column (their outer edges) in another grid."""
        edge = np.linspace(0.0, 1.0, 21)
        col = np.concatenate([edge, edge, 0 * edge, 0 * edge + 1]) * self.cols
        row = np.concatenate([0 * edge, 0 * edge + 1, edge, edge]) * self.rows
        x, y = applied(self.frame.transform, col, row)
        if self.frame.crs != frame.crs:
            x, y = pyproj.Transformer.from_crs(self.frame.crs, frame.crs, always_xy=True).transform(x, y)
        col, row = applied(~frame.transform, np.asarray(x), np.asarray(y))
        return float(row.min()), float(col.min()), float(row.max()), float(col.max())

    def paint(self, posts_m: Posts, frame: Frame) -> None:
        """Write this file's heights above the sea into ``posts_m`` (rows, columns), which lies in ``frame``.

        Where the file has none, what was there stays. Grids that coincide are copied post by post; others
        are resampled. Raises ``TerrainError`` where the file cannot be read.
        """
        rows, cols = posts_m.shape
        first_row, first_col, last_row, last_col = self.corners(frame)
        if last_row <= 0 or last_col <= 0 or first_row >= rows or first_col >= cols:
            return
        try:
            with rasterio.Env(**GDAL), rasterio.open(self.source) as dataset:
                if self._coincides(frame):
                    row, col = round(first_row), round(first_col)
                    top, left = max(row, 0), max(col, 0)
                    bottom, right = min(row + self.rows, rows), min(col + self.cols, cols)
                    window = Window(left - col, top - row, right - left, bottom - top)
                    part = dataset.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
                else:
                    top, left = max(math.floor(first_row), 0), max(math.floor(first_col), 0)
                    bottom, right = min(math.ceil(last_row), rows), min(math.ceil(last_col), cols)
                    part = self._resampled(dataset, frame.window(top, left), (bottom - top, right - left))
                part *= np.float32(dataset.scales[0] * self.metres_per_unit)
                part += np.float32(dataset.offsets[0] * self.metres_per_unit)
        except rasterio.errors.RasterioError as error:
            raise unreadable(self.path, error) from error
        if self.above_ellipsoid:
            part -= _undulation_m(frame.window(top, left), part.shape)
        # Not every file declares the number that it fills its holes with.
        good = (part > LOWEST_M) & (part < HIGHEST_M)
        np.copyto(posts_m[top:bottom, left:right], part, where=good)

    def _coincides(self, frame: Frame) -> bool:
        mine, theirs = self.frame.transform, frame.transform
        if self.frame.crs != frame.crs:
            return False
        col, row = (float(each) for each in applied(~theirs, np.array(mine.c), np.array(mine.f)))
        steps = (mine.a / theirs.a - 1, mine.e / theirs.e - 1) if theirs.a and theirs.e else (1.0, 1.0)
        return (
            abs(col - round(col)) < SAME_POST
            and abs(row - round(row)) < SAME_POST
            and abs(steps[0]) * self.cols < SAME_POST
            and abs(steps[1]) * self.rows < SAME_POST
            and (mine.b, mine.d) == (theirs.b, theirs.d)
        )

    def _resampled(self, dataset: Any, frame: Frame, shape: tuple[int, int]) -> Posts:
        part = np.full(shape, np.nan, np.float32)
        finer = self.post_m < 0.75 * frame.post_m
        reproject(
            rasterio.band(dataset, 1),
            part,
            src_crs=self.frame.crs.to_wkt(),
            src_nodata=dataset.nodata,
            dst_crs=frame.crs.to_wkt(),
            dst_transform=frame.transform,
            dst_nodata=np.nan,
            resampling=Resampling.average if finer else Resampling.bilinear,
        )
        return part


def unreadable(path: Path, error: Exception) -> TerrainError:
    """The file is there, but what it holds is not what it should be."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return TerrainError(
        f"terrain file {path} cannot be read: {reason}",
        hint="It must be a whole GeoTIFF, SRTM .hgt or DTED file (or a zip with one).",
    )


def _undulation_m(frame: Frame, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The geoid over a window: evaluated on a lattice, bilinear in between."""
    # Here, because it costs a quarter of a second to load and few files need it.
    from flight.geoid import undulation_m

    counts = [2 + math.ceil(size * frame.post_m / UNDULATION_STEP_M) for size in shape]
    parts = [np.linspace(0.0, 1.0, count) for count in counts]
    row, col = np.meshgrid(parts[0] * (shape[0] - 1) + 0.5, parts[1] * (shape[1] - 1) + 0.5, indexing="ij")
    x, y = applied(frame.transform, col, row)
    to_wgs84 = pyproj.Transformer.from_crs(frame.crs, "EPSG:4326", always_xy=True)
    lon_deg, lat_deg = to_wgs84.transform(x, y)
    lattice = undulation_m(np.asarray(lat_deg), np.asarray(lon_deg)).astype(np.float32)
    down, across = (_between(size, len(part)) for size, part in zip(shape, parts, strict=True))
    return np.asarray(down @ lattice @ across.T, np.float32)


def _between(size: int, count: int) -> NDArray[np.float32]:
    """Weights (size, count) that interpolate ``count`` values at even distances."""
    at = np.linspace(0.0, count - 1.0, size)
    weights = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(count)))
    return weights.astype(np.float32)


def _inside_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(SUFFIXES)]
    except (zipfile.BadZipFile, OSError) as error:
        raise TerrainError(f"terrain file {path} is not a whole zip file ({error})") from error
    if len(names) != 1:
        found = "no elevation file" if not names else f"{len(names)} elevation files"
        hint = "It must hold one .hgt, .tif or DTED file; unpack several into a folder."
        raise TerrainError(f"terrain file {path} has {found} in it", hint=hint)
    return f"/vsizip/{path.resolve()}/{names[0]}"


def _sigma_m(path: Path, dataset: Any, vertical: pyproj.CRS | None) -> float:
    """The 1σ error of a product as its makers state it, or as others measured it."""
    name = path.name.lower()
    tags = dataset.tags()
    copernicus = re.search(r"copernicus_dsm|cop_?(dem_?)?(glo)?-?_?(30|90)", name) is not None
    sigma_m = COPERNICUS_SIGMA_M if copernicus else DEFAULT_SIGMA_M
    # DTED's accuracy record: the absolute vertical LE90 of the product in metres, or NA.
    stated = str(tags.get("DTED_VerticalAccuracy_ACC", "")).strip()
    if stated.isdigit() and int(stated) > 0:
        sigma_m = int(stated) / LE90
    egm2008 = copernicus or (vertical is not None and "EGM2008" in vertical.name.upper())
    return math.hypot(sigma_m, EGM2008_SIGMA_M) if egm2008 else sigma_m
