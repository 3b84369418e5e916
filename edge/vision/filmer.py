"""Makes the pictures of the flight recorder's film: few, whole and small, in a thread of its own.

Like pictures for people who watch, they are the least urgent thing that the child does.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import replace
from typing import BinaryIO

from edge.camera import Frame
from edge.vision.slot import LatestSlot
from edge.vision.view import Wish, pack_shown
from edge.vision.viewfinder import be_polite, shown

log = logging.getLogger(__name__)

QUALITY = 70
MOST_BYTES = 512 * 1024


class Filmer:
    """Give it every frame with ``see``. What it makes goes by the pictures' pipe, marked as ``film``."""

    def __init__(self, pipe: BinaryIO, *, frames_per_s: float, height_px: int) -> None:
        """``frames_per_s`` 0: none is made."""
        self._pipe = pipe
        self._period_s = 1.0 / frames_per_s if frames_per_s else math.inf
        self._wish = Wish(height_px, QUALITY, MOST_BYTES)
        self._frames: LatestSlot[Frame] = LatestSlot()
        self._due_s = -math.inf if frames_per_s else math.inf

    def see(self, frame: Frame) -> None:
        """The newest frame."""
        if frame.monotonic_s < self._due_s:
            return
        # A camera's own rhythm is kept where it can be: a frame that comes a little late moves nothing.
        self._due_s = max(self._due_s + self._period_s, frame.monotonic_s + self._period_s / 2)
        self._frames.put(frame)

    def start(self) -> None:
        if self._due_s != math.inf:
            threading.Thread(target=self._run, name="film", daemon=True).start()

    def _run(self) -> None:
        be_polite()
        said = False
        while True:
            try:
                self.film_one()
            except BrokenPipeError:
                return
            except Exception:  # that picture is missing in the film, and fires are found all the same
                if not said:
                    log.exception("a picture of the film cannot be made")
                said = True

    def film_one(self, timeout_s: float = 10.0) -> None:
        """The next picture, where there is one in time."""
        frame = self._frames.take(timeout_s=timeout_s)
        if frame is not None:
            self._pipe.write(pack_shown(replace(shown(frame, self._wish), film=True)))
            self._pipe.flush()
