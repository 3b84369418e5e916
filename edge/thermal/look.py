"""Looking at a frame of temperatures: its hot spots, and whether it proves anything."""

from __future__ import annotations

import hashlib
import time
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.camera import CameraError, Frame
from edge.thermal.hot import FROM_C, Limits, find_hot
from edge.vision.closely import Looked
from edge.vision.flaw import Flaw
from edge.vision.quality import Quality
from edge.vision.report import HeatSettings

NAME = "hot-spots-1"
PER_K = 10.0  # of contrast: 0.2 K are blank, a closed shutter or a cap
SAMPLE_PX = 32
# The middle of a frame of the outside world, in kelvin.
COLDEST_K, HOTTEST_K = 200.0, 400.0


class HeatJudge:
    """Judges one thermal camera's frames, one after another.

    A core shows a held frame for about a second while its shutter is closed, every few minutes and when it
    warms up. It is the very frame before and proves nothing; blind it is only when that lasts.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None

    def judge(self, kelvin: NDArray[np.float32]) -> Quality:
        step = max(1, kelvin.shape[1] // SAMPLE_PX)
        some = np.ascontiguousarray(kelvin[::step, ::step])
        low, high = np.percentile(some, (1.0, 99.0))
        middle = some[(some >= low) & (some <= high)]
        typical = float(np.median(some))
        before, self._before = self._before, some
        same = before is not None and before.shape == some.shape
        return Quality(
            flaw=Flaw.NONE if COLDEST_K <= typical <= HOTTEST_K else Flaw.NO_TEMPERATURES,
            fingerprint=zlib.crc32(kelvin.tobytes()),
            contrast=PER_K * float(np.std(middle)),
            sharpness=None,
            unchanged=float((some == before).mean()) if same else 0.0,
        )


def kelvin_of_frame(frame: Frame) -> NDArray[np.float32]:
    """A thermal camera's frame has temperatures. Raises CameraError."""
    if frame.kelvin is None:
        raise CameraError("the thermal camera's frames hold no temperatures.")
    return frame.kelvin


@dataclass(frozen=True, slots=True)
class HotLooker:
    """Finds the hot spots of a frame that count as fire."""

    settings: HeatSettings

    def look(self, kelvin: NDArray[np.float32]) -> Looked:
        told = self.settings
        limits = Limits(told.floor_c, told.contrast_k, FROM_C + told.hottest_c)
        started_s = time.perf_counter()
        found = tuple(one for one in find_hot(kelvin, limits) if one.score >= told.threshold)
        return Looked(found, (), time.perf_counter() - started_s, 0.0)


@cache
def sha256() -> str:
    """Of the detector: it is its code."""
    return hashlib.sha256((Path(__file__).parent / "hot.py").read_bytes()).hexdigest()
