"""The ground the drone flies over: heights above sea level from elevation files.

All heights here are orthometric, in metres above mean sea level (EGM96), as the pose's ``alt_amsl_m`` is: the
two meet in one datum (flight rule 36; ``flight.elevation_file`` brings them there). What stands on the ground
is in ``flight.surface``.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray

from flight.elevation_file import SUFFIXES, ElevationFile, TerrainError
from flight.elevation_grid import Frame, Grid, Placement

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
AnyArray = NDArray[Any]

CORRELATION_M = 100.0
"""Neighbouring posts share their error: two fires that are closer than this have one ground error, not two.
Taken as a few posts of a 30 m grid."""

MOST_POSTS = 16_000_000
"""Posts in memory at once: 64 MB. A terrain that has more is read window by window."""
FINEST_M = 3.0
"""A terrain that does not fit into memory whole is read no finer than this: it is fine enough for rays whose
own error is metres, and a window of it reaches as far as a fire is located."""
WINDOW_REACH_M = 5500.0
"""How far a window reaches beyond the points that were asked for."""


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


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a frame: its first row and column and its size, in posts."""

    row: int
    col: int
    rows: int
    cols: int

    def holds(self, other: _Window) -> bool:
        return (
            self.row <= other.row
            and self.col <= other.col
            and self.row + self.rows >= other.row + other.rows
            and self.col + self.cols >= other.col + other.cols
        )


