"""What a detector finds. Apart from the detector, so that whoever only reads results loads no runtime."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detection:
    """One box on one picture.

    Corners are in pixels of the whole picture, (0, 0) being the centre of its first pixel;
    ``score`` is in 0…1.
    """

    label: str
    score: float
    x1: float
    y1: float
    x2: float
    y2: float

    def iou(self, other: Detection) -> float:
        """What both boxes cover, of what either covers, in whole pixels: a box clipped at the picture's edge
        may have no height, and is still the same box."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1) + 1
        height = min(self.y2, other.y2) - max(self.y1, other.y1) + 1
        if width <= 0 or height <= 0:
            return 0.0
        both = width * height
        return both / (self._area + other._area - both)

    @property
    def _area(self) -> float:
        return (self.x2 - self.x1 + 1) * (self.y2 - self.y1 + 1)
