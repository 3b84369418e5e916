"""Which detections found which labelled boxes, and the average precision that follows.

As COCO has it: detections of one class, best score first, each take the unclaimed labelled box they
overlap most; precision is made monotonic and averaged over 101 recall points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.detection import Detection

IOU_STEPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALL_POINTS = np.linspace(0.0, 1.0, 101)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TruthBox:
    """A labelled box in pixels."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def longer_side_px(self) -> float:
        """What decides whether a box is small."""
        return max(self.x2 - self.x1, self.y2 - self.y1)


def average_precision(hits: NDArray[np.bool_], labelled: int) -> float:
    """Area under the precision-recall curve.

    ``hits`` says for each detection, best score first, whether it found a labelled box; ``labelled``
    counts the boxes there were. 0 if there were none.
    """
    if not labelled or not len(hits):
        return 0.0
    found = np.cumsum(hits)
    recall = found / labelled
    precision = found / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALL_POINTS - 1e-12, side="left")
    reached = at < len(recall)
    return float(np.where(reached, envelope[np.minimum(at, len(recall) - 1)], 0.0).mean())


def match(seen: Sequence[Detection], truth: Sequence[TruthBox], min_iou: float) -> NDArray[np.bool_]:
    """Which of ``seen`` (one class, best score first) find a box of ``truth``; each box is found once."""
    return claims(overlaps(seen, truth), min_iou) >= 0


def iou(first: Detection | TruthBox, second: Detection | TruthBox) -> float:
    """Intersection over union of two boxes, 0…1."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box.x2 - box.x1) * (box.y2 - box.y1) for box in (first, second))
    return width * height / (sum(areas) - width * height)


def overlaps(seen: Sequence[Detection], truth: Sequence[TruthBox]) -> Array:
    """Intersection over union of every detection (row) with every labelled box (column)."""
    if not seen or not truth:
        return np.zeros((len(seen), len(truth)))
    a, b = (
        np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], np.float64) for boxes in (seen, truth)
    )
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    either = areas[0][:, None] + areas[1][None, :] - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=both > 0), np.float64)


def claims(overlap: Array, min_iou: float) -> NDArray[np.intp]:
    """For each row the free column it overlaps most, if at least ``min_iou``; else -1."""
    free = overlap.copy()
    claimed = np.full(len(free), -1, np.intp)
    if free.shape[1]:
        for row in range(len(free)):
            column = int(np.argmax(free[row]))
            if free[row, column] >= min_iou:
                claimed[row] = column
                free[:, column] = -1.0
    return claimed
