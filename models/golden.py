"""Whether a back end sees what it should: boxes on one rendered picture against those that are known.

The same network gives slightly other numbers on other hardware; a driver or a build that is broken gives
quite other ones, and nobody would know in the air. A model may carry its expected boxes in its metadata
under ``golden``, a JSON list of ``[label, raw score, x1, y1, x2, y2]`` in pixels of the picture, at its own
input size; for others ONNX Runtime's CPU provider, the plainest of all, says what is right.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.detection import Detection
from models.errors import ModelError

GOLDEN_PICTURE = Path(__file__).parent / "weights" / "golden.jpg"
KEY = "golden"
COUNTS_FROM = 0.1
"""Boxes with a raw score from here up must be found by both."""
KEPT_FROM = 0.03
"""So far down boxes are looked for in the other's answer, since scores differ a little."""


class Sees(Protocol):
    """What is checked: :class:`models.detector.Detector` is one."""

    def detect_raw(self, image_bgr: NDArray[np.uint8], min_score: float) -> list[Detection]: ...


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two answers may be apart and still be the same."""

    iou: float
    score: float


FULL = Tolerance(iou=0.9, score=0.03)
"""For float32, whose rounding moves scores by 1e-5."""
COARSE = Tolerance(iou=0.8, score=0.06)
"""For 16-bit floats and quantised networks, where each runtime rounds in other places. On the shipped float
network bfloat16 moves scores by up to 0.015; quantised to 8 bits, two runtimes differ by as much, and by a
tenth of a box of faint smoke."""


def picture() -> NDArray[np.uint8]:
    """The golden picture, BGR."""
    pixels = cv2.imread(str(GOLDEN_PICTURE), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ModelError(f"the golden picture is missing: {GOLDEN_PICTURE}", hint="Install Emberwatch again.")
    return np.asarray(pixels, np.uint8)


def picture_id() -> str:
    """Tells one golden picture from another."""
    try:
        return hashlib.sha256(GOLDEN_PICTURE.read_bytes()).hexdigest()[:12]
    except OSError:
        return "none"


def seen_by(detector: Sees) -> list[Detection]:
    """What ``detector`` finds on the golden picture, down to scores that do not count."""
    return detector.detect_raw(picture(), KEPT_FROM)


def expected_json(detector: Sees) -> str:
    """What ``detector`` finds now, for the metadata key ``golden`` of its model."""
    return json.dumps(
        [
            [box.label, round(box.score, 4), *(round(edge, 2) for edge in (box.x1, box.y1, box.x2, box.y2))]
            for box in seen_by(detector)
        ]
    )


def expected(metadata: Mapping[str, str]) -> list[Detection] | None:
    """The boxes that a model says it should give, or None where it does not say."""
    text = metadata.get(KEY)
    if text is None:
        return None
    try:
        return [
            Detection(str(label), *(float(number) for number in numbers))
            for label, *numbers in json.loads(text)
        ]
    except (ValueError, TypeError):
        raise ModelError(
            f"the model's metadata has a {KEY!r} that cannot be read", hint="Export the model again."
        ) from None


def counts(boxes: Sequence[Detection]) -> bool:
    """Whether any of them is sure enough to be looked for in another's answer."""
    return any(box.score >= COUNTS_FROM for box in boxes)


def disagreement(wanted: Sequence[Detection], found: Sequence[Detection], tolerance: Tolerance) -> str | None:
    """The first box that one answer has and the other has not, in plain words; None where they agree."""
    for box in wanted:
        if box.score >= COUNTS_FROM and not any(_same(box, other, tolerance) for other in found):
            return f"it should see {_told(box)} on the golden picture, but does not"
    for box in found:
        if box.score >= COUNTS_FROM and not any(_same(box, other, tolerance) for other in wanted):
            return f"it sees {_told(box)} on the golden picture, which is not there"
    return None


def _same(one: Detection, other: Detection, tolerance: Tolerance) -> bool:
    return (
        one.label == other.label
        and abs(one.score - other.score) <= tolerance.score
        and one.iou(other) >= tolerance.iou
    )


def _told(box: Detection) -> str:
    corners = ", ".join(f"{edge:.0f}" for edge in (box.x1, box.y1, box.x2, box.y2))
    return f"{box.label} with score {box.score:.2f} at {corners}"
