"""What the pipeline around the network costs: whole frame to boxes ÷ the bare network on a ready tensor."""

from __future__ import annotations

import numpy as np

from models.backends.onnxruntime import OnnxSession
from models.detector import SHIPPED_WEIGHTS, Detector
from models.letterbox import Letterbox
from tests.benchmarks.table import Row, alternate


def rows() -> list[Row]:
    detector = Detector.load(threads=2)
    session = OnnxSession(SHIPPED_WEIGHTS, threads=2)
    rng = np.random.default_rng(1)
    found = []
    for width, height, bar in ((1280, 720, "≤ 1.10"), (3840, 2160, "≤ 1.20")):
        image = rng.integers(0, 255, (height, width, 3), np.uint8)
        layout = Letterbox.fit(width, height, long_side=detector.input_px)
        tensor = rng.random((1, 3, layout.input_height, layout.input_width), np.float32)
        ours_s, bare_s, ratio = alternate(lambda i=image: detector.detect(i), lambda t=tensor: session.run(t))  # type: ignore[misc]
        figure = f"{ratio:.2f} ({ours_s * 1e3:.0f} ms ÷ {bare_s * 1e3:.0f} ms)"
        found.append(Row(f"detect() ÷ bare network, {width}×{height}", figure, bar))
    return found
