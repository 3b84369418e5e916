"""DETRs that give raw logits: Hugging Face's, and RF-DETR's own export.

Two outputs with a batch of one in front: boxes N×4 (centre x, centre y, width, height as shares of
the input) and logits N×classes. Hugging Face calls them ``pred_boxes`` and ``logits``, RF-DETR
``dets`` and ``labels``. Their losses tell what a logit means:

- focal (RT-DETR, D-FINE, Deformable DETR, RF-DETR): a sigmoid for each class. RF-DETR has one slot
  too many, the last, for nothing; models with COCO's 91 numbers as they are use all of theirs.
- cross-entropy (DETR, YOLOS): a softmax with "no object" as its last class. Their files look the same:
  metadata must say ``scores = softmax``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.heads import checks
from models.heads.boxes import from_queries
from models.heads.head import BaseHead, Outputs, RawBoxes

MASK_INPUT = "pixel_mask"
HUGGING_FACE = ("pred_boxes", "logits")
RF_DETR = ("dets", "labels")


@dataclass(frozen=True, slots=True)
class Logits(BaseHead):
    """See the module."""

    family: str = "DETR"
    at: tuple[int, int] = (0, 1)
    """Where boxes and logits are among the outputs."""
    softmax: bool = False
    spare: bool = False
    """The last class is none."""
    stretched: bool = True
    mask: bool = False
    """The network wants to be told which pixels count: all."""

    def extra_inputs(self, height_px: int, width_px: int) -> Mapping[str, NDArray[Any]]:
        """A mask of ones where the network has that input."""
        return {MASK_INPUT: np.ones((1, height_px, width_px), np.int64)} if self.mask else {}

    def check(self, outputs: Outputs, classes: int, height_px: int, width_px: int) -> None:
        """See :meth:`Head.check`."""
        boxes, logits = (outputs[index] for index in self.at)
        count = boxes.shape[1] if boxes.ndim == 3 else -1
        if boxes.shape != (1, count, 4) or logits.ndim != 3 or logits.shape[:2] != (1, count):
            raise checks.wrong_shape(
                (boxes, logits), "boxes 1×N×4 and logits 1×N×classes", height_px, width_px
            )
        checks.check_classes(logits.shape[2] - self.spare, classes, exact=self.exact)
        checks.check_finite((boxes, logits))
        if logits.min() >= 0 and logits.max() <= 1:
            raise ModelError(
                f"the model's logits run from {logits.min():.3g} to {logits.max():.3g}: scores already",
                hint="Export it as its own library does, without a sigmoid at the end.",
            )
        checks.check_shares(boxes[0, :, :2], height_px, width_px)

    def decode(self, outputs: Outputs, min_score: float, height_px: int, width_px: int) -> RawBoxes:
        """See :meth:`Head.decode`."""
        boxes, logits = (outputs[index][0] for index in self.at)
        scores = _softmax(logits) if self.softmax else _sigmoid(logits)
        return from_queries(boxes, scores[:, :-1] if self.spare else scores, min_score, height_px, width_px)


def _sigmoid(logits: NDArray[Any]) -> NDArray[np.float32]:
    # Through tanh nothing overflows.
    halves: NDArray[np.float32] = np.tanh(logits.astype(np.float32, copy=False) * np.float32(0.5))
    return (halves + np.float32(1)) * np.float32(0.5)


def _softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    powers: NDArray[np.float32] = np.exp(logits.astype(np.float32) - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares
