"""What a hot spot's temperatures are. Apart from the detector: whoever only tells of it loads nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heat:
    """As the camera reads them: taken for a black body through clear air, mixed over each pixel.

    ``peak_c`` is its hottest pixel, which a fire smaller than a pixel leaves far below the flames' own
    temperature; ``saturated``: it is hotter than the camera can tell. ``around_c`` is what surrounds it,
    ``size_px`` how many pixels as hot as its peak would shine as brightly.
    """

    peak_c: float
    around_c: float
    size_px: float
    saturated: bool = False

    @property
    def contrast_k(self) -> float:
        return self.peak_c - self.around_c
