"""Takes things out of pictures that are too small to be learned: neither label nor picture shows them.

A fire of four pixels is no label: its box would be noise. Left in the picture without a label it would be
taught as "nothing burns here". Ultralytics' loss knows no regions to ignore, so the pixels are
painted over from their surroundings, and there is nothing left to be right or wrong about.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.make.dataset import Box

SMALLEST_BOX_PX = 6.0
"""Longer side at the network's input under which a box is ignored."""
_MARGIN_PX = 2
_COVERED = 0.9

Bgr = NDArray[np.uint8]


def is_ignored(box: Box, width_px: int, height_px: int, input_px: int) -> bool:
    """Whether ``box`` is too small once the picture's longer side is ``input_px``."""
    scale = input_px / max(width_px, height_px)
    return max(box.width * width_px, box.height * height_px) * scale < SMALLEST_BOX_PX


def without_ignored(picture: Bgr, boxes: tuple[Box, ...], input_px: int) -> tuple[Bgr, tuple[Box, ...]]:
    """The picture with its ignored boxes painted over, and the others.

    What lies within a larger box of the same label is part of that and stays to be seen.
    """
    height, width = picture.shape[:2]
    kept = tuple(box for box in boxes if not is_ignored(box, width, height, input_px))
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        if box in kept or any(_covers(larger, box) for larger in kept if larger.label == box.label):
            continue
        x1, y1, x2, y2 = box.corners(width, height)
        left, top = (max(0, int(edge) - _MARGIN_PX) for edge in (x1, y1))
        right, bottom = (int(np.ceil(edge)) + _MARGIN_PX for edge in (x2, y2))
        mask[top:bottom, left:right] = 255
    if not mask.any():
        return picture, kept
    return np.asarray(cv2.inpaint(picture, mask, 3, cv2.INPAINT_TELEA), np.uint8), kept


def _covers(larger: Box, box: Box) -> bool:
    a, b = larger.corners(1, 1), box.corners(1, 1)
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width > 0 and height > 0 and width * height >= _COVERED * box.width * box.height
