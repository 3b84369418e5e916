"""What ground was actually seen, when, and how finely: the record of a patrol.

A grid of cells around the place of the first look. A cell is seen by a frame when its middle is in the
picture and no terrain stands between; of each cell the finest resolution and the first and last time are
kept. The grid is of one size for good, so its memory is bounded; ground beyond it is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon

from edge.hotspot import Look
from edge.march import march
from edge.optics import Camera
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain

FloatArray = NDArray[np.float64]

CELL_M = 5.0
HALF_CELLS = 500  # 2.5 km each way; 12 MB in all
RANGE_M = 500.0
LEAST_PERIOD_S = 0.5
DEPTH_RAYS = (33, 19)
DEPTH_SLACK = 1.05  # terrain between the rays of the depth picture
DEPTH_SLACK_M = 8.0
# Centimetres of ground on one pixel, up to which ground counts as seen this finely.
CLASSES_CM = (5.0, 10.0, 20.0, 50.0)


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

    @property
    def seen_m2(self) -> float:
        """The area of ground seen at least once."""
        return float(np.isfinite(self._resolution_cm).sum()) * CELL_M**2

    def look(self, look: Look) -> None:
        """Take in a frame that was looked at and could be placed."""
        if look.at_s - self._looked_s < LEAST_PERIOD_S or look.utc is None:
            return
        self._looked_s = look.at_s
        pose = look.pose
        if self._frame is None:
            self._frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
            self._began = look.utc
        assert self._began is not None  # noqa: S101 - both are set together
        ground = look.terrain or FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
        east_m, north_m, _ = self._frame.from_geodetic(
            np.array([pose.lat_deg]), np.array([pose.lon_deg]), np.array([pose.alt_amsl_m])
        )
        window = self._window(float(east_m[0]), float(north_m[0]))
        if window is None:
            self.left_out += 1
            return
        rows, columns = window
        seen, resolution_cm = self._seen(look, look.camera, ground, rows, columns)
        block = np.ix_(rows, columns)
        at_s = np.float32((look.utc - self._began).total_seconds())
        finest = np.where(
            seen, np.minimum(self._resolution_cm[block], resolution_cm), self._resolution_cm[block]
        )
        self._resolution_cm[block] = finest
        self._first_s[block] = np.where(seen, np.minimum(self._first_s[block], at_s), self._first_s[block])
        self._last_s[block] = np.where(seen, np.maximum(self._last_s[block], at_s), self._last_s[block])

    def _window(self, east_m: float, north_m: float) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Rows (northwards) and columns (eastwards) of cells that are near enough to be seen."""
        reach = math.ceil(RANGE_M / CELL_M)
        row, column = (math.floor(part / CELL_M) + HALF_CELLS for part in (north_m, east_m))
        rows = np.arange(max(0, row - reach), min(2 * HALF_CELLS, row + reach + 1))
        columns = np.arange(max(0, column - reach), min(2 * HALF_CELLS, column + reach + 1))
        return (rows, columns) if rows.size and columns.size else None

    def _seen(
        self,
        look: Look,
        camera: Camera,
        ground: Terrain,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
    ) -> tuple[NDArray[np.bool_], FloatArray]:
        assert self._frame is not None  # noqa: S101 - there is a look
        pose = look.pose
        north_m, east_m = (
            part.ravel() for part in np.meshgrid(_middles(rows), _middles(columns), indexing="ij")
        )
        lat_deg, lon_deg, _ = self._frame.to_geodetic(east_m, north_m, np.zeros(north_m.size))
        height_m = ground.height_amsl_m(lat_deg, lon_deg)
        here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        points = np.stack(here.from_geodetic(lat_deg, lon_deg, height_m), axis=1)
        slant_m = np.linalg.norm(points, axis=1)
        seen = np.isfinite(height_m) & (slant_m <= RANGE_M)
        pixels = np.full((points.shape[0], 2), -1.0)
        pixels[seen] = camera.project(points[seen] @ pose.camera_to_enu)
        seen &= camera.contains(pixels, 0.0)
        depth_m = self._depth_m(here, look, camera, ground)
        columns_px = np.linspace(0, camera.width_px - 1, DEPTH_RAYS[0])
        rows_px = np.linspace(0, camera.height_px - 1, DEPTH_RAYS[1])
        column = np.rint(pixels[seen, 0] / columns_px[1]).astype(int).clip(0, DEPTH_RAYS[0] - 1)
        row = np.rint(pixels[seen, 1] / rows_px[1]).astype(int).clip(0, DEPTH_RAYS[1] - 1)
        near = slant_m[seen] <= DEPTH_SLACK * depth_m[row, column] + DEPTH_SLACK_M
        seen[seen] = near
        shape = (rows.size, columns.size)
        return seen.reshape(shape), (100 * slant_m / camera.fx_px).reshape(shape)

    @staticmethod
    def _depth_m(here: LocalFrame, look: Look, camera: Camera, ground: Terrain) -> FloatArray:
        """How far the ground is along a coarse grid of rays; infinite where there is none."""
        columns_px = np.linspace(0, camera.width_px - 1, DEPTH_RAYS[0])
        rows_px = np.linspace(0, camera.height_px - 1, DEPTH_RAYS[1])
        pixels = np.stack([part.ravel() for part in np.meshgrid(columns_px, rows_px)], axis=1)
        rays = camera.rays(pixels) @ look.pose.camera_to_enu.T
        ranges_m = march(here, rays, ground, RANGE_M).range_m
        depth_m: FloatArray = np.where(np.isfinite(ranges_m), ranges_m, np.inf).reshape(DEPTH_RAYS[::-1])
        return depth_m

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

    def to_geojson(self) -> bytes:
        """A FeatureCollection with one MultiPolygon for each class of resolution, the finest first."""
        classes = np.digitize(self._resolution_cm, CLASSES_CM).astype(np.uint8) + 1
        classes[~np.isfinite(self._resolution_cm)] = 0
        features = [self._feature(classes, number) for number in np.unique(classes) if number]
        document = {
            "type": "FeatureCollection",
            "features": features,
            "properties": {"seen_m2": self.seen_m2, "cell_m": CELL_M, "left_out_looks": self.left_out},
        }
        return json.dumps(document).encode()

    def _feature(self, classes: NDArray[np.uint8], number: np.uint8) -> dict[str, Any]:
        mask = classes == number
        rings = [
            shape["coordinates"]
            for shape, _ in rasterio.features.shapes(classes, mask=mask, transform=self._transform())
        ]
        return {
            "type": "Feature",
            "geometry": {"type": "MultiPolygon", "coordinates": rings},
            "properties": {
                "finer_than_cm": CLASSES_CM[number - 1] if number <= len(CLASSES_CM) else None,
                "first_seen_at": self._instant(self._first_s[mask].min()),
                "last_seen_at": self._instant(self._last_s[mask].max()),
            },
        }

    def _instant(self, seconds: np.float32) -> str:
        assert self._began is not None  # noqa: S101 - something was seen
        return (self._began + timedelta(seconds=float(seconds))).isoformat()

    def _transform(self) -> Affine:
        """From cells to degrees; the grid is small enough for that to be linear within a cell."""
        assert self._frame is not None  # noqa: S101 - something was seen
        corner_m = HALF_CELLS * CELL_M
        ends = np.array([-corner_m, corner_m])
        zeros = np.zeros(2)
        _, lon_deg, _ = self._frame.to_geodetic(ends, zeros, zeros)
        lat_deg, _, _ = self._frame.to_geodetic(zeros, ends, zeros)
        size = 2 * HALF_CELLS
        return Affine(
            (lon_deg[1] - lon_deg[0]) / size, 0, lon_deg[0], 0, (lat_deg[1] - lat_deg[0]) / size, lat_deg[0]
        )


def _middles(cells: NDArray[np.intp]) -> FloatArray:
    """Of cells, metres from the grid's origin."""
    return (cells.astype(np.float64) - HALF_CELLS + 0.5) * CELL_M