class RasterTerrain:
    """Elevation files as one ground, interpolated bilinearly between the posts' centres.

    Where files overlap the finer one counts. What fits into ``MOST_POSTS`` is read at once; of more there is
    only one window in memory, around the points asked for last. Several threads may ask.
    """

    def __init__(self, name: str, files: Sequence[ElevationFile], *, sigma_m: float | None = None) -> None:
        """``sigma_m`` is known better than the files say. Raises ``TerrainError``."""
        self.name = name
        # The finest is painted last, over the others.
        self._files = sorted(files, key=lambda file: -file.post_m)
        finest = self._files[-1]
        self.sigma_m = max(file.sigma_m for file in files) if sigma_m is None else sigma_m
        self._frame, self.resolution_m = finest.frame, finest.post_m
        self._extent = self._whole()
        self._lock = threading.Lock()
        self._unreadable: set[Path] = set()
        if self._extent.rows * self._extent.cols <= MOST_POSTS:
            self._held: tuple[_Window, Grid | None] = (self._extent, self._load(self._extent, strict=True))
            return
        coarser = max(1, math.ceil(FINEST_M / finest.post_m))
        if coarser > 1:
            self._frame = finest.frame.coarser(coarser)
            self._extent, self.resolution_m = self._whole(), finest.post_m * coarser
        self._held = (_Window(0, 0, 0, 0), None)

    @classmethod
    def open(cls, path: Path | str, *, sigma_m: float | None = None) -> RasterTerrain:
        """Read a GeoTIFF, an SRTM ``.hgt``, DTED, a zip with one of these, or a folder of such files.

        Raises ``TerrainError`` with one plain line when a file is missing, broken or has no place on earth.
        """
        path = Path(path)
        paths = [path]
        if path.is_dir():
            paths = elevation_files(path)
            if not paths:
                raise TerrainError(
                    f"terrain folder {path} has no elevation file in it",
                    hint=f"It must hold files that end in {', '.join(SUFFIXES)} or a zip of one.",
                )
        return cls(path.name, [ElevationFile.open(each) for each in paths], sigma_m=sigma_m)

    @classmethod
    def open_those_that_can(
        cls, paths: Sequence[Path], name: str
    ) -> tuple[RasterTerrain | None, dict[Path, TerrainError]]:
        """The ground of several files, without those that are broken, and what is wrong with them."""
        files: list[ElevationFile] = []
        broken: dict[Path, TerrainError] = {}
        for path in paths:
            try:
                files.append(ElevationFile.open(path))
            except TerrainError as error:
                broken[path] = error
        try:
            return (cls(name, files) if files else None), broken
        except TerrainError as error:
            # One of them has a sound beginning and no more.
            for file in files:
                try:
                    cls(name, [file])
                except TerrainError as its_error:
                    broken[file.path] = its_error
            sound = [file for file in files if file.path not in broken]
            if len(sound) == len(files):
                return None, broken | {file.path: error for file in files}
            return (cls(name, sound) if sound else None), broken

    @property
    def box_deg(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all files."""
        degrees = Frame(pyproj.CRS.from_epsg(4326), Affine.identity())
        south, west, north, east = np.array([file.corners(degrees) for file in self._files]).T
        return float(west.min()), float(south.min()), float(east.max()), float(north.max())

    @property
    def fits_in_memory(self) -> bool:
        """Whether all of it is there at once, or only a window around what was asked for last."""
        return self._held[0] == self._extent

    def height_amsl_m(self, lat_deg: AnyArray, lon_deg: AnyArray) -> FloatArray:
        """Bilinear heights; the outer half post has the edge's height. NaN beyond it and beside a hole."""
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        if lat.shape != lon.shape:
            lat, lon = np.broadcast_arrays(lat, lon)
        shape = lat.shape
        if not lat.size:
            return np.empty(shape)
        lat, lon = lat.ravel(), lon.ravel()
        grid = self._held[1]
        heights = None if grid is None else grid.at_once(lat, lon)
        return (self._elsewhere(lat, lon) if heights is None else heights).reshape(shape)

    def _elsewhere(self, lat: FloatArray, lon: FloatArray) -> FloatArray:
        """Heights at points that are not all inside the window in memory and away from its holes."""
        held, grid = self._held
        if held == self._extent and grid is not None:
            return grid.carefully(lat, lon)
        asked = self._around(lat, lon)
        if asked is None:
            return np.full(len(lat), np.nan)
        if asked.rows * asked.cols > MOST_POSTS:
            return self._in_halves(lat, lon)
        with self._lock:
            held, grid = self._held
            if grid is None or not held.holds(asked):
                held = self._widened(asked)
                grid = self._load(held)
                self._held = (held, grid)
        return grid.carefully(lat, lon)

    def _in_halves(self, lat: FloatArray, lon: FloatArray) -> FloatArray:
        (south, north), (west, east) = ((np.fmin.reduce(each), np.fmax.reduce(each)) for each in (lat, lon))
        first = lat <= (south + north) / 2 if north - south > east - west else lon <= (west + east) / 2
        heights = np.empty(len(lat))
        for part in (first, ~first):
            heights[part] = self.height_amsl_m(lat[part], lon[part])
        return heights

    def _whole(self) -> _Window:
        corners = np.array([file.corners(self._frame) for file in self._files])
        top, left = np.floor(corners[:, :2].min(axis=0) + 1e-6).astype(int)
        bottom, right = np.ceil(corners[:, 2:].max(axis=0) - 1e-6).astype(int)
        return _Window(int(top), int(left), int(bottom - top), int(right - left))

    def _around(self, lat: FloatArray, lon: FloatArray) -> _Window | None:
        """The window that these points need: None where they are all beyond the files."""
        whole = self._extent
        col, row = Placement(self._frame, (1, 1))(lat, lon)
        with np.errstate(invalid="ignore"):
            inside = (
                (col - whole.col >= -0.5)
                & (col - whole.col <= whole.cols - 0.5)
                & (row - whole.row >= -0.5)
                & (row - whole.row <= whole.rows - 0.5)
            )
        if not inside.any():
            return None
        top, left = math.floor(row[inside].min()), math.floor(col[inside].min())
        bottom, right = math.floor(row[inside].max()) + 2, math.floor(col[inside].max()) + 2
        return self._clipped(top, left, bottom, right)

    def _widened(self, asked: _Window) -> _Window:
        """As far around what was asked for as is useful and fits into memory."""
        reach = int(WINDOW_REACH_M / self.resolution_m)
        while True:
            wide = self._clipped(
                asked.row - reach, asked.col - reach,
                asked.row + asked.rows + reach, asked.col + asked.cols + reach,
            )  # fmt: skip
            if wide.rows * wide.cols <= MOST_POSTS:
                return wide
            reach //= 2

    def _clipped(self, top: int, left: int, bottom: int, right: int) -> _Window:
        whole = self._extent
        top, left = max(top, whole.row), max(left, whole.col)
        bottom, right = min(bottom, whole.row + whole.rows), min(right, whole.col + whole.cols)
        return _Window(top, left, max(bottom - top, 1), max(right - left, 1))

    def _load(self, window: _Window, *, strict: bool = False) -> Grid:
        """Read a window. A file that cannot be read is a hole, unless ``strict``."""
        posts_m = np.full((window.rows, window.cols), np.nan, np.float32)
        frame = self._frame.window(window.row, window.col)
        for file in self._files:
            try:
                file.paint(posts_m, frame)
            except TerrainError as error:
                if strict:
                    raise
                if file.path not in self._unreadable:
                    self._unreadable.add(file.path)
                    log.warning("%s; its ground counts as unknown", error.message)
        if strict and not np.isfinite(posts_m).any():
            raise TerrainError(f"terrain file {self._files[0].path} has no height in it")
        return Grid(posts_m, Placement(frame, posts_m.shape))


def elevation_files(folder: Path) -> list[Path]:
    """Those in it, by their names."""
    names = (*SUFFIXES, ".zip")
    return sorted(each for each in folder.iterdir() if each.is_file() and each.name.lower().endswith(names))
