"""RT-DETR as Ultralytics exports it.

``1 × queries × (4 + classes)``, in later releases of 8.4 ``1 × N × 6``: centre x, centre y, width, height
as shares of the input, then a sigmoid for each class, or score and class number. Trained on stretched
pictures in 0…1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.heads import checks
from models.heads.boxes import NOTHING, best_first, corners_of, from_queries, reached
from models.heads.head import BaseHead, Outputs, RawBoxes


@dataclass(frozen=True, slots=True)
class RtDetr(BaseHead):
    """See the module."""

    picked: bool | None = None
    """The network gives score and class number; None: with two classes only the numbers can tell."""

    family: ClassVar[str] = "RT-DETR of Ultralytics"
    stretched: ClassVar[bool] = True

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """See :meth:`Head.check`."""
        found = outputs[0]
        if (
            found.ndim != 3
            or found.shape[0] != 1
            or found.shape[2] < 5
            or (self.picked and found.shape[2] != 6)
        ):
            wide = 6 if self.picked else 4 + classes
            raise checks.wrong_shape(outputs, f"the 1×N×{wide} of an RT-DETR", height_px, width_px)
        checks.check_finite(outputs)
        rows = found[0]
        if self._picked(rows):
            checks.check_scores(rows[:, 4])
            checks.check_class_numbers(rows[:, 5], classes, exact=self.exact)
        else:
            checks.check_classes(found.shape[2] - 4, classes, exact=self.exact)
            checks.check_scores(rows[:, 4:])
        checks.check_shares(rows[:, :2], height_px, width_px)

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:
        """See :meth:`Head.decode`."""
        rows = outputs[0][0]
        if not self._picked(rows):
            return from_queries(rows[:, :4], rows[:, 4:], min_score, height_px, width_px)
        if not reached(rows[:, 4], min_score):
            return NOTHING
        rows = rows[rows[:, 4] >= min_score]
        corners = corners_of(rows[:, :4] * np.array([width_px, height_px] * 2, np.float32))
        return best_first(corners, rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))

    def _picked(self, rows: NDArray[Any]) -> bool:
        if self.picked is not None:
            return self.picked
        # No sigmoid is a whole number in every row, unless smoke's are all 0: then both readings agree.
        return bool((np.rint(rows[:, 5]) == rows[:, 5]).all())
