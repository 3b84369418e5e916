"""Which parts of the next frame to look at closely, so that small fires are seen from height.

A detector looks at a frame at the size of its own input, where a fire of a metre may be three pixels. A tile
shows it as large as the frame's own pixels allow. There is time for few of them, so they are planned:
first around hotspots, then over the ground that has not been looked at closely yet, what leaves the view
before the rest, and coarsely before finely. The whole ground below is covered over a pass, not in one frame.

Pure: pose and instant come with each call. What was looked at is remembered on a ground grid that wraps
round, so that memory is bounded wherever the drone flies: 5 MB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from edge.geometry.ground_in_view import (
    CELL_M,
    GRID_CELLS,
    LEAST_PX,
    SMALLEST_FIRE_M,
    GroundInView,
    ground_in_view,
)
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, distance_m
from edge.hotspots.hotspot import Hotspot, HotspotState
from edge.vision.tile import OVERLAP, Tile, starts
from flight.local_frame import LocalFrame
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

WANTED_PX = 14.0  # of it at the detector's input
COARSE_PX = 7.0  # the same at first: four times the ground in a tile, and finer once all of it has been seen
ENOUGH = 1.25  # a whole frame within this of what is wanted is close enough
LADDER = 2.0**0.25  # steps of tile sizes: few sizes, few buffers

MOST_TILES = 12
PERIOD_S = 1.0  # between plans of the ground: one lasts for some frames, and costs about half a tile
AGAIN_S, OLD_WORTH = 60.0, 0.5  # ground looked at closely this long ago is worth half of what is new
LEAST_FINER = 0.25  # of what is wanted: to show ground larger than it was by less than that is worth nothing
LEAVING_WORTH = 3.0  # of ground that leaves the view soon
LEAST_WORTH = 2.0  # cells' worth that make a tile
HOTSPOT_AGAIN_S = {HotspotState.TENTATIVE: 0.0, HotspotState.CONFIRMED: 2.0}
HOTSPOT_PART = 0.5  # of a tile's height that a hotspot's box may take
SAME_BEARING_M = 30.0


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
        self._waiting: list[Tile] = []

    def is_due(self, now_s: float) -> bool:
        """Whether it is time for another plan."""
        return not 0.0 <= now_s - self._planned_s < PERIOD_S

    def follow(self, now_s: float, pose: Pose, camera: Camera, hotspots: Sequence[Hotspot]) -> list[Tile]:
        """Between plans: tiles for tentative hotspots in view, then what the latest plan has left; none where
        there is no such hotspot. Costs next to nothing, so that it can be asked on every frame."""
        tentative = [hotspot for hotspot in hotspots if hotspot.state is HotspotState.TENTATIVE]
        tiles = list(self._around_hotspots(now_s, pose, camera, tentative))
        return [*tiles, *self._waiting] if tiles else []

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
        self._waiting = self._on_ground(now_s, pose, camera, terrain, tiles)
        return [*tiles, *self._waiting]

    def _on_ground(
        self, now_s: float, pose: Pose, camera: Camera, terrain: Terrain | None, taken: Sequence[Tile]
    ) -> list[Tile]:
        """The most useful tiles beside those that are taken, the best first."""
        tiles: list[Tile] = []
        ground = self._ground(pose, camera, terrain)
        whole_px = ground.fire_px * self.input_px / camera.width_px
        wanting = (ground.fire_px >= LEAST_PX) & (whole_px * ENOUGH < WANTED_PX)
        if not wanting.any():
            return []
        pixels, fire_px = ground.pixels[wanting], ground.fire_px[wanting]
        coarse, fine = (self._layout(pixels, fire_px, camera, px) for px in (COARSE_PX, WANTED_PX))
        layout = [*taken, *coarse, *fine]
        # One entry for each cell in each tile: which tile, which cell, and how large it shows a fire there.
        held = [np.flatnonzero(_inside(tile, ground.pixels, camera) & wanting) for tile in layout]
        number, cell = np.repeat(np.arange(len(layout)), [len(cells) for cells in held]), np.concatenate(held)
        widths = np.array([tile.width for tile in layout])
        shows_px = np.minimum(ground.fire_px[cell] * self.input_px / widths[number], WANTED_PX)
        known = self._key[ground.slot] == ground.key
        shown_px = np.maximum(whole_px, np.where(known, self._shown_px[ground.slot], 0.0))
        age = np.where(known, np.clip((now_s - self._looked_s[ground.slot]) / AGAIN_S, 0.0, 1.0), 0.0)
        weight = np.where(ground.leaves, LEAVING_WORTH, 1.0)
        chosen = list(range(len(taken)))
        while len(taken) + len(tiles) < MOST_TILES:
            for i in chosen:
                cells = cell[number == i]
                shown_px[cells], age[cells] = np.maximum(shown_px[cells], shows_px[number == i]), 0.0
            finer = (shows_px - shown_px[cell]) / WANTED_PX
            again = OLD_WORTH * age[cell] * shows_px / WANTED_PX
            worth = np.maximum(np.where(finer >= LEAST_FINER, finer, 0.0), again) * weight[cell]
            worths = np.bincount(number, worth, minlength=len(layout))
            chosen = [int(worths.argmax())]
            if worths[chosen[0]] < LEAST_WORTH:
                break
            tiles.append(layout[chosen[0]])
        return tiles

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
        self._waiting = [tile for tile in self._waiting if tile not in tiles]
        ground = self._ground(pose, camera, terrain)
        for tile in tiles:
            inside = _inside(tile, ground.pixels, camera)
            slot, key = ground.slot[inside], ground.key[inside]
            shown_px = np.minimum(ground.fire_px[inside] * self.input_px / tile.width, WANTED_PX)
            before_px = np.where(self._key[slot] == key, self._shown_px[slot], 0.0)
            self._key[slot], self._looked_s[slot] = key, at_s
            self._shown_px[slot] = np.maximum(shown_px, before_px)
        held = np.any([_inside(tile, _pixels_of(hotspots, pose, camera), camera) for tile in tiles], axis=0)
        for hotspot, is_held in zip(hotspots, held, strict=True):
            if is_held:
                self._hotspots_s[hotspot.id] = at_s

    def _layout(
        self, pixels: FloatArray, fire_px: FloatArray, camera: Camera, wanted_px: float
    ) -> Iterator[Tile]:
        """Rows of overlapping tiles over these pixels, from the farthest to the nearest ground.

        Each row is as fine as its farthest ground needs to show a fire ``wanted_px`` large.
        """
        stretch_px = (1.0 - OVERLAP) * self._tile_size(1.0, camera)[1]  # that the finest row surely holds
        half_cell_px = CELL_M / 2 / SMALLEST_FIRE_M * fire_px  # the places are middles of cells
        right_px = float(camera.width_px)
        top_px, bottom_px = float((pixels[:, 1] - half_cell_px).min()), float(pixels[:, 1].max())
        while top_px < bottom_px:
            here = (pixels[:, 1] >= top_px) & (pixels[:, 1] < top_px + stretch_px)
            if not here.any():
                top_px += stretch_px
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

    def _ground(self, pose: Pose, camera: Camera, terrain: Terrain | None) -> GroundInView:
        if self._frame is None:
            self._frame = LocalFrame(pose.lat_deg, pose.lon_deg, 0.0)
        return ground_in_view(self._frame, pose, camera, terrain)

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
        pixels = _pixels_of([hotspot for _, hotspot in due], pose, camera)
        for i, (_, hotspot) in enumerate(due):
            pixel = pixels[i : i + 1]
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
        place = _offsets_m([hotspot], pose)[0]
        if not np.isnan(place[0]):
            range_m = max(float(np.linalg.norm(place)), 1.0)
            scale = camera.fx_px * SMALLEST_FIRE_M / range_m / WANTED_PX
            nearer = (hotspot.latest.sighting.slant_range_m or range_m) / range_m
        box = hotspot.latest.sighting.box
        if box is not None:
            side_px = max(box[2] - box[0], box[3] - box[1]) * nearer
            input_height_px = self.input_px * camera.height_px / camera.width_px
            scale = max(scale, side_px / (HOTSPOT_PART * input_height_px))
        return scale


def _inside(tile: Tile, pixels: FloatArray, camera: Camera) -> Mask:
    return tile.holds(pixels, camera.width_px, camera.height_px)


def _offsets_m(hotspots: Sequence[Hotspot], pose: Pose) -> FloatArray:
    """East, north, up of hotspots from the camera (N, 3); NaN where the place is not known."""
    places = [(hotspot.lat_deg, hotspot.lon_deg, hotspot.alt_amsl_m) for hotspot in hotspots]
    geodetic = np.array(places, np.float64).reshape(-1, 3)  # None becomes NaN
    frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
    return np.column_stack(frame.from_geodetic(*geodetic.T))


def _pixels_of(hotspots: Sequence[Hotspot], pose: Pose, camera: Camera) -> FloatArray:
    """Where hotspots should be in a picture (N, 2); NaN where that cannot be told."""
    points = _offsets_m(hotspots, pose)
    for i in np.flatnonzero(np.isnan(points[:, 0])):
        latest = hotspots[int(i)].latest.sighting
        if distance_m(pose, latest.pose) <= SAME_BEARING_M:
            points[i] = latest.ray_enu
    return camera.project(points @ pose.camera_to_enu)
