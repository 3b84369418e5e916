"""Turns a detector's raw output into boxes.

One family so far: the anchor-free YOLO head (YOLOv5u, v8, 11 exports of Ultralytics), an array of
``1 × (4 + classes) × cells`` with centre x, centre y, width, height in input pixels and one score
in 0…1 per class. There is one column per cell of the grids at strides 8, 16 and 32.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

STRIDES = (8, 16, 32)
NMS_IOU = 0.5
MAX_CANDIDATES = 3000
MAX_BOXES = 300


@dataclass(frozen=True, slots=True)
class RawBoxes:
    """Boxes after suppression, best first; corners are outer edges in network input pixels."""

    corners: NDArray[np.float32]
    """N×4: x1, y1, x2, y2."""
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


def cells(height_px: int, width_px: int) -> int:
    """How many cells the grids of an input of that size have."""
    return sum((height_px // stride) * (width_px // stride) for stride in STRIDES)


def check_output(output: NDArray[np.float32], classes: int, height_px: int, width_px: int) -> None:
    """Raises :class:`ModelError` saying what was found, unless ``output`` is a YOLO head's.

    Meant for one test run when a model is loaded: shape, finiteness and the range of the scores.
    """
    expected = (1, 4 + classes, cells(height_px, width_px))
    if output.shape != expected:
        raise ModelError(
            f"the model's output is {_size(output.shape)}, not the {_size(expected)} of a YOLO head "
            f"with {classes} classes at {width_px}×{height_px}",
            hint="Export without NMS, and check that the model's labels are all named.",
        )
    if not np.isfinite(output).all():
        raise ModelError("the model's output holds numbers that are not finite", hint="Export it again.")
    scores = output[0, 4:]
    if scores.min() < -1e-3 or scores.max() > 1.001:
        raise ModelError(
            f"the model's scores run from {scores.min():.3g} to {scores.max():.3g}, not within 0…1",
            hint="The head must end in a sigmoid, as Ultralytics exports it.",
        )


def decode(output: NDArray[np.float32], min_score: float) -> RawBoxes:
    """Boxes with a score of at least ``min_score``, overlapping ones of one class suppressed.

    ``output`` is as :func:`check_output` accepts it. A cell may give a box for each class.
    """
    columns = output[0]
    labels, cell = np.nonzero(columns[4:] >= min_score)
    scores = columns[4 + labels, cell]
    if len(scores) > MAX_CANDIDATES:
        best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
        labels, cell, scores = labels[best], cell[best], scores[best]
    centre_x, centre_y, width, height = columns[:4, cell]
    corners = np.stack(
        [centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2], axis=1
    )
    if not len(scores):
        return RawBoxes(corners, scores, labels)
    # OpenCV wants x, y, width, height; it returns the kept rows.
    rectangles = np.concatenate([corners[:, :2], width[:, None], height[:, None]], axis=1).astype(np.float64)
    kept = cv2.dnn.NMSBoxesBatched(
        rectangles.tolist(), scores.tolist(), labels.tolist(), score_threshold=0.0, nms_threshold=NMS_IOU
    )
    order = np.asarray(kept, dtype=np.int64).reshape(-1)
    order = order[np.argsort(-scores[order], kind="stable")][:MAX_BOXES]
    return RawBoxes(corners[order], scores[order], labels[order])


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
