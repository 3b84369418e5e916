"""The pictures that alerts show: recent frames on which something was found, and small ones of the last
seconds, until somebody asks for them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from uplink.messages import Evidence, EvidenceKind, GroundWindow

SHELF_FRAMES = 40  # some 10 MB of 720p JPEG
GLANCES = 16
GLANCE_BYTES = 64 * 1024  # one of 320 x 180 has some 15 kB
LEAD_UP_S = 8.0
LEAD_UP_PICTURES = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as it was looked at. ``captured_at`` is its exposure."""

    jpeg: bytes
    width_px: int
    height_px: int
    captured_at: datetime
    span_c: tuple[float, float] | None = None
    """The temperatures at the ends of a thermal frame's false colours."""

    def as_evidence(
        self,
        box_px: tuple[float, float, float, float] | None = None,
        *,
        kind: EvidenceKind = "detection",
        ground: GroundWindow | None = None,
    ) -> Evidence:
        """What an alert says of this picture; the bytes travel under the same SHA-256."""
        return Evidence(
            kind=kind,
            sha256=hashlib.sha256(self.jpeg).hexdigest(),
            size_bytes=len(self.jpeg),
            width_px=self.width_px,
            height_px=self.height_px,
            captured_at=self.captured_at,
            box_px=box_px,
            ground=ground,
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


class LeadUp:
    """Small frames of the last seconds, whether anything was found on them or not."""

    def __init__(self) -> None:
        self._glances: deque[tuple[float, Picture]] = deque(maxlen=GLANCES)

    def put(self, at_s: float, picture: Picture) -> None:
        """The newest. One that is larger than small is left out: memory is bounded."""
        if 0 < len(picture.jpeg) <= GLANCE_BYTES:
            self._glances.append((at_s, picture))

    def before(self, at_s: float) -> list[Picture]:
        """A few of the seconds before this instant, spread over them, the oldest first."""
        led = [picture for then_s, picture in self._glances if at_s - LEAD_UP_S <= then_s < at_s]
        if len(led) <= LEAD_UP_PICTURES:
            return led
        return [led[i] for i in np.linspace(0, len(led) - 1, LEAD_UP_PICTURES).round().astype(int)]
