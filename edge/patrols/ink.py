"""The colours, letters and sizes of a drawn patrol."""

from __future__ import annotations

import math
import os

from PIL import ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SCALE = 2  # drawn larger, then made smaller: smooth lines

INK: Colour = (32, 36, 42)
PAPER: Colour = (250, 249, 246)
AREA: Colour = (224, 138, 30)
FENCE: Colour = (24, 128, 92)
NO_FLY: Colour = (200, 40, 48)
UNSEEN: Colour = (126, 40, 140)
GROUND: Colour = (176, 156, 128)
FLIGHTS: tuple[Colour, ...] = ((20, 92, 190), (196, 78, 16), (92, 46, 160), (0, 124, 140), (150, 30, 96))

# For names that Pillow's own font cannot write: where Linux distributions put the usual ones.
FONT_FILES = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
)


def round_length(about_m: float) -> float:
    """1, 2 or 5 times a power of ten, not more than about this."""
    power = 10.0 ** math.floor(math.log10(max(about_m, 1e-3)))
    return max(part * power for part in (1, 2, 5) if part * power <= about_m * 1.0001)


def font(size_px: int, words: str = "") -> Font:
    """The first that has all letters of ``words``; else Pillow's own, which knows little beyond ASCII."""
    files = filter(os.path.isfile, FONT_FILES)
    fonts = [ImageFont.load_default(size_px), *(ImageFont.truetype(file, size_px) for file in files)]
    return next((each for each in fonts if _has(each, words)), fonts[0])


def drawable(words: str, instead: str) -> str:
    """``words``, or ``instead`` where no font at hand has all of its letters."""
    return words if _has(font(16, words), words) else instead


def _has(a_font: Font, words: str) -> bool:
    missing = bytes(a_font.getmask("\uffff"))
    return words.isprintable() and all(bytes(a_font.getmask(letter)) != missing for letter in set(words))
