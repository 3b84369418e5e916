"""Cuts flames out of labelled photos, to put them small into photos in which nothing burns.

Small flames seen from height are what labelled photos lack most. A flame is light: its matte is how bright
and how red it is, so no outline needs to be drawn by hand, and a cut-out whose matte reaches its rim is
part of something larger and left alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.virtual.world.noise import smoothstep
from models.make.dataset import LABELS, Box, Example
from models.make.picture import read_picture

SPRITE_PX = 96
"""Longer side at which cut-outs are kept; they are only ever drawn smaller than that."""
SMALLEST_PX, LARGEST_PX = 7, 64
_SMALLEST_SOURCE_PX = 40
_RIM_ALPHA = 0.12
_SEEN_ALPHA = 0.3
_FILLED = 0.12
"""Share of a cut-out's matte that must be flame."""

Bgr = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Flame:
    """A cut-out: colour (H×W×3, BGR 0…255) and matte (H×W, 0…1)."""

    colour: Floats
    alpha: Floats


def cut_out(photo: Bgr, box: tuple[float, float, float, float]) -> Flame | None:
    """The flame in ``box`` (corners in pixels) of ``photo``, if it stands free of what is around it."""
    height, width = photo.shape[:2]
    x1, y1, x2, y2 = box
    margin = 0.12 * max(x2 - x1, y2 - y1)
    left, right = max(0, int(x1 - margin)), min(width, int(x2 + margin) + 1)
    top, bottom = max(0, int(y1 - margin)), min(height, int(y2 + margin) + 1)
    if min(right - left, bottom - top) < _SMALLEST_SOURCE_PX or max(x2 - x1, y2 - y1) > 0.75 * max(
        width, height
    ):
        return None
    piece = photo[top:bottom, left:right].astype(np.float32)
    scale = SPRITE_PX / max(piece.shape[:2])
    if scale < 1:
        piece = np.asarray(
            cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32
        )
    blue, green, red = piece[..., 0], piece[..., 1], piece[..., 2]
    warm = smoothstep(35.0, 95.0, red - blue) * smoothstep(-5.0, 25.0, red - green + 12.0)
    core = smoothstep(215.0, 245.0, green)  # the hottest part is white to the camera
    glow = cv2.GaussianBlur(warm, (0, 0), 5.0)
    alpha = np.maximum(warm, core * smoothstep(0.15, 0.5, glow)) * smoothstep(110.0, 190.0, red)
    alpha = np.asarray(alpha, np.float32)
    rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    if float(rim.mean()) > _RIM_ALPHA or float(alpha.mean()) < _FILLED:
        return None
    return Flame(piece, alpha)


def flames(photos: Sequence[Example], most: int, rng: np.random.Generator) -> list[Flame]:
    """Up to ``most`` cut-outs from the labelled fires of ``photos``, one from a photo."""
    found: list[Flame] = []
    fire = LABELS.index("fire")
    burning = [example for example in photos if any(box.label == fire for box in example.boxes)]
    for index in rng.permutation(len(burning)):
        if len(found) >= most:
            break
        example = burning[int(index)]
        photo = read_picture(example.picture)
        boxes = [box.corners(photo.shape[1], photo.shape[0]) for box in example.boxes if box.label == fire]
        cut = next((flame for box in boxes if (flame := cut_out(photo, box)) is not None), None)
        if cut is not None:
            found.append(cut)
    return found


def with_flame(
    image: Floats, flame: Flame, foot: tuple[float, float], rng: np.random.Generator
) -> tuple[Floats, Box | None]:
    """The picture with ``flame`` small on it, its lower end at ``foot``, and the box round what shows."""
    height, width = image.shape[:2]
    long_px = math.exp(rng.uniform(math.log(SMALLEST_PX), math.log(LARGEST_PX)))
    scale = long_px / max(flame.alpha.shape)
    size = (max(2, round(flame.alpha.shape[1] * scale)), max(2, round(flame.alpha.shape[0] * scale)))
    alpha = np.asarray(cv2.resize(flame.alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    # Colour is averaged with its matte, or the dark round the flame would dirty a small one.
    weighted = cv2.resize(flame.colour * flame.alpha[..., None], size, interpolation=cv2.INTER_AREA)
    colour = weighted / np.maximum(alpha, 1e-3)[..., None] * float(rng.uniform(0.85, 1.25))
    if rng.random() < 0.5:
        alpha, colour = alpha[:, ::-1], colour[:, ::-1]
    left, top = round(foot[0] - size[0] / 2), round(foot[1] - size[1])
    x1, y1, x2, y2 = max(0, left), max(0, top), min(width, left + size[0]), min(height, top + size[1])
    if x2 - x1 < 0.7 * size[0] or y2 - y1 < 0.7 * size[1]:
        return image, None
    layer = np.zeros((height, width), np.float32)
    layer[y1:y2, x1:x2] = alpha[y1 - top : y2 - top, x1 - left : x2 - left] * float(rng.uniform(0.75, 1.0))
    painted = image.copy()
    painted[y1:y2, x1:x2] = colour[y1 - top : y2 - top, x1 - left : x2 - left]
    mixed = image + (np.clip(painted, 0, 255) - image) * layer[..., None]
    # Light on what is round it, the more the darker the scene is.
    darkness = 1 - min(1.0, float(image.mean()) / 160)
    halo = cv2.GaussianBlur(layer, (0, 0), max(1.0, 0.6 * long_px))[..., None]
    mixed += halo * np.array([20, 70, 140], np.float32) * (0.15 + 0.85 * darkness)
    ys, xs = np.nonzero(layer >= _SEEN_ALPHA)
    change = np.abs(mixed - image).max(axis=2)
    if not len(xs) or float(np.percentile(change[ys, xs], 60)) < 40:
        return image, None
    box_x1, box_x2, box_y1, box_y2 = xs.min(), xs.max() + 1, ys.min(), ys.max() + 1
    if max(box_x2 - box_x1, box_y2 - box_y1) < SMALLEST_PX:
        return image, None
    corners = (float(box_x1), float(box_y1), float(box_x2), float(box_y2))
    return np.asarray(mixed, np.float32), Box.around("fire", corners, width, height)
