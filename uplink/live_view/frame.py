"""A picture as it travels: two bytes of length, that many of a ``ViewFrame`` as JSON, and the JPEG.

Its size is bounded, so that nobody who may send pictures can make the station hold much.
"""

from __future__ import annotations

import struct

from pydantic import ValidationError

from flight.errors import EmberwatchError
from uplink.live_view.words import ViewFrame

MOST_HEADER_BYTES = 8 * 1024
MOST_JPEG_BYTES = 120_000
"""Both together fit into the largest message that the station takes on any socket."""
_LENGTH = struct.Struct(">H")
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


class ViewFrameError(EmberwatchError):
    """What came is no picture of a live view."""


def pack_frame(frame: ViewFrame, jpeg: bytes) -> bytes:
    """Raises ViewFrameError where it would be too large to be taken."""
    header = frame.model_dump_json(exclude_defaults=True).encode()
    if len(header) > MOST_HEADER_BYTES or len(jpeg) > MOST_JPEG_BYTES:
        raise ViewFrameError(f"a picture of {len(jpeg)} bytes, with {len(header)} beside it, is too large")
    return _LENGTH.pack(len(header)) + header + jpeg


def unpack_frame(data: bytes) -> tuple[ViewFrame, bytes]:
    """Raises ViewFrameError for anything that is not a whole picture within its bounds."""
    if len(data) < _LENGTH.size:
        raise ViewFrameError("it is shorter than a length")
    (length,) = _LENGTH.unpack_from(data)
    header, jpeg = data[_LENGTH.size : _LENGTH.size + length], data[_LENGTH.size + length :]
    if length > MOST_HEADER_BYTES:
        raise ViewFrameError(f"a header of {length} bytes, where {MOST_HEADER_BYTES} is the most")
    if len(jpeg) > MOST_JPEG_BYTES:
        raise ViewFrameError(f"a JPEG of {len(jpeg)} bytes, where {MOST_JPEG_BYTES} is the most")
    if not (jpeg.startswith(_JPEG_START) and jpeg.endswith(_JPEG_END)):
        raise ViewFrameError("what follows the header is no whole JPEG")
    try:
        return ViewFrame.model_validate_json(header), jpeg
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ViewFrameError(f"its header: {where}: {problem['msg']}"[:200]) from None
