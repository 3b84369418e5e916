"""Lens models: between directions in the camera frame and the plane at focal length 1.

``Pinhole`` and ``BrownConrady`` (D. C. Brown, "Close-range camera calibration", Photogrammetric Engineering
37, 1971; OpenCV's order k1, k2, p1, p2, k3) see what is in front of them; ``KannalaBrandt`` (J. Kannala and
S. Brandt, "A generic camera model and calibration method for conventional, wide-angle, and fish-eye lenses",
IEEE PAMI 28, 2006; OpenCV's ``cv2.fisheye``, k1 to k4) may see behind.

Each polynomial turns back somewhere; from there on it says nothing of the lens, and nothing is computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Newton converges in three to six steps inside a picture; what is not there by then has no answer.
MOST_STEPS = 12
STOP = 1e-11
TOLERANCE = 1e-5
# How much farther out than the farthest pixel of the picture the model is believed.
BEYOND = 1.1


class Lens(Protocol):
    """Directions (N, 3) to points (N, 2) of the plane and back; NaN for what the model does not know."""

    def to_plane(self, directions: FloatArray) -> FloatArray: ...

    def to_rays(self, plane: FloatArray) -> FloatArray:
        """Unit vectors."""

    def reaching(self, rays: FloatArray, /) -> Self:
        """The same lens, believed as far as these rays and a little beyond."""


@dataclass(frozen=True, slots=True)
class Pinhole:
    """No distortion."""

    def to_plane(self, directions: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = directions[:, :2] / directions[:, 2:]
        plane[~(directions[:, 2] > 1e-9)] = np.nan
        return plane

    def to_rays(self, plane: FloatArray) -> FloatArray:
        return _ahead(plane[:, 0], plane[:, 1])

    def reaching(self, _rays: FloatArray, /) -> Self:
        return self


@dataclass(frozen=True, slots=True)
class BrownConrady:
    """A pinhole with radial and tangential distortion. ``reach`` is a radius in the undistorted plane."""

    coefficients: tuple[float, ...]
    reach: float = math.inf

    def to_plane(self, directions: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            flat = directions[:, :2] / directions[:, 2:]
            seen = (directions[:, 2] > 1e-9) & (np.hypot(flat[:, 0], flat[:, 1]) <= self._farthest())
            plane = np.column_stack(self._bent(flat[:, 0], flat[:, 1]))
        plane[~seen] = np.nan
        return plane

    def to_rays(self, plane: FloatArray) -> FloatArray:
        k1, k2, p1, p2, k3 = self.coefficients
        at_x, at_y = np.ascontiguousarray(plane[:, 0]), np.ascontiguousarray(plane[:, 1])
        x, y = at_x, at_y
        with np.errstate(all="ignore"):
            for _ in range(MOST_STEPS):
                bent_x, bent_y = self._bent(x, y)
                miss_x, miss_y = at_x - bent_x, at_y - bent_y
                if not (np.abs(miss_x) + np.abs(miss_y) > STOP).any():
                    break
                r2 = x * x + y * y
                radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
                slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))
                xx = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
                yy = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
                xy = x * y * slope + 2 * p1 * x + 2 * p2 * y
                det = xx * yy - xy * xy
                x = x + (yy * miss_x - xy * miss_y) / det
                y = y + (xx * miss_y - xy * miss_x) / det
            good = (np.abs(miss_x) + np.abs(miss_y) < TOLERANCE) & (np.hypot(x, y) <= self._farthest())
        rays = _ahead(x, y)
        rays[~good] = np.nan
        return rays

    def reaching(self, rays: FloatArray, /) -> Self:
        return replace(self, reach=BEYOND * float((np.hypot(rays[:, 0], rays[:, 1]) / rays[:, 2]).max()))

    def _farthest(self) -> float:
        k1, k2, _, _, k3 = self.coefficients
        return min(self.reach, _turns_back((3 * k1, 5 * k2, 7 * k3)))

    def _bent(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        k1, k2, p1, p2, k3 = self.coefficients
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        xy2 = 2 * x * y
        return x * radial + p1 * xy2 + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + p2 * xy2


@dataclass(frozen=True, slots=True)
class KannalaBrandt:
    """A fisheye: radius by angle from the axis. ``reach`` is such an angle, in radians."""

    coefficients: tuple[float, ...]
    reach: float = math.inf

    def to_plane(self, directions: FloatArray) -> FloatArray:
        across = np.hypot(directions[:, 0], directions[:, 1])
        angle = np.arctan2(across, directions[:, 2])
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(across > 0, self._radius(angle) / across, 0.0)
        plane: FloatArray = directions[:, :2] * scale[:, None]
        # At the camera itself there is no direction.
        plane[~((angle <= self._farthest()) & ((across > 0) | (directions[:, 2] > 0)))] = np.nan
        return plane

    def to_rays(self, plane: FloatArray) -> FloatArray:
        k1, k2, k3, k4 = self.coefficients
        radius = np.hypot(plane[:, 0], plane[:, 1])
        angle = radius
        with np.errstate(all="ignore"):
            for _ in range(MOST_STEPS):
                miss = radius - self._radius(angle)
                if not (np.abs(miss) > STOP).any():
                    break
                a2 = angle * angle
                angle = angle + miss / (1 + a2 * (3 * k1 + a2 * (5 * k2 + a2 * (7 * k3 + a2 * 9 * k4))))
            good = (np.abs(miss) < TOLERANCE) & (angle >= 0) & (angle <= self._farthest())
            scale = np.where(radius > 0, np.sin(angle) / radius, 0.0)
        rays: FloatArray = np.column_stack([plane * scale[:, None], np.cos(angle)])
        rays[~good] = np.nan
        return rays

    def reaching(self, rays: FloatArray, /) -> Self:
        return replace(self, reach=BEYOND * float(np.arccos(np.clip(rays[:, 2], -1, 1)).max()))

    def _farthest(self) -> float:
        k1, k2, k3, k4 = self.coefficients
        return min(self.reach, math.pi, _turns_back((3 * k1, 5 * k2, 7 * k3, 9 * k4)))

    def _radius(self, angle: FloatArray) -> FloatArray:
        k1, k2, k3, k4 = self.coefficients
        a2 = angle * angle
        return angle * (1 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))))


def _ahead(x: FloatArray, y: FloatArray) -> FloatArray:
    """Unit vectors (N, 3) towards points of the plane in front."""
    rays = np.empty((len(x), 3))
    scale = 1.0 / np.sqrt(x * x + y * y + 1.0)
    rays[:, 0], rays[:, 1], rays[:, 2] = x * scale, y * scale, scale
    return rays


@lru_cache(maxsize=64)
def _turns_back(slope: tuple[float, ...]) -> float:
    """Where 1 + slope[0] r² + slope[1] r⁴ + … first is 0; infinite where it never is."""
    if not any(slope):
        return math.inf
    roots = np.roots([*reversed(slope), 1.0])
    real = roots.real[(np.abs(roots.imag) < 1e-12) & (roots.real > 0)]
    return math.sqrt(float(real.min())) if len(real) else math.inf
