"""One picture in the making, with the geometry that is needed to put things into it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.lens import VirtualLens
from hardware.virtual.render.cast import STEP_PX, Cast
from hardware.virtual.render.surface import Surface
from hardware.virtual.world.light import Light
from hardware.virtual.world.noise import Bytes, Floats
from hardware.virtual.world.sky import air_colour, sun_direction, transmittance

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A mask over part of the picture: ``alpha`` 0..1 with its top-left pixel at (x, y).

    ``shown`` is the share of the thing that is in the frame and not hidden by ground or trees.
    """

    x: int
    y: int
    alpha: Floats
    shown: float

    def over(self, box: Box) -> Floats:
        """The mask over another part (x0, y0, x1, y1) of the picture, zero where it has none."""
        x0, y0, x1, y1 = box
        out = np.zeros((y1 - y0, x1 - x0), np.float32)
        rows, columns = self.alpha.shape
        left, right = max(x0, self.x), min(x1, self.x + columns)
        top, bottom = max(y0, self.y), min(y1, self.y + rows)
        if right > left and bottom > top:
            piece = self.alpha[top - self.y : bottom - self.y, left - self.x : right - self.x]
            out[top - y0 : bottom - y0, left - x0 : right - x0] = piece
        return out


class Canvas:
    """A BGR picture that things are drawn over, farthest first.

    ``up`` is the direction of the world's up in the picture. ``standing`` and ``lying`` say how much of an
    upright thing's height, and of a flat thing's depth, is seen from here.
    """

    def __init__(
        self, image: Bytes, lens: VirtualLens, view: Cast, surface: Surface, light: Light, time_s: float
    ) -> None:
        self.image = image
        self.lens = lens
        self.light = light
        self.time_s = time_s
        self._view = view
        self._surface = surface
        self._camera_from_enu = view.enu_from_camera.T
        up = self._camera_from_enu @ np.array([0.0, 0.0, 1.0])
        length = math.hypot(up[0], up[1])
        # Straight down any direction will do for up.
        self.up = np.array([up[0] / length, up[1] / length]) if length > 0.02 else np.array([0.0, -1.0])
        self.standing = min(1.0, length)
        self.lying = math.sqrt(max(0.0, 1.0 - length * length))
        self.sun = self._camera_from_enu @ sun_direction(light)

    @property
    def eye_m(self) -> NDArray[np.float64]:
        """The camera, east/north/up."""
        return self._view.eye_m

    def to_camera(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Camera coordinates (N, 3) of ENU points (N, 3)."""
        return np.asarray((np.atleast_2d(points_m) - self._view.eye_m) @ self._camera_from_enu.T)

    def through(self, distance_m: float) -> float:
        """Share of contrast that ``distance_m`` of air leaves."""
        return float(transmittance(self.light, np.array(distance_m)))

    def air(self, x: float, y: float) -> Floats:
        """Colour (3,) of the air before a pixel."""
        row = int(np.clip(y / STEP_PX + 1, 0, self._view.rays.shape[1] - 1))
        column = int(np.clip(x / STEP_PX + 1, 0, self._view.rays.shape[2] - 1))
        return np.asarray(air_colour(self.light, self._view.rays[:, row, column]), np.float32)

    def box(self, pixels: NDArray[np.float64], margin_px: int = 0) -> Box | None:
        """Whole-pixel box round ``pixels`` (N, 2), cut to the frame; None when nothing is left."""
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        x0 = max(0, math.floor(max(low[0], -1.0)) - margin_px)
        y0 = max(0, math.floor(max(low[1], -1.0)) - margin_px)
        x1 = min(self.lens.width_px, math.ceil(min(high[0], 1e6)) + 1 + margin_px)
        y1 = min(self.lens.height_px, math.ceil(min(high[1], 1e6)) + 1 + margin_px)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def patch(self, box: Box) -> Bytes:
        """A view into part of the picture."""
        x0, y0, x1, y1 = box
        return self.image[y0:y1, x0:x1]

    def depth(self, box: Box, scale: int = 1) -> Floats:
        """Distance to the surface behind ``box``, which counts in pixels of 1/``scale`` of the resolution."""
        x0, y0, x1, y1 = box
        if scale == STEP_PX:
            return self._view.distance_m[y0 + 1 : y1 + 1, x0 + 1 : x1 + 1]
        if scale == 2:
            return self._surface.distance_m[y0 + 2 : y1 + 2, x0 + 2 : x1 + 2]
        left, top = x0 // 2, y0 // 2
        piece = self._surface.distance_m[top + 1 : (y1 + 1) // 2 + 3, left + 1 : (x1 + 1) // 2 + 3]
        grown = cv2.resize(piece, (piece.shape[1] * 2, piece.shape[0] * 2), interpolation=cv2.INTER_LINEAR)
        dx, dy = x0 - left * 2 + 2, y0 - top * 2 + 2
        return np.asarray(grown[dy : dy + y1 - y0, dx : dx + x1 - x0], np.float32)

    def blend(self, x: int, y: int, alpha: Floats, colour: Floats) -> None:
        """picture = picture·(1 - alpha) + colour, where ``colour`` (rows, columns, 3) is already weighted."""
        patch = self.patch((x, y, x + alpha.shape[1], y + alpha.shape[0]))
        keep = cv2.convertScaleAbs(alpha, alpha=-255.0, beta=255.0)
        faded = cv2.multiply(patch, cv2.merge([keep, keep, keep]), scale=1 / 255)
        cv2.add(faded, cv2.convertScaleAbs(colour), dst=patch)

    def lamps(self, points_m: NDArray[np.float64], colours: NDArray[np.float32], radius_m: float) -> None:
        """Small lamps (N, 3) that glare: tail lights, windows, sparkles of the sun on water."""
        camera = self.to_camera(points_m)
        pixels = self.lens.project(camera)
        radius = np.maximum(0.7, radius_m * self.lens.focal_px / np.maximum(camera[:, 2], 2.0))
        good = (camera[:, 2] > 2.0) & np.isfinite(pixels[:, 0])
        if not good.any():
            return
        reach = 4.0 * radius[good, None]
        box = self.box(np.concatenate([pixels[good] - reach, pixels[good] + reach]))
        if box is None:
            return
        x0, y0, x1, y1 = box
        shine = np.zeros((y1 - y0, x1 - x0, 3), np.float32)
        for (u, v), size, colour in zip(pixels[good] - (x0, y0), radius[good], colours[good], strict=True):
            left, right = max(0, int(u - 4 * size)), min(x1 - x0, int(u + 4 * size) + 2)
            top, bottom = max(0, int(v - 4 * size)), min(y1 - y0, int(v + 4 * size) + 2)
            if right <= left or bottom <= top:
                continue
            x = (np.arange(left, right, dtype=np.float32) - np.float32(u)) / np.float32(size)
            y = (np.arange(top, bottom, dtype=np.float32) - np.float32(v)) / np.float32(size)
            square = x[None, :] ** 2 + y[:, None] ** 2
            light = np.exp(-square) + np.float32(0.12) * np.exp(square / np.float32(-7.0))
            shine[top:bottom, left:right] += light[..., None] * colour
        patch = self.patch(box)
        cv2.add(patch, cv2.convertScaleAbs(shine), dst=patch)
