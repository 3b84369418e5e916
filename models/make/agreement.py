"""How far the boxes of two networks on the same pictures lie apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.detection import Detection
from models.make.precision import iou

AGREE_FROM = 0.1
"""Boxes from this raw score up are compared."""


def disagreement(wanted: Sequence[Sequence[Detection]], found: Sequence[Sequence[Detection]]) -> float:
    """How far two networks' boxes on the same pictures lie apart, 0…1, each way round alike."""
    return 1 - (_agreement(wanted, found) + _agreement(found, wanted)) / 2


def _agreement(ones: Sequence[Sequence[Detection]], others: Sequence[Sequence[Detection]]) -> float:
    best = [
        max(
            (
                iou(box, other) * (1 - abs(box.score - other.score))
                for other in theirs
                if other.label == box.label
            ),
            default=0.0,
        )
        for own, theirs in zip(ones, others, strict=True)
        for box in own
        if box.score >= AGREE_FROM
    ]
    return float(np.mean(best)) if best else 1.0
