"""From files to the alarm: a camera that shows nothing new, or nothing at all, is blind in time, and never
"no fire". The camera, the judge of pictures and the health are the real ones; the time is the test's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera import CameraSource, Clock, open_camera
from edge.health.seeing import Health
from edge.vision.quality import QualityJudge
from uplink.messages import SeeingState

FRAMES_PER_S = 2.0
WITHIN_S = 5.0
GOOD_FRAMES = 10

Picture = NDArray[Any]


class TestTime:
    __test__ = False

    def __init__(self) -> None:
        self.now_s = 100.0
        self.clock = Clock(now=lambda: self.now_s, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


def ground(number: int) -> Picture:
    """A place that is never twice the same."""
    rng = np.random.default_rng(number)
    coarse = cv2.resize(rng.integers(40, 200, (18, 32, 3), np.uint8), (320, 180))
    picture: Picture = np.clip(coarse + rng.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)
    return picture


def frozen(_number: int) -> Picture:
    return ground(GOOD_FRAMES - 1)


def black(number: int) -> Picture:
    noise = np.random.default_rng(number).normal(2, 2, (180, 320, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def covered(number: int) -> Picture:
    """A hand on the lens by daylight: even, warm, with a sensor's noise, and not black."""
    noise = np.random.default_rng(number).normal(0, 1, (180, 320, 3))
    return np.clip(np.array([60, 70, 120]) + noise, 0, 255).astype(np.uint8)


def in_folder(folder: Path, pictures: list[Picture], clock: Clock) -> CameraSource:
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:03}.png"), picture)
    return open_camera(f"folder:{folder}", fps=FRAMES_PER_S, clock=clock)


def in_video(folder: Path, pictures: list[Picture], clock: Clock) -> CameraSource:
    file = folder / "flight.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), FRAMES_PER_S, (320, 180))
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return open_camera(f"file:{file}", clock=clock)


@pytest.mark.parametrize("camera_of", [in_folder, in_video])
@pytest.mark.parametrize("fault", [frozen, black, covered])
def test_a_camera_that_shows_nothing_new_is_blind_in_time_and_proves_nothing(
    tmp_path: Path,
    fault: Callable[[int], Picture],
    camera_of: Callable[[Path, list[Picture], Clock], CameraSource],
) -> None:
    time = TestTime()
    pictures = [(ground if n < GOOD_FRAMES else fault)(n) for n in range(3 * GOOD_FRAMES)]
    camera = camera_of(tmp_path, pictures, time.clock)
    health, judge = Health(time.now_s, 1 / FRAMES_PER_S), QualityJudge()
    last_good_s, blind_s, proofs = time.now_s, None, []
    for number in range(len(pictures)):
        frame = camera.read(timeout_s=5.0)
        assert frame is not None
        seen = judge.judge(frame.image)
        proves = health.frame_looked_at(frame.monotonic_s, seen.fingerprint, seen.contrast, seen.flaw)
        health.pose_found(frame.monotonic_s)
        state = health.state(time.now_s)
        if number < GOOD_FRAMES:
            assert (proves, state.state) == (True, SeeingState.SEEING)
            last_good_s = frame.monotonic_s
        else:
            proofs.append(proves)
            if blind_s is None and state.state is SeeingState.BLIND:
                blind_s = time.now_s
    assert not any(proofs), "a fire that is not seen on these went out"
    assert blind_s is not None
    assert blind_s - last_good_s <= WITHIN_S + 1 / FRAMES_PER_S
    assert health.state(time.now_s).state is SeeingState.BLIND


def test_a_stale_file_that_is_served_again_and_again_is_a_frozen_picture(tmp_path: Path) -> None:
    time = TestTime()
    cv2.imwrite(str(tmp_path / "latest.jpg"), ground(1))
    camera = open_camera(f"folder:{tmp_path}", fps=FRAMES_PER_S, loop=True, clock=time.clock)
    health, judge = Health(time.now_s, 1 / FRAMES_PER_S), QualityJudge()
    proofs = 0
    started_s = time.now_s
    while time.now_s - started_s < WITHIN_S + 2 / FRAMES_PER_S:
        frame = camera.read(timeout_s=5.0)
        assert frame is not None
        seen = judge.judge(frame.image)
        proofs += health.frame_looked_at(frame.monotonic_s, seen.fingerprint, seen.contrast, seen.flaw)
        health.pose_found(frame.monotonic_s)
    assert proofs == 1
    assert health.state(time.now_s).reason == "the picture is frozen"
    assert health.frozen_for_s(time.now_s) < 2.0
    assert health.frozen_for_s(time.now_s + 60.0) == 0.0, "without frames it is another fault"
