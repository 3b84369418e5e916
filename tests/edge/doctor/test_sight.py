"""The camera: opened for real from files, hung, blank, frozen, of another size; and judged from facts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import CameraSource, Clock, Frame, open_camera
from edge.config.camera_section import CameraSection
from edge.doctor.check import Check
from edge.doctor.host import Host
from edge.doctor.sight import Sight, judge_sight, look_through
from edge.vision.flaw import Flaw
from tests.edge.doctor.hosts import host_of, process

WELL = Sight(
    "/dev/camera",
    width_px=1280,
    height_px=720,
    frames_per_s=30.0,
    profile="generic_78",
    contrast=40.0,
    fixed_shutter=True,
    fixed_focus=True,
)


def check(sight: Sight, name: str) -> Check:
    return next(one for one in judge_sight(sight) if one.name == name)


def video(path: Path, pictures: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]) -> CameraSection:
    height_px, width_px = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (width_px, height_px))
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return CameraSection(source=str(path))


def scenery(
    seed: int, shape: tuple[int, int] = (360, 640)
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rough = np.random.default_rng(seed).integers(0, 255, (*shape, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), 1.5) * 2, np.uint8)


def test_a_camera_that_is_well_passes_every_check() -> None:
    assert [one for one in judge_sight(WELL) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"trouble": "No such device: /dev/video0."}, "camera", False, "No such device"),
        ({"trouble": "busy", "holders": ("python (7)",)}, "camera", None, "python (7) has /dev/camera open"),
        ({"misfit": "pictures of another part"}, "camera", False, "another part"),
        ({"frames_per_s": 2.0}, "frames", None, "2.0 a second come"),
        ({"frozen": True}, "picture", False, "frozen"),
        ({"flaw": Flaw.BLURRED}, "picture", False, str(Flaw.BLURRED.value)),
        ({"contrast": 0.5}, "picture", False, "blank"),
        ({"fixed_shutter": False}, "exposure", None, "by itself"),
        ({"fixed_focus": False}, "focus", None, "by itself"),
    ],
)
def test_what_is_wrong_with_a_camera_is_told_with_what_to_do(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found
    assert found.remedy


def in_its_own_time(section: CameraSection) -> CameraSource:
    """The camera on a clock that moves only when somebody waits: its pace is right however busy we are."""
    now_s = [0.0]

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    return open_camera(section.source, fps=section.frames_per_s, clock=Clock(lambda: now_s[0], sleep))


def test_a_video_is_opened_timed_and_judged(tmp_path: Path) -> None:
    section = video(tmp_path / "flight.avi", [scenery(number) for number in range(8)])
    sight = look_through(section, Host(), look_s=60.0, opened=in_its_own_time)
    assert sight.trouble == ""
    assert (sight.width_px, sight.height_px) == (640, 360)
    assert sight.frames_per_s == pytest.approx(20.0)
    assert not sight.frozen
    assert sight.misfit == ""
    assert check(sight, "picture").passed


def test_a_frozen_picture_and_another_format_are_found(tmp_path: Path) -> None:
    for number in range(10):
        cv2.imwrite(str(tmp_path / f"same{number}.png"), scenery(1, (480, 640)))
    section = CameraSection(source=f"folder:{tmp_path}", frames_per_s=50)
    sight = look_through(section, Host(), look_s=60.0, opened=in_its_own_time)
    assert sight.frozen
    assert "640 x 480" in sight.misfit


def test_a_covered_lens_is_found(tmp_path: Path) -> None:
    black = [np.full((360, 640, 3), number, np.uint8) for number in range(20)]
    sight = look_through(video(tmp_path / "a.avi", black), Host(), look_s=60.0, opened=in_its_own_time)
    assert check(sight, "picture").passed is False


def test_a_camera_that_is_not_there_is_told_in_its_own_words(tmp_path: Path) -> None:
    sight = look_through(CameraSection(source=str(tmp_path / "no.mp4")), Host(), look_s=1.0)
    assert "no such file" in sight.trouble.lower()


def test_a_driver_that_hangs_does_not_hang_the_doctor() -> None:
    released = threading.Event()

    class Hangs:
        def read(self, timeout_s: float) -> Frame | None:
            released.wait()
            return None

        def close(self) -> None:
            """Never reached while it hangs."""

    def opened(_: CameraSection) -> CameraSource:
        return Hangs()

    sight = look_through(CameraSection(source="/dev/null"), Host(), look_s=0.05, answer_s=0.05, opened=opened)
    released.set()
    assert "hangs" in sight.trouble


def test_who_has_a_camera_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    process(tmp_path, 77, "motion", "/dev/video9")
    sight = look_through(CameraSection(source="/dev/video9"), host_of(tmp_path), look_s=0.1)
    assert sight.holders == ("motion (77)",)


def test_a_rendered_camera_is_nothing_to_connect() -> None:
    (found,) = judge_sight(look_through(CameraSection(source="virtual"), Host()))
    assert found.passed is None
    assert "rendered" in found.found
