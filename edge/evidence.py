"""The pictures that alerts show: recent frames on which something was found, until somebody asks for one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from uplink.messages import Evidence

SHELF_FRAMES = 40  # some 10 MB of 720p JPEG


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as it was looked at. ``captured_at`` is its exposure."""

    jpeg: bytes
    width_px: int
    height_px: int
    captured_at: datetime

    def as_evidence(self, box_px: tuple[float, float, float, float] | None) -> Evidence:
        """What an alert says of this picture; the bytes travel under the same SHA-256."""
        return Evidence(
            sha256=hashlib.sha256(self.jpeg).hexdigest(),
            size_bytes=len(self.jpeg),
            width_px=self.width_px,
            height_px=self.height_px,
            captured_at=self.captured_at,
            box_px=box_px,
        )


class FrameShelf:
    """The latest frames with detections, by their instant; the oldest make room."""

    def __init__(self, capacity: int = SHELF_FRAMES) -> None:
        self._capacity = capacity
        self._pictures: OrderedDict[float, Picture] = OrderedDict()

    def put(self, at_s: float, picture: Picture) -> None:
        if not picture.jpeg:
            return
        self._pictures[at_s] = picture
        while len(self._pictures) > self._capacity:
            self._pictures.popitem(last=False)

    def at(self, at_s: float) -> Picture | None:
        """The frame of that instant, if it is still here."""
        return self._pictures.get(at_s)
