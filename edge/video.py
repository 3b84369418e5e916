"""Video files, frame by frame, with the time of each."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.files import shown
from flight.errors import EmberwatchError

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".m4v"})
_USUAL_FRAMES_PER_S = 25.0

# FFmpeg and OpenCV print to standard error by themselves; what goes wrong we say ourselves, in one line.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


class VideoError(EmberwatchError):
    """A file that cannot be read as a video; ``reason`` says why without naming the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{shown(path)}: {reason}.")


class VideoFile:
    """An open video; a context manager. Raises VideoError when it cannot be opened.

    ``frames_per_s`` and ``frame_count`` are the file's own claims, made plausible; ``frames_read`` counts
    what ``grab`` went through.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise VideoError(path, "it is not a file")  # a named pipe would wait for ever
            with path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            raise VideoError(path, (error.strerror or str(error)).lower()) from error
        if empty:
            raise VideoError(path, "the file is empty")
        # Absolute: FFmpeg would take a name like a:b.mp4 for a protocol.
        self._capture = cv2.VideoCapture(os.fsdecode(path.absolute()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise VideoError(path, "it is not a video, or its beginning or end is damaged")
        frames_per_s = self._capture.get(cv2.CAP_PROP_FPS)
        plausible = math.isfinite(frames_per_s) and 0.1 <= frames_per_s <= 1000
        self.frames_per_s = frames_per_s if plausible else _USUAL_FRAMES_PER_S
        self.frame_count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.width_px = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height_px = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.frames_read = 0
        self._first_s = 0.0
        self._last_s = -math.inf

    @property
    def duration_s(self) -> float:
        return self.frame_count / self.frames_per_s

    @property
    def cut_short(self) -> bool:
        """After the last frame: far fewer came than the file promised. Containers may be off by a few."""
        return self.frames_read < 0.9 * self.frame_count

    def grab(self) -> float | None:
        """Step to the next frame; its time in seconds after the first one, or None at the end."""
        if not self._capture.grab():
            return None
        time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if self.frames_read == 0:
            self._first_s = time_s if math.isfinite(time_s) else 0.0
        time_s -= self._first_s
        self.frames_read += 1
        if not time_s > self._last_s:
            # Some files carry no usable time stamps: count frames instead.
            time_s = max(self._last_s, 0.0) + 1.0 / self.frames_per_s
        self._last_s = time_s
        return time_s

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture of the frame last grabbed, (height, width, 3) BGR; None if it cannot be decoded."""
        ok, image = self._capture.retrieve()
        return cast("NDArray[np.uint8]", image) if ok else None

    def close(self) -> None:
        self._capture.release()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
