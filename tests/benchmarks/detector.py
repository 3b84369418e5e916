"""What looking costs: the whole way from frame to boxes, beside the bare network and beside Ultralytics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.detector import Detector
from models.letterbox import Letterbox
from models.shipped import SHIPPED_WEIGHTS
from tests.benchmarks import peer
from tests.benchmarks.table import Row, alternate

QUANTISED = SHIPPED_WEIGHTS.with_name("ember-n-int8.onnx")
FRAMES = ((1280, 720, "≤ 1.10"), (3840, 2160, "≤ 1.20"))


def rows() -> list[Row]:
    with peer.plain_export() as plain:
        return [*_beside_bare(plain), *_beside_ultralytics(plain)]


def _beside_bare(plain: Path) -> list[Row]:
    found = []
    for width, height, bar in FRAMES:
        detector = Detector.load(threads=peer.THREADS, backend="cpu")
        image = _frame(width, height)
        bare = peer.bare(plain, *_input(detector, width, height))
        ours_s, bare_s, ratio = alternate(lambda d=detector, i=image: d.detect(i), bare)  # type: ignore[misc]
        figure = f"{ratio:.2f} ({ours_s * 1e3:.1f} ms ÷ {bare_s * 1e3:.1f} ms)"
        found.append(Row(f"detect() ÷ bare network, {width}×{height}, {detector.backend}", figure, bar))
    return found


def _beside_ultralytics(plain: Path) -> list[Row]:
    kinds: list[tuple[str, Path, str, str]] = [
        ("float32", SHIPPED_WEIGHTS, "cpu", "≥ 1.06"),
        ("float32", SHIPPED_WEIGHTS, "auto", "≥ 1.50"),
    ]
    if QUANTISED.is_file():
        kinds += [("INT8", QUANTISED, "cpu", "≥ 1.15"), ("INT8", QUANTISED, "auto", "≥ 1.70")]
    what = "frames a second ÷ ultralytics predict of the float32 file, 1280×720: ours {} on {}"
    if not peer.has_ultralytics():
        return [Row(what.format(name, backend), peer.NO_ULTRALYTICS, bar) for name, _, backend, bar in kinds]
    found = []
    image = _frame(1280, 720)
    for name, path, backend, bar in kinds:
        detector = Detector.load(path, threads=peer.THREADS, backend=backend)
        theirs = peer.ultralytics_predict(plain, image, *_input(detector, 1280, 720), detector.threshold)
        theirs_s, ours_s, ratio = alternate(theirs, lambda d=detector: d.detect(image))  # type: ignore[misc]
        figure = f"{ratio:.2f} ({1 / ours_s:.0f} ÷ {1 / theirs_s:.0f} frames a second)"
        found.append(Row(what.format(name, f"{detector.backend} ({backend})"), figure, bar))
    return found


def _frame(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)


def _input(detector: Detector, width: int, height: int) -> tuple[int, int]:
    layout = Letterbox.fit(width, height, long_side=detector.input_px)
    return layout.input_height, layout.input_width
