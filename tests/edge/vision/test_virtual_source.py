"""A rendered camera keeps the pace of a real one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera import Clock
from edge.vision.virtual import VirtualSource


class FakeTime:
    """A clock that moves only when somebody waits or works."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Rendering:
    """A virtual camera with new truth whenever it is asked."""

    def __init__(self, time: FakeTime, takes_s: float) -> None:
        self._time = time
        self._takes_s = takes_s

    def read(self, timeout_s: float) -> tuple[NDArray[np.uint8], float]:
        taken_s = self._time.now_s
        self._time.sleep(self._takes_s)
        return np.zeros((9, 16, 3), np.uint8), taken_s

    def close(self) -> None:
        """Nothing is open."""


def source_of(time: FakeTime, takes_s: float, frames_per_s: float) -> VirtualSource:
    clock = Clock(lambda: time.now_s, time.sleep)
    return VirtualSource(Rendering(time, takes_s), frames_per_s, clock)


@pytest.mark.parametrize(("takes_s", "period_s"), [(0.05, 0.25), (0.4, 0.4)])
def test_it_makes_no_more_pictures_than_are_asked_for_and_catches_up_with_none(
    takes_s: float, period_s: float
) -> None:
    source = source_of(FakeTime(), takes_s, frames_per_s=4.0)
    taken_s = [frame.monotonic_s for _ in range(20) if (frame := source.read(timeout_s=1.0))]
    assert np.diff(taken_s) == pytest.approx([period_s] * 19)


def test_it_says_in_time_that_there_is_no_picture_yet() -> None:
    time = FakeTime()
    source = source_of(time, 0.05, frames_per_s=0.1)
    assert source.read(timeout_s=1.0) is not None
    began_s = time.now_s
    assert source.read(timeout_s=1.0) is None
    assert time.now_s - began_s == pytest.approx(1.0)
