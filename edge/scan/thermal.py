"""A thermal camera's TIFF among the photos: its temperatures, and a picture of them in false colours.

What else the file holds, EXIF and XMP, is read as any photo's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edge.images import DECODER_ERRORS, ImageError, Photo, check_file, exif_of
from edge.thermal.look import HeatJudge
from edge.thermal.palette import FROM_C, false_colours
from edge.thermal.source import TIFF_SUFFIXES, holds_values, kelvin_of, pages
from edge.vision.flaw import Flaw

# Of a GeoTIFF: a map of heights may look like one of temperatures.
_GEO_KEYS = 34735


def read_thermal(
    path: Path, kelvin_per_count: float, notes: list[str]
) -> tuple[Photo, NDArray[np.float32]] | None:
    """A thermal frame and its temperatures; None for any other picture. Raises ImageError."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    check_file(path)
    try:
        with Image.open(path, formats=("TIFF",)) as opened:
            if not holds_values(opened):
                return None
            is_map = _GEO_KEYS in getattr(opened, "tag_v2", {})
            frames = getattr(opened, "n_frames", 1)
            exif, xmp = exif_of(opened), opened.info.get("xmp")
    except UnidentifiedImageError:
        return None  # whoever reads photos says what is wrong with it
    except DECODER_ERRORS:
        return None
    if is_map:
        raise ImageError(path, "it is a map (GeoTIFF) of 16-bit or decimal values, not a camera's frame")
    values = next(pages(path))
    kelvin = kelvin_of(values, kelvin_per_count)
    if HeatJudge().judge(kelvin).flaw is Flaw.NO_TEMPERATURES:
        reason = (
            f"its values are no temperatures outdoors ({np.median(kelvin) - FROM_C:.0f} °C in the middle)"
        )
        is_counts = values.dtype == np.uint16
        raise ImageError(path, f"{reason}; --kelvin-per-count gives their scale" if is_counts else reason)
    if frames > 1:
        notes.append(f"it has {frames} pages, of which the first was looked at")
    image, _ = false_colours(kelvin)
    return Photo(image, exif, xmp if isinstance(xmp, bytes) else None), kelvin
