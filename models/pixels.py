"""Fills the float input of networks that want one: bytes, BGR, rows of pixels → floats, RGB, planes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.heads.head import Pixels

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class FloatPixels:
    """A 1×3×H×W tensor that follows a canvas: scale, colour order and layout in one pass over tables."""

    def __init__(self, canvas: NDArray[np.uint8], pixels: Pixels, dtype: str) -> None:
        height, width = canvas.shape[:2]
        self._canvas = canvas
        self._planes = [np.empty((height, width), np.uint8) for _ in range(3)]
        unit = np.arange(256, dtype=np.float64) / 255
        self._tables = [
            ((unit - mean) / deviation if pixels == "imagenet" else unit).astype(np.float32)
            for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)
        ]
        self._filled = np.empty((1, 3, height, width), np.float32)
        self.tensor: NDArray[Any] = (
            self._filled if dtype == "float32" else np.empty((1, 3, height, width), dtype)
        )
        """What the network reads; always the same array."""

    def fill(self) -> None:
        """Brings the tensor up to what is on the canvas."""
        cv2.split(self._canvas, self._planes)
        for channel, table in enumerate(self._tables):
            cv2.LUT(self._planes[2 - channel], table, dst=self._filled[0, channel])
        if self.tensor is not self._filled:
            self.tensor[:] = self._filled
