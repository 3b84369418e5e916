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
