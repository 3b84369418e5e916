"""The colours, letters and sizes of a drawn patrol."""

from __future__ import annotations

import math

from PIL import ImageFont

Colour = tuple[int, int, int]

SCALE = 2  # drawn larger, then made smaller: smooth lines

INK: Colour = (32, 36, 42)
PAPER: Colour = (250, 249, 246)
AREA: Colour = (224, 138, 30)
FENCE: Colour = (24, 128, 92)
NO_FLY: Colour = (200, 40, 48)
UNSEEN: Colour = (126, 40, 140)
GROUND: Colour = (176, 156, 128)
FLIGHTS: tuple[Colour, ...] = ((20, 92, 190), (196, 78, 16), (92, 46, 160), (0, 124, 140), (150, 30, 96))


def round_length(about_m: float) -> float:
    """1, 2 or 5 times a power of ten, not more than about this."""
    power = 10.0 ** math.floor(math.log10(max(about_m, 1e-3)))
    return max(part * power for part in (1, 2, 5) if part * power <= about_m * 1.0001)


def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
