"""What ground was actually seen, when, and how finely: the record of a patrol.

A grid of cells around the place of the first look. A cell is seen by a frame when its middle is in the
picture and no terrain stands between; of each cell the finest resolution and the first and last time are
kept. The grid is of one size for good, so its memory is bounded; ground beyond it is left out.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import Polygon

from edge.geometry.depth import DepthPicture
from edge.hotspots.hotspot import Look
from flight.elevation_grid import applied
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain

FloatArray = NDArray[np.float64]
Box = tuple[float, float, float, float]

CELL_M = 5.0
HALF_CELLS = 500  # 2.5 km each way; 12 MB in all
RANGE_M = 500.0
EDGE_M = 4 * CELL_M  # around where the rays end
LEAST_PERIOD_S = 0.5
DEPTH_RAYS = (33, 19)
DEPTH_SLACK = 1.05  # terrain between the rays of the depth picture
DEPTH_SLACK_M = 8.0
# Centimetres of ground on one pixel, up to which ground counts as seen this finely.
CLASSES_CM = (5.0, 10.0, 20.0, 50.0)
SLICE_S, MOST_SLICES = 60.0, 60  # of time, in what is written
LEAST_SHARE = 0.5  # of a larger square, for it to count as seen


class Coverage:
    """Of one flight. Give it looks; it takes no more than two a second."""

    def __init__(self) -> None:
        self._frame: LocalFrame | None = None
        size = 2 * HALF_CELLS
        self._resolution_cm = np.full((size, size), np.inf, np.float32)
        self._first_s = np.full((size, size), np.inf, np.float32)
        self._last_s = np.full((size, size), -np.inf, np.float32)
        self._began: datetime | None = None
        self._looked_s = -math.inf
        self.left_out = 0
        """Looks whose ground was beyond the grid."""
        self.looks = 0
        """Looks that were taken in, ever."""

    @property
    def seen_m2(self) -> float:
        """The area of ground seen at least once."""
        return float(np.isfinite(self._resolution_cm).sum()) * CELL_M**2

    def clear(self) -> None:
        """Begin anew, around the next look."""
        self._frame, self._began = None, None
        self._resolution_cm.fill(np.inf)
        self._first_s.fill(np.inf)
        self._last_s.fill(-np.inf)
        self.left_out = 0

    def look(self, look: Look) -> None:
        """Take in a frame that was looked at and could be placed; one that is not sound saw no ground."""
        if 0.0 <= look.at_s - self._looked_s < LEAST_PERIOD_S or look.utc is None or not look.sound:
            return
        self._looked_s = look.at_s
        pose = look.pose
        if self._frame is None or self._began is None:
            self._frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
            self._began = look.utc
        ground = look.terrain or FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
        here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        depth = DepthPicture.take(
            look.pose,
            look.camera,
            ground,
            RANGE_M,
            shape=DEPTH_RAYS,
            slack=DEPTH_SLACK,
            slack_m=DEPTH_SLACK_M,
        )
        window = self._window(self._frame, here, depth.ends(RANGE_M))
        if window is None:
            self.left_out += 1
            return
        self.looks += 1
        rows, columns = window
        seen, resolution_cm = _seen(self._frame, here, look, ground, _middles(rows), _middles(columns), depth)
        block = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        at_s = np.float32((look.utc - self._began).total_seconds())
        for kept, new, better in (
            (self._resolution_cm[block], resolution_cm.astype(np.float32), np.minimum),
            (self._first_s[block], at_s, np.minimum),
            (self._last_s[block], at_s, np.maximum),
        ):
            better(kept, new, out=kept, where=seen)

    @staticmethod
    def _window(
        grid: LocalFrame, here: LocalFrame, ends: FloatArray
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Rows (northwards) and columns (eastwards) of the cells that the picture's rays end among."""
        lat_deg, lon_deg, alt_m = here.to_geodetic(ends[:, 0], ends[:, 1], ends[:, 2])
        east_m, north_m, _ = grid.from_geodetic(lat_deg, lon_deg, alt_m)
        cells = []
        for part_m in (north_m, east_m):
            low = math.floor((part_m.min() - EDGE_M) / CELL_M) + HALF_CELLS
            high = math.floor((part_m.max() + EDGE_M) / CELL_M) + HALF_CELLS
            cells.append(np.arange(max(0, low), min(2 * HALF_CELLS, high + 1)))
        rows, columns = cells
        return (rows, columns) if rows.size and columns.size else None

    def to_bytes(self, of_what: str) -> bytes:
        """All of it, for ``take_up``; ``of_what`` says which pass of which patrol it is."""
        grid, began = self._frame, self._began
        about = None
        if grid is not None and began is not None:
            about = {"grid": [grid.lat_deg, grid.lon_deg, grid.alt_m], "began": began.isoformat()}
        file = io.BytesIO()
        np.savez_compressed(
            file,
            about=np.frombuffer(json.dumps({"of": of_what, "seen": about}).encode(), np.uint8),
            resolution_cm=self._resolution_cm,
            first_s=self._first_s,
            last_s=self._last_s,
        )
        return file.getvalue()

    def take_up(self, data: bytes, of_what: str) -> bool:
        """Go on from what ``to_bytes`` gave, if that was of the same thing. Raises ValueError for a file
        that is none."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as kept:
                about = json.loads(bytes(kept["about"]))
                layers = [kept[name] for name in ("resolution_cm", "first_s", "last_s")]
            if about["of"] != of_what or about["seen"] is None:
                return False
            grid, began = LocalFrame(*about["seen"]["grid"]), datetime.fromisoformat(about["seen"]["began"])
            own = (self._resolution_cm, self._first_s, self._last_s)
            if any(layer.shape != mine.shape for layer, mine in zip(layers, own, strict=True)):
                return False
        except (KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"it is no coverage: {error}") from error
        for layer, mine in zip(layers, own, strict=True):
            mine[:] = layer
        self._frame, self._began = grid, began
        return True

    def percent_of(
        self, area: Sequence[tuple[float, float]], *, finer_than_cm: float = math.inf
    ) -> float | None:
        """How much of a polygon of (lat, lon) was seen, 0 to 100; None before the first look."""
        if self._frame is None:
            return None
        lat_deg, lon_deg = np.array(area).T
        east_m, north_m, _ = self._frame.from_geodetic(
            lat_deg, lon_deg, np.full(lat_deg.size, self._frame.alt_m)
        )
        inside = rasterio.features.rasterize(
            [Polygon(np.stack([east_m, north_m], axis=1))],
            out_shape=self._resolution_cm.shape,
            transform=Affine(CELL_M, 0, -HALF_CELLS * CELL_M, 0, CELL_M, -HALF_CELLS * CELL_M),
        ).astype(bool)
        cells = int(inside.sum())
        if not cells:
            return None
        seen = np.isfinite(self._resolution_cm) & (self._resolution_cm <= finer_than_cm)
        return 100.0 * int((seen & inside).sum()) / cells

    def last_seen(self, cells: int) -> tuple[NDArray[np.float32], Box, datetime] | None:
        """When ground was seen last, in squares of ``cells`` each way: seconds after the third value, the
        oldest of the square, and NaN where less than half of it was seen. North is up. Only as much as was
        seen, which is the box of west, south, east, north in degrees. None before the first look.

        May be called from another thread while looks come in.
        """
        grid, began = self._frame, self._began
        last_s = self._last_s.copy()
        seen = np.isfinite(last_s)
        if grid is None or began is None or not seen.any():
            return None
        size = last_s.shape[0] // cells
        shares = seen.reshape(size, cells, size, cells).mean(axis=(1, 3))
        oldest_s = np.where(seen, last_s, np.inf).reshape(size, cells, size, cells).min(axis=(1, 3))
        rows, columns = np.nonzero(shares >= LEAST_SHARE)
        if not rows.size:
            return None
        (south, north), (west, east) = (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)
        raster = np.where(shares >= LEAST_SHARE, oldest_s, np.nan)[south:north, west:east][::-1]
        ends = cells * np.array([[west, east], [south, north]], np.float64)
        (west_deg, east_deg), (south_deg, north_deg) = applied(_transform(grid), *ends)
        return raster.astype(np.float32), (west_deg, south_deg, east_deg, north_deg), began

    def to_geojson(self) -> bytes:
        """A FeatureCollection of MultiPolygons: ground seen as finely, and last seen in the same minute.

        May be called from another thread while looks come in: each cell is whole at any time.
        """
        resolution_cm, first_s, last_s = self._resolution_cm.copy(), self._first_s.copy(), self._last_s.copy()
        seen = np.isfinite(resolution_cm) & np.isfinite(first_s) & np.isfinite(last_s)
        groups = np.zeros(resolution_cm.shape, np.int32)
        features: list[dict[str, Any]] = []
        grid, began = self._frame, self._began
        if seen.any() and grid is not None and began is not None:
            slice_s = max(SLICE_S, float(last_s[seen].max()) / MOST_SLICES)
            times = (last_s[seen] / slice_s).astype(np.int32)
            groups[seen] = 1 + np.digitize(resolution_cm[seen], CLASSES_CM) + (1 + len(CLASSES_CM)) * times
            features = _features(groups, first_s, last_s, _transform(grid), began)
        document = {
            "type": "FeatureCollection",
            "features": features,
            "properties": {
                "seen_m2": float(seen.sum()) * CELL_M**2,
                "cell_m": CELL_M,
                "left_out_looks": self.left_out,
            },
        }
        return json.dumps(document).encode()


def _seen(
    grid: LocalFrame,
    here: LocalFrame,
    look: Look,
    ground: Terrain,
    north_m: FloatArray,
    east_m: FloatArray,
    depth: DepthPicture,
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which cells of a block are in the picture with nothing before them, and centimetres on one pixel."""
    camera = look.camera
    shape = (north_m.size, east_m.size)
    norths_m, easts_m = (part.ravel() for part in np.meshgrid(north_m, east_m, indexing="ij"))
    lat_deg, lon_deg, _ = grid.to_geodetic(easts_m, norths_m, np.zeros(norths_m.size))
    height_m = ground.height_amsl_m(lat_deg, lon_deg)
    points = np.stack(here.from_geodetic(lat_deg, lon_deg, height_m), axis=1)
    slant_m = np.linalg.norm(points, axis=1)
    seen = np.isfinite(height_m) & (slant_m <= RANGE_M)
    pixels = np.full((points.shape[0], 2), -1.0)
    pixels[seen] = camera.project(points[seen] @ look.pose.camera_to_enu)
    seen &= camera.contains(pixels, 0.0)
    seen[seen] = depth.shows(pixels[seen], slant_m[seen])
    return seen.reshape(shape), (100 * slant_m / camera.fx_px).reshape(shape)


