"""Judges a model through the runtime that flies: the ONNX file, our letterbox, our suppression.

Beside boxes it counts whole pictures, because that is what an alarm is: of the pictures in which
something burns, how many are flagged; of those with nothing burning, how many wrongly.
"""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from models.detector import Detection, Detector
from models.make.dataset import LABELS, DatasetError, Example
from models.make.picture import read_picture
from models.make.precision import IOU_STEPS, TruthBox, average_precision, claims, overlaps
from models.shipped import SHIPPED_WEIGHTS, model_file

LOWEST_SCORE = 0.005
"""Detections below this change no average precision that anyone could measure."""
SMALL_PX = 32.0
"""Boxes whose longer side in the picture (not in the network's input) is shorter are small."""
COMPARED_AT = 0.05
"""Models are compared by their recall where this share of the clear pictures is wrongly flagged."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture with what is in it and what the model saw (from :data:`LOWEST_SCORE` up)."""

    name: str
    truth: tuple[TruthBox, ...]
    seen: tuple[Detection, ...]
    source: str = ""
    took_ms: float = float("nan")

    @property
    def best_score(self) -> float:
        """Score of the surest detection of any label; 0 without any."""
        return max((detection.score for detection in self.seen), default=0.0)


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One class: precision-recall figures, and counts at the threshold."""

    ap50: float
    ap50_95: float
    boxes_labelled: int
    boxes_found: int
    boxes_wrong: int
    small_labelled: int
    small_found: int
    small_reached: int
    """Small boxes that some detection overlaps by half, however unsure: what no threshold can add to."""
    pictures_labelled: int
    pictures_flagged: int
    pictures_flagged_rightly: int


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """The pictures of one source."""

    pictures: int
    map50: float
    burning: int
    burning_flagged: int
    clear: int
    clear_flagged: int


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
    clear_boxes: int
    """Boxes at the threshold in all the pictures with nothing burning."""
    recall_compared: float
    """Recall at the threshold that flags at most :data:`COMPARED_AT` of the clear pictures."""
    sources: dict[str, SourceFigures]
    median_ms: float
    """Of one picture through the whole detector, decoding left out."""
    megabytes: float = float("nan")
    """Size of the model file."""

    @property
    def recall(self) -> float:
        """Share of the pictures with something burning that were flagged (NaN without any)."""
        return self.burning_flagged / self.burning if self.burning else float("nan")

    @property
    def false_alarms(self) -> float:
        """Share of the pictures with nothing burning that were flagged (NaN without any)."""
        return self.clear_flagged / self.clear if self.clear else float("nan")

    @property
    def small_labelled(self) -> int:
        """Small boxes of all labels."""
        return sum(entry.small_labelled for entry in self.labels.values())

    @property
    def small_found(self) -> int:
        """Those of them that were found at the threshold."""
        return sum(entry.small_found for entry in self.labels.values())

    def as_json(self) -> dict[str, Any]:
        """Plain data for a report file."""
        return {**asdict(self), "recall": self.recall, "false_alarms": self.false_alarms}


def judge(
    detector: Detector,
    pictures: Sequence[Example],
    *,
    raw: bool = False,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """Runs ``detector`` over labelled pictures; raises :class:`DatasetError` on an unreadable one.

    ``raw`` takes the network's own scores instead of calibrated ones.
    """
    judged = []
    source_of = _sources(pictures)
    for done, example in enumerate(pictures, start=1):
        pixels = read_picture(example.picture)
        height, width = pixels.shape[:2]
        truth = tuple(
            TruthBox(LABELS[box.label], *(edge - 0.5 for edge in box.corners(width, height)))
            for box in example.boxes
        )
        began_s = time.perf_counter()
        seen = tuple(
            detector.detect_raw(pixels, LOWEST_SCORE)
            if raw
            else detector.detect(pixels, min_score=LOWEST_SCORE)
        )
        took_ms = (time.perf_counter() - began_s) * 1000
        name = example.picture.stem
        judged.append(Judged(name, truth, seen, source_of(name), took_ms))
        if on_picture is not None:
            on_picture(done, len(pictures))
    return judged


def figures(judged: Sequence[Judged], *, threshold: float, input_px: int) -> Figures:
    """All figures of a judged set; ``threshold`` only decides the counts, not the precisions."""
    labels = {label: _label_figures(judged, label, threshold) for label in LABELS}
    burning = [item for item in judged if item.truth]
    clear = [item for item in judged if not item.truth]
    groups: dict[str, list[Judged]] = {}
    for item in judged:
        groups.setdefault(item.source, []).append(item)
    return Figures(
        pictures=len(judged),
        input_px=input_px,
        threshold=threshold,
        map50=_mean_of_labelled(labels, "ap50"),
        map50_95=_mean_of_labelled(labels, "ap50_95"),
        labels=labels,
        burning=len(burning),
        burning_flagged=sum(item.best_score >= threshold for item in burning),
        clear=len(clear),
        clear_flagged=sum(item.best_score >= threshold for item in clear),
        clear_boxes=sum(d.score >= threshold for item in clear for d in item.seen),
        recall_compared=recall_at(judged, false_alarms=COMPARED_AT),
        sources={
            source: _source_figures(group, threshold)
            for source, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        },
        median_ms=median(item.took_ms for item in judged) if judged else float("nan"),
    )


def threshold_for(judged: Sequence[Judged], *, false_alarms: float) -> float:
    """The lowest threshold (in steps of 0.01) that flags at most that share of the clear pictures.

    Raises :class:`DatasetError` where no picture is clear.
    """
    best = [item.best_score for item in judged if not item.truth]
    if not best:
        raise DatasetError("no picture without fire or smoke to choose a threshold by")
    for step in range(1, 100):
        threshold = step / 100
        if sum(score >= threshold for score in best) <= false_alarms * len(best):
            return threshold
    return 0.99


def recall_at(judged: Sequence[Judged], *, false_alarms: float) -> float:
    """Share of the burning pictures flagged where at most that share of the clear ones is (NaN if none)."""
    clear = sorted((item.best_score for item in judged if not item.truth), reverse=True)
    burning = [item.best_score for item in judged if item.truth]
    if not clear or not burning:
        return float("nan")
    allowed = int(false_alarms * len(clear) + 1e-9)
    above = clear[allowed] if allowed < len(clear) else -1.0
    return sum(score > above for score in burning) / len(burning)


def _label_figures(judged: Sequence[Judged], label: str, threshold: float) -> LabelFigures:
    scores: list[float] = []
    hits: dict[float, list[bool]] = {step: [] for step in IOU_STEPS}
    labelled = found = wrong = flagged = flagged_rightly = pictures_labelled = 0
    small_labelled = small_found = small_reached = 0
    for item in judged:
        seen = sorted((d for d in item.seen if d.label == label), key=lambda d: -d.score)
        truth = [box for box in item.truth if box.label == label]
        overlap = overlaps(seen, truth)
        for step in IOU_STEPS:
            hits[step] += (claims(overlap, step) >= 0).tolist()
        scores += [d.score for d in seen]
        sure = sum(d.score >= threshold for d in seen)
        taken = claims(overlap[:sure], IOU_STEPS[0])
        found_here = int((taken >= 0).sum())
        small = {column for column, box in enumerate(truth) if box.longer_side_px < SMALL_PX}
        small_labelled += len(small)
        small_found += len(small & set(taken.tolist()))
        small_reached += len(small & set(claims(overlap, IOU_STEPS[0]).tolist()))
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
        small_labelled=small_labelled,
        small_found=small_found,
        small_reached=small_reached,
        pictures_labelled=pictures_labelled,
        pictures_flagged=flagged,
        pictures_flagged_rightly=flagged_rightly,
    )


def _source_figures(judged: Sequence[Judged], threshold: float) -> SourceFigures:
    labels = {label: _label_figures(judged, label, threshold) for label in LABELS}
    flagged = [(bool(item.truth), item.best_score >= threshold) for item in judged]
    burning = sum(burns for burns, _ in flagged)
    burning_flagged = sum(burns and alarm for burns, alarm in flagged)
    return SourceFigures(
        pictures=len(judged),
        map50=_mean_of_labelled(labels, "ap50"),
        burning=burning,
        burning_flagged=burning_flagged,
        clear=len(flagged) - burning,
        clear_flagged=sum(alarm for _, alarm in flagged) - burning_flagged,
    )


def _mean_of_labelled(labels: dict[str, LabelFigures], field: str) -> float:
    """Mean over the labels that occur: a class that is nowhere labelled does not count."""
    present = [getattr(entry, field) for entry in labels.values() if entry.boxes_labelled]
    return float(np.mean(present)) if present else float("nan")


def _sources(pictures: Sequence[Example]) -> Callable[[str], str]:
    """Tells the source of a name: by a ``sources.csv`` above the pictures, else the name less its number."""
    table: dict[str, str] = {}
    for folder in {picture.picture.parents[1] for picture in pictures if len(picture.picture.parents) > 1}:
        for listing in (folder / "sources.csv", folder.parent / "sources.csv"):
            if listing.is_file():
                with listing.open(newline="") as file:
                    table |= {row["name"]: row["source"] for row in csv.DictReader(file)}
    return lambda name: table.get(name) or re.sub(r"(?<=.)_?\d+$", "", name)


def evaluate(
    model: Path | None,
    pictures: Sequence[Example],
    *,
    input_px: int | None = None,
    threshold: float | None = None,
    backend: str = "cpu",
    on_picture: Callable[[int, int], None] | None = None,
) -> tuple[Figures, list[Judged]]:
    """Loads a model (or the shipped one) and judges it; the figures and what they were made from.

    ``input_px`` and ``threshold`` stand in for the model's own. ``backend`` runs it, by default the
    reference that all others are checked against.
    """
    detector = Detector.load(model, input_px=input_px, backend=backend)
    judged = judge(detector, pictures, on_picture=on_picture)
    counts_from = detector.threshold if threshold is None else threshold
    result = figures(judged, threshold=counts_from, input_px=detector.input_px)
    size = (SHIPPED_WEIGHTS if model is None else model_file(model)).stat().st_size
    return replace(result, megabytes=size / 1e6), judged
