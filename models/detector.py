"""The detector: a picture in, labelled boxes out.

A model is one ONNX file that describes itself in its ``metadata_props`` (see ``description.py``).
It takes either the camera's own bytes, 1×H×W×3 BGR, as ``emberwatch model export`` writes it, or what
everybody else's exports take: 1×3×H×W RGB floats.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.backends.choice import choose
from models.backends.session import ModelFile, Run, Session
from models.description import describe
from models.detection import Detection
from models.errors import ModelError
from models.heads import Head, Port, recognise
from models.letterbox import Canvas, Letterbox
from models.pixels import FloatPixels
from models.shipped import SHIPPED_WEIGHTS, model_file

__all__ = ["Detection", "Detector", "ModelError"]

log = logging.getLogger(__name__)

PLANS: Final = 8
"""So many picture sizes (whole frames, tiles) keep their buffers; the one not used for longest goes first."""
_WIDE = (720, 1280)


@dataclass(frozen=True, slots=True)
class Plan:
    """What pictures of one size need, made once: where they lie in the input, and buffers all the way."""

    layout: Letterbox
    canvas: Canvas
    fill: Callable[[], None] | None
    """Puts the canvas into the network's input, where that is not the canvas itself."""
    run: Run


class Detector:
    """A loaded model. Keeps buffers between pictures: one detector serves one thread."""

    def __init__(
        self,
        session: Session,
        file: ModelFile,
        *,
        input_px: int | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Makes a detector of a ``session`` on ``file``; see :meth:`load`.

        The network is run once on a grey picture: an output that makes no sense is refused here,
        before take-off, and the first real frame is not the slow one.
        """
        self._session = session
        self._sha256 = file.sha256
        self._picture = _picture_port(session.inputs, file.path)
        self._bytes = self._picture.dtype == "uint8"
        height, width = self._picture.shape[2:]
        self._fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        self._description = describe(session.metadata, file.path, labels)
        if input_px is not None:
            self._description = replace(self._description, input_px=input_px)
        self._plans: OrderedDict[tuple[int, int], Plan] = OrderedDict()
        self._head: Head
        others = [port for port in session.inputs if port.name != self._picture.name]
        try:
            self._head = recognise(
                [self._picture, *others], session.outputs, session.metadata, self._description.classes
            )
            plan = self._plan(*_WIDE)
            if plan.fill is not None:
                plan.fill()
            sides = plan.layout.input_height, plan.layout.input_width
            self._head.check(plan.run(), len(self.labels), *sides)
        except ModelError as error:
            raise ModelError(f"{file.path}: {error.message}", hint=error.hint) from None

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        threads: int = 2,
        input_px: int | None = None,
        backend: str = "auto",
        labels: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> Detector:
        """Loads a file or a shipped model by its name; raises :class:`ModelError` with one clear line.

        ``input_px`` (a multiple of 32) stands in for the long side that the file asks for. ``backend`` is
        one of :data:`models.backends.BACKENDS`; ``auto`` takes the fastest that is there and agrees with
        the reference. What that was found to be is kept in the folder ``cache`` for the next start.
        ``labels`` maps the model's class names or numbers to ``fire`` and ``smoke``.
        """
        file = ModelFile.read(SHIPPED_WEIGHTS if model is None else model_file(model))

        def made(session: Session) -> Detector:
            return cls(session, file, labels=labels)

        detector = choose(made, file, backend, threads=threads, cache=cache, own_labels=not labels)
        if input_px is not None and input_px != detector.input_px:
            detector = cls(detector._session, file, input_px=input_px, labels=labels)
        log.info("detector %s (%s) on %s", detector.name, detector.sha256[:12], detector.backend)
        return detector

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._description.name

    @property
    def sha256(self) -> str:
        """Checksum of the model file: what an alert names as its witness."""
        return self._sha256

    @property
    def backend(self) -> str:
        """What runs it, with its version."""
        return self._session.backend

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's ``metadata_props``."""
        return self._session.metadata

    @property
    def labels(self) -> tuple[str, ...]:
        """What it can tell apart, in the order of its outputs."""
        return self._description.labels

    @property
    def threshold(self) -> float:
        """The calibrated score from which a box counts on patrol."""
        return self._description.threshold

    @property
    def threshold_sensitive(self) -> float:
        """The same where missing a fire costs more than a false alarm."""
        return self._description.threshold_sensitive

    @property
    def licence(self) -> str:
        """The licence of the weights, as the file says."""
        return self._description.licence

    @property
    def input_px(self) -> int:
        """Long side of the network's input in pixels."""
        return max(self._fixed or (self._description.input_px,))

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> list[Detection]:
        """Boxes on an H×W×3 picture, best first; those under ``min_score`` (default: threshold) are left out.

        Scores are calibrated, and so is ``min_score``. Any view will do, a part of a larger frame too.
        Raises ValueError for an array that is no 8-bit colour picture.
        """
        wanted = self.threshold if min_score is None else min_score
        calibration = self._description.calibration
        inside = 0 < wanted < 1
        raw_min = min(one.raw(wanted) for one in calibration) if inside else wanted
        found = []
        for number, raw in self._found(image_bgr, raw_min):
            score = float(calibration[number].apply(np.array(raw.score, np.float32)))
            if score >= wanted:
                found.append(replace(raw, score=score))
        found.sort(key=lambda detection: -detection.score)
        return found

    def detect_raw(self, image_bgr: NDArray[np.uint8], min_score: float) -> list[Detection]:
        """As :meth:`detect`, with the scores that the network itself gives."""
        return [detection for _, detection in self._found(image_bgr, min_score)]

    def _found(self, image_bgr: NDArray[np.uint8], min_score: float) -> list[tuple[int, Detection]]:
        """Class numbers and boxes with raw scores: two classes may mean the same label."""
        if (
            image_bgr.ndim != 3
            or image_bgr.shape[2] != 3
            or image_bgr.dtype != np.uint8
            or not image_bgr.size
        ):
            raise ValueError(f"expected an H×W×3 uint8 picture, got {image_bgr.dtype} {image_bgr.shape}")
        plan = self._plan(*image_bgr.shape[:2])
        plan.canvas.draw(image_bgr)
        if plan.fill is not None:
            plan.fill()
        layout = plan.layout
        boxes = self._head.decode(plan.run(), min_score, layout.input_height, layout.input_width)
        if not len(boxes.scores):
            return []
        corners = layout.to_picture(boxes.corners).tolist()
        return [
            (label, Detection(self.labels[label], score, *box))
            for label, score, box in zip(boxes.labels.tolist(), boxes.scores.tolist(), corners, strict=True)
            if label < len(self.labels)  # the config may have named only some
        ]

    def _plan(self, height: int, width: int) -> Plan:
        plan = self._plans.get((height, width))
        if plan is not None:
            self._plans.move_to_end((height, width))
            return plan
        layout = Letterbox.fit(
            width, height, long_side=self.input_px, fixed=self._fixed, stretched=self._head.stretched
        )
        canvas = Canvas(layout)
        picture: NDArray[Any] = canvas.pixels[None]
        fill = None
        if not self._bytes:
            pixels = FloatPixels(canvas.pixels, self._head.pixels, self._picture.dtype)
            picture, fill = pixels.tensor, pixels.fill
        extras = self._head.extra_inputs(layout.input_height, layout.input_width)
        plan = Plan(layout, canvas, fill, self._session.bind({self._picture.name: picture, **extras}))
        self._plans[height, width] = plan
        if len(self._plans) > PLANS:
            self._plans.popitem(last=False)
        return plan


def _picture_port(inputs: tuple[Port, ...], path: Path) -> Port:
    """The input that takes the picture, its shape told as 1×3×height×width either way."""
    for port in inputs:
        if len(port.shape) == 4:
            _, *sides = port.shape
            if port.dtype == "uint8" and sides[2] == 3:
                return replace(port, shape=(1, 3, *sides[:2]))
            if port.dtype in ("float32", "float16") and (sides[0] == 3 or not isinstance(sides[0], int)):
                return replace(port, shape=(1, *sides))
    found = ", ".join(f"{port.dtype} {port}" for port in inputs)
    raise ModelError(
        f"{path} does not take one colour picture (found input {found})",
        hint="A detector takes 1×3×height×width floats, or 1×height×width×3 bytes.",
    )
