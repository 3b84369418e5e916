"""Pictures with what was found drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.images import IMAGE_SUFFIXES
from edge.vision.merge import Found
from models.detection import Detection

_COLOURS_BGR = {"fire": (30, 60, 255), "smoke": (255, 190, 60)}
_OTHER_BGR = (200, 80, 200)
_WHITE = (255, 255, 255)
_QUALITY = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 90],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 90],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 90],
}


def annotated(image: NDArray[np.uint8], detections: Sequence[Detection]) -> NDArray[np.uint8]:
    """A copy of ``image`` (BGR) with each detection's box, label and score."""
    picture = image.copy()
    height_px, width_px = picture.shape[:2]
    line_px = max(1, round(min(height_px, width_px) / 240))
    text_scale = max(0.35, min(height_px, width_px) / 900)
    # The surest last, so that its text lies on top.
    for found in sorted(detections, key=lambda detection: detection.score):
        colour = _COLOURS_BGR.get(found.label, _OTHER_BGR)
        x1, y1 = round(found.x1), round(found.y1)
        cv2.rectangle(picture, (x1, y1), (round(found.x2), round(found.y2)), colour, line_px)
        text = f"{found.label} {found.score:.2f}"
        if isinstance(found, Found) and found.heat is not None:
            text += f" {found.heat.peak_c:.0f} C"  # OpenCV's letters have no degree sign
        (text_px, tall_px), below_px = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, text_scale, line_px)
        # Above the box, or inside where the picture ends.
        left = max(0, min(x1, width_px - text_px))
        base = max(y1 - below_px, tall_px + 1)
        corners = (left, base - tall_px - 1), (left + text_px, base + below_px - 1)
        cv2.rectangle(picture, *corners, colour, cv2.FILLED)
        place = (left, base)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, text_scale, _WHITE, line_px, cv2.LINE_AA)
    return picture


def encoded(picture: NDArray[np.uint8], name: PurePath) -> bytes:
    """``picture`` as bytes in the format that ``name``'s suffix says, JPEG where it says none."""
    suffix = name.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        suffix = ".jpg"
    ok, data = cv2.imencode(suffix, picture, _QUALITY.get(suffix, []))
    if not ok:
        raise ValueError(f"a picture cannot be encoded as {suffix}")
    return data.tobytes()
