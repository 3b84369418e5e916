"""What a planned patrol will see of its area: measured by looking, not by counting strips.

The camera is flown along every way of every flight, and each cell of the ground is put into its picture. A
cell is seen when it is in a picture, no farther away than twice the picture's middle, and no terrain stands
between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from shapely.geometry.base import BaseGeometry

from edge.geometry.optics import Camera
from edge.geometry.pose import camera_rotation
from edge.patrols.planner import Swath
from edge.patrols.site import Site
from flight.plans.path import Leg, legs
from flight.plans.plan import Plan
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

MOST_CELLS = 20_000
LEAST_CELL_M = 2.0
FARTHEST = 2.0  # of the distance to the picture's middle
RAY_SAMPLES = 24
STANDS_OUT_M = 2.0  # terrain between two posts of the model hides nothing


@dataclass(frozen=True, slots=True)
class Foreseen:
    """``unseen`` are the parts of the area that no picture shows, on the site's plane."""

    area_m2: float
    seen_m2: float
    unseen: BaseGeometry

    @property
    def percent(self) -> float:
        return 100.0 * self.seen_m2 / self.area_m2


def foresee(
    site: Site,
    flights: Sequence[Plan],
    camera: Camera,
    swath: Swath,
    pitch_deg: float,
    terrain: Terrain | None,
) -> Foreseen | None:
    """None where the patrol has no area."""
    if site.area is None:
        return None
    cells = _Cells(site, terrain)
    slant_m = FARTHEST * math.hypot(swath.height_agl_m, swath.lead_m)
    step_m = max(5.0, swath.height_agl_m / 4)
    for plan in flights:
        for leg in legs(plan, terrain):
            if not (leg.is_climb or leg.is_way_home):
                for place, bearing_deg in _places(site, leg, step_m):
                    cells.look(place, bearing_deg, camera, pitch_deg, slant_m)
    return cells.result()


def _places(site: Site, leg: Leg, step_m: float) -> Iterator[tuple[FloatArray, float]]:
    """East, north, up along a leg, and where the nose points."""
    (start, end), alt_m = zip(leg.start[:2], leg.end[:2], strict=True), (leg.start[2], leg.end[2])
    lat_deg, lon_deg = np.array(start), np.array(end)
    points = np.stack(site.frame.from_geodetic(lat_deg, lon_deg, np.array(alt_m)), axis=1)
    way = points[1] - points[0]
    length_m = math.hypot(way[0], way[1])
    if length_m < 1.0:
        return
    bearing_deg = math.degrees(math.atan2(way[0], way[1]))
    for part in np.linspace(0.0, 1.0, math.ceil(length_m / step_m) + 1):
        yield points[0] + part * way, bearing_deg


class _Cells:
    """The area's ground, cell by cell."""

    def __init__(self, site: Site, terrain: Terrain | None) -> None:
        assert site.area is not None  # noqa: S101 - the caller asked
        west, south, east, north = site.area.bounds
        # Not finer than can be told apart, nor so fine that a large area takes minutes.
        self._cell_m = max(LEAST_CELL_M, math.sqrt((east - west) * (north - south) / MOST_CELLS))
        self._shape = (
            math.ceil((north - south) / self._cell_m),
            math.ceil((east - west) / self._cell_m),
        )
        self._to_plane = Affine(self._cell_m, 0, west, 0, self._cell_m, south)
        rows, columns = np.indices(self._shape)
        east_m = west + (columns.ravel() + 0.5) * self._cell_m
        north_m = south + (rows.ravel() + 0.5) * self._cell_m
        self._inside = shapely.contains_xy(site.area, east_m, north_m)
        self._site, self._terrain = site, terrain
        self._points = self._on_ground(east_m[self._inside], north_m[self._inside])
        self._seen = np.zeros(len(self._points), bool)
        known = np.isfinite(self._points).all(axis=1)
        self._known, self._tree = np.flatnonzero(known), KDTree(self._points[known])

    def _on_ground(self, east_m: FloatArray, north_m: FloatArray) -> FloatArray:
        frame = self._site.frame
        lat_deg, lon_deg, _ = frame.to_geodetic(east_m, north_m, np.zeros(east_m.size))
        if self._terrain is None:
            alt_m = np.full(east_m.size, frame.alt_m)
        else:
            alt_m = self._terrain.height_amsl_m(lat_deg, lon_deg)
        return np.stack(frame.from_geodetic(lat_deg, lon_deg, alt_m), axis=1)

    def look(
        self, place: FloatArray, bearing_deg: float, camera: Camera, pitch_deg: float, reach_m: float
    ) -> None:
        """Take in one picture, of a level vehicle that looks ahead."""
        near = self._known[self._tree.query_ball_point(place, reach_m)]
        near = near[~self._seen[near]]
        if not near.size:
            return
        ways = self._points[near] - place
        nose = Rotation.from_euler("ZYX", [bearing_deg, pitch_deg, 0.0], degrees=True)
        to_enu = camera_rotation(nose, camera.offset_rpy_deg)
        shown = camera.contains(camera.project(ways @ to_enu))
        self._seen[near[shown][~self._hidden(place, ways[shown])]] = True

    def _hidden(self, place: FloatArray, ways: FloatArray) -> NDArray[np.bool_]:
        if self._terrain is None or not len(ways):
            return np.zeros(len(ways), bool)
        parts = np.linspace(0.1, 0.95, RAY_SAMPLES)
        points = place + parts[None, :, None] * ways[:, None, :]
        lat_deg, lon_deg, alt_m = self._site.frame.to_geodetic(points[..., 0], points[..., 1], points[..., 2])
        above_m = alt_m - self._terrain.height_amsl_m(lat_deg, lon_deg)
        return np.asarray((above_m < -STANDS_OUT_M).any(axis=1))

    def result(self) -> Foreseen:
        cell_m2 = self._cell_m**2
        grid = np.zeros(self._inside.size, np.uint8)
        grid[np.flatnonzero(self._inside)[~self._seen]] = 1
        shapes = rasterio.features.shapes(
            grid.reshape(self._shape), mask=grid.reshape(self._shape) == 1, transform=self._to_plane
        )
        unseen = shapely.union_all([shapely.geometry.shape(each) for each, _ in shapes])
        return Foreseen(len(self._points) * cell_m2, float(self._seen.sum()) * cell_m2, unseen)
