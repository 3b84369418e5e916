"""A tile: a part of the frame that the detector looks at by itself, so that small things in it are larger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OVERLAP = 0.12  # of a tile's side: what is cut by one tile's edge is whole in the next one


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of whole pixels inside a frame; ``x``, ``y`` is its first pixel."""

    x: int
    y: int
    width: int
    height: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """This part of a picture, not copied."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def fits(self, width_px: int, height_px: int) -> bool:
        """Whether it is a part of pictures of this size."""
        return (
            min(self.x, self.y) >= 0
            and min(self.width, self.height) > 0
            and self.x + self.width <= width_px
            and self.y + self.height <= height_px
        )

    def holds(self, pixels: NDArray[np.float64], width_px: int, height_px: int) -> NDArray[np.bool_]:
        """Which pixels (N, 2) of such a picture are in the tile, and so far from its edges that what is there
        is whole: half of the overlap is the neighbours', on sides that have any. NaN is outside."""
        across, down = self.width * OVERLAP / 2, self.height * OVERLAP / 2
        u, v = pixels[:, 0], pixels[:, 1]
        return (
            (u >= self.x + across * (self.x > 0))
            & (v >= self.y + down * (self.y > 0))
            & (u < self.x + self.width - across * (self.x + self.width < width_px))
            & (v < self.y + self.height - down * (self.y + self.height < height_px))
        )


def grid(width_px: int, height_px: int, tile_px: int) -> Iterator[Tile]:
    """Overlapping tiles of at most ``tile_px`` on a side, evenly over a whole picture."""
    width, height = min(tile_px, width_px), min(tile_px, height_px)
    for y in starts(0, height_px, height):
        for x in starts(0, width_px, width):
            yield Tile(x, y, width, height)


def starts(first_px: float, last_px: float, side_px: int) -> list[int]:
    """Where tiles of one side begin that cover a stretch with no less than their overlap, spread evenly."""
    stretch_px = last_px - first_px
    if stretch_px <= side_px:
        return [round(first_px + (stretch_px - side_px) / 2)]
    count = int(np.ceil((stretch_px - side_px * OVERLAP) / (side_px * (1 - OVERLAP))))
    return [round(start) for start in np.linspace(first_px, last_px - side_px, count).tolist()]
