"""What a scan needs of a detector. `models.detector.Detector` is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Found(Protocol):
    """A labelled box in pixels of the image that was looked at, with a score of 0 to 1."""

    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def x1(self) -> float: ...
    @property
    def y1(self) -> float: ...
    @property
    def x2(self) -> float: ...
    @property
    def y2(self) -> float: ...


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

    def detect(self, image_bgr: NDArray[np.uint8], *, min_score: float | None = None) -> Sequence[Found]: ...
