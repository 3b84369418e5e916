"""A vehicle that a hand turns, what its autopilot says of it, and what its camera sees.

The renderer has a pinhole of its own, and a world that is a texture at infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from edge.camera_commands.delay import Attitudes
from edge.camera_commands.turning import Turn

FloatArray = NDArray[np.float64]

CAMERA_FROM_ENU = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Of a camera that looks north: x east, y down, z north."""


@dataclass(frozen=True)
class Hand:
    """Turns to and fro, by ``far_deg`` in yaw and a part of it in pitch and roll, irregularly."""

    seconds: float = 24.0
    far_deg: float = 15.0
    seed: int = 1

    def camera_to_enu(self, at_s: FloatArray) -> FloatArray:
        """(N, 3, 3)."""
        rng = np.random.default_rng(self.seed)
        knots = np.cumsum(rng.uniform(0.3, 0.9, round(self.seconds / 0.3) + 40)) - 8.0
        angles = rng.normal(0.0, self.far_deg, (len(knots), 3)) * (1.0, 0.5, 0.3)
        yaw, pitch, roll = np.radians(CubicSpline(knots, angles)(at_s)).T
        turned = Rotation.from_euler("YXZ", np.stack([yaw, pitch, roll], axis=1))
        return np.asarray(CAMERA_FROM_ENU.T @ turned.as_matrix())


@dataclass(frozen=True)
class Yawing(Hand):
    """Turns to the right, by a rule."""

    yaw_deg: Callable[[FloatArray], FloatArray] = lambda at_s: 0.0 * at_s

    def camera_to_enu(self, at_s: FloatArray) -> FloatArray:
        yaw = Rotation.from_euler("y", self.yaw_deg(at_s)[:, None], degrees=True)
        return np.asarray(CAMERA_FROM_ENU.T @ yaw.as_matrix())


def attitudes_of(
    hand: Hand, *, hz: float = 25.0, noise_deg: float = 0.05, seed: int = 2, stamps_s: float = 0.001
) -> Attitudes:
    """What the autopilot says, in steps of its clock."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(-4.0, hand.seconds + 0.5, 1 / hz)
    rotations = hand.camera_to_enu(at_s)
    shaken = (
        rotations @ Rotation.from_rotvec(np.radians(rng.normal(0.0, noise_deg, (len(at_s), 3)))).as_matrix()
    )
    attitudes = Attitudes()
    for instant, rotation in zip(np.round(at_s / stamps_s) * stamps_s, shaken, strict=True):
        attitudes.add(float(instant), rotation)
    return attitudes


def turns_of(
    hand: Hand,
    latency_s: float,
    *,
    hz: float = 20.0,
    noise_deg: float = 0.05,
    jitter_s: float = 0.0,
    seed: int = 3,
) -> list[Turn]:
    """What pictures that arrive so late show, without making pictures."""
    rng = np.random.default_rng(seed)
    taken_s = np.arange(0.0, hand.seconds, 1 / hz)
    arrived_s = taken_s + latency_s + np.abs(rng.normal(0.0, jitter_s, len(taken_s)))
    arrived_s = np.maximum.accumulate(arrived_s)  # none overtakes another
    rotations = hand.camera_to_enu(taken_s)
    steps = Rotation.from_matrix(np.einsum("nji,njk->nik", rotations[:-1], rotations[1:])).as_rotvec()
    steps += np.radians(rng.normal(0.0, noise_deg, steps.shape))
    return [
        Turn(float(start), float(end), step)
        for start, end, step in zip(arrived_s[:-1], arrived_s[1:], steps, strict=True)
    ]


class World:
    """A texture at infinity, seen by a pinhole."""

    def __init__(self, width_px: int = 320, height_px: int = 240, focal_px: float = 250.0) -> None:
        self.width_px, self.height_px, self.focal_px = width_px, height_px, focal_px
        rng = np.random.default_rng(5)
        texture = np.zeros((1024, 2048))
        for size in (8, 16, 32, 64, 128):
            coarse = rng.normal(0.0, 1.0, (size, 2 * size))
            texture += cv2.resize(coarse, (2048, 1024), interpolation=cv2.INTER_CUBIC)
        self._texture = np.clip(128 + 40 * texture, 0, 255).astype(np.uint8)
        u, v = np.meshgrid(
            np.arange(width_px) - (width_px - 1) / 2, np.arange(height_px) - (height_px - 1) / 2
        )
        self._rays = np.stack([u, v, np.full(u.shape, focal_px)], axis=-1) / focal_px

    def picture(
        self, camera_to_enu: FloatArray, *, noise: float = 2.0, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        east, north, up = np.moveaxis(self._rays @ camera_to_enu.T, -1, 0)
        across = (np.arctan2(east, north) / (2 * np.pi) + 0.5) * 2048
        down = (0.5 - np.arctan2(up, np.hypot(east, north)) / np.pi) * 1024
        grey = cv2.remap(
            self._texture, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        noisy = grey + rng.normal(0.0, noise, grey.shape)
        return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
