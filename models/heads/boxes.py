"""From numbers that passed to boxes: what the families share."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.heads.head import RawBoxes

NMS_IOU = 0.5
MAX_CANDIDATES = 3000
MAX_BOXES = 300

NOTHING = RawBoxes(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))


def reached(scores: NDArray[Any], min_score: float) -> bool:
    """Whether any score does; mostly none. Raises :class:`ModelError` on NaN, which is no "nothing"."""
    best = scores.max(initial=0.0)
    _check_numbers(best, "scores")
    return bool(best >= min_score)


def _check_numbers(found: Any, what: str) -> None:
    if not np.isfinite(found).all():
        raise ModelError(f"the model's {what} are not numbers", hint="Its weights or its runtime are broken.")


def corners_of(centred: NDArray[Any]) -> NDArray[np.float32]:
    """N×4 of centre x, centre y, width, height as corners."""
    half = centred[:, 2:] / 2
    return np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1).astype(
        np.float32, copy=False
    )


def suppressed(centred: NDArray[Any], scores: NDArray[Any], labels: NDArray[np.int64]) -> RawBoxes:
    """The best of boxes (4×N: centre x, centre y, width, height) of one class that overlap, best first."""
    if len(scores) > MAX_CANDIDATES:
        best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
        centred, scores, labels = centred[:, best], scores[best], labels[best]
    _check_numbers(centred, "boxes")
    centre, size = centred[:2], centred[2:]
    if size.min() <= 0:  # inside out: no box
        sound = (size > 0).all(axis=0)
        centred, scores, labels = centred[:, sound], scores[sound], labels[sound]
        centre, size = centred[:2], centred[2:]
        if not len(scores):
            return NOTHING
    low = centre - size / 2
    # OpenCV wants x, y, width, height; it returns the kept rows.
    rectangles = np.concatenate([low, size]).T.astype(np.float64)
    kept = cv2.dnn.NMSBoxesBatched(
        rectangles.tolist(), scores.tolist(), labels.tolist(), score_threshold=0.0, nms_threshold=NMS_IOU
    )
    order = np.asarray(kept, dtype=np.int64).reshape(-1)
    order = order[np.argsort(-scores[order], kind="stable")][:MAX_BOXES]
    low, size = low[:, order], size[:, order]
    corners = np.concatenate([low, low + size]).T
    return RawBoxes(
        corners.astype(np.float32, copy=False), scores[order].astype(np.float32, copy=False), labels[order]
    )


def best_first(corners: NDArray[np.float32], scores: NDArray[Any], labels: NDArray[np.int64]) -> RawBoxes:
    """Boxes that overlap as little as they should, best first and bounded in number; none inside out."""
    _check_numbers(corners, "boxes")
    sound = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    if not sound.all():
        corners, scores, labels = corners[sound], scores[sound], labels[sound]
    order = np.argsort(-scores, kind="stable")[:MAX_BOXES]
    return RawBoxes(corners[order], scores[order].astype(np.float32, copy=False), labels[order])


def from_queries(
    shares: NDArray[Any], scores: NDArray[Any], min_score: float, height_px: int, width_px: int
) -> RawBoxes:
    """Boxes of a DETR: N×4 centres and sizes as shares of the input, N×classes scores in 0…1.

    Such a network learns not to repeat itself, so nothing is suppressed; a query may give a box for
    each class.
    """
    if not reached(scores, min_score):
        return NOTHING
    query, labels = np.nonzero(scores >= min_score)
    pixels = shares[query] * np.array([width_px, height_px] * 2, np.float32)
    return best_first(corners_of(pixels), scores[query, labels], labels)
