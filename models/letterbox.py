"""Fits a picture of any size into the network's input, and takes boxes back out of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114
"""What Ultralytics pads with, so what the network was trained to ignore."""
CELL_PX = 32
"""Input sides must be multiples of the coarsest grid's cell."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies inside the network's input: scaled as a whole, grey around it."""

    picture_width: int
    picture_height: int
    inner_width: int
    inner_height: int
    left: int
    top: int
    input_width: int
    input_height: int

    @classmethod
    def fit(
        cls, width: int, height: int, *, long_side: int, fixed: tuple[int, int] | None = None
    ) -> Letterbox:
        """The layout for a ``width``×``height`` picture.

        The picture's longer side becomes ``long_side`` and the other is padded to the next multiple
        of 32 (1280×720 at 640 → 640×384), unless the network has a ``fixed`` (height, width).
        """
        sides = (long_side, long_side) if fixed is None else fixed
        scale = min(sides[0] / height, sides[1] / width)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        input_height, input_width = fixed or (_round_up(inner_height), _round_up(inner_width))
        return cls(
            picture_width=width,
            picture_height=height,
            inner_width=inner_width,
            inner_height=inner_height,
            left=(input_width - inner_width) // 2,
            top=(input_height - inner_height) // 2,
            input_width=input_width,
            input_height=input_height,
        )

    def canvas(self) -> NDArray[np.uint8]:
        """A grey input picture; may be used for one frame after the other of the same layout."""
        return np.full((self.input_height, self.input_width, 3), GREY, np.uint8)

    def draw(self, picture: NDArray[np.uint8], canvas: NDArray[np.uint8]) -> None:
        """Scales ``picture`` into its place on ``canvas``."""
        inner = canvas[self.top : self.top + self.inner_height, self.left : self.left + self.inner_width]
        if picture.shape == inner.shape:
            inner[:] = picture
            return
        # Linear sampling skips pixels below half size, and a small fire may be in a skipped one.
        shrinks_much = self.inner_width * 2 < self.picture_width
        method = cv2.INTER_AREA if shrinks_much else cv2.INTER_LINEAR
        cv2.resize(picture, (self.inner_width, self.inner_height), dst=inner, interpolation=method)

    def to_picture(self, corners: NDArray[np.float32]) -> NDArray[np.float64]:
        """Corners in input pixels (N×4, outer edges) as pixel coordinates of the picture, inside it.

        Outer edges run from 0 to the width; pixel coordinates have (0, 0) at the centre of the
        first pixel, so they are half a pixel less.
        """
        scale = np.array(
            [self.picture_width / self.inner_width, self.picture_height / self.inner_height] * 2, np.float64
        )
        pixels = (corners - np.array([self.left, self.top] * 2)) * scale - 0.5
        last = np.array([self.picture_width - 1, self.picture_height - 1] * 2, np.float64)
        inside: NDArray[np.float64] = np.clip(pixels, 0.0, last)
        return inside


def _round_up(side_px: int) -> int:
    return -(-side_px // CELL_PX) * CELL_PX
