"""The virtual camera's lens: its own pinhole-and-distortion model, shared with nobody.

The agent's geometry has another; a mistake in one cannot hide behind the same mistake in the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VirtualLens:
    """A camera ``width_px`` x ``height_px`` with square pixels and radial distortion.

    ``hfov_deg`` is the angle across the full width of the undistorted image. Pixel centres are integers, the
    principal point is the centre of the image, ((w-1)/2, (h-1)/2). ``k1`` and ``k2`` are the first two radial
    coefficients of D. C. Brown, "Close-range camera calibration", Photogrammetric Engineering 37 (1971).
    """

    width_px: int = 1280
    height_px: int = 720
    hfov_deg: float = 78.0
    k1: float = 0.0
    k2: float = 0.0

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width_px / 2.0 / math.tan(math.radians(self.hfov_deg) / 2.0)

    @property
    def centre_px(self) -> tuple[float, float]:
        """Principal point (u, v)."""
        return (self.width_px - 1) / 2.0, (self.height_px - 1) / 2.0

    @property
    def covers_picture(self) -> bool:
        """Whether the image circle of such a lens reaches the picture's corners."""
        fold_r2 = self._fold_r2()
        if math.isinf(fold_r2):
            return True
        circle = math.sqrt(fold_r2) * (1.0 + fold_r2 * (self.k1 + fold_r2 * self.k2))
        return math.hypot(*self.centre_px) / self.focal_px < circle

    def project(self, points_m: NDArray[Any]) -> NDArray[np.float64]:
        """Pixels (N, 2) of camera-frame points (N, 3): x right, y down, z forward. NaN behind the camera."""
        points = np.asarray(points_m, np.float64).reshape(-1, 3)
        depth = np.where(points[:, 2] > 1e-6, points[:, 2], np.nan)
        x = points[:, 0] / depth
        y = points[:, 1] / depth
        r2 = x * x + y * y
        # Past the radius where the polynomial turns back it would fold far-away points into the image.
        stretch = np.where(r2 <= self._fold_r2(), 1.0 + r2 * (self.k1 + r2 * self.k2), np.nan)
        u0, v0 = self.centre_px
        return np.stack([u0 + self.focal_px * x * stretch, v0 + self.focal_px * y * stretch], axis=1)

    def rays(self, pixels: NDArray[Any]) -> NDArray[np.float64]:
        """Unit camera-frame rays (..., 3) of pixels (..., 2): the inverse of ``project``.

        Pixels beyond ``covers_picture``'s circle, where no lens of these coefficients shows anything, look
        along its edge.
        """
        pixels = np.asarray(pixels, np.float64)
        u0, v0 = self.centre_px
        xd = (pixels[..., 0] - u0) / self.focal_px
        yd = (pixels[..., 1] - v0) / self.focal_px
        rd = np.hypot(xd, yd)
        farthest = math.sqrt(self._fold_r2())
        r = np.minimum(rd, farthest)
        if self.k1 or self.k2:
            for _ in range(8):  # Newton on r(1 + k1 r² + k2 r⁴) = rd
                r2 = r * r
                slope = np.maximum(1.0 + r2 * (3.0 * self.k1 + 5.0 * self.k2 * r2), 0.05)
                r = np.minimum(r - (r * (1.0 + r2 * (self.k1 + r2 * self.k2)) - rd) / slope, farthest)
        scale = np.where(rd > 1e-12, r / np.maximum(rd, 1e-12), 1.0)
        out = np.stack([xd * scale, yd * scale, np.ones_like(xd)], axis=-1)
        return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True))

    def _fold_r2(self) -> float:
        """Squared radius where d(r·stretch)/dr reaches zero; infinity when it never does."""
        roots = np.roots([5.0 * self.k2, 3.0 * self.k1, 1.0]) if self.k2 else np.array([])
        if not self.k2 and self.k1 < 0.0:
            return -1.0 / (3.0 * self.k1)
        positive = [float(r.real) for r in roots if abs(r.imag) < 1e-12 and r.real > 0.0]
        return min(positive, default=math.inf)
