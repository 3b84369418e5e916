"""Makes pictures for people who watch, in a thread of its own beside the one that looks for fires.

It is the least urgent thread of the child: inference takes what it needs of the cores first. While nobody
wishes for a picture it keeps no frame.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera import Frame
from edge.vision.slot import LatestSlot
from edge.vision.view import Shown, Wish, pack_shown

log = logging.getLogger(__name__)

KEEP_S = 10.0  # after the last wish
POLITE = 10  # more than others, as in nice(1)
LEAST_QUALITY, LESS_QUALITY, SMALLER = 20, 15, 0.75


class Viewfinder:
    """Give it every frame with ``see``, and wishes with ``wish``; run ``run`` in a thread."""

    def __init__(self, pipe: BinaryIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipe = pipe
        self._clock = clock
        self._frames: LatestSlot[Frame] = LatestSlot()
        self._wishes: LatestSlot[Wish] = LatestSlot()
        self._wanted_until_s = -1.0

    def see(self, frame: Frame) -> None:
        """The newest frame."""
        if self._clock() < self._wanted_until_s:
            self._frames.put(frame)

    def wish(self, wish: Wish) -> None:
        """One picture; it replaces a wish that has not been met yet."""
        self._wanted_until_s = self._clock() + KEEP_S
        self._wishes.put(wish)

    def start(self) -> None:
        threading.Thread(target=self._run, name="viewfinder", daemon=True).start()

    def _run(self) -> None:
        be_polite()
        said = False
        while True:
            try:
                self.show_one()
            except BrokenPipeError:
                return
            except Exception:  # nobody sees that picture, and fires are found all the same
                if not said:
                    log.exception("a picture for who watches cannot be made")
                said = True

    def show_one(self) -> None:
        """Meets one wish, if there is one and a frame for it."""
        wish = self._wishes.take(timeout_s=KEEP_S)
        if wish is None:
            self._frames.take(timeout_s=0.0)  # the last one is not held on to
            return
        frame = self._frames.take(timeout_s=KEEP_S)
        if frame is not None:
            self._pipe.write(pack_shown(shown(frame, wish)))
            self._pipe.flush()


def be_polite() -> None:
    """This thread lets others go first."""
    with contextlib.suppress(OSError):  # a system that does not let it: then it is as urgent as others
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), POLITE)


def shown(frame: Frame, wish: Wish) -> Shown:
    """A frame as it was wished for, worse or smaller where it would not fit into the bytes allowed."""
    frame_height_px, frame_width_px = frame.image.shape[:2]
    height_px, quality = min(wish.height_px, frame_height_px), wish.quality
    while True:
        width_px = max(1, round(frame_width_px * height_px / frame_height_px))
        image: NDArray[np.uint8] = frame.image
        if height_px != frame_height_px:
            small = cv2.resize(frame.image, (width_px, height_px), interpolation=cv2.INTER_AREA)
            image = np.asarray(small, np.uint8)
        while True:
            ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if ok and data.size <= wish.most_bytes:
                return Shown(
                    frame.monotonic_s, frame_width_px, frame_height_px, width_px, height_px, data.tobytes()
                )
            if quality <= LEAST_QUALITY:
                break
            quality = max(LEAST_QUALITY, quality - LESS_QUALITY)
        height_px = max(1, round(height_px * SMALLER))
