"""The vision child: what it says crosses whole, and it may hang, crash or be lied to without harm."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.telling.evidence import GLANCE_BYTES
from edge.vision.child import Glances, least_score
from edge.vision.flaw import Flaw
from edge.vision.merge import Found
from edge.vision.process import VisionProcess
from edge.vision.report import (
    BrokenReportError,
    Ended,
    Failed,
    FrameReport,
    Message,
    Ready,
    VisionSettings,
    glance_size_px,
    pack,
    read,
)
from edge.vision.slot import LatestSlot
from edge.vision.supervisor import VisionError, VisionSupervisor
from edge.vision.tile import Tile
from edge.vision.view import Shown, Wish

REPORT = FrameReport(
    seq=7, exposed_s=123.25, width_px=64, height_px=48,
    detections=(Found("fire", 0.75, 1.0, 2.0, 3.5, 4.0, 4.0, cut_below=True),),
    inference_ms=31.5, dropped=2, fingerprint=99, contrast=41.0, jpeg=b"\xff\xd8 picture",
    glance=b"\xff\xd8 small", values=b"II* values", flaw=Flaw.BLURRED,
    unchanged=0.5, tiles=(Tile(1, 2, 30, 20),), tiles_ms=12.0, age_ms=80.0,
)  # fmt: skip


def stream_of(data: bytes) -> asyncio.StreamReader:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return stream


@pytest.mark.parametrize(
    "message",
    [REPORT, Ready("m", "0" * 64, 0.3, 448, "cpu"), Failed("no camera", "plug one in"), Ended()],
    ids=lambda m: type(m).__name__,
)
async def test_every_message_crosses_whole(message: Message) -> None:
    stream = stream_of(pack(message) * 2)
    assert await read(stream) == message
    assert await read(stream) == message
    with pytest.raises(EOFError):
        await read(stream)


@pytest.mark.parametrize(
    "noise", [b"\xff\xff\xff\xff", pack(Ended()).replace(b"Ended", b"Bogus"), b"\0\0\0\2{}\0\0\0\0"]
)
async def test_noise_is_refused_and_never_taken_for_a_report(noise: bytes) -> None:
    with pytest.raises(BrokenReportError):
        await read(stream_of(noise))


def test_a_small_picture_is_taken_once_a_second_whatever_is_found() -> None:
    glances = Glances()
    image = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8)
    taken = [glances.take(image, number * 0.2) for number in range(15)]
    assert [bool(jpeg) for jpeg in taken] == [number % 5 == 0 for number in range(15)]
    small = cv2.imdecode(np.frombuffer(taken[0], np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert (small.shape[1], small.shape[0]) == glance_size_px(1920, 1080) == (320, 180)
    assert len(taken[0]) <= GLANCE_BYTES, "noise is as large as a picture gets"


def test_a_picture_that_is_small_already_stays_as_it_is() -> None:
    small = cv2.imdecode(
        np.frombuffer(Glances().take(np.zeros((90, 160, 3), np.uint8), 0.0), np.uint8), cv2.IMREAD_COLOR
    )
    assert small is not None
    assert small.shape[:2] == (90, 160)
    assert glance_size_px(160, 90) == (160, 90)


def test_the_newest_frame_wins_and_the_lost_are_counted() -> None:
    slot: LatestSlot[int] = LatestSlot()
    for number in (1, 2, 3):
        slot.put(number)
    assert slot.take(0.0) == 3
    assert slot.dropped == 2
    assert slot.take(0.0) is None


def test_a_failed_camera_is_heard_of_after_its_last_frame() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    slot.fail(OSError("unplugged"))
    assert slot.take(0.0) == 1
    with pytest.raises(OSError, match="unplugged"):
        slot.take(0.0)


@pytest.fixture
def settings(tmp_path: Path) -> VisionSettings:
    rng = np.random.default_rng(1)
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"{number:03}.png"), rng.integers(0, 255, (90, 160, 3), np.uint8))
    return VisionSettings(
        source=str(tmp_path), frames_per_s=20.0, loop=True, model=None, threshold=None,
        sensitivity="patrol", backend="cpu", labels=None, cache_dir=str(tmp_path / "cache"), threads=1,
        tile_budget_s=None, width_px=160,
        height_px=90, hfov_deg=78.0, virtual_seed=0, virtual_truth_url="",
    )  # fmt: skip


class Watched:
    """A supervisor whose reports can be waited for."""

    def __init__(
        self,
        settings: VisionSettings,
        stalled_s: float = 10.0,
        *,
        in_air: bool = False,
        first: VisionProcess | None = None,
    ) -> None:
        self.reports: list[FrameReport] = []
        self.ready: list[Ready] = []
        self.troubles: list[str] = []
        self.film: list[Shown] = []
        self.in_air = in_air
        self._came = asyncio.Event()
        self.supervisor = VisionSupervisor(
            settings,
            self.ready.append,
            self._on_report,
            self.troubles.append,
            on_film=self._on_film,
            must_go_on=self._must_go_on,
            first=first,
            stalled_s=stalled_s,
        )

    async def _must_go_on(self) -> bool:
        return self.in_air

    def _on_film(self, picture: Shown) -> None:
        self.film.append(picture)

    def _on_report(self, report: FrameReport) -> None:
        self.reports.append(report)
        self._came.set()

    async def next_report(self) -> FrameReport:
        self._came.clear()
        await asyncio.wait_for(self._came.wait(), 60)
        return self.reports[-1]


async def test_the_real_child_looks_at_real_files_and_films_them(settings: VisionSettings) -> None:
    watched = Watched(replace(settings, film_frames_per_s=5.0, film_height_px=45))
    task = asyncio.create_task(watched.supervisor.run())
    report = await watched.next_report()
    while not watched.film:
        await watched.next_report()
    pid = watched.supervisor.process_id
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (report.width_px, report.height_px) == (160, 90)
    assert report.contrast > 20
    assert len(watched.ready[0].model_sha256) == 64
    glance = cv2.imdecode(np.frombuffer(watched.reports[0].glance, np.uint8), cv2.IMREAD_COLOR)
    assert glance is not None
    assert (glance.shape[1], glance.shape[0]) == report.glance_size_px
    filmed = cv2.imdecode(np.frombuffer(watched.film[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert filmed is not None
    assert filmed.shape == (45, 80, 3)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_child_that_was_started_early_is_the_one_that_looks(settings: VisionSettings) -> None:
    child = await VisionProcess.start()
    child.tell(settings)
    watched = Watched(settings, first=child)
    task = asyncio.create_task(watched.supervisor.run())
    await watched.next_report()
    assert watched.supervisor.process_id == child.process.pid
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert child.process.returncode is not None


async def test_a_child_that_nobody_tells_what_to_look_at_ends_by_itself() -> None:
    child = await VisionProcess.start()
    assert child.process.stdin is not None
    child.process.stdin.close()
    async with asyncio.timeout(60):
        assert await child.process.wait() == 0
    await child.end()


@pytest.mark.parametrize(("level", "says"), [(logging.INFO, True), (logging.WARNING, False)])
async def test_the_child_logs_as_its_supervisor_does_and_no_more(
    settings: VisionSettings, level: int, says: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    try:
        watched = Watched(settings)
        task = asyncio.create_task(watched.supervisor.run())
        await watched.next_report()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        root.setLevel(before)
    lines = [line for line in capfd.readouterr().err.splitlines() if "models.detector" in line]
    assert bool(lines) is says
    assert all(re.match(r"\d{4}-\d\d-\d\d [\d:,]+ INFO    models\.detector: ", line) for line in lines)


@pytest.mark.parametrize(
    ("change", "score"),
    [({}, 0.4), ({"sensitivity": "sensitive"}, 0.15), ({"sensitivity": "sensitive", "threshold": 0.6}, 0.6)],
    ids=["patrol", "sensitive", "by hand"],
)
def test_the_score_that_counts_is_the_models_for_the_sensitivity_or_the_one_given(
    settings: VisionSettings, change: dict[str, Any], score: float
) -> None:
    class Model:
        threshold, threshold_sensitive = 0.4, 0.15

    assert least_score(replace(settings, **change), Model()) == score


async def test_the_child_looks_closely_at_what_it_is_told_to(settings: VisionSettings) -> None:
    watched = Watched(replace(settings, tile_budget_s=60.0))
    task = asyncio.create_task(watched.supervisor.run())
    report = await watched.next_report()
    assert list(report.tiles) == []
    assert watched.ready[0].input_px >= 32
    wanted = (Tile(0, 0, 80, 45), Tile(70, 40, 80, 45))
    async with asyncio.timeout(60):
        while not report.tiles:
            watched.supervisor.plan(wanted)
            report = await watched.next_report()
    assert report.tiles == wanted
    assert report.tiles_ms > 0
    assert report.age_ms >= report.tiles_ms
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    watched.supervisor.plan(wanted)  # to nobody, and no harm done


async def test_the_child_shows_pictures_when_they_are_wished_for_and_goes_on_looking(
    settings: VisionSettings,
) -> None:
    watched = Watched(settings)
    task = asyncio.create_task(watched.supervisor.run())
    first = await watched.next_report()
    shown = await watched.supervisor.show(Wish(45, 60, 100_000), timeout_s=30)
    again = await watched.supervisor.show(Wish(900, 60, 100_000), timeout_s=30)
    assert shown is not None
    assert again is not None
    assert (shown.width_px, shown.height_px) == (80, 45)
    assert (again.width_px, again.height_px, again.frame_width_px) == (160, 90, 160)
    picture = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (45, 80, 3)
    assert again.exposed_s > shown.exposed_s > first.exposed_s - 1
    while (await watched.next_report()).exposed_s <= again.exposed_s:
        pass  # what nobody reads any more of the pictures holds up no report
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await watched.supervisor.show(Wish(45, 60, 100_000), timeout_s=0.01) is None


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (signal.SIGSTOP, "nothing was looked at for 1 s: camera or detector hangs"),
        (signal.SIGKILL, "the vision process ended by itself (SIGKILL)"),
        (signal.SIGSEGV, "the vision process ended by itself (SIGSEGV)"),
    ],
    ids=["hangs", "is killed", "its decoder crashes"],
)
async def test_a_child_that_hangs_or_crashes_is_replaced(
    settings: VisionSettings, harm: signal.Signals, says: str
) -> None:
    watched = Watched(settings, stalled_s=1.0)
    task = asyncio.create_task(watched.supervisor.run())
    await watched.next_report()
    first = watched.supervisor.process_id
    assert first is not None
    os.kill(first, harm)
    while watched.supervisor.process_id in (first, None):
        await asyncio.sleep(0.02)
    await watched.next_report()
    assert watched.supervisor.restarts.count >= 1
    assert says in watched.troubles
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"model": "/nowhere/fire.onnx"}, "fire.onnx"), ({"source": "/nowhere/street.mp4"}, "street.mp4")],
    ids=["missing model", "missing video"],
)
async def test_a_mistake_found_before_the_first_look_ends_with_one_line(
    settings: VisionSettings, change: dict[str, str], said: str
) -> None:
    with pytest.raises(VisionError, match=said) as caught:
        await Watched(replace(settings, **change)).supervisor.run()  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


async def test_a_camera_that_is_broken_in_the_air_is_tried_until_it_works(
    settings: VisionSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An agent that is started again in flight goes on blind, and after the landing too."""
    monkeypatch.setattr("edge.vision.restarts.DELAYS_S", (0.01,))
    photos, aside = tmp_path / "photos", tmp_path / "aside"
    aside.mkdir()
    cv2.imwrite(str(aside / "0.png"), np.eye(90, 160, dtype=np.uint8) * 255)
    watched = Watched(replace(settings, source=str(photos)), in_air=True)
    task = asyncio.create_task(watched.supervisor.run())
    while watched.supervisor.restarts.count < 2 and not task.done():
        await asyncio.sleep(0.02)
        watched.in_air = not watched.supervisor.restarts.count
    assert all("photos" in trouble for trouble in watched.troubles)
    assert len([record for record in caplog.records if "restarted" in record.message]) == 1
    aside.rename(photos)
    await watched.next_report()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "refusal",
    [OSError(errno.ENOMEM, "Cannot allocate memory"), RuntimeError("can't start new thread")],
    ids=["no memory", "no thread"],
)
async def test_a_child_that_cannot_be_started_again_is_tried_until_it_can_be(
    settings: VisionSettings,
    refusal: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = [refusal] * 4
    real = asyncio.create_subprocess_exec

    async def spawn(*args: str, **pipes: Any) -> asyncio.subprocess.Process:
        if watched.supervisor.reports and refusals:
            raise refusals.pop()
        return await real(*args, **pipes)

    monkeypatch.setattr("edge.vision.restarts.DELAYS_S", (0.01,))
    monkeypatch.setattr("edge.vision.process.asyncio.create_subprocess_exec", spawn)
    watched = Watched(settings)
    task = asyncio.create_task(watched.supervisor.run())
    await watched.next_report()
    pid = watched.supervisor.process_id
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while refusals and not task.done():
        await asyncio.sleep(0.02)
    await watched.next_report()
    said = [record.message for record in caplog.records if "cannot be started" in record.message]
    assert len(said) == 1
    assert str(refusal) in said[0]
    assert watched.supervisor.restarts.count == 5  # the one that was killed, and four that did not start
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_end_of_a_recording_is_an_end_and_no_fault(settings: VisionSettings) -> None:
    watched = Watched(replace(settings, loop=False))
    await asyncio.wait_for(watched.supervisor.run(), 60)
    assert watched.reports
    assert watched.supervisor.restarts.count == 0
