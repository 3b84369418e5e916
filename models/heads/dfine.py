"""D-FINE, DEIM and RT-DETR (v1, v2) as their authors' own scripts export them.

Inputs ``images`` and ``orig_target_sizes`` (width, height); outputs ``labels`` (N, whole numbers),
``boxes`` (N×4 corners in pixels of the size that was told) and ``scores`` (N), all with a batch of
one in front. The script's own top-k has been taken; pictures are stretched, in 0…1 (a DEIMv2 with a
DINOv3 backbone wants ImageNet's mean and deviation: say ``pixels = imagenet`` in its metadata).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.heads import checks
from models.heads.boxes import NOTHING, best_first, reached
from models.heads.head import BaseHead, Outputs, RawBoxes

SIZE_INPUT = "orig_target_sizes"
OUTPUTS = ("labels", "boxes", "scores")


@dataclass(frozen=True, slots=True)
class DFine(BaseHead):
    """See the module."""

    at: tuple[int, int, int] = (0, 1, 2)
    """Where labels, boxes and scores are among the outputs."""
    size_dtype: str = "int64"

    family: ClassVar[str] = "D-FINE, DEIM or RT-DETR"
    stretched: ClassVar[bool] = True

    def extra_inputs(self, height_px: int, width_px: int) -> Mapping[str, NDArray[Any]]:
        """The input's own size, so that boxes come in its pixels."""
        return {SIZE_INPUT: np.array([[width_px, height_px]], np.dtype(self.size_dtype))}

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """See :meth:`Head.check`."""
        labels, boxes, scores = (outputs[index] for index in self.at)
        count = boxes.shape[1] if boxes.ndim == 3 else -1
        if boxes.shape != (1, count, 4) or labels.shape != (1, count) or scores.shape != (1, count):
            raise checks.wrong_shape(
                (labels, boxes, scores), "labels 1×N, boxes 1×N×4, scores 1×N", height_px, width_px
            )
        checks.check_finite((boxes, scores))
        checks.check_scores(scores)
        checks.check_class_numbers(labels, classes, exact=self.exact)
        checks.check_pixels((boxes[0, :, :2] + boxes[0, :, 2:]) / 2, height_px, width_px)

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:  # noqa: ARG002
        """See :meth:`Head.decode`."""
        labels, boxes, scores = (outputs[index][0] for index in self.at)
        if not reached(scores, min_score):
            return NOTHING
        kept = np.flatnonzero(scores >= min_score)
        corners = boxes[kept].astype(np.float32, copy=False)
        return best_first(corners, scores[kept], labels[kept].astype(np.int64, copy=False))
