"""Whether a first run's numbers can be what a family gives: each check says what it found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

_NAME_CLASSES = (
    "Name every class in the model's metadata (labels), in its order, or none there and some in the "
    "config under [agent.detector.labels]."
)


def sized(shape: Sequence[int | str | None]) -> str:
    """1×6×8400."""
    return "×".join("?" if side is None else str(side) for side in shape)


def wrong_shape(found: Sequence[NDArray[Any]], expected: str, height_px: int, width_px: int) -> ModelError:
    """The refusal of outputs that are not ``expected`` at that input size."""
    shapes = ", ".join(sized(output.shape) for output in found) or "nothing"
    return ModelError(
        f"the model's output is {shapes} at {width_px}×{height_px}, not {expected}",
        hint="Export the plain detection model again, with a batch of one.",
    )


def check_classes(found: int, named: int, *, exact: bool) -> None:
    """Refuses a model of ``found`` classes of which ``named`` have names."""
    if found != named if exact else found < named:
        raise ModelError(f"the model's output has {found} classes, but {named} are named", hint=_NAME_CLASSES)


def check_finite(outputs: Sequence[NDArray[Any]]) -> None:
    """Refuses NaN and infinity."""
    if not all(np.isfinite(output).all() for output in outputs):
        raise ModelError("the model's output holds numbers that are not finite", hint="Export it again.")


def check_scores(scores: NDArray[Any]) -> None:
    """Refuses scores that are no shares of one."""
    low, high = (float(scores.min()), float(scores.max())) if scores.size else (0.0, 0.0)
    if low < -1e-3 or high > 1.001:
        raise ModelError(
            f"the model's scores run from {low:.3g} to {high:.3g}, not within 0…1",
            hint="The head must end in a sigmoid, as its own library exports it.",
        )


def check_class_numbers(numbers: NDArray[Any], classes: int, *, exact: bool) -> None:
    """Refuses class numbers that are not whole or beyond the classes that are named."""
    if numbers.size and (np.rint(numbers) != numbers).any():
        raise ModelError(
            f"the model's class numbers are not whole ({float(numbers[np.rint(numbers) != numbers][0]):.3g})",
            hint="Rows with a score for each class are another family's: keep the metadata it came with.",
        )
    low, high = (int(numbers.min()), int(numbers.max())) if numbers.size else (0, 0)
    if low < 0 or (exact and high >= classes):
        raise ModelError(
            f"the model gives class numbers from {low} to {high}, but {classes} classes are named",
            hint=_NAME_CLASSES,
        )


def check_pixels(centres: NDArray[Any], height_px: int, width_px: int) -> None:
    """Refuses N×2 box centres that are not pixels of the input."""
    if not len(centres):
        return
    if np.abs(centres).max() <= 2:
        raise ModelError(
            f"the model's boxes are all within 2 px of a corner (up to {float(np.abs(centres).max()):.3g}): "
            "shares of the picture, not pixels",
            hint="Export it with boxes in pixels of the input.",
        )
    _check_inside(centres / np.array([width_px, height_px]))


def check_shares(centres: NDArray[Any], height_px: int, width_px: int) -> None:
    """Refuses N×2 box centres that are not shares of the input's sides."""
    middle = float(np.median(np.abs(centres))) if len(centres) else 0.0
    if middle > 2:
        raise ModelError(
            f"the model's boxes lie around {middle:.3g}, not within 0…1 of the {width_px}×{height_px} input",
            hint="Export it with boxes as shares of the picture, as its own library does.",
        )
    _check_inside(centres)


def _check_inside(shares: NDArray[Any]) -> None:
    outside = ((shares < -0.25) | (shares > 1.25)).any(axis=1).mean() if len(shares) else 0.0
    if outside > 0.5:
        raise ModelError(
            f"{outside:.0%} of the model's boxes lie far outside of the picture",
            hint="Is it exported for the input size it says?",
        )
