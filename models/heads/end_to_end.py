"""End-to-end YOLO: YOLOv10 and YOLO26 as they are, and any Ultralytics export with ``nms=True``.

``1 × N × 6``, N mostly 300: x1, y1, x2, y2 in input pixels, score, class number. Best first, filled
up with rows of zeros where there are fewer; nothing is left to suppress.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.heads import checks
from models.heads.boxes import NOTHING, best_first, reached
from models.heads.head import BaseHead, Outputs, RawBoxes


@dataclass(frozen=True, slots=True)
class EndToEnd(BaseHead):
    """See the module."""

    family: ClassVar[str] = "end-to-end YOLO"
    stretched: ClassVar[bool] = False

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """See :meth:`Head.check`."""
        found = outputs[0]
        if found.ndim != 3 or found.shape[0] != 1 or found.shape[2] != 6:
            raise checks.wrong_shape(
                outputs, "the 1×N×6 of an end-to-end YOLO (corners, score, class)", height_px, width_px
            )
        checks.check_finite(outputs)
        rows = found[0]
        checks.check_scores(rows[:, 4])
        checks.check_class_numbers(rows[:, 5], classes, exact=self.exact)
        filled = rows[rows[:, 4] > 0]
        checks.check_pixels((filled[:, :2] + filled[:, 2:4]) / 2, height_px, width_px)

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:  # noqa: ARG002
        """See :meth:`Head.decode`."""
        rows = outputs[0][0]
        if not reached(rows[:, 4], min_score):
            return NOTHING
        rows = rows[rows[:, 4] >= min_score]
        return best_first(
            rows[:, :4].astype(np.float32, copy=False), rows[:, 4], np.rint(rows[:, 5]).astype(np.int64)
        )
