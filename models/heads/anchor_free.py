"""The anchor-free YOLO head: YOLOv5u, v8, v9, 11 and 12 of Ultralytics, YOLOv10 and 26 without end-to-end.

``1 × (4 + classes) × cells``: centre x, centre y, width, height in input pixels and one score in
0…1 for each class (a sigmoid of its own each). There is one column per cell of the grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.heads import checks
from models.heads.boxes import NOTHING, reached, suppressed
from models.heads.head import BaseHead, Outputs, RawBoxes

STRIDES = (8, 16, 32)
GRIDS = (STRIDES, (4, *STRIDES), (*STRIDES, 64))
"""Plain models, those for small things (P2) and for large inputs (P6)."""


def cells(height_px: int, width_px: int, strides: tuple[int, ...] = STRIDES) -> int:
    """How many cells the grids of an input of that size have."""
    return sum((height_px // stride) * (width_px // stride) for stride in strides)


@dataclass(frozen=True, slots=True)
class AnchorFree(BaseHead):
    """See the module."""

    family: ClassVar[str] = "anchor-free YOLO"
    stretched: ClassVar[bool] = False

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """See :meth:`Head.check`."""
        found = outputs[0]
        if (
            found.ndim != 3
            or found.shape[0] != 1
            or found.shape[1] < 5
            or found.shape[2] not in {cells(height_px, width_px, strides) for strides in GRIDS}
        ):
            expected = f"the 1×{4 + classes}×{cells(height_px, width_px)} of an anchor-free YOLO head"
            raise checks.wrong_shape(outputs, expected, height_px, width_px)
        checks.check_classes(found.shape[1] - 4, classes, exact=self.exact)
        checks.check_finite(outputs)
        checks.check_scores(found[0, 4:])
        checks.check_pixels(found[0, :2].T, height_px, width_px)

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:  # noqa: ARG002
        """See :meth:`Head.decode`. A cell may give a box for each class."""
        columns = outputs[0][0]
        scores = columns[4:]
        if not reached(scores, min_score):
            return NOTHING
        labels, cell = np.nonzero(scores >= min_score)
        return suppressed(columns[:4, cell], scores[labels, cell], labels)
