"""Renders what a camera at a pose sees of a world, and where a careful labeller would draw the boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.canvas import Canvas, Layer
from hardware.virtual.render.cast import RayGrid, cast
from hardware.virtual.render.flame_layer import draw_flames, draw_scorch
from hardware.virtual.render.sensor import expose
from hardware.virtual.render.shading import light_and_air, shade_ground
from hardware.virtual.render.smoke_layer import draw_smoke
from hardware.virtual.render.surface import raise_canopy
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.lookalikes import LookAlike, draw_look_alike
from hardware.virtual.world.noise import Bytes
from hardware.virtual.world.world import World

FIRE_ALPHA = 0.35
SMOKE_ALPHA = 0.25
# Grey levels by which smoke must change what is behind it before anybody would box it.
SMOKE_CONTRAST = 15
_MIN_SIDE_PX = 3


@dataclass(frozen=True, slots=True)
class TruthBox:
    """A box as a labeller would draw it round what can be seen, in pixels of the full frame.

    Its sides are the centres of the outermost pixels. ``visible_fraction`` is the share of the flames or the
    smoke that is in the frame and not hidden.
    """

    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    fire_id: str
    visible_fraction: float


@dataclass(frozen=True, slots=True)
class VisibleFire:
    """A fire whose base is in the frame and in line of sight: its base's pixel and its flames' height."""

    fire_id: str
    u: float
    v: float
    flame_height_px: float
    distance_m: float


class Renderer:
    """Draws one world through one lens. The picture depends on the pose and the time alone."""

    def __init__(self, world: World, lens: VirtualLens) -> None:
        self.world = world
        self.lens = lens
        self._grid = RayGrid.of(lens)

    def render(self, pose: TruePose, time_s: float | None = None) -> Bytes:
        """The picture, (height, width, 3) BGR. ``time_s`` defaults to the pose's."""
        return self.render_with_labels(pose, time_s)[0]

    def labels(self, pose: TruePose, time_s: float | None = None) -> list[TruthBox]:
        """The boxes alone."""
        return self.render_with_labels(pose, time_s)[1]

    def render_with_labels(self, pose: TruePose, time_s: float | None = None) -> tuple[Bytes, list[TruthBox]]:
        """The picture and its boxes, from the same masks that the fires were drawn with."""
        now = pose.time_s if time_s is None else time_s
        world = self.world
        eye = self._eye(pose)
        view = cast(self._grid, pose, eye, world.ground.relief)
        surface = raise_canopy(view, world.ground.atlas)
        image = shade_ground(self._grid, view, surface, world.ground.atlas)
        image = light_and_air(image, self._grid, view, world.light, now)
        canvas = Canvas(image, self.lens, view, surface, world.light, now)
        boxes: list[TruthBox] = []
        things: list[Fire | LookAlike] = [*world.fires, *world.look_alikes]
        things.sort(key=lambda thing: -math.hypot(thing.east_m - eye[0], thing.north_m - eye[1]))
        for thing in things:
            if isinstance(thing, Fire):
                boxes.extend(self._burn(canvas, thing))
            else:
                draw_look_alike(canvas, thing, world.ground.relief, world.wind_m_s)
        return expose(canvas.image, world.light.noise, now), boxes

    def visible_fires(self, pose: TruePose) -> list[VisibleFire]:
        """Fires whose base is inside the frame and not hidden by the ground. Cheap: nothing is drawn."""
        eye = self._eye(pose)
        from_enu = pose.enu_from_camera().T
        seen = []
        for fire in self.world.fires:
            base = np.array([fire.east_m, fire.north_m, fire.alt_amsl_m])
            top = base + np.array([0.0, 0.0, fire.flame_height_m])
            pixels = self.lens.project((np.stack([base, top]) - eye) @ from_enu.T)
            u, v = float(pixels[0, 0]), float(pixels[0, 1])
            if not (0.0 <= u <= self.lens.width_px - 1 and 0.0 <= v <= self.lens.height_px - 1):
                continue
            if not bool(self.world.ground.relief.sees(eye, base)[0]):
                continue
            distance = float(np.linalg.norm(base - eye))
            standing = float(np.hypot(*(pixels[1] - pixels[0])))
            # Seen from above, a fire is as tall in the picture as its flames are wide.
            wide = 0.4 * fire.flame_height_m * self.lens.focal_px / distance
            seen.append(VisibleFire(fire.id, u, v, math.hypot(standing, wide), distance))
        return seen

    def _eye(self, pose: TruePose) -> NDArray[np.float64]:
        east, north = self.world.frame.to_local(pose.lat_deg, pose.lon_deg)
        return np.array([float(east), float(north), pose.alt_amsl_m])

    def _burn(self, canvas: Canvas, fire: Fire) -> list[TruthBox]:
        """Draw one fire and box what came of it."""
        base = np.array([fire.east_m, fire.north_m, fire.alt_amsl_m])
        slope = self.world.ground.relief.slope(fire.east_m, fire.north_m)
        if fire.flame_height_m > 0.0:
            draw_scorch(canvas, fire, base, slope)
        boxes = []
        smoke = None
        if fire.plume is not None:
            clean = canvas.image.copy()
            smoke = draw_smoke(canvas, base, fire.plume, self.world.wind_m_s, fire.flame_height_m)
            if smoke is not None:
                rows, columns = smoke.alpha.shape
                region = np.s_[smoke.y : smoke.y + rows, smoke.x : smoke.x + columns]
                change = cv2.absdiff(canvas.image[region], clean[region]).max(axis=2)
                seen = (smoke.alpha >= SMOKE_ALPHA) & (change >= SMOKE_CONTRAST)
                boxes += _boxed("smoke", smoke, seen, fire.id)
        flames = draw_flames(canvas, fire, base, slope, smoke)
        if flames is not None:
            boxes += _boxed("fire", flames, flames.alpha >= FIRE_ALPHA, fire.id)
        return boxes


def _boxed(label: str, layer: Layer, mask: NDArray[np.bool_], fire_id: str) -> list[TruthBox]:
    """The box round ``mask``, less stray specks; none when there is nothing worth a box."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return []
    parts = stats[1:]
    area = parts[:, cv2.CC_STAT_AREA]
    parts = parts[area >= max(4, 0.04 * area.max())]
    if not len(parts):
        return []
    x1, y1 = int(parts[:, cv2.CC_STAT_LEFT].min()), int(parts[:, cv2.CC_STAT_TOP].min())
    x2 = int((parts[:, cv2.CC_STAT_LEFT] + parts[:, cv2.CC_STAT_WIDTH]).max()) - 1
    y2 = int((parts[:, cv2.CC_STAT_TOP] + parts[:, cv2.CC_STAT_HEIGHT]).max()) - 1
    if min(x2 - x1, y2 - y1) + 1 < _MIN_SIDE_PX:
        return []
    left, top = float(layer.x), float(layer.y)
    return [TruthBox(label, left + x1, top + y1, left + x2, top + y2, fire_id, layer.shown)]
