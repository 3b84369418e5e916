"""Which parts of the next frame to look at closely, so that small fires are seen from height.

A detector looks at a frame at the size of its own input, where a fire of a metre may be three pixels. A tile
shows it as large as the frame's own pixels allow. There is time for few of them, so they are planned:
first around hotspots, then over the ground that has not been looked at closely yet, what leaves the view
before the rest, and coarsely before finely. The whole ground below is covered over a pass, not in one frame.

Pure: pose and instant come with each call. What was looked at is remembered on a ground grid that wraps
round, so that memory is bounded wherever the drone flies: 4 MB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from edge.hotspot import Hotspot, HotspotState
from edge.march import march
from edge.optics import Camera
from edge.pose import Pose, distance_m
from edge.vision.tile import OVERLAP, Tile, starts
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

SMALLEST_FIRE_M = 1.0  # what is of use to find
WANTED_PX = 14.0  # of it at the detector's input
COARSE_PX = 7.0  # the same at first: four times the ground in a tile, and finer once all of it has been seen
LEAST_PX = 6.0  # below this it is not learned, and looking closely is in vain
ENOUGH = 1.25  # a whole frame within this of what is wanted is close enough
LADDER = 2.0**0.25  # steps of tile sizes: few sizes, few buffers

CELL_M = 4.0
GRID_CELLS = 512  # then it wraps round: 2 km
RANGE_M = 600.0
DEPTH_RAYS = (17, 10)
DEPTH_SLACK, DEPTH_SLACK_M = 1.1, 8.0  # terrain between those rays

MOST_TILES = 12
PERIOD_S = 1.0  # between plans, unless there is a tentative hotspot to follow
AGAIN_S, OLD_WORTH = 60.0, 0.5  # ground looked at closely this long ago is worth half of what is new
LEAST_FINER = 0.25  # of what is wanted: to show ground larger than it was by less than that is worth nothing
LEAVING_S = 3.0
LEAVING_WORTH = 3.0  # of ground that leaves the view within that
LEAST_WORTH = 2.0  # cells' worth that make a tile
HOTSPOT_AGAIN_S = {HotspotState.TENTATIVE: 0.0, HotspotState.CONFIRMED: 2.0}
HOTSPOT_PART = 0.5  # of a tile's height that a hotspot's box may take
SAME_BEARING_M = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """The N cells of ground that a picture shows within useful range."""

    key: NDArray[np.int64]
    slot: NDArray[np.intp]
    pixels: FloatArray
    fire_px: FloatArray
    """How large the smallest fire of use is there, in pixels of the frame."""
    leaves: Mask
    """Out of the picture soon, if the drone flies on."""


class TilePlanner:
    """Plans tiles for one camera; is told which of them were looked at.

    ``input_px`` is the long side of the detector's input. Tiles have the frame's shape, so that the
    detector sees them as it sees whole frames.
    """

    def __init__(self, input_px: int) -> None:
        self.input_px = input_px
        self._frame: LocalFrame | None = None
        slots = GRID_CELLS * GRID_CELLS
        self._key = np.full(slots, np.iinfo(np.int64).min, np.int64)
        self._looked_s = np.zeros(slots, np.float64)
        self._shown_px = np.zeros(slots, np.float32)
        self._hotspots_s: dict[UUID, float] = {}
        self._planned_s = -math.inf

    def is_due(self, now_s: float, hotspots: Sequence[Hotspot] = ()) -> bool:
        """Whether it is time for another plan: one lasts for some frames, and costs about half a tile."""
        is_followed = any(hotspot.state is HotspotState.TENTATIVE for hotspot in hotspots)
        return is_followed or not 0.0 <= now_s - self._planned_s < PERIOD_S

    def plan(
        self,
        now_s: float,
        pose: Pose,
        camera: Camera,
        terrain: Terrain | None,
        hotspots: Sequence[Hotspot] = (),
    ) -> list[Tile]:
        """Tiles of a frame taken from about this pose, the most useful first; none where none helps."""
        self._planned_s = now_s
        tiles = list(self._around_hotspots(now_s, pose, camera, hotspots))
        ground = self._ground(pose, camera, terrain)
        whole_px = ground.fire_px * self.input_px / camera.width_px
        wanting = (ground.fire_px >= LEAST_PX) & (whole_px * ENOUGH < WANTED_PX)
        if not wanting.any():
            return tiles
        pixels, fire_px = ground.pixels[wanting], ground.fire_px[wanting]
        coarse, fine = (self._layout(pixels, fire_px, camera, px) for px in (COARSE_PX, WANTED_PX))
        layout = [*tiles, *coarse, *fine]
        # One entry for each cell in each tile: which tile, which cell, and how large it shows a fire there.
        held = [np.flatnonzero(_inside(tile, ground.pixels, camera) & wanting) for tile in layout]
        number, cell = np.repeat(np.arange(len(layout)), [len(cells) for cells in held]), np.concatenate(held)
        widths = np.array([tile.width for tile in layout])
        shows_px = np.minimum(ground.fire_px[cell] * self.input_px / widths[number], WANTED_PX)
        known = self._key[ground.slot] == ground.key
        shown_px = np.maximum(whole_px, np.where(known, self._shown_px[ground.slot], 0.0))
        age = np.where(known, np.clip((now_s - self._looked_s[ground.slot]) / AGAIN_S, 0.0, 1.0), 0.0)
        weight = np.where(ground.leaves, LEAVING_WORTH, 1.0)
        chosen = list(range(len(tiles)))
        while True:
            for i in chosen:
                cells = cell[number == i]
                shown_px[cells], age[cells] = np.maximum(shown_px[cells], shows_px[number == i]), 0.0
            if len(tiles) >= MOST_TILES:
                return tiles
            finer = (shows_px - shown_px[cell]) / WANTED_PX
            again = OLD_WORTH * age[cell] * shows_px / WANTED_PX
            worth = np.maximum(np.where(finer >= LEAST_FINER, finer, 0.0), again) * weight[cell]
            worths = np.bincount(number, worth, minlength=len(layout))
            chosen = [int(worths.argmax())]
            if worths[chosen[0]] < LEAST_WORTH:
                return tiles
            tiles.append(layout[chosen[0]])

    def looked(
        self,
        at_s: float,
        pose: Pose,
        camera: Camera,
        terrain: Terrain | None,
        tiles: Sequence[Tile],
        hotspots: Sequence[Hotspot] = (),
    ) -> None:
        """These tiles were looked at, on a frame taken at ``at_s`` from ``pose``."""
        known = {hotspot.id for hotspot in hotspots}
        self._hotspots_s = {name: seen_s for name, seen_s in self._hotspots_s.items() if name in known}
        if not tiles:
            return
        ground = self._ground(pose, camera, terrain)
        for tile in tiles:
            inside = _inside(tile, ground.pixels, camera)
            slot, key = ground.slot[inside], ground.key[inside]
            shown_px = np.minimum(ground.fire_px[inside] * self.input_px / tile.width, WANTED_PX)
            before_px = np.where(self._key[slot] == key, self._shown_px[slot], 0.0)
            self._key[slot], self._looked_s[slot] = key, at_s
            self._shown_px[slot] = np.maximum(shown_px, before_px)
        for hotspot in hotspots:
            pixel = _pixel_of(hotspot, pose, camera)
            if any(_inside(tile, pixel, camera).all() for tile in tiles):
                self._hotspots_s[hotspot.id] = at_s

    def _layout(
        self, pixels: FloatArray, fire_px: FloatArray, camera: Camera, wanted_px: float
    ) -> Iterator[Tile]:
        """Rows of overlapping tiles over these pixels, from the farthest to the nearest ground.

        Each row is as fine as its farthest ground needs to show a fire ``wanted_px`` large.
        """
        finest_px = self._tile_size(1.0, camera)[1]
        half_cell_px = CELL_M / 2 / SMALLEST_FIRE_M * fire_px  # the places are middles of cells
        right_px = float(camera.width_px)
        top_px, bottom_px = float((pixels[:, 1] - half_cell_px).min()), float(pixels[:, 1].max())
        while top_px < bottom_px:
            here = (pixels[:, 1] >= top_px) & (pixels[:, 1] < top_px + finest_px)
            if not here.any():
                top_px += finest_px
                continue
            width, height = self._tile_size(float(np.median(fire_px[here])) / wanted_px, camera)
            y = min(max(round(top_px - OVERLAP / 2 * height), 0), camera.height_px - height)
            row = (pixels[:, 1] >= y) & (pixels[:, 1] < y + height)
            beside_px = OVERLAP / 2 * width + half_cell_px[row]
            left_px = max(float((pixels[row, 0] - beside_px).min()), 0.0)
            end_px = min(float((pixels[row, 0] + beside_px).max()), right_px)
            for x in starts(left_px, end_px, width):
                yield Tile(min(max(x, 0), camera.width_px - width), y, width, height)
            if y + height >= camera.height_px:
                return
            top_px = max(y + (1.0 - OVERLAP / 2) * height, top_px + 1.0)

    def _tile_size(self, scale: float, camera: Camera) -> tuple[int, int]:
        """Width and height of a tile with at most ``scale`` frame pixels to one of the detector's."""
        steps = math.floor(math.log(max(scale, 1.0), LADDER) + 1e-6)
        part = min(1.0, self.input_px * LADDER**steps / camera.width_px)
        return max(1, round(part * camera.width_px)), max(1, round(part * camera.height_px))

    def _around_hotspots(
        self, now_s: float, pose: Pose, camera: Camera, hotspots: Sequence[Hotspot]
    ) -> Iterator[Tile]:
        """A tile for each hotspot that is due and would gain by it, the longest waiting first."""
        due = []
        for hotspot in hotspots:
            again_s = HOTSPOT_AGAIN_S.get(hotspot.state, math.inf)
            waited_s = now_s - self._hotspots_s.get(hotspot.id, -math.inf)
            if waited_s >= again_s:
                due.append((waited_s, hotspot))
        due.sort(key=lambda one: -one[0])
        taken: list[Tile] = []
        for _, hotspot in due:
            pixel = _pixel_of(hotspot, pose, camera)
            if len(taken) >= MOST_TILES or not camera.contains(pixel)[0]:
                continue
            if any(_inside(tile, pixel, camera)[0] for tile in taken):
                continue
            width, height = self._tile_size(self._hotspot_scale(hotspot, pose, camera), camera)
            if width * ENOUGH > camera.width_px:
                continue
            x, y = round(float(pixel[0, 0]) - width / 2), round(float(pixel[0, 1]) - height / 2)
            tile = Tile(
                min(max(x, 0), camera.width_px - width),
                min(max(y, 0), camera.height_px - height),
                width,
                height,
            )
            taken.append(tile)
            yield tile

    def _hotspot_scale(self, hotspot: Hotspot, pose: Pose, camera: Camera) -> float:
        """Frame pixels to one of the detector's at which a small fire there, and all of its box, is seen."""
        scale = 1.0
        nearer = 1.0
        place = _offset_m(hotspot, pose)
        if place is not None:
            range_m = max(float(np.linalg.norm(place)), 1.0)
            scale = camera.fx_px * SMALLEST_FIRE_M / range_m / WANTED_PX
            nearer = (hotspot.latest.sighting.slant_range_m or range_m) / range_m
        box = hotspot.latest.sighting.box
        if box is not None:
            side_px = max(box[2] - box[0], box[3] - box[1]) * nearer
            input_height_px = self.input_px * camera.height_px / camera.width_px
            scale = max(scale, side_px / (HOTSPOT_PART * input_height_px))
        return scale

    def _ground(self, pose: Pose, camera: Camera, terrain: Terrain | None) -> _Ground:
        """The cells in the picture up to where looking closely is in vain, that nothing stands before."""
        if self._frame is None:
            self._frame = LocalFrame(pose.lat_deg, pose.lon_deg, 0.0)
        ground = terrain or FlatTerrain(pose.alt_amsl_m - pose.height_home_m)
        here = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        reach_m = min(RANGE_M, camera.fx_px * SMALLEST_FIRE_M / LEAST_PX)
        rays, depth_m = _depths(here, pose, camera, ground, reach_m)
        columns, rows = self._window(here, rays, np.minimum(depth_m, reach_m))
        column, row = (part.ravel() for part in np.meshgrid(columns, rows))
        middle = (np.stack([column, row]) + 0.5) * CELL_M
        lat_deg, lon_deg, _ = self._frame.to_geodetic(middle[0], middle[1], np.zeros(column.size))
        height_m = ground.height_amsl_m(lat_deg, lon_deg)
        points = np.stack(here.from_geodetic(lat_deg, lon_deg, height_m), axis=1)
        slant_m = np.linalg.norm(points, axis=1)
        near = np.flatnonzero(slant_m <= reach_m)  # NaN, where nothing is known, is not
        pixels = camera.project(points[near] @ pose.camera_to_enu)
        seen = camera.contains(pixels)
        near, pixels = near[seen], pixels[seen]
        clear = slant_m[near] <= DEPTH_SLACK * _depth_at(pixels, depth_m, camera) + DEPTH_SLACK_M
        near, pixels = near[clear], pixels[clear]
        ahead = points[near] - LEAVING_S * np.array(pose.velocity_enu_m_s)
        leaves = ~camera.contains(camera.project(ahead @ pose.camera_to_enu))
        column, row = column[near], row[near]
        slot = (row % GRID_CELLS) * GRID_CELLS + column % GRID_CELLS
        return _Ground(
            key=(row << 32) + column,
            slot=slot.astype(np.intp),
            pixels=pixels,
            fire_px=camera.fx_px * SMALLEST_FIRE_M / np.maximum(slant_m[near], 1.0),
            leaves=leaves,
        )

    def _window(
        self, here: LocalFrame, rays: FloatArray, depth_m: FloatArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns (eastwards) and rows (northwards) of the cells that the picture's rays end among."""
        assert self._frame is not None  # noqa: S101 - set by the caller
        ends = rays * depth_m[:, None]
        lat_deg, lon_deg, _ = here.to_geodetic(ends[:, 0], ends[:, 1], ends[:, 2])
        east_m, north_m, _ = self._frame.from_geodetic(lat_deg, lon_deg, np.zeros(len(ends)))
        columns, rows = (
            np.arange(
                math.floor(part.min() / CELL_M) - 1, math.floor(part.max() / CELL_M) + 2, dtype=np.int64
            )
            for part in (east_m, north_m)
        )
        return columns, rows


def _depths(
    here: LocalFrame, pose: Pose, camera: Camera, ground: Terrain, reach_m: float
) -> tuple[FloatArray, FloatArray]:
    """A coarse grid of the picture's rays, and how far the ground is along each; infinite where it is not."""
    across = np.linspace(0, camera.width_px - 1, DEPTH_RAYS[0])
    down = np.linspace(0, camera.height_px - 1, DEPTH_RAYS[1])
    pixels = np.stack([part.ravel() for part in np.meshgrid(across, down)], axis=1)
    rays = camera.rays(pixels) @ pose.camera_to_enu.T
    ranges_m = march(here, rays, ground, reach_m).range_m
    return rays, np.where(np.isfinite(ranges_m), ranges_m, np.inf)


def _depth_at(pixels: FloatArray, depth_m: FloatArray, camera: Camera) -> FloatArray:
    steps = np.array([camera.width_px - 1, camera.height_px - 1]) / (np.array(DEPTH_RAYS) - 1)
    column, row = np.rint(pixels / steps).astype(np.intp).T
    depths: FloatArray = depth_m.reshape(DEPTH_RAYS[::-1])[row, column]
    return depths


def _inside(tile: Tile, pixels: FloatArray, camera: Camera) -> Mask:
    return tile.holds(pixels, camera.width_px, camera.height_px)


def _offset_m(hotspot: Hotspot, pose: Pose) -> FloatArray | None:
    """East, north, up of a hotspot from the camera, where its place is known."""
    if hotspot.lat_deg is None or hotspot.lon_deg is None or hotspot.alt_amsl_m is None:
        return None
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    place = (np.array(part) for part in (hotspot.lat_deg, hotspot.lon_deg, hotspot.alt_amsl_m))
    return np.array(frame.from_geodetic(*place))


def _pixel_of(hotspot: Hotspot, pose: Pose, camera: Camera) -> FloatArray:
    """Where a hotspot should be in a picture, (1, 2); NaN where that cannot be told."""
    point = _offset_m(hotspot, pose)
    if point is None:
        latest = hotspot.latest.sighting
        if distance_m(pose, latest.pose) > SAME_BEARING_M:
            return np.full((1, 2), np.nan)
        point = np.array(latest.ray_enu)
    return camera.project(point[None] @ pose.camera_to_enu)
