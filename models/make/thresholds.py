"""Chooses the score from which a picture is an alarm, so that few clear pictures are flagged.

With n clear pictures, a threshold above all but k of their scores flags a new one of the same kind with
a probability of at most (k + 1) / (n + 1) (V. Vovk et al., "Algorithmic learning in a random world",
2005). So k is chosen by that bound, not by k / n, which promises too much of a few pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.make.dataset import DatasetError
from models.make.evaluate import Judged
from models.make.intervals import Share
from models.make.reliability import calibrated, fit_all


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to fly: how many clear pictures may be flagged."""

    name: str
    false_alarms: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The threshold of a setting, and how it did on pictures that it was not chosen by."""

    setting: Setting
    threshold: float
    clear: Share
    """Clear pictures wrongly flagged, out of fold."""
    burning: Share
    """Burning pictures flagged, out of fold."""
    fold_thresholds: tuple[float, ...]


def choose(judged: Sequence[Judged], false_alarms: float) -> float:
    """The lowest threshold that promises at most that share of clear pictures flagged.

    Raises :class:`DatasetError` where there are too few clear pictures to promise it.
    """
    clear = sorted((item.best_score for item in judged if not item.truth), reverse=True)
    allowed = math.floor(false_alarms * (len(clear) + 1) + 1e-9) - 1
    if allowed < 0:
        needed = math.ceil(1 / false_alarms) - 1
        raise DatasetError(
            f"{len(clear)} pictures with nothing burning are too few to promise {false_alarms:.1%} "
            f"wrongly flagged (needs {needed})",
            hint="Add pictures without fire or smoke, or allow more false alarms.",
        )
    above = clear[allowed] if allowed < len(clear) else 0.0
    return min(max(math.floor(above * 1e4 + 1) / 1e4, 0.01), 0.99)


def cross_fit(parts: Sequence[Sequence[Judged]], setting: Setting) -> Choice:
    """Chooses by all folds, and judges by calibrating and choosing without each fold in turn.

    ``parts`` carry raw scores; thresholds are on calibrated ones.
    """
    clear_hits = clear_of = burning_hits = burning_of = 0
    chosen = []
    for held_out in range(len(parts)):
        others = [item for k, part in enumerate(parts) if k != held_out for item in part]
        calibration = fit_all(others)
        threshold = choose(calibrated(others, calibration), setting.false_alarms)
        chosen.append(threshold)
        for item in calibrated(parts[held_out], calibration):
            flagged = item.best_score >= threshold
            if item.truth:
                burning_hits, burning_of = burning_hits + flagged, burning_of + 1
            else:
                clear_hits, clear_of = clear_hits + flagged, clear_of + 1
    everything = [item for part in parts for item in part]
    return Choice(
        setting,
        choose(calibrated(everything, fit_all(everything)), setting.false_alarms),
        Share(clear_hits, clear_of),
        Share(burning_hits, burning_of),
        tuple(chosen),
    )


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a threshold would do, on the pictures at hand."""

    threshold: float
    burning_flagged: float
    clear_flagged: float
    precision: float
    """Share of the flagged pictures in which something burns."""


def curve(judged: Sequence[Judged]) -> list[CurvePoint]:
    """Thresholds from 0.05 to 0.95 with what each would flag."""
    burning = [item.best_score for item in judged if item.truth]
    clear = [item.best_score for item in judged if not item.truth]
    points = []
    for step in range(1, 20):
        threshold = step / 20
        right = sum(score >= threshold for score in burning)
        wrong = sum(score >= threshold for score in clear)
        points.append(
            CurvePoint(
                threshold,
                Share(right, len(burning)).value,
                Share(wrong, len(clear)).value,
                Share(right, right + wrong).value,
            )
        )
    return points
