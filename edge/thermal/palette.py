"""Temperatures as people look at them: in false colours, with the figures beside a hot spot."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry.sighting import Box
from edge.thermal.heat import Heat

Image = NDArray[np.uint8]

FROM_C = 273.15
# Of what is seen: its coldest hundredth and its hottest pixel are the ends, but noise is not stretched.
COLDEST, LEAST_SPAN_K = 1.0, 8.0
EVEN, LEAST_EVEN_K = (1.0, 98.0), 2.0
CROP_PX, CROP_PART, LEAST_CROP_PX = 480, 6.0, 24
_INK, _SHADE = (255, 255, 255), (0, 0, 0)


def false_colours(kelvin: NDArray[np.float32]) -> tuple[Image, tuple[float, float]]:
    """A picture (BGR) and the temperatures (°C) at the two ends of its colours."""
    low = float(np.percentile(kelvin[::2, ::2], COLDEST))
    high = max(float(kelvin.max()), low + LEAST_SPAN_K)
    # Half of the scale for the half of the span that is nearer to the ground: a fire must not turn it black.
    part = np.clip((kelvin - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    grey = (255 * np.sqrt(part)).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), np.uint8), (low - FROM_C, high - FROM_C)


def even_greys(kelvin: NDArray[np.float32]) -> Image:
    """A grey picture (BGR) for what follows its details: a hot spot that comes into it changes little."""
    low, high = np.percentile(kelvin[::2, ::2], EVEN)
    part = (kelvin - np.float32(low)) / np.float32(max(high - low, LEAST_EVEN_K))
    grey = (255 * np.clip(part, 0.0, 1.0)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def crop(image: Image, box: Box, heat: Heat, span_c: tuple[float, float]) -> Image:
    """What is around a hot spot, enlarged, with its temperatures and the scale of the colours."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    side = min(max(CROP_PART * max(x2 - x1, y2 - y1), LEAST_CROP_PX), width, height)
    left = round(min(max((x1 + x2 - side) / 2, 0), width - side))
    top = round(min(max((y1 + y2 - side) / 2, 0), height - side))
    size = int(side)
    cut = np.ascontiguousarray(image[top : top + size, left : left + size])
    part = np.asarray(cv2.resize(cut, (CROP_PX, CROP_PX), interpolation=cv2.INTER_CUBIC), np.uint8)
    scale = CROP_PX / size
    corner, opposite = (
        (round((x - left + 0.5) * scale), round((y - top + 0.5) * scale)) for x, y in ((x1, y1), (x2, y2))
    )
    cv2.rectangle(part, corner, opposite, _INK, 1, cv2.LINE_AA)
    # OpenCV's letters are ASCII: a degree sign it has not.
    _write(part, f"max {'>=' if heat.saturated else ''}{heat.peak_c:.0f} C", (12, 30), 0.8)
    _write(part, f"around {heat.around_c:.0f} C", (12, 58), 0.6)
    bar = np.repeat(_bar()[None], 10, axis=0)
    part[CROP_PX - 34 : CROP_PX - 24, 12 : 12 + bar.shape[1]] = bar
    _write(part, f"{span_c[0]:.0f}", (12, CROP_PX - 8), 0.5)
    _write(part, f"{span_c[1]:.0f} C", (12 + bar.shape[1] - 44, CROP_PX - 8), 0.5)
    return part


def crop_jpeg(frame: bytes, box: Box, heat: Heat, span_c: tuple[float, float]) -> tuple[bytes, int]:
    """The same out of a frame's JPEG, as a JPEG and its side in pixels. Raises ValueError for no picture."""
    image = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR) if frame else None
    if image is None:
        raise ValueError("the frame is no picture")
    ok, data = cv2.imencode(".jpg", crop(np.asarray(image, np.uint8), box, heat, span_c))
    if not ok:
        raise ValueError("it cannot be coded")
    return data.tobytes(), CROP_PX


@lru_cache(maxsize=1)
def _bar() -> Image:
    """The colours over evenly rising temperatures."""
    part = np.sqrt(np.linspace(0.0, 1.0, 200))
    colours = cv2.applyColorMap((255 * part).astype(np.uint8)[None], cv2.COLORMAP_INFERNO)
    return np.asarray(colours[0], np.uint8)


def _write(image: Image, text: str, at: tuple[int, int], size: float) -> None:
    for colour, thick in ((_SHADE, 4), (_INK, 1)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick, cv2.LINE_AA)
