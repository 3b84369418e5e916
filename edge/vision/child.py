"""The vision child: ``python -m edge.vision.child LEVEL``, started by ``edge.vision.supervisor`` alone.

One thread reads the camera, another looks and writes to the pipe; the newest frame wins between them, so
that a supervisor that is slow to read costs frames and never memory. The settings come as the first line
of standard input; its end means that the supervisor is gone, and so is the child then. What it logs from
``LEVEL`` up goes to the supervisor's standard error, in the same format.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera import CameraEnded, CameraSource, Frame, open_camera
from edge.logs import log_to_stderr
from edge.vision.report import Ended, Failed, FrameReport, Message, Ready, VisionSettings, write
from edge.vision.slot import LatestSlot
from flight.errors import EmberwatchError
from models.detector import Detector

log = logging.getLogger(__name__)

JPEG_QUALITY = 85
LABELS = frozenset({"fire", "smoke"})  # what an alert can be about; other models know more
FAILED_EXIT_CODE = 3


def watch(settings: VisionSettings, send: Callable[[Message], None]) -> None:
    """Look at frames until the camera ends. Raises EmberwatchError for what a person can mend."""
    detector = Detector.load(Path(settings.model) if settings.model else None, threads=settings.threads)
    camera = _open(settings)
    threshold = settings.threshold if settings.threshold is not None else detector.threshold
    send(Ready(detector.name, detector.sha256, threshold))
    frames: LatestSlot[Frame] = LatestSlot()
    threading.Thread(target=_capture, args=(camera, frames), name="camera", daemon=True).start()
    period_s = 1.0 / settings.frames_per_s
    due_s = time.monotonic()
    while True:
        time.sleep(max(0.0, due_s - time.monotonic()))
        try:
            frame = frames.take(timeout_s=1.0)
        except CameraEnded:
            send(Ended())
            return
        if frame is None:
            continue
        # A late frame moves the rhythm instead of being caught up with in a burst.
        due_s = max(due_s + period_s, time.monotonic() - period_s)
        send(_look(frame, detector, threshold, frames.dropped))


def _look(frame: Frame, detector: Detector, threshold: float, dropped: int) -> FrameReport:
    started_s = time.perf_counter()
    detections = [
        detection
        for detection in detector.detect(frame.image, min_score=threshold)
        if detection.label in LABELS
    ]
    inference_ms = (time.perf_counter() - started_s) * 1e3
    height_px, width_px = frame.image.shape[:2]
    thumbnail = cv2.resize(frame.image, (64, 36), interpolation=cv2.INTER_NEAREST)
    return FrameReport(
        seq=frame.seq,
        exposed_s=frame.monotonic_s,
        width_px=width_px,
        height_px=height_px,
        detections=tuple(detections),
        inference_ms=inference_ms,
        dropped=dropped,
        fingerprint=zlib.crc32(thumbnail.tobytes()),
        contrast=float(np.std(thumbnail)),
        jpeg=_jpeg(frame.image) if detections else b"",
    )


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if ok else b""


def _capture(camera: CameraSource, frames: LatestSlot[Frame]) -> None:
    try:
        while True:
            frame = camera.read(timeout_s=1.0)
            if frame is not None:
                frames.put(frame)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the looking thread must hear of it
        frames.fail(error)


def _open(settings: VisionSettings) -> CameraSource:
    if settings.source == "virtual":
        # Imported here: a real drone has no use for a rendered world.
        from edge.vision.virtual import open_virtual_camera

        return open_virtual_camera(settings)
    return open_camera(settings.source, fps=settings.frames_per_s, loop=settings.loop)


def _take_stdout() -> BinaryIO:
    """The pipe to the supervisor, out of reach of libraries that print to standard output."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def _die_with_the_supervisor() -> None:
    while sys.stdin.readline():
        pass
    os._exit(0)


def main() -> int:
    log_to_stderr(int(sys.argv[1]))
    # Ctrl-C reaches every process of the terminal; the supervisor decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = _take_stdout()
    settings = VisionSettings.from_json(sys.stdin.readline())
    threading.Thread(target=_die_with_the_supervisor, name="leash", daemon=True).start()
    try:
        watch(settings, lambda message: write(message, pipe))
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
