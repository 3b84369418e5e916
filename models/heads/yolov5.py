"""The classic YOLOv5 head, with anchors and objectness.

``1 × (3 · cells) × (5 + classes)``: centre x, centre y, width, height in input pixels, objectness
and one conditional score for each class, all sigmoids; a box's score is objectness × class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.heads import checks
from models.heads.anchor_free import GRIDS, cells
from models.heads.boxes import NOTHING, reached, suppressed
from models.heads.head import BaseHead, Outputs, RawBoxes

ANCHORS = 3
"""Shapes of box that each cell starts from."""


@dataclass(frozen=True, slots=True)
class Yolov5(BaseHead):
    """See the module."""

    family: ClassVar[str] = "YOLOv5 with anchors"
    stretched: ClassVar[bool] = False

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """See :meth:`Head.check`."""
        found = outputs[0]
        if (
            found.ndim != 3
            or found.shape[0] != 1
            or found.shape[1] not in {ANCHORS * cells(height_px, width_px, strides) for strides in GRIDS}
            or found.shape[2] < 6
        ):
            expected = f"the 1×{ANCHORS * cells(height_px, width_px)}×{5 + classes} of a YOLOv5 head"
            raise checks.wrong_shape(outputs, expected, height_px, width_px)
        checks.check_classes(found.shape[2] - 5, classes, exact=self.exact)
        checks.check_finite(outputs)
        checks.check_scores(found[0, :, 4:])
        checks.check_pixels(found[0, :, :2], height_px, width_px)

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:  # noqa: ARG002
        """See :meth:`Head.decode`. An anchor may give a box for each class."""
        rows = outputs[0][0]
        if not reached(rows[:, 4], min_score):
            return NOTHING
        rows = rows[rows[:, 4] >= min_score]  # a product is never above its objectness
        scores = rows[:, 5:] * rows[:, 4:5]
        if not reached(scores, min_score):
            return NOTHING
        row, labels = np.nonzero(scores >= min_score)
        return suppressed(rows[row, :4].T, scores[row, labels], labels)
