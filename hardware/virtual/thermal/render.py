"""Renders what a thermal camera at a pose sees of a world, and where its fires are.

The geometry is the colour camera's (rays, relief, trees and roofs that stand up); what it carries are
radiances. Smoke hides little at these wavelengths, fog and cloud much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose
from hardware.virtual.render.canvas import Canvas
from hardware.virtual.render.cast import Cast, RayGrid, cast
from hardware.virtual.render.smoke_layer import draw_smoke
from hardware.virtual.render.surface import Surface, raise_canopy
from hardware.virtual.thermal.climate import Weather
from hardware.virtual.thermal.glow import glow_of
from hardware.virtual.thermal.ground import warmth_of
from hardware.virtual.thermal.radiance import radiance_of
from hardware.virtual.thermal.sensor import Core, Sensor
from hardware.virtual.thermal.warm import WarmThing
from hardware.virtual.world.fire import Fire
from hardware.virtual.world.noise import Floats
from hardware.virtual.world.world import World

# The share of long-wave radiation that is lost where smoke, fog or dust is as thick as can be to the eye.
LOST_IN_SMOKE, LOST_IN_FOG, LOST_IN_DUST = 0.12, 0.7, 0.3
AIR_PER_M = 0.0003
# Something this much nearer than the ground, a tree or a roof on the same line is before it.
BEFORE_M = 1.5
_LEAST_SIGMA_PX = 0.55


@dataclass(frozen=True, slots=True)
class HotTruth:
    """A fire in the frame: the box of its flames and embers in pixels of the sensor, and how much of it is
    in the frame and not hidden by ground, trees or roofs."""

    fire_id: str
    x1: float
    y1: float
    x2: float
    y2: float
    visible_fraction: float


class ThermalRenderer:
    """Draws one world at one hour through one core. Frames depend on the pose and its time, and during the
    shutter's pause on the frame before."""

    def __init__(
        self,
        world: World,
        core: Core,
        weather: Weather,
        things: Sequence[WarmThing] = (),
        *,
        seed: int = 0,
        shutter_from_s: float = 60.0,
    ) -> None:
        self.world = world
        self.core = core
        self.weather = weather
        self._things = tuple(things)
        self.sensor = Sensor(core, seed, shutter_from_s=shutter_from_s)
        self._lens = VirtualLens(core.width_px * core.samples, core.height_px * core.samples, core.hfov_deg)
        self._grid = RayGrid.of(self._lens)
        self._warmth = radiance_of(warmth_of(world.ground, weather))
        self._air = float(radiance_of(weather.air_k()))

    def render(self, pose: TruePose) -> NDArray[np.uint16]:
        """The frame in counts."""
        return self.render_with_truth(pose)[0]

    def render_with_truth(self, pose: TruePose) -> tuple[NDArray[np.uint16], list[HotTruth]]:
        """The frame, and the fires in it."""
        world, now = self.world, pose.time_s
        east, north = world.frame.to_local(pose.lat_deg, pose.lon_deg)
        eye = np.array([float(east), float(north), pose.alt_amsl_m])
        view = cast(self._grid, pose, eye, world.ground.relief)
        surface = raise_canopy(view, world.ground.atlas)
        picture = self._ground(view, surface)
        for thing in self._things:
            self._draw_thing(picture, thing, view, surface)
        truth = []
        for fire in world.fires:
            found = self._draw_fire(picture, fire, view, surface, now)
            if found is not None:
                truth.append(found)
        blank = np.zeros((self._lens.height_px, self._lens.width_px, 3), np.uint8)
        canvas = Canvas(blank, self._lens, view, surface, world.light, now)
        self._draw_air(picture, canvas, eye)
        return self.sensor.expose(picture, now), truth

    def _ground(self, view: Cast, surface: Surface) -> Floats:
        seen = cv2.remap(
            self._warmth, surface.u, surface.v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        keep = np.exp(-AIR_PER_M * np.minimum(surface.distance_m, 20_000.0)).astype(np.float32)
        seen = seen * keep + np.float32(self._air) * (1 - keep)
        picture = np.asarray(self._grid.full(np.asarray(seen, np.float32)), np.float32)
        if view.sky.any():
            sky = self._grid.full(view.sky.astype(np.float32)) > 0.5
            picture[sky] = float(radiance_of(self.weather.sky_k() - 10.0))
        return picture

    def _draw_thing(self, picture: Floats, thing: WarmThing, view: Cast, surface: Surface) -> None:
        relief = self.world.ground.relief
        up_m = float(relief.height_amsl_m(np.array(thing.east_m), np.array(thing.north_m)))
        base = np.array([thing.east_m, thing.north_m, up_m])
        if not bool(relief.sees(view.eye_m, base + np.array([0, 0, 1.0]))[0]):
            return
        for face in thing.faces:
            camera = (face.corners_m + base - view.eye_m) @ view.enu_from_camera
            pixels = self._lens.project(camera)
            middle = pixels.mean(axis=0)
            if not np.isfinite(pixels).all() or not self._is_before(
                middle, float(np.linalg.norm(camera.mean(axis=0))), surface
            ):
                continue
            _fill(picture, pixels, float(radiance_of(face.kelvin)))
        for body in thing.bodies:
            self._spots(
                picture,
                (base + np.array(body.middle_m))[None],
                np.array([body.radius_m]),
                radiance_of(np.array([body.kelvin])),
                np.ones(1),
                view,
                surface,
            )

    def _draw_fire(
        self, picture: Floats, fire: Fire, view: Cast, surface: Surface, now: float
    ) -> HotTruth | None:
        base = np.array([fire.east_m, fire.north_m, fire.alt_amsl_m])
        if not bool(self.world.ground.relief.sees(view.eye_m, base + np.array([0, 0, 0.3]))[0]):
            return None
        spots = glow_of(fire, now)
        cover = spots.cover * (1 - LOST_IN_SMOKE * (fire.plume.density if fire.plume else 0.0))
        points = base + spots.offset_m
        shown, pixels, radius = self._spots(
            picture, points, spots.radius_m, radiance_of(spots.kelvin), cover, view, surface
        )
        if not shown.any():
            return None
        weight = spots.radius_m**2 * cover
        low = (pixels[shown] - radius[shown, None]).min(axis=0) / self.core.samples
        high = (pixels[shown] + radius[shown, None]).max(axis=0) / self.core.samples
        share = float(weight[shown].sum() / weight.sum())
        (x1, y1), (x2, y2) = low.tolist(), high.tolist()
        return HotTruth(fire.id, x1, y1, x2, y2, share)

    def _spots(
        self,
        picture: Floats,
        points_m: NDArray[np.float64],
        radius_m: NDArray[np.float64],
        radiance: Floats,
        cover: NDArray[np.float64],
        view: Cast,
        surface: Surface,
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
        """Draw round spots; which were shown, their pixels and radii of the fine picture."""
        camera = (points_m - view.eye_m) @ view.enu_from_camera
        pixels, distance = self._lens.project(camera), np.linalg.norm(camera, axis=1)
        radius = self._lens.focal_px * radius_m / np.maximum(camera[:, 2], 1.0)
        shown = np.zeros(len(points_m), np.bool_)
        for k in np.argsort(-distance):
            if not np.isfinite(pixels[k]).all() or not self._is_before(
                pixels[k], float(distance[k]), surface
            ):
                continue
            shown[k] = True
            keep = math.exp(-AIR_PER_M * float(distance[k]))
            glow = keep * float(radiance[k]) + (1 - keep) * self._air
            _splat(picture, pixels[k], float(radius[k]), glow, float(cover[k]))
        return shown, pixels, radius

    def _is_before(self, pixel: NDArray[np.float64], distance_m: float, surface: Surface) -> bool:
        """Whether a point at this pixel of the fine picture is in it, before ground, trees and roofs."""
        u, v = float(pixel[0]), float(pixel[1])
        if not (0 <= u <= self._lens.width_px - 1 and 0 <= v <= self._lens.height_px - 1):
            return False
        rows, columns = surface.distance_m.shape
        row, column = min(round((v + 3.5) / 2), rows - 1), min(round((u + 3.5) / 2), columns - 1)
        return distance_m <= float(surface.distance_m[row, column]) + BEFORE_M

    def _draw_air(self, picture: Floats, canvas: Canvas, eye: NDArray[np.float64]) -> None:
        """What drifts before the ground takes its share, and glows as warm as the air."""
        world, relief = self.world, self.world.ground.relief
        air = np.float32(self._air)
        for thing in world.look_alikes:
            if thing.plume is None:
                continue
            lost = LOST_IN_DUST if thing.kind == "dust" else LOST_IN_FOG
            up_m = float(relief.height_amsl_m(np.array(thing.east_m), np.array(thing.north_m))) + thing.up_m
            base = np.array([thing.east_m, thing.north_m, up_m])
            if np.linalg.norm(base - eye) > 600.0:
                continue
            layer = draw_smoke(canvas, base, thing.plume, world.wind_m_s)
            if layer is None:
                continue
            rows, columns = layer.alpha.shape
            part = picture[layer.y : layer.y + rows, layer.x : layer.x + columns]
            part += np.float32(lost) * layer.alpha * (air - part)


def _splat(picture: Floats, pixel: NDArray[np.float64], radius: float, radiance: float, cover: float) -> None:
    """Blend a round spot in; one smaller than a pixel covers as much of it as it is large."""
    sigma = max(radius / 1.5, _LEAST_SIGMA_PX)
    # A disc of that radius covers as much as a Gaussian of this height.
    height = min(1.0, radius**2 / (2 * sigma**2)) * cover
    reach = math.ceil(3 * sigma)
    x, y = round(float(pixel[0])), round(float(pixel[1]))
    left, right = max(0, x - reach), min(picture.shape[1], x + reach + 1)
    top, bottom = max(0, y - reach), min(picture.shape[0], y + reach + 1)
    if left >= right or top >= bottom:
        return
    across = np.exp(-(((np.arange(left, right) - float(pixel[0])) / sigma) ** 2) / 2)
    down = np.exp(-(((np.arange(top, bottom) - float(pixel[1])) / sigma) ** 2) / 2)
    alpha = np.asarray(height * down[:, None] * across[None], np.float32)
    part = picture[top:bottom, left:right]
    part += alpha * (np.float32(radiance) - part)


def _fill(picture: Floats, pixels: NDArray[np.float64], radiance: float) -> None:
    """Blend a convex polygon in, with soft edges."""
    low, high = np.floor(pixels.min(axis=0)).astype(int) - 1, np.ceil(pixels.max(axis=0)).astype(int) + 2
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(picture.shape[1], int(high[0])), min(picture.shape[0], int(high[1]))
    if left >= right or top >= bottom:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    corners = np.round((pixels - (left, top)) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 255, cv2.LINE_AA, 4)
    part = picture[top:bottom, left:right]
    part += mask.astype(np.float32) / 255 * (np.float32(radiance) - part)
