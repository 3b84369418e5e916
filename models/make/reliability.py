"""How right a score is: a box that scores 0.7 should be right seven times in ten.

A box is right if it overlaps a labelled box of its class by half and no better box has claimed that one.
Per label, ``score' = sigmoid(logit(score) / T + b)`` with the temperature T and bias b of the highest
likelihood (J. Platt, "Probabilistic outputs for support vector machines", 1999; C. Guo et al., "On
calibration of modern neural networks", 2017). T is positive, so the order of boxes and with it every
precision-recall curve of a label stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.make.dataset import LABELS
from models.make.evaluate import Judged
from models.make.precision import IOU_STEPS, claims, overlaps

LOWEST_FITTED = 0.05
"""Raw scores below this are left out: there are thousands of them, and nobody acts on one."""
BINS = 10

Array = NDArray[np.float64]
Calibration = Mapping[str, tuple[float, float]]
"""Temperature and bias by label."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Detected boxes of one label: their scores, and whether each was right."""

    scores: Array
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bin:
    """Boxes of about one score."""

    low: float
    high: float
    boxes: int
    mean_score: float
    right: float


def boxes_of(judged: Sequence[Judged], label: str, lowest: float = LOWEST_FITTED) -> Boxes:
    """All detections of ``label`` from a score of ``lowest`` up."""
    scores: list[float] = []
    right: list[bool] = []
    for item in judged:
        seen = sorted(
            (d for d in item.seen if d.label == label and d.score >= lowest), key=lambda d: -d.score
        )
        truth = [box for box in item.truth if box.label == label]
        scores += [d.score for d in seen]
        right += (claims(overlaps(seen, truth), IOU_STEPS[0]) >= 0).tolist()
    return Boxes(np.array(scores, np.float64), np.array(right, bool))


def fit(boxes: Boxes) -> tuple[float, float]:
    """The temperature and bias under which what was seen is likeliest; (1, 0) without boxes.

    A weak prior toward (1, 0) keeps a handful of boxes that are all right from asking for certainty.
    """
    if not len(boxes.scores):
        return (1.0, 0.0)
    at = logit(boxes.scores)
    sign = np.where(boxes.right, 1.0, -1.0)

    def loss(parameters: Array) -> float:
        z = at / np.exp(parameters[0]) + parameters[1]
        return float(np.logaddexp(0.0, -sign * z).sum() + 0.5 * (parameters**2).sum())

    best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=((-2.3, 2.3), (-8.0, 8.0)))
    return (float(np.exp(best.x[0])), float(best.x[1]))


def fit_all(judged: Sequence[Judged]) -> dict[str, tuple[float, float]]:
    """Temperature and bias of every label."""
    return {label: fit(boxes_of(judged, label)) for label in LABELS}


def calibrated_score(scores: Array, temperature: float, bias: float) -> Array:
    """The scores as they should have been."""
    return np.asarray(1.0 / (1.0 + np.exp(-(logit(scores) / temperature + bias))), np.float64)


def calibrated(judged: Sequence[Judged], calibration: Calibration) -> list[Judged]:
    """The same pictures with calibrated scores."""
    honest = {}
    for label, (temperature, bias) in calibration.items():
        scores = [d.score for item in judged for d in item.seen if d.label == label]
        honest[label] = iter(calibrated_score(np.array(scores, np.float64), temperature, bias).tolist())
    result = []
    for item in judged:
        seen = [replace(d, score=next(honest[d.label])) if d.label in honest else d for d in item.seen]
        result.append(replace(item, seen=tuple(sorted(seen, key=lambda d: -d.score))))
    return result


def logit(scores: Array) -> Array:
    """log(p / (1 - p)), finite at both ends."""
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)), np.float64)


def bins(boxes: Boxes, count: int = BINS) -> list[Bin]:
    """The reliability table: equal steps of score, empty ones left out."""
    step = np.minimum((boxes.scores * count).astype(int), count - 1)
    table = []
    for index in range(count):
        inside = step == index
        if inside.any():
            table.append(
                Bin(
                    low=index / count,
                    high=(index + 1) / count,
                    boxes=int(inside.sum()),
                    mean_score=float(boxes.scores[inside].mean()),
                    right=float(boxes.right[inside].mean()),
                )
            )
    return table


def expected_error(boxes: Boxes) -> float:
    """Expected calibration error: how far score and share of right boxes lie apart, over all bins."""
    total = len(boxes.scores)
    if not total:
        return float("nan")
    return sum(entry.boxes * abs(entry.mean_score - entry.right) for entry in bins(boxes)) / total
