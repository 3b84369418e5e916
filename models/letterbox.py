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
LINEAR_UP_TO = 2
"""Linear sampling looks at two neighbours in each direction: up to here it skips none."""
HALVED_LAST_UP_TO = 2.5
"""A little more than twice as large, a picture is scaled to twice the size and then halved: halved first, it
would be blurred by a scaling of almost one at its smallest."""
HALVED_UP_TO = 5
"""Further down a picture is quartered first: an input pixel is more than this many of the picture's wide."""


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
        cls,
        width: int,
        height: int,
        *,
        long_side: int,
        fixed: tuple[int, int] | None = None,
        stretched: bool = False,
    ) -> Letterbox:
        """The layout for a ``width``×``height`` picture.

        The picture's longer side becomes ``long_side`` and the other is padded to the next multiple
        of 32 (1280×720 at 640 → 640×384), unless the network has a ``fixed`` (height, width).
        ``stretched``: the picture fills the whole input, which is a square unless fixed.
        """
        sides = (long_side, long_side) if fixed is None else fixed
        if stretched:
            return cls(width, height, sides[1], sides[0], 0, 0, sides[1], sides[0])
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


class Canvas:
    """A network's input picture: grey but for where frame after frame of one size is drawn."""

    def __init__(self, layout: Letterbox) -> None:
        self.pixels: NDArray[np.uint8] = np.full((layout.input_height, layout.input_width, 3), GREY, np.uint8)
        """Height × width × 3; always the same array."""
        bottom, right = layout.top + layout.inner_height, layout.left + layout.inner_width
        self._inner = self.pixels[layout.top : bottom, layout.left : right]
        widths = _stops(layout.picture_width, layout.inner_width)
        heights = _stops(layout.picture_height, layout.inner_height)
        steps = max(len(widths), len(heights))
        widths += [*widths[-1:], layout.picture_width][:1] * (steps - len(widths))
        heights += [*heights[-1:], layout.picture_height][:1] * (steps - len(heights))
        self._smaller = [np.empty((h, w, 3), np.uint8) for w, h in zip(widths, heights, strict=True)]

    def draw(self, picture: NDArray[np.uint8]) -> None:
        """Scales ``picture``, any view of the layout's size, into its place."""
        if picture.shape == self._inner.shape:
            self._inner[:] = picture
            return
        if picture.strides[1:] != (3, 1) or picture.strides[0] < 0:
            picture = np.ascontiguousarray(picture)  # OpenCV reads whole pixels, left to right and downwards
        for smaller in (*self._smaller, self._inner):
            height, width = smaller.shape[:2]
            cv2.resize(picture, (width, height), dst=smaller, interpolation=cv2.INTER_LINEAR)
            picture = smaller


def _stops(side_px: int, inner_px: int) -> list[int]:
    """Sides on the way down to ``inner_px``, so that no small fire is skipped.

    OpenCV's area sampling skips nothing but takes longer than the network for a 4K frame. Linear
    sampling to a half, which is the average of every 2×2 pixels, costs a seventh of that; to a quarter, which
    is the average of the middle 2×2 of every 4×4 and so still meets whatever is 3 px long, a twelfth.
    """
    stops = []
    while side_px > LINEAR_UP_TO * inner_px:
        if side_px <= HALVED_LAST_UP_TO * inner_px:
            side_px = LINEAR_UP_TO * inner_px
        else:
            side_px //= 2 if side_px <= HALVED_UP_TO * inner_px else 4
        stops.append(side_px)
    return stops


def _round_up(side_px: int) -> int:
    return -(-side_px // CELL_PX) * CELL_PX
