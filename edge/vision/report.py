"""What crosses from the vision child to the supervisor, and how.

A message is four parts, each a four-byte length and that many bytes: JSON, the frame as JPEG (none when
nothing was found), a small JPEG of it (once a second), and for the flight recorder the values of a thermal
frame on which something was found, as a TIFF. The supervisor reads it without ever blocking its
loop, so that a child that stops in the middle of a message stops nothing else. The other way go the settings
and then plans of tiles, each a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO, Literal

from edge.vision.flaw import Flaw
from edge.vision.merge import Found
from edge.vision.tile import Tile

MAX_JSON_BYTES = 1 << 20
MAX_JPEG_BYTES = 16 << 20
GLANCE_WIDTH_PX = 320
LENGTH = struct.Struct(">I")


Eye = Literal["colour", "thermal"]
"""Which of an agent's cameras."""


@dataclass(frozen=True, slots=True)
class HeatSettings:
    """What a thermal camera's child needs to know beside. ``recorded``: there is a flight recorder."""

    kelvin_per_count: float
    floor_c: float
    contrast_k: float
    hottest_c: float
    threshold: float
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """All that the child needs to know, sent to it as one line of JSON. ``heat`` is of a thermal camera."""

    source: str
    frames_per_s: float
    loop: bool
    model: str | None
    threshold: float | None
    sensitivity: str
    backend: str
    labels: dict[str, str] | None
    cache_dir: str
    threads: int
    tile_budget_s: float | None
    width_px: int
    height_px: int
    hfov_deg: float
    virtual_seed: int
    virtual_truth_url: str
    virtual_hour: float = 12.0
    heat: HeatSettings | None = None
    film_frames_per_s: float = 0.0
    film_height_px: int = 720

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> VisionSettings:
        told = json.loads(text)
        heat = told.pop("heat", None)
        return cls(**told, heat=None if heat is None else HeatSettings(**heat))


@dataclass(frozen=True, slots=True)
class Ready:
    """The child's first word: the detector is loaded and the camera is open.

    ``input_px`` is the long side of what the detector looks at; a frame that is longer is shrunk to it.
    """

    model_name: str
    model_sha256: str
    threshold: float
    input_px: int
    backend: str
    eye: Eye = "colour"


@dataclass(frozen=True, slots=True)
class Failed:
    """The child's last word: a mistake that a person can mend."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The camera has no more frames: the end of a video file."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """There was no frame to look at within a second. ``frame_s``: when the latest was exposed, if there was
    one."""

    frame_s: float | None


@dataclass(frozen=True, slots=True)
class FrameReport:
    """One frame that was looked at.

    ``exposed_s`` is the frame's instant on the monotonic clock, which all processes of a machine share.
    ``contrast`` (grey levels, standard deviation), ``fingerprint`` and ``flaw`` tell a camera that shows
    nothing; ``unchanged`` is the share of pixels that are exactly as on the frame before. ``dropped`` counts
    frames that came since the child's start and were never looked at: newest wins. ``inference_ms`` is what
    the whole frame took, ``tiles_ms`` what the ``tiles`` took that there was time for; ``age_ms`` is how old
    the frame was when all of it was done. ``glance`` is the frame made small, also when nothing was found:
    one in a second, for what led up to an alert. A thermal frame's pictures are in false colours between the
    two temperatures of ``span_c``, and its contrast is in tenths of a kelvin. ``covered`` is the share of the
    picture in front of which something dark seems to be, where there was ground before.
    """

    seq: int
    exposed_s: float
    width_px: int
    height_px: int
    detections: tuple[Found, ...]
    inference_ms: float
    dropped: int
    fingerprint: int
    contrast: float
    jpeg: bytes = b""
    glance: bytes = b""
    values: bytes = b""
    flaw: Flaw = Flaw.NONE
    unchanged: float = 0.0
    tiles: tuple[Tile, ...] = ()
    tiles_ms: float = 0.0
    age_ms: float = 0.0
    eye: Eye = "colour"
    span_c: tuple[float, float] | None = None
    covered: float = 0.0

    @property
    def glance_size_px(self) -> tuple[int, int]:
        """Width and height of ``glance``."""
        return glance_size_px(self.width_px, self.height_px)


def glance_size_px(width_px: int, height_px: int) -> tuple[int, int]:
    """What a frame of this size is made small to: no wider than ``GLANCE_WIDTH_PX``."""
    if width_px <= GLANCE_WIDTH_PX:
        return width_px, height_px
    return GLANCE_WIDTH_PX, max(1, round(height_px * GLANCE_WIDTH_PX / width_px))


Message = Ready | Failed | Ended | Waiting | FrameReport
PICTURES = ("jpeg", "glance", "values")
"""What is no JSON of a frame's report."""
_KINDS: dict[str, type[Ready] | type[Failed] | type[Ended] | type[Waiting] | type[FrameReport]] = {
    kind.__name__: kind for kind in (Ready, Failed, Ended, Waiting, FrameReport)
}


class BrokenReportError(ValueError):
    """The bytes are not a message of ours; the child can no longer be trusted."""


def pack(message: Message) -> bytes:
    """One message as bytes."""
    pictures = [getattr(message, name, b"") for name in PICTURES]
    fields = {key: value for key, value in asdict(message).items() if key not in PICTURES}
    head = json.dumps({"kind": type(message).__name__, **fields}).encode()
    return b"".join(LENGTH.pack(len(part)) + part for part in (head, *pictures))


def write(message: Message, pipe: BinaryIO) -> None:
    """Write one message and flush. Blocks while the pipe is full."""
    pipe.write(pack(message))
    pipe.flush()


async def read(stream: asyncio.StreamReader) -> Message:
    """The next message.

    Raises EOFError when the child closed its end (asyncio.IncompleteReadError is one) and
    BrokenReportError when it wrote something else.
    """
    head = await read_part(stream, MAX_JSON_BYTES)
    try:
        fields: dict[str, Any] = json.loads(head)
        kind = _KINDS[fields.pop("kind")]
        if kind is FrameReport:
            fields["detections"] = tuple(Found.of_record(found) for found in fields["detections"])
            fields["tiles"] = tuple(Tile(**tile) for tile in fields["tiles"])
            fields["flaw"] = Flaw(fields["flaw"])
            fields["span_c"] = tuple(fields["span_c"]) if fields.get("span_c") else None
        message = kind(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenReportError(f"not a vision report: {error}") from error
    jpeg, glance, values = [await read_part(stream, MAX_JPEG_BYTES) for _ in PICTURES]
    if not isinstance(message, FrameReport):
        return message
    return replace(message, jpeg=jpeg, glance=glance, values=values)


async def read_part(stream: asyncio.StreamReader, limit: int) -> bytes:
    """A length and that many bytes. Raises EOFError and BrokenReportError."""
    (length,) = LENGTH.unpack(await stream.readexactly(LENGTH.size))
    if length > limit:
        raise BrokenReportError(f"a part of {length} bytes, where {limit} is the most")
    return await stream.readexactly(length)
