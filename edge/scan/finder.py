"""What a scan needs of a detector. `models.detector.Detector` is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.detection import Detection


class Finder(Protocol):
    """Finds fire and smoke in one image."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def threshold(self) -> float: ...
    @property
    def input_px(self) -> int: ...

    def detect(
        self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None
    ) -> Sequence[Detection]: ...
