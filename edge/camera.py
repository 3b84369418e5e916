"""Where frames come from: a video file, a live stream, a device, or a folder of photos.

All are read the same way, by one thread that may block; the virtual camera is a source like these,
opened elsewhere. A user name and password in a camera's URL are given to the camera and to nobody else:
`shown_source` makes the text for logs, errors and frames.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.files import shown
from edge.images import IMAGE_SUFFIXES, ImageError, read_photo
from edge.video import VideoError, VideoFile
from flight.errors import EmberwatchError

log = logging.getLogger(__name__)

FOLDER_FRAMES_PER_S = 2.0
OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 5.0
REOPEN_DELAYS_S = (0.5, 1.0, 2.0, 5.0)

_SOURCE_HELP = "A source is a video file, a folder of photos, rtsp://…, http://… or /dev/video0."

# TCP loses no packets: a smeared frame is worse than a late one. V4L2 knows its time-out only from here.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(round(READ_TIMEOUT_S)))


class CameraError(EmberwatchError):
    """The camera cannot be used as it is configured."""


class CameraEnded(CameraError):  # noqa: N818 - an end is no error, and reads as what it is
    """A file or folder has no more frames."""


Values = NDArray[np.uint16] | NDArray[np.float32]
"""Of a thermal camera's pixels: counts, or temperatures already."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    ``image`` is (height, width, 3) uint8 BGR. ``monotonic_s`` is the instant it was taken or, for live
    cameras, the instant it arrived here. ``seq`` counts from 1; numbers are missing where the source
    dropped frames that nobody had time for. ``source`` is safe to show.
    """

    image: NDArray[np.uint8]
    monotonic_s: float
    seq: int
    source: str
    kelvin: NDArray[np.float32] | None = None
    """Of a thermal camera: its temperatures, of which ``image`` is a picture in false colours."""
    values: Values | None = None
    """What it gave that these temperatures are of."""
    span_c: tuple[float, float] | None = None
    """The temperatures at the ends of those colours."""


class CameraSource(Protocol):
    """A camera. One thread reads it; whoever opened it closes it."""

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when there was none within about ``timeout_s``.

        Live cameras may take up to READ_TIMEOUT_S (OPEN_TIMEOUT_S while they reconnect) instead. Raises
        CameraEnded after the last frame, CameraError when there is nothing readable at all.
        """

    def close(self) -> None:
        """Let go of the device. Reading afterwards is a mistake."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The monotonic clock and how to wait on it; tests pass a pair of their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def open_camera(
    source: str, *, fps: float | None = None, loop: bool = False, clock: Clock | None = None
) -> CameraSource:
    """Open ``file:PATH``, ``folder:PATH`` or a path to either, a URL, ``/dev/videoN`` or ``v4l2:N``.

    ``fps`` is the pace of a folder (default 2 a second); videos and live cameras have their own.
    ``loop`` starts files and folders again at their end. Raises CameraError.
    """
    clock = clock or Clock()
    scheme, _, rest = source.partition(":")
    if rest.startswith("//"):
        if scheme.lower() not in ("rtsp", "rtsps", "http", "https"):
            raise CameraError(f"{shown_source(source)} is not a camera that can be read.", hint=_SOURCE_HELP)
        return LiveCamera(source, cv2.CAP_FFMPEG, clock)
    if scheme == "v4l2" or source.startswith("/dev/"):
        device = f"/dev/video{rest}" if rest.isdigit() else rest if scheme == "v4l2" else source
        return open_device(device, clock)
    if scheme == "folder":
        return FolderCamera(Path(rest), fps or FOLDER_FRAMES_PER_S, loop, clock)
    path = Path(rest if scheme == "file" else source)
    if path.is_dir():
        return FolderCamera(path, fps or FOLDER_FRAMES_PER_S, loop, clock)
    return VideoCamera(path, loop, clock)


def shown_source(source: str) -> str:
    """``source`` without what may be secret: the user and password of a URL, and its query."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*://)(.*)", source, re.DOTALL)
    if match is None:
        return shown(source)
    # Up to the last @, wherever it is: a password may hold any character, even / and ?.
    address = match[2].rpartition("@")[2]
    path, question_mark, _ = address.partition("?")
    return shown(match[1] + path + ("?…" if question_mark else ""))


