"""A picture that leaves the house, with what must not be recognised in it made unrecognisable."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from uplink.errors import StationError

JPEG_QUALITY = 90
CELLS = 4  # along the longer side of a box: too few for a face or a number plate, however it is sharpened
Box = Sequence[float]


class OutsideError(StationError):
    """A box that is to be blurred is not in the picture: what it was meant for would be left as it is."""


def blurred(copy: Path, boxes: Sequence[Box]) -> bytes:
    """The picture as a JPEG, each box in it reduced to a few cells of colour. Raises ``OutsideError``."""
    with Image.open(copy, formats=["JPEG"]) as image:
        picture = image.convert("RGB")
    for box in boxes:
        left, top, right, bottom = _pixels(box, picture.size)
        region = picture.crop((left, top, right, bottom))
        width, height = region.size
        cell = max(1, math.ceil(max(width, height) / CELLS))
        few = region.resize((math.ceil(width / cell), math.ceil(height / cell)), Image.Resampling.BOX)
        picture.paste(few.resize(region.size, Image.Resampling.NEAREST), (left, top))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def check_boxes(copy: Path, boxes: Sequence[Box]) -> None:
    """Raises ``OutsideError`` where ``blurred`` would."""
    with Image.open(copy, formats=["JPEG"]) as image:
        size = image.size
    for box in boxes:
        _pixels(box, size)


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top = math.floor(max(0.0, box[0])), math.floor(max(0.0, box[1]))
    right, bottom = math.ceil(min(size[0], box[2])), math.ceil(min(size[1], box[3]))
    if right <= left or bottom <= top:
        raise OutsideError(f"the box {list(box)} is not in a picture of {size[0]} × {size[1]} pixels")
    return left, top, right, bottom
