"""Judges a model through the runtime that flies: the ONNX file, our letterbox, our suppression.

Average precision follows COCO: detections of one class, best score first, each take the unclaimed
labelled box they overlap most; precision is made monotonic and averaged over 101 recall points.
Beside boxes it counts whole pictures, because that is what an alarm is: of the pictures in which
something burns, how many are flagged; of those with nothing burning, how many wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.detector import Detection, Detector
from models.make.dataset import LABELS, DatasetError, Example

IOU_STEPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALL_POINTS = np.linspace(0.0, 1.0, 101)
LOWEST_SCORE = 0.005
"""Detections below this change no average precision that anyone could measure."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TruthBox:
    """A labelled box in pixels."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture with what is in it and what the model saw (from :data:`LOWEST_SCORE` up)."""

    name: str
    truth: tuple[TruthBox, ...]
    seen: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One class: precision-recall figures, and counts at the threshold."""

    ap50: float
    ap50_95: float
    boxes_labelled: int
    boxes_found: int
    boxes_wrong: int
    pictures_labelled: int
    pictures_flagged: int
    pictures_flagged_rightly: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How a model did on a set of pictures."""

    pictures: int
    input_px: int
    threshold: float
    map50: float
    map50_95: float
    labels: dict[str, LabelFigures]
    burning: int
    burning_flagged: int
    clear: int
    clear_flagged: int

    @property
    def recall(self) -> float:
        """Share of the pictures with something burning that were flagged (NaN without any)."""
        return self.burning_flagged / self.burning if self.burning else float("nan")

    @property
    def false_alarms(self) -> float:
        """Share of the pictures with nothing burning that were flagged (NaN without any)."""
        return self.clear_flagged / self.clear if self.clear else float("nan")

    def as_json(self) -> dict[str, Any]:
        """Plain data for a report file."""
        return {**asdict(self), "recall": self.recall, "false_alarms": self.false_alarms}


def judge(
    detector: Detector,
    pictures: Sequence[Example],
    *,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """Runs ``detector`` over labelled pictures; raises :class:`DatasetError` on an unreadable one."""
    judged = []
    for done, example in enumerate(pictures, start=1):
        image = cv2.imread(str(example.picture), cv2.IMREAD_COLOR)
        if image is None:
            raise DatasetError(f"cannot read the picture {example.picture}")
        height, width = image.shape[:2]
        truth = tuple(
            TruthBox(LABELS[box.label], *(edge - 0.5 for edge in box.corners(width, height)))
            for box in example.boxes
        )
        seen = tuple(detector.detect(np.asarray(image, np.uint8), min_score=LOWEST_SCORE))
        judged.append(Judged(example.picture.stem, truth, seen))
        if on_picture is not None:
            on_picture(done, len(pictures))
    return judged


def figures(judged: Sequence[Judged], *, threshold: float, input_px: int) -> Figures:
    """All figures of a judged set; ``threshold`` only decides the counts, not the precisions."""
    labels = {label: _label_figures(judged, label, threshold) for label in LABELS}
    present = [entry for entry in labels.values() if entry.boxes_labelled]
    burning = [item for item in judged if item.truth]
    clear = [item for item in judged if not item.truth]
    return Figures(
        pictures=len(judged),
        input_px=input_px,
        threshold=threshold,
        map50=float(np.mean([entry.ap50 for entry in present])) if present else float("nan"),
        map50_95=float(np.mean([entry.ap50_95 for entry in present])) if present else float("nan"),
        labels=labels,
        burning=len(burning),
        burning_flagged=sum(_flagged(item, threshold) for item in burning),
        clear=len(clear),
        clear_flagged=sum(_flagged(item, threshold) for item in clear),
    )


def threshold_for(judged: Sequence[Judged], *, false_alarms: float) -> float:
    """The lowest threshold (in steps of 0.01) that flags at most that share of the clear pictures.

    Raises :class:`DatasetError` where no picture is clear.
    """
    best = [max((d.score for d in item.seen), default=0.0) for item in judged if not item.truth]
    if not best:
        raise DatasetError("no picture without fire or smoke to choose a threshold by")
    for step in range(1, 100):
        threshold = step / 100
        if sum(score >= threshold for score in best) <= false_alarms * len(best):
            return threshold
    return 0.99


def average_precision(hits: NDArray[np.bool_], labelled: int) -> float:
    """Area under the precision-recall curve.

    ``hits`` says for each detection, best score first, whether it found a labelled box; ``labelled``
    counts the boxes there were. 0 if there were none.
    """
    if not labelled or not len(hits):
        return 0.0
    found = np.cumsum(hits)
    recall = found / labelled
    precision = found / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALL_POINTS - 1e-12, side="left")
    reached = at < len(recall)
    return float(np.where(reached, envelope[np.minimum(at, len(recall) - 1)], 0.0).mean())