class VideoCamera:
    """A video file played at its own pace, like a live camera: what is late is dropped."""

    def __init__(self, path: Path, loop: bool, clock: Clock) -> None:
        self._path = path
        self._loop = loop
        self._clock = clock
        self._source = shown(path)
        self._video = self._open()
        self._starts_s: float | None = None  # when the video's first frame is due on the clock
        self._grabbed_s: float | None = None  # the video time of a frame stepped to and not yet given
        self._ends_s = 0.0
        self._seq = 0

    def read(self, timeout_s: float) -> Frame | None:
        """The frame that is due now. A machine too slow for the video plays it slower, with gaps."""
        deadline_s = self._clock.now() + timeout_s
        while True:
            if self._grabbed_s is None:
                self._grabbed_s = self._step()
            now_s = self._clock.now()
            if self._starts_s is None:
                self._starts_s = now_s - self._grabbed_s
            due_s = self._starts_s + self._grabbed_s
            if due_s > deadline_s:
                self._clock.sleep(max(0.0, deadline_s - now_s))
                return None
            late_s = now_s - due_s
            if late_s > 1.0 / self._video.frames_per_s:
                if now_s < deadline_s:
                    self._grabbed_s = None
                    continue
                # Stepping alone does not catch up: give this frame, and take it from here.
                self._starts_s += late_s
                due_s = now_s
            if now_s < due_s:
                self._clock.sleep(due_s - now_s)
            self._grabbed_s = None
            image = self._video.retrieve()
            if image is not None:
                return Frame(image, due_s, self._seq, self._source)

    def close(self) -> None:
        self._video.close()

    def _open(self) -> VideoFile:
        try:
            return VideoFile(self._path)
        except VideoError as error:
            raise CameraError(f"Video {self._source}: {error.reason}.", hint=_SOURCE_HELP) from error

    def _step(self) -> float:
        grabbed_s = self._video.grab()
        if grabbed_s is None:
            grabbed_s = self._start_again()
        self._seq += 1
        self._ends_s = grabbed_s + 1.0 / self._video.frames_per_s
        return grabbed_s

    def _start_again(self) -> float:
        if not self._video.frames_read:
            raise CameraError(f"Video {self._source}: not one frame of it can be read.", hint=_SOURCE_HELP)
        if self._video.cut_short:
            read, promised = self._video.frames_read, self._video.frame_count
            log.warning("video %s is damaged: %d of %d frames could be read", self._source, read, promised)
        if not self._loop:
            raise CameraEnded(f"Video {self._source} has ended.", hint="Let it loop to go on.")
        self._video.close()
        self._video = self._open()
        grabbed_s = self._video.grab()
        if grabbed_s is None:
            raise CameraError(f"Video {self._source} could not be started again.")
        if self._starts_s is not None:
            self._starts_s += self._ends_s
        return grabbed_s