def _middles(cells: NDArray[np.intp]) -> FloatArray:
    """Of cells, metres from the grid's origin."""
    return (cells.astype(np.float64) - HALF_CELLS + 0.5) * CELL_M


def _features(
    groups: NDArray[np.int32],
    first_s: NDArray[np.float32],
    last_s: NDArray[np.float32],
    transform: Affine,
    began: datetime,
) -> list[dict[str, Any]]:
    rings: dict[int, list[Any]] = {}
    for shape, number in rasterio.features.shapes(groups, mask=groups > 0, transform=transform):
        # Turned round: GeoJSON wants the outer ring to run anticlockwise (RFC 7946, 3.1.6).
        rings.setdefault(int(number), []).append([ring[::-1] for ring in shape["coordinates"]])
    numbers = np.array(sorted(rings))
    features = []
    firsts, lasts = (
        reduce(part, groups, numbers)
        for reduce, part in ((ndimage.minimum, first_s), (ndimage.maximum, last_s))
    )
    for number, first, last in zip(numbers.tolist(), firsts, lasts, strict=True):
        finer = (number - 1) % (1 + len(CLASSES_CM))
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "MultiPolygon", "coordinates": rings[number]},
                "properties": {
                    "finer_than_cm": CLASSES_CM[finer] if finer < len(CLASSES_CM) else None,
                    "first_seen_at": _instant(began, first),
                    "last_seen_at": _instant(began, last),
                },
            }
        )
    return features


def _instant(began: datetime, seconds: float) -> str:
    return (began + timedelta(seconds=float(seconds))).isoformat()


def _transform(grid: LocalFrame) -> Affine:
    """From cells to degrees; the grid is small enough for that to be linear within a cell."""
    corner_m = HALF_CELLS * CELL_M
    ends = np.array([-corner_m, corner_m])
    zeros = np.zeros(2)
    _, lon_deg, _ = grid.to_geodetic(ends, zeros, zeros)
    lat_deg, _, _ = grid.to_geodetic(zeros, ends, zeros)
    size = 2 * HALF_CELLS
    return Affine(
        (lon_deg[1] - lon_deg[0]) / size, 0, lon_deg[0], 0, (lat_deg[1] - lat_deg[0]) / size, lat_deg[0]
    )
