"""Heights as map tiles: PNGs of 256 pixels whose colours are heights ("terrarium"), made when asked for.

The page shades hills with them. What was made is kept, as far as there is room for it.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from flight.terrain import RasterTerrain

SIZE_PX = 256
FINEST_ZOOM = 16
CACHE_BYTES, CACHE_TILES = 24 * 1024 * 1024, 2000
REACH_DEG = 0.1
EARTH_M = 40_075_016.7  # around the equator
BIG_STEPS = 4
"""Of ground that does not fit into memory: a tile this many zooms out reads 16 million posts, none more."""
FINER = 2  # heights a pixel each way where posts are closer than pixels
NO_GROUND_M = -10_000.0

FloatArray = NDArray[np.float64]


class TerrainTiles:
    """Of one terrain. Several threads may ask; one tile is made at a time."""

    def __init__(self, terrain: RasterTerrain) -> None:
        self._terrain = terrain
        self.bounds_deg = terrain.box_deg
        _, south, _, north = self.bounds_deg
        middle = math.radians((south + north) / 2)
        across_m = EARTH_M * math.cos(middle) / SIZE_PX  # a pixel at zoom 0
        own_zoom = math.ceil(math.log2(across_m / terrain.resolution_m))
        self.max_zoom = max(0, min(FINEST_ZOOM, own_zoom))
        self.min_zoom = 0 if terrain.fits_in_memory else max(0, self.max_zoom - BIG_STEPS)
        self.lowest_m, self.highest_m = self._heights_between()
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[int, int, int, bool], bytes] = OrderedDict()
        self._made_bytes = 0

    def _heights_between(self) -> tuple[float, float]:
        """About; of ground that does not fit into memory, of its middle."""
        west, south, east, north = self.bounds_deg
        if not self._terrain.fits_in_memory:
            lat, lon = (south + north) / 2, (west + east) / 2
            west, south, east, north = lon - REACH_DEG, lat - REACH_DEG, lon + REACH_DEG, lat + REACH_DEG
        lat_deg, lon_deg = np.meshgrid(np.linspace(south, north, 65), np.linspace(west, east, 65))
        some_m = self._terrain.height_amsl_m(lat_deg, lon_deg)
        some_m = some_m[np.isfinite(some_m)]
        return (float(some_m.min()), float(some_m.max())) if some_m.size else (0.0, 0.0)

    def tile(self, zoom: int, x: int, y: int, *, open_edge: bool) -> bytes | None:
        """A PNG; None where no ground of this is. Beyond the ground's edge it goes on level, so that no cliff
        is shaded there, or with ``open_edge`` there is a height that no ground has."""
        if not self.min_zoom <= zoom <= self.max_zoom:
            return None
        with self._lock:
            key = (zoom, x, y, open_edge)
            png = self._made.get(key)
            if png is None:
                png = self._make(zoom, x, y, open_edge=open_edge)
                self._made[key] = png
                self._made_bytes += len(png)
                while self._made_bytes > CACHE_BYTES or len(self._made) > CACHE_TILES:
                    self._made_bytes -= len(self._made.popitem(last=False)[1])
            self._made.move_to_end(key)
        return png or None

    def _make(self, zoom: int, x: int, y: int, *, open_edge: bool) -> bytes:
        finer = FINER if zoom < self.max_zoom - 1 else 1
        lat_deg, lon_deg = pixels_deg(zoom, x, y, SIZE_PX * finer)
        west, south, east, north = self.bounds_deg
        if lon_deg[-1] < west or lon_deg[0] > east or lat_deg[0] < south or lat_deg[-1] > north:
            return b""
        heights_m = self._terrain.height_amsl_m(lat_deg[:, None], lon_deg[None, :])
        known = np.isfinite(heights_m)
        if not known.any():
            return b""
        if finer > 1:
            heights_m, known = _coarser(heights_m, finer)
        if open_edge:
            heights_m = np.where(known, heights_m, NO_GROUND_M)
        elif not known.all():
            heights_m = _continued(heights_m, known)
        return terrarium(heights_m)


def pixels_deg(zoom: int, x: int, y: int, size_px: int = SIZE_PX) -> tuple[FloatArray, FloatArray]:
    """Latitudes (from the north) and longitudes of a tile's pixels' middles, in the web's Mercator."""
    part = (np.arange(size_px) + 0.5) / size_px
    lon_deg = (x + part) / 2**zoom * 360.0 - 180.0
    lat_deg = np.degrees(np.arctan(np.sinh(math.pi * (1.0 - 2.0 * (y + part) / 2**zoom))))
    return lat_deg, lon_deg


def terrarium(heights_m: FloatArray) -> bytes:
    """height = red · 256 + green + blue / 256 - 32768."""
    steps = np.round((heights_m + 32768.0) * 256.0).astype(np.uint32)
    parts = [(steps >> shift & 0xFF).astype(np.uint8) for shift in (0, 8, 16)]
    encoded, png = cv2.imencode(".png", np.stack(parts, axis=-1))  # OpenCV has blue first
    assert encoded  # noqa: S101 (an array of bytes is always a PNG)
    return png.tobytes()


def _coarser(heights_m: FloatArray, times: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The mean of what is known of each square."""
    size = heights_m.shape[0] // times
    squares = heights_m.reshape(size, times, size, times)
    known = np.isfinite(squares)
    counts = known.sum(axis=(1, 3))
    sums = np.where(known, squares, 0.0).sum(axis=(1, 3))
    return sums / np.maximum(counts, 1), counts > 0


def _continued(heights_m: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Each unknown height is that of the nearest known one."""
    # Here, because a station without heights needs none of it.
    from scipy import ndimage

    _, (rows, columns) = ndimage.distance_transform_edt(~known, return_indices=True)
    nearest: FloatArray = heights_m[rows, columns]
    return nearest