class FolderCamera:
    """The photos of one folder in the order of their names, at a steady pace; none is dropped."""

    def __init__(
        self,
        path: Path,
        fps: float,
        loop: bool,
        clock: Clock,
        *,
        suffixes: frozenset[str] = IMAGE_SUFFIXES,
        read: Callable[[Path], NDArray[Any]] = lambda photo: read_photo(photo).image,
    ) -> None:
        self._source = shown(path)
        self._loop = loop
        self._clock = clock
        self._period_s = 1.0 / fps
        self._read_photo = read
        try:
            self._photos = sorted(
                photo
                for photo in path.iterdir()
                if photo.suffix.lower() in suffixes and not photo.name.startswith(".")
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CameraError(f"Folder {self._source}: {reason}.", hint=_SOURCE_HELP) from error
        if not self._photos:
            raise CameraError(
                f"Folder {self._source} holds no photos.",
                hint=f"Photos are files ending in {', '.join(sorted(suffixes))}.",
            )
        self._next = 0
        self._seq = 0
        self._due_s: float | None = None
        self._broken: set[Path] = set()

    def read(self, timeout_s: float) -> Frame | None:
        deadline_s = self._clock.now() + timeout_s
        now_s = self._clock.now()
        if self._due_s is not None and self._due_s > now_s:
            self._clock.sleep(min(self._due_s, deadline_s) - now_s)
            if self._due_s > deadline_s:
                return None
        image = self._next_image()
        now_s = self._clock.now()
        self._due_s = max(now_s, self._due_s or now_s) + self._period_s
        self._seq += 1
        return Frame(image, now_s, self._seq, self._source)

    def close(self) -> None:
        self._photos.clear()

    def _next_image(self) -> NDArray[Any]:
        while True:
            if self._next == len(self._photos):
                if len(self._broken) == len(self._photos):
                    raise CameraError(f"Folder {self._source}: not one photo in it can be read.")
                if not self._loop:
                    raise CameraEnded(f"Folder {self._source} has ended.", hint="Let it loop to go on.")
                self._next = 0
            photo = self._photos[self._next]
            self._next += 1
            try:
                return self._read_photo(photo)
            except ImageError as error:
                if photo not in self._broken:
                    log.warning("photo skipped: %s", error.message)
                self._broken.add(photo)


class LiveCamera:
    """A network stream or a device. When it falls silent it is opened again, for as long as it takes."""

    def __init__(self, address: str, backend: int, clock: Clock, *, raw: bool = False) -> None:
        """``raw``: 16-bit values as the device has them (Y16), not a picture in colours."""
        self._raw = raw
        self._address = address
        self._backend = backend
        self._clock = clock
        self._source = shown_source(address)
        self._seq = 0
        self._failures = 0
        self._reopen_at_s = 0.0
        self._capture = self._open()
        if self._capture is None:
            raise CameraError(
                f"Camera {self._source} cannot be opened.",
                hint="Check the address, the user and password in it, and that no other program holds it.",
            )

    def read(self, timeout_s: float) -> Frame | None:
        if self._capture is None and not self._reopen(timeout_s):
            return None
        assert self._capture is not None  # noqa: S101 - opened just now
        grabbed = self._capture.grab()
        taken_s = self._clock.now()
        ok, image = self._capture.retrieve() if grabbed else (False, None)
        if not ok:
            self._lost()
            return None
        if self._failures:
            log.info("camera %s is back", self._source)
            self._failures = 0
        self._seq += 1
        return Frame(cast("NDArray[np.uint8]", image), taken_s, self._seq, self._source)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _open(self) -> cv2.VideoCapture | None:
        parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_TIMEOUT_S * 1e3)]
        parameters += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(READ_TIMEOUT_S * 1e3)]
        capture = cv2.VideoCapture()
        if self._backend == cv2.CAP_FFMPEG:
            capture.open(self._address, self._backend, parameters)
        else:
            capture.open(self._address, self._backend)
            # One buffer: the frame that is read is the newest. Drivers that cannot do it say no.
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            if self._raw:
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"Y16 "))
                capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return capture if capture.isOpened() else None

    def _lost(self) -> None:
        if not self._failures:
            log.warning("camera %s gives no frames; opening it again until it does", self._source)
        self.close()
        delay_s = REOPEN_DELAYS_S[min(self._failures, len(REOPEN_DELAYS_S) - 1)]
        self._failures += 1
        self._reopen_at_s = self._clock.now() + delay_s

    def _reopen(self, timeout_s: float) -> bool:
        wait_s = self._reopen_at_s - self._clock.now()
        if wait_s > 0:
            self._clock.sleep(min(wait_s, timeout_s))
            if wait_s > timeout_s:
                return False
        self._capture = self._open()
        if self._capture is None:
            self._lost()
        return self._capture is not None


def open_device(device: str, clock: Clock, *, raw: bool = False) -> CameraSource:
    """A V4L2 device; ``raw`` as `LiveCamera` has it. Raises CameraError."""
    if not Path(device).exists():
        present = ", ".join(sorted(shown(path) for path in Path("/dev").glob("video*")))
        there = f"There are: {present}." if present else "This machine has no video device."
        raise CameraError(f"No such device: {shown(device)}.", hint=there)
    return LiveCamera(device, cv2.CAP_V4L2, clock, raw=raw)
