"""The vision child: ``python -m edge.vision.child LEVEL PICTURES``, started by ``edge.vision.process`` alone.

One thread reads the camera, another looks and writes to the pipe; the newest frame wins between them, so
that a supervisor that is slow to read costs frames and never memory. The settings come as the first line
of standard input, plans of what to look at closely and wishes for pictures after it; its end means that the
supervisor is gone, and so is the child then. What it logs from ``LEVEL`` up goes to the supervisor's standard
error, in the same format. ``PICTURES`` is the file descriptor that pictures for people who watch go to.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera import CameraEnded, CameraSource, Frame, open_camera
from edge.logs import log_to_stderr
from edge.vision.closely import Looked, Looker, Pace
from edge.vision.filmer import Filmer
from edge.vision.plan import Plans
from edge.vision.quality import Quality, QualityJudge
from edge.vision.report import (
    Ended,
    Eye,
    Failed,
    FrameReport,
    HeatSettings,
    Message,
    Ready,
    VisionSettings,
    Waiting,
    glance_size_px,
    write,
)
from edge.vision.slot import LatestSlot
from edge.vision.view import wish_of
from edge.vision.viewfinder import Viewfinder
from flight.errors import EmberwatchError

log = logging.getLogger(__name__)

JPEG_QUALITY = 85
GLANCE_EVERY_S = 1.0
GLANCE_QUALITY = 70
FAILED_EXIT_CODE = 3


def watch(
    settings: VisionSettings, plans: Plans, see: Callable[[Frame], None], send: Callable[[Message], None]
) -> None:
    """Look at frames until the camera ends; all that come are given to ``see``, too. Raises EmberwatchError
    for what a person can mend."""
    cv2.setNumThreads(settings.threads)  # OpenCV's are bounded too: it would take every core
    ready, look = _thermal_look(settings.heat) if settings.heat else _colour_look(settings, plans)
    camera = _open(settings)
    period_s = 1.0 / settings.frames_per_s
    glances = Glances()
    send(ready)
    frames: LatestSlot[Frame] = LatestSlot()
    threading.Thread(target=_capture, args=(camera, frames, see), name="camera", daemon=True).start()
    due_s = time.monotonic()
    latest_s: float | None = None
    while True:
        time.sleep(max(0.0, due_s - time.monotonic()))
        try:
            frame = frames.take(timeout_s=1.0)
        except CameraEnded:
            send(Ended())
            return
        if frame is None:
            send(Waiting(latest_s))
            continue
        latest_s = frame.monotonic_s
        # A late frame moves the rhythm instead of being caught up with in a burst.
        due_s = max(due_s + period_s, time.monotonic() - period_s)
        report = _report(frame, look(frame), glances, frames.dropped, ready.eye)
        send(_with_values(report, frame) if settings.heat and settings.heat.recorded else report)


LookAt = Callable[[Frame], tuple[Looked, Quality]]


def _colour_look(settings: VisionSettings, plans: Plans) -> tuple[Ready, LookAt]:
    """The detector of pictures. Raises EmberwatchError where it cannot be loaded."""
    # Imported here: a thermal camera's child has no use for it.
    from models.detector import Detector

    detector = Detector.load(
        Path(settings.model) if settings.model else None,
        threads=settings.threads,
        backend=settings.backend,
        labels=settings.labels,
        cache=Path(settings.cache_dir),
    )
    threshold = least_score(settings, detector)
    pace = Pace(1.0 / settings.frames_per_s, settings.tile_budget_s)
    looker, judge = Looker(detector, threshold, pace, plans), QualityJudge()
    ready = Ready(detector.name, detector.sha256, threshold, detector.input_px, detector.backend)
    return ready, lambda frame: (looker.look(frame.image), judge.judge(frame.image))


def _thermal_look(heat: HeatSettings) -> tuple[Ready, LookAt]:
    """The detector of hot spots."""
    from edge.thermal.look import NAME, HeatJudge, HotLooker, kelvin_of_frame, sha256

    looker, judge = HotLooker(heat), HeatJudge()
    ready = Ready(NAME, sha256(), heat.threshold, 0, "numpy", eye="thermal")

    def look(frame: Frame) -> tuple[Looked, Quality]:
        kelvin = kelvin_of_frame(frame)
        return looker.look(kelvin), judge.judge(kelvin)

    return ready, look


class Thresholds(Protocol):
    """What a model says of itself. A detector is one."""

    @property
    def threshold(self) -> float: ...
    @property
    def threshold_sensitive(self) -> float: ...


def least_score(settings: VisionSettings, model: Thresholds) -> float:
    """The score from which a box counts."""
    if settings.threshold is not None:
        return settings.threshold
    return model.threshold_sensitive if settings.sensitivity == "sensitive" else model.threshold


class Glances:
    """Small pictures of what is seen, one in ``GLANCE_EVERY_S``, whether something is found or not."""

    def __init__(self) -> None:
        self._due_s = -math.inf

    def take(self, image: NDArray[np.uint8], at_s: float) -> bytes:
        """A JPEG when one is due, else none. ``at_s`` is the frame's exposure."""
        if at_s < self._due_s:
            return b""
        self._due_s = at_s + GLANCE_EVERY_S
        height_px, width_px = image.shape[:2]
        size_px = glance_size_px(width_px, height_px)
        step = max(1, width_px // (2 * size_px[0]))  # of a large frame every few pixels will do
        small = cv2.resize(image[::step, ::step], size_px, interpolation=cv2.INTER_AREA)
        return _jpeg(np.asarray(small, np.uint8), GLANCE_QUALITY)


def _report(
    frame: Frame, looked_judged: tuple[Looked, Quality], glances: Glances, dropped: int, eye: Eye
) -> FrameReport:
    looked, quality = looked_judged
    height_px, width_px = frame.image.shape[:2]
    return FrameReport(
        seq=frame.seq,
        exposed_s=frame.monotonic_s,
        width_px=width_px,
        height_px=height_px,
        detections=looked.found,
        inference_ms=looked.whole_s * 1e3,
        dropped=dropped,
        fingerprint=quality.fingerprint,
        contrast=quality.contrast,
        jpeg=_jpeg(frame.image) if looked.found else b"",
        glance=glances.take(frame.image, frame.monotonic_s),
        flaw=quality.flaw,
        unchanged=quality.unchanged,
        tiles=looked.tiles,
        tiles_ms=looked.tiles_s * 1e3,
        age_ms=max(0.0, time.monotonic() - frame.monotonic_s) * 1e3,
        eye=eye,
        span_c=frame.span_c,
        covered=quality.covered,
    )


def _with_values(report: FrameReport, frame: Frame) -> FrameReport:
    """With what a thermal camera gave, where something was found on it."""
    from edge.thermal.stored import tiff_of

    if not report.detections or frame.values is None:
        return report
    return replace(report, values=tiff_of(frame.values))


def _jpeg(image: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes() if ok else b""


def _capture(camera: CameraSource, frames: LatestSlot[Frame], see: Callable[[Frame], None]) -> None:
    try:
        while True:
            frame = camera.read(timeout_s=1.0)
            if frame is not None:
                frames.put(frame)
                see(frame)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the looking thread must hear of it
        frames.fail(error)


def _open(settings: VisionSettings) -> CameraSource:
    if settings.source == "virtual":
        # Imported here: a real drone has no use for a rendered world.
        from edge.vision.virtual import open_virtual_camera

        return open_virtual_camera(settings)
    if settings.heat is not None:
        from edge.thermal.source import open_thermal

        return open_thermal(
            settings.source,
            settings.heat.kelvin_per_count,
            size_px=(settings.width_px, settings.height_px),
            fps=settings.frames_per_s,
            loop=settings.loop,
        )
    return open_camera(settings.source, fps=settings.frames_per_s, loop=settings.loop)


def _take_stdout() -> BinaryIO:
    """The pipe to the supervisor, out of reach of libraries that print to standard output."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def _hear_the_supervisor(plans: Plans, viewfinder: Viewfinder) -> None:
    """Take plans and wishes until the supervisor is gone, and die with it."""
    while line := sys.stdin.readline():
        try:
            wish = wish_of(json.loads(line))
            if wish is None:
                plans.hear(line)
            else:
                viewfinder.wish(wish)
        except ValueError as error:
            log.warning("what the supervisor says cannot be read and is left out: %s", error)
    os._exit(0)


def main() -> int:
    log_to_stderr(int(sys.argv[1]))
    # Ctrl-C reaches every process of the terminal; the supervisor decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = _take_stdout()
    told = sys.stdin.readline()
    if not told:  # the agent ended before it knew what to look at
        return 0
    settings = VisionSettings.from_json(told)
    plans = Plans(1.0 / settings.frames_per_s)
    pictures = os.fdopen(int(sys.argv[2]), "wb")  # whole pictures go in: two threads may write
    viewfinder = Viewfinder(pictures)
    viewfinder.start()
    filmer = Filmer(pictures, frames_per_s=settings.film_frames_per_s, height_px=settings.film_height_px)
    filmer.start()

    def see(frame: Frame) -> None:
        viewfinder.see(frame)
        filmer.see(frame)

    leash = threading.Thread(target=_hear_the_supervisor, args=(plans, viewfinder), name="leash", daemon=True)
    leash.start()
    try:
        watch(settings, plans, see, lambda message: write(message, pipe))
    except EmberwatchError as error:
        write(Failed(error.message, error.hint), pipe)
        return FAILED_EXIT_CODE
    except BrokenPipeError:
        return 0
    return 0


if __name__ == "__main__":
    # A camera thread may hang in its driver for good: leave without waiting for it.
    code = 1
    try:
        code = main()
    except BaseException:  # noqa: BLE001 - said here, since nothing is cleaned up after
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)
