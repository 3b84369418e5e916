"""Pictures for people who watch: what is wished of the vision child, what it shows, and how both cross.

Each picture is wished for by itself, with its size and quality, so that there is never more than one on its
way: a line of JSON goes to the child, a header and a JPEG come back by the pictures' pipe.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass

from edge.vision.report import LENGTH, MAX_JPEG_BYTES, MAX_JSON_BYTES, BrokenReportError, read_part


@dataclass(frozen=True, slots=True)
class Wish:
    """One picture that was not shown before."""

    height_px: int
    quality: int
    most_bytes: int

    def line(self) -> str:
        return json.dumps({"view": asdict(self)}) + "\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame as it was wished for. ``frame_…`` is the size that it was taken in. What is ``film`` nobody
    wished for: the flight recorder keeps it."""

    exposed_s: float
    frame_width_px: int
    frame_height_px: int
    width_px: int
    height_px: int
    jpeg: bytes = b""
    film: bool = False


def wish_of(heard: object) -> Wish | None:
    """The wish in what the supervisor said; None where it is something else. Raises ValueError for a wish
    that makes no sense."""
    if not isinstance(heard, dict) or "view" not in heard:
        return None
    try:
        return Wish(**{name: int(value) for name, value in heard["view"].items()})
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no wish: {error}") from error


def pack_shown(shown: Shown) -> bytes:
    fields = {name: value for name, value in asdict(shown).items() if name != "jpeg"}
    return b"".join(LENGTH.pack(len(part)) + part for part in (json.dumps(fields).encode(), shown.jpeg))


async def read_shown(stream: asyncio.StreamReader) -> Shown:
    """The next picture. Raises EOFError at the child's end, BrokenReportError for anything else."""
    head = await read_part(stream, MAX_JSON_BYTES)
    jpeg = await read_part(stream, MAX_JPEG_BYTES)
    try:
        return Shown(**json.loads(head), jpeg=jpeg)
    except (ValueError, TypeError) as error:
        raise BrokenReportError(f"not a picture for who watches: {error}") from error
