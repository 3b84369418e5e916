"""Gives a model file honest scores and two thresholds, chosen on labelled pictures it was not trained on.

The figures that come with them are cross-fitted: calibration and thresholds are fitted on four fifths of
the pictures and counted on the last fifth, five times over. What is written into the file is fitted
on all of them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.detector import Detector
from models.golden import KEY as GOLDEN
from models.golden import expected_json
from models.make import metadata
from models.make.dataset import LABELS, Example
from models.make.evaluate import Judged, judge
from models.make.folds import folds
from models.make.reliability import (
    Bin,
    Boxes,
    bins,
    boxes_of,
    calibrated,
    calibrated_score,
    expected_error,
    fit,
    fit_all,
)
from models.make.thresholds import Choice, CurvePoint, Setting, cross_fit, curve


@dataclass(frozen=True, slots=True)
class LabelReliability:
    """How honest the scores of one label are, before and (out of fold) after."""

    temperature: float
    bias: float
    error_before: float
    error_after: float
    before: tuple[Bin, ...]
    after: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Everything that was fitted and found."""

    pictures: int
    input_px: int
    labels: dict[str, LabelReliability]
    patrol: Choice
    sensitive: Choice
    curve: tuple[CurvePoint, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data for a report file, shares with their 95 % intervals."""
        plain = asdict(self)
        for name, choice in (("patrol", self.patrol), ("sensitive", self.sensitive)):
            for kind, share in (("clear", choice.clear), ("burning", choice.burning)):
                plain[name][kind] |= {"share": share.value, "interval_95": list(share.interval)}
        return plain


def calibrate(
    model: Path,
    out: Path,
    pictures: Sequence[Example],
    *,
    patrol: float = 0.02,
    sensitive: float = 0.10,
    input_px: int | None = None,
    on_picture: Callable[[int, int], None] | None = None,
) -> CalibrationReport:
    """Measures ``model`` on ``pictures`` and writes ``out`` (may be ``model``) with what was fitted.

    ``patrol`` and ``sensitive`` are the shares of clear pictures that each setting may flag. With
    ``input_px`` the file is measured at, and from now on asks for, that long side. Raises
    :class:`DatasetError` and :class:`ModelError`; ``out`` is then as it was.
    """
    with tempfile.TemporaryDirectory() as scratch:
        # Golden boxes of an older golden picture are no reason not to make new ones.
        plain = metadata.rewrite(model, Path(scratch) / model.name, {GOLDEN: None})
        detector = Detector.load(plain, input_px=input_px, backend="cpu")
    judged = judge(detector, pictures, raw=True, on_picture=on_picture)
    report = report_on(judged, Setting("patrol", patrol), Setting("sensitive", sensitive), detector.input_px)
    metadata.rewrite(
        model,
        out,
        {
            "input_size": str(detector.input_px),
            "calibration": json.dumps(
                {label: [round(e.temperature, 4), round(e.bias, 4)] for label, e in report.labels.items()}
            ),
            "threshold": f"{report.patrol.threshold:.4f}",
            "threshold_sensitive": f"{report.sensitive.threshold:.4f}",
            GOLDEN: expected_json(detector),
        },
    )
    return report


def report_on(
    judged: Sequence[Judged], patrol: Setting, sensitive: Setting, input_px: int
) -> CalibrationReport:
    """What follows from pictures judged with raw scores."""
    parts = folds(judged)
    final = fit_all(judged)
    return CalibrationReport(
        pictures=len(judged),
        input_px=input_px,
        labels={label: _reliability(parts, label, final[label]) for label in LABELS},
        patrol=cross_fit(parts, patrol),
        sensitive=cross_fit(parts, sensitive),
        curve=tuple(curve(calibrated(judged, final))),
    )


def _reliability(
    parts: Sequence[Sequence[Judged]], label: str, final: tuple[float, float]
) -> LabelReliability:
    by_fold = [boxes_of(part, label) for part in parts]
    after = []
    for held_out, own in enumerate(by_fold):
        others = _together([boxes for k, boxes in enumerate(by_fold) if k != held_out])
        after.append(Boxes(calibrated_score(own.scores, *fit(others)), own.right))
    raw, honest = _together(by_fold), _together(after)
    return LabelReliability(
        temperature=final[0],
        bias=final[1],
        error_before=expected_error(raw),
        error_after=expected_error(honest),
        before=tuple(bins(raw)),
        after=tuple(bins(honest)),
    )


def _together(parts: Sequence[Boxes]) -> Boxes:
    return Boxes(
        np.concatenate([part.scores for part in parts]), np.concatenate([part.right for part in parts])
    )
