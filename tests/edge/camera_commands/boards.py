"""Chessboards seen through known lenses, by a projection with nothing of ``edge.geometry.optics`` in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.camera_commands.chessboard import Board

FloatArray = NDArray[np.float64]

BOARD = Board(9, 6)
SQUARE_PX = 128  # of the drawn board


@dataclass(frozen=True)
class TrueLens:
    """Radial only. ``k`` are of r = tan θ for a pinhole, of θ for a fisheye."""

    width_px: int = 640
    height_px: int = 480
    fx_px: float = 520.0
    fy_px: float = 515.0
    cx_px: float = 331.0
    cy_px: float = 229.0
    k: tuple[float, ...] = (-0.25, 0.08)
    fisheye: bool = False

    def radius(self, angle: FloatArray) -> FloatArray:
        """From the axis in the plane at focal length 1, of what is seen at this angle (radians)."""
        out = angle if self.fisheye else np.tan(angle)
        return np.asarray(out * (1 + sum(k * out ** (2 * n) for n, k in enumerate(self.k, 1))))

    def pixels(self, points: FloatArray) -> FloatArray:
        across = np.hypot(points[:, 0], points[:, 1])
        radius = self.radius(np.arctan2(across, points[:, 2]))
        plane = points[:, :2] * (radius / np.maximum(across, 1e-12))[:, None]
        return plane * (self.fx_px, self.fy_px) + (self.cx_px, self.cy_px)

    def rays(self, pixels: FloatArray) -> FloatArray:
        """By a table, so that it needs no inverse of its own."""
        plane = (pixels - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px)
        radius = np.hypot(plane[:, 0], plane[:, 1])
        table = np.linspace(0.0, 1.35 if self.fisheye else 0.9, 20_000)
        angle = np.interp(radius, self.radius(table), table)
        side = plane / np.maximum(radius, 1e-12)[:, None]
        return np.column_stack([side * np.sin(angle)[:, None], np.cos(angle)])


@dataclass(frozen=True)
class Stand:
    """How the board stands before the camera, in squares and degrees."""

    x: float
    y: float
    z: float
    across_deg: float
    down_deg: float
    turned_deg: float = 0.0

    def corners(self) -> FloatArray:
        """The board's corners (N, 3) before the camera."""
        place = np.array([self.x, self.y, self.z])
        return np.asarray(self.turn().apply(BOARD.corners - middle()) + place)

    def turn(self) -> Rotation:
        return Rotation.from_euler("ZYX", [self.turned_deg, self.across_deg, self.down_deg], degrees=True)


def middle() -> FloatArray:
    return np.array([(BOARD.across - 1) / 2, (BOARD.down - 1) / 2, 0.0])


def stands(z: float = 11.0, spread: float = 1.0) -> list[Stand]:
    """Fourteen that a careful person would take: every corner, and slanted every way."""
    corners = [(x, y) for x in (-3.4, 3.4) for y in (-2.6, 2.6)]
    slants = [(-30.0, 0.0), (30.0, 0.0), (0.0, -30.0), (0.0, 30.0), (25.0, 25.0), (-25.0, 20.0)]
    return [
        *(Stand(spread * x, spread * y, z, 8 * x, -8 * y, 3 * x) for x, y in corners),
        *(Stand(0.3 * a / 30, 0.2, z - 1, a, b) for a, b in slants),
        *(Stand(spread * x, spread * y, z + 4, 20 * y, 12 * x, 15.0) for x, y in corners),
    ]


@lru_cache(maxsize=4)
def all_rays(lens: TrueLens, fine: int) -> FloatArray:
    step = (np.arange(fine) + 0.5) / fine - 0.5
    u = (np.arange(lens.width_px)[:, None] + step).ravel()
    v = (np.arange(lens.height_px)[:, None] + step).ravel()
    return lens.rays(np.stack([part.ravel() for part in np.meshgrid(u, v)], axis=1))


@lru_cache(maxsize=1)
def drawn() -> NDArray[np.uint8]:
    """The board with white around it. Where four squares meet is a corner: one more lies beyond the last."""
    squares = np.full((BOARD.down + 3, BOARD.across + 3), 225, np.uint8)
    row, column = np.mgrid[: BOARD.down + 1, : BOARD.across + 1]
    squares[1:-1, 1:-1] = np.where((row + column) % 2 == 0, 30, 225)
    return np.repeat(np.repeat(squares, SQUARE_PX, axis=0), SQUARE_PX, axis=1)


def picture(lens: TrueLens, stand: Stand, *, fine: int = 2, seed: int = 0) -> NDArray[np.uint8]:
    """What the lens sees (BGR): the board before a grey wall, ``fine`` rays a pixel along each side."""
    board_from_camera = stand.turn().as_matrix().T
    place = board_from_camera @ (stand.x, stand.y, stand.z)
    turned = all_rays(lens, fine) @ board_from_camera.T
    range_ = np.where(turned[:, 2] > 0, place[2] / turned[:, 2], np.inf)
    # Of squares from the first corner, which lies two squares into the drawing.
    met = turned[:, :2] * range_[:, None] - place[:2] + middle()[:2] + 2
    on_paper = (np.nan_to_num(met, posinf=-9.0, neginf=-9.0) * SQUARE_PX - 0.5).astype(np.float32)
    across, down = on_paper.reshape(lens.height_px * fine, lens.width_px * fine, 2).transpose(2, 0, 1)
    wall = cv2.BORDER_CONSTANT
    seen = cv2.remap(drawn(), across, down, cv2.INTER_LINEAR, borderMode=wall, borderValue=120)
    small = np.asarray(seen).reshape(lens.height_px, fine, lens.width_px, fine).mean(axis=(1, 3))
    small += np.random.default_rng(seed).normal(0.0, 2.0, small.shape)
    return np.repeat(np.clip(small, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
