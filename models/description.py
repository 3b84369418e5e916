"""What a model file says about itself, and what the config says of its classes."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.letterbox import CELL_PX

WANTED_LABELS = frozenset({"fire", "smoke"})
DEFAULT_INPUT_PX = 640
DEFAULT_THRESHOLD = 0.25
MOST_CLASSES = 10_000
CONFIG_TABLE = "[agent.detector.labels]"
"""Where a config maps a model's classes."""


class Calibration(NamedTuple):
    """How a label's raw score s becomes one that is right as often as it says: σ(logit(s) / T + b)."""

    temperature: float = 1.0
    bias: float = 0.0

    def apply(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated scores; 0 and 1 stay what they are."""
        if self == (1.0, 0.0):
            return scores
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            inside = np.clip(scores, 0, 1)  # a quantised sigmoid may give a little more than 1
            logits = np.log(inside / (1 - inside)) / self.temperature + self.bias
            return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def raw(self, score: float) -> float:
        """The raw score that becomes ``score``, which is in 0…1 without its ends."""
        logit = (math.log(score / (1 - score)) - self.bias) * self.temperature
        return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a model besides its network."""

    name: str
    labels: tuple[str, ...]
    """By class number, as the model says or as the config maps them; numbers beyond are none of ours."""
    input_px: int
    """Long side of the input, a multiple of 32."""
    threshold: float
    """The (calibrated) score from which a box counts on patrol."""
    threshold_sensitive: float
    """The same where missing a fire costs more than a false alarm."""
    licence: str
    calibration: tuple[Calibration, ...]
    """By class number, like the labels."""
    classes: int | None
    """How many classes the model itself names; None where only the config does. For ``recognise``."""


def describe(
    metadata: Mapping[str, str], file: Path, mapping: Mapping[str, str] | None = None
) -> Description:
    """Reads a model's ``metadata_props``; raises :class:`ModelError` where they do not do.

    ``mapping`` is the config's: a class's own name (in any case) or its number, to ``fire`` or ``smoke``.
    It may name classes of a model that names none. What a class of another name may mean is not guessed.
    """
    own = _labels(metadata, file)
    labels = _mapped(own, mapping or {}, file)
    if not labels:
        raise ModelError(
            f"{file} does not say what its classes are called",
            hint='Add "labels", e.g. ["fire", "smoke"], to its metadata (emberwatch model export does), or '
            f'say which number is which in the config under {CONFIG_TABLE}, e.g. 0 = "fire"',
        )
    if not WANTED_LABELS & set(labels):
        named = ", ".join(labels[:4]) + (", …" if len(labels) > 4 else "")
        raise ModelError(
            f"{file} knows neither fire nor smoke, only {named}",
            hint=f"If one of them means it, say so in the config under {CONFIG_TABLE}, e.g. "
            f'{json.dumps(labels[0], ensure_ascii=False)} = "fire"',
        )
    input_px = _number(metadata, "input_size", DEFAULT_INPUT_PX, file)
    threshold = _number(metadata, "threshold", DEFAULT_THRESHOLD, file)
    sensitive = _number(metadata, "threshold_sensitive", threshold, file)
    if not (CELL_PX <= input_px <= 4096 and 0 < threshold < 1 and 0 < sensitive < 1):
        raise ModelError(
            f"{file} asks for input size {input_px:g}, thresholds {threshold:g} and {sensitive:g}: impossible"
        )
    return Description(
        name=metadata.get("name", file.stem),
        labels=labels,
        input_px=-(-int(input_px) // CELL_PX) * CELL_PX,
        threshold=threshold,
        threshold_sensitive=sensitive,
        licence=metadata.get("licence", metadata.get("license", "unknown")),
        calibration=_calibration(metadata, own or labels, labels, file),
        classes=len(own) or None,
    )


def _labels(metadata: Mapping[str, str], file: Path) -> tuple[str, ...]:
    """The model's own names of its classes; none where it says nothing."""
    try:
        if "labels" in metadata:
            found = json.loads(metadata["labels"])
        elif "names" in metadata:  # Ultralytics writes a Python dict: {0: 'fire', 1: 'smoke'}
            found = ast.literal_eval(metadata["names"])
        else:
            return ()
        if isinstance(found, dict):
            named = {int(number): name for number, name in found.items()}  # JSON's numbers are text
            if not all(0 <= number < MOST_CLASSES for number in named):
                raise ValueError
            # Some count from one: what has no name keeps its place.
            found = [named.get(number, f"class {number}") for number in range(max(named, default=-1) + 1)]
        if not isinstance(found, list):
            raise TypeError
    except (ValueError, SyntaxError, TypeError):
        raise ModelError(
            f"{file} names its classes in a way that cannot be read",
            hint='Its metadata should say "labels": a JSON list, e.g. ["fire", "smoke"].',
        ) from None
    return tuple(str(name).strip().lower() for name in found)


def _mapped(own: tuple[str, ...], mapping: Mapping[str, str], file: Path) -> tuple[str, ...]:
    """``own`` with what the config calls otherwise."""
    labels = list(own)
    for key, wanted in mapping.items():
        if wanted not in WANTED_LABELS:
            raise ModelError(
                f"the config maps class {key!r} to {wanted!r}",
                hint=f'Under {CONFIG_TABLE} a class is "fire" or "smoke"; leave out what is neither.',
            )
        numbers = [number for number, name in enumerate(own) if name == key.strip().lower()]
        if not numbers and key.strip().isdecimal():
            numbers = [int(key)]
        if not numbers or (own and numbers[0] >= len(own)) or numbers[0] >= MOST_CLASSES:
            known = ", ".join(own[:8]) + (", …" if len(own) > 8 else "") or "no names, only numbers from 0"
            raise ModelError(
                f"{file} has no class {key!r}, which the config maps under {CONFIG_TABLE}",
                hint=f"Its classes are: {known}.",
            )
        labels.extend(f"class {number}" for number in range(len(labels), numbers[-1] + 1))
        for number in numbers:
            labels[number] = wanted
    return tuple(labels)


def _calibration(
    metadata: Mapping[str, str], own: tuple[str, ...], labels: tuple[str, ...], file: Path
) -> tuple[Calibration, ...]:
    """``{"fire": [T, b], …}`` from the metadata; labels that it leaves out keep their scores.

    It goes by the model's ``own`` names, whatever the config calls its classes.
    """
    try:
        written: Any = json.loads(metadata.get("calibration", "{}"))
        found = {
            label.strip().lower(): Calibration(float(temperature), float(bias))
            for label, (temperature, bias) in written.items()
        }
        usable = all(0 < c.temperature < math.inf and math.isfinite(c.bias) for c in found.values())
    except (ValueError, TypeError, AttributeError):
        usable = False
    if not usable:
        raise ModelError(
            f"{file} has a calibration in its metadata that cannot be read",
            hint='It should be like {"fire": [1.2, -0.3], "smoke": [1, 0]}: temperature above 0, and bias.',
        )
    names = (*own, *labels[len(own) :])
    return tuple(found.get(name, Calibration()) for name in names)


def _number(metadata: Mapping[str, str], key: str, default: float, file: Path) -> float:
    text = metadata.get(key)
    if text is None:
        return default
    try:
        return float(text)
    except ValueError:
        raise ModelError(f"{file} has {key} {text[:40]!r} in its metadata, which is no number") from None