def match(seen: Sequence[Detection], truth: Sequence[TruthBox], min_iou: float) -> NDArray[np.bool_]:
    """Which of ``seen`` (one class, best score first) find a box of ``truth``; each box is found once."""
    return _claim(_overlaps(seen, truth), min_iou)


def iou(first: Detection | TruthBox, second: Detection | TruthBox) -> float:
    """Intersection over union of two boxes, 0…1."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box.x2 - box.x1) * (box.y2 - box.y1) for box in (first, second))
    return width * height / (sum(areas) - width * height)


def _label_figures(judged: Sequence[Judged], label: str, threshold: float) -> LabelFigures:
    scores: list[float] = []
    hits: dict[float, list[bool]] = {step: [] for step in IOU_STEPS}
    labelled = found = wrong = flagged = flagged_rightly = pictures_labelled = 0
    for item in judged:
        seen = sorted((d for d in item.seen if d.label == label), key=lambda d: -d.score)
        truth = [box for box in item.truth if box.label == label]
        overlaps = _overlaps(seen, truth)
        for step in IOU_STEPS:
            hits[step] += _claim(overlaps, step).tolist()
        scores += [d.score for d in seen]
        sure = sum(d.score >= threshold for d in seen)
        found_here = int(_claim(overlaps[:sure], IOU_STEPS[0]).sum())
        labelled += len(truth)
        found += found_here
        wrong += sure - found_here
        pictures_labelled += bool(truth)
        flagged += bool(sure)
        flagged_rightly += bool(sure and truth)
    order = np.argsort(-np.array(scores), kind="stable")
    precisions = [average_precision(np.array(hits[step], bool)[order], labelled) for step in IOU_STEPS]
    return LabelFigures(
        ap50=precisions[0],
        ap50_95=float(np.mean(precisions)),
        boxes_labelled=labelled,
        boxes_found=found,
        boxes_wrong=wrong,
        pictures_labelled=pictures_labelled,
        pictures_flagged=flagged,
        pictures_flagged_rightly=flagged_rightly,
    )


def _overlaps(seen: Sequence[Detection], truth: Sequence[TruthBox]) -> Array:
    table = [[iou(detection, box) for box in truth] for detection in seen]
    return np.array(table, np.float64).reshape(len(seen), len(truth))


def _claim(overlaps: Array, min_iou: float) -> NDArray[np.bool_]:
    """Rows claim the free column they overlap most, if at least ``min_iou``."""
    free = overlaps.copy()
    hits = np.zeros(len(free), bool)
    if free.shape[1]:
        for row in range(len(free)):
            column = int(np.argmax(free[row]))
            if free[row, column] >= min_iou:
                hits[row] = True
                free[:, column] = -1.0
    return hits


def _flagged(item: Judged, threshold: float) -> bool:
    return any(d.score >= threshold for d in item.seen)


def evaluate(
    model: Path | None,
    pictures: Sequence[Example],
    *,
    input_px: int | None = None,
    threshold: float | None = None,
    on_picture: Callable[[int, int], None] | None = None,
) -> tuple[Figures, list[Judged]]:
    """Loads a model (or the shipped one) and judges it; the figures and what they were made from.

    ``input_px`` and ``threshold`` stand in for the model's own.
    """
    detector = Detector.load(model, input_px=input_px)
    judged = judge(detector, pictures, on_picture=on_picture)
    counts_from = detector.threshold if threshold is None else threshold
    return figures(judged, threshold=counts_from, input_px=detector.input_px), judged
