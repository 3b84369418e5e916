"""The detector: a picture in, labelled boxes out.

A model is one ONNX file that describes itself in its ``metadata_props``: ``name``, ``labels`` (a
JSON list), ``input_size`` (the long side in pixels it runs at), ``threshold`` (the score from which
a box counts on patrol) and ``licence``. Plain exports of Ultralytics are understood too.
"""

from __future__ import annotations

import ast
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.backends.onnxruntime import OnnxSession
from models.detection import Detection
from models.errors import ModelError
from models.heads import check_output, decode
from models.letterbox import CELL_PX, Letterbox

__all__ = ["SHIPPED_WEIGHTS", "Detection", "Detector", "ModelError"]

log = logging.getLogger(__name__)

SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "ember-n.onnx"
WANTED_LABELS = frozenset({"fire", "smoke"})
DEFAULT_INPUT_PX = 640
DEFAULT_THRESHOLD = 0.25


@dataclass(frozen=True, slots=True)
class Description:
    """What a model file says about itself."""

    name: str
    labels: tuple[str, ...]
    input_px: int
    threshold: float
    licence: str


class Detector:
    """A loaded model. Keeps buffers between pictures: one detector serves one thread."""

    def __init__(self, session: OnnxSession, description: Description) -> None:
        self._session = session
        self._description = description
        self._layout: Letterbox | None = None
        self._canvas = np.empty((0, 0, 3), np.uint8)

    @classmethod
    def load(cls, path: Path | None = None, *, threads: int = 2, input_px: int | None = None) -> Detector:
        """Loads ``path``, or the shipped weights; raises :class:`ModelError` with one clear line.

        The network is run once on a grey picture: an output that is no YOLO head's is refused here,
        before take-off, and the first real frame is not the slow one. ``input_px`` (a multiple of
        32) stands in for the long side that the file asks for.
        """
        file = SHIPPED_WEIGHTS if path is None else path
        session = OnnxSession(file, threads=threads)
        description = describe(session.metadata, file)
        height, width = session.fixed_size or (2 * CELL_PX, 3 * CELL_PX)
        output = session.run(np.full((1, 3, height, width), 0.5, np.float32))
        try:
            check_output(output, len(description.labels), height, width)
        except ModelError as error:
            raise ModelError(f"{file}: {error.message}", hint=error.hint) from None
        log.info("detector %s (%s) loaded", description.name, session.sha256[:12])
        if input_px is not None:
            description = replace(description, input_px=input_px)
        return cls(session, description)

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._description.name

    @property
    def sha256(self) -> str:
        """Checksum of the model file: what an alert names as its witness."""
        return self._session.sha256

    @property
    def labels(self) -> tuple[str, ...]:
        """What it can tell apart, in the order of its outputs."""
        return self._description.labels

    @property
    def threshold(self) -> float:
        """The score from which a box counts on patrol."""
        return self._description.threshold

    @property
    def licence(self) -> str:
        """The licence of the weights, as the file says."""
        return self._description.licence

    @property
    def input_px(self) -> int:
        """Long side of the network's input in pixels."""
        return max(self._session.fixed_size or (self._description.input_px,))

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> list[Detection]:
        """Boxes on an H×W×3 picture, best first; those under ``min_score`` (default: threshold) are left out.

        Raises ValueError for an array that is no 8-bit colour picture.
        """
        if (
            image_bgr.ndim != 3
            or image_bgr.shape[2] != 3
            or image_bgr.dtype != np.uint8
            or not image_bgr.size
        ):
            raise ValueError(f"expected an H×W×3 uint8 picture, got {image_bgr.dtype} {image_bgr.shape}")
        height, width = image_bgr.shape[:2]
        layout = self._layout
        if layout is None or (layout.picture_width, layout.picture_height) != (width, height):
            layout = Letterbox.fit(width, height, long_side=self.input_px, fixed=self._session.fixed_size)
            self._layout, self._canvas = layout, layout.canvas()
        layout.draw(image_bgr, self._canvas)
        tensor = cv2.dnn.blobFromImage(self._canvas, scalefactor=1 / 255, swapRB=True)
        raw = decode(
            self._session.run(np.asarray(tensor, np.float32)),
            self.threshold if min_score is None else min_score,
        )
        corners = layout.to_picture(raw.corners)
        return [
            Detection(self.labels[label], float(score), *map(float, box))
            for label, score, box in zip(raw.labels, raw.scores, corners, strict=True)
        ]


def describe(metadata: dict[str, str], file: Path) -> Description:
    """Reads a model's ``metadata_props``; raises :class:`ModelError` where they do not name its labels."""
    labels = _labels(metadata, file)
    if not WANTED_LABELS & set(labels):
        named = ", ".join(labels[:4]) + (", …" if len(labels) > 4 else "")
        raise ModelError(
            f"{file} knows neither fire nor smoke, only {named}",
            hint="Choose a model with a label 'fire' or 'smoke'.",
        )
    input_px = _number(metadata, "input_size", DEFAULT_INPUT_PX, file)
    threshold = _number(metadata, "threshold", DEFAULT_THRESHOLD, file)
    if not (CELL_PX <= input_px <= 4096 and 0 < threshold < 1):
        raise ModelError(f"{file} asks for input size {input_px:g} and threshold {threshold:g}: impossible")
    return Description(
        name=metadata.get("name", file.stem),
        labels=labels,
        input_px=-(-int(input_px) // CELL_PX) * CELL_PX,
        threshold=threshold,
        licence=metadata.get("licence", metadata.get("license", "unknown")),
    )


def _labels(metadata: dict[str, str], file: Path) -> tuple[str, ...]:
    try:
        if "labels" in metadata:
            found = json.loads(metadata["labels"])
        else:  # Ultralytics writes a Python dict: {0: 'fire', 1: 'smoke'}
            found = [name for _, name in sorted(ast.literal_eval(metadata["names"]).items())]
        labels = tuple(str(name).strip().lower() for name in found)
    except (KeyError, ValueError, SyntaxError, TypeError, AttributeError):
        labels = ()
    if not labels:
        raise ModelError(
            f"{file} does not say what its classes are called",
            hint='Add "labels", e.g. ["fire", "smoke"], to its metadata (emberwatch model export does).',
        )
    return labels


def _number(metadata: dict[str, str], key: str, default: float, file: Path) -> float:
    text = metadata.get(key)
    if text is None:
        return default
    try:
        return float(text)
    except ValueError:
        raise ModelError(f"{file} has {key} {text[:40]!r} in its metadata, which is no number") from None
