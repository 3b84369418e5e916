"""A picture of the live view as it travels: whole, within its bounds, or refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from uplink.live_view.frame import (
    MOST_HEADER_BYTES,
    MOST_JPEG_BYTES,
    ViewFrameError,
    pack_frame,
    unpack_frame,
)
from uplink.station.server import WEBSOCKET_MAX_BYTES

from .makers import make_jpeg
from .view_makers import make_frame

JPEG = make_jpeg()


def test_it_arrives_as_it_was_sent() -> None:
    frame = make_frame(7, boxes=3)
    assert unpack_frame(pack_frame(frame, JPEG)) == (frame, JPEG)


def test_the_largest_is_within_what_the_station_takes() -> None:
    assert 2 + MOST_HEADER_BYTES + MOST_JPEG_BYTES <= WEBSOCKET_MAX_BYTES
    fullest = make_frame(2**53, boxes=16, blind_reason="b" * 256, no_pose="p" * 256)
    data = pack_frame(fullest, b"\xff\xd8\xff" + b"." * (MOST_JPEG_BYTES - 5) + b"\xff\xd9")
    assert unpack_frame(data)[0] == fullest
    with pytest.raises(ViewFrameError, match="too large"):
        pack_frame(make_frame(1), b"\xff\xd8\xff" + b"." * MOST_JPEG_BYTES)


def raw(header: bytes, jpeg: bytes = JPEG) -> bytes:
    return struct.pack(">H", len(header)) + header + jpeg


def header_with(**change: Any) -> bytes:
    return json.dumps(make_frame(1).model_dump(mode="json") | change).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        raw(b""),
        raw(b"{}"),
        raw(b"[1, 2]"),
        raw(b"\xff\xfe not json"),
        raw(b"{" + b" " * MOST_HEADER_BYTES + b"}"),
        raw(header_with())[:40],
        raw(header_with(), b""),
        raw(header_with(), b"GIF89a"),
        raw(header_with(), JPEG[:-2]),
        raw(header_with(), b"\xff\xd8\xff" + b"." * MOST_JPEG_BYTES + b"\xff\xd9"),
        raw(header_with(frame=0)),
        raw(header_with(width_px=0)),
        raw(header_with(width_px=100_000)),
        raw(header_with(age_ms=-1)),
        raw(header_with(captured_at="2026-07-01T12:00:00")),
        raw(header_with(boxes=[{"label": "cat", "score": 1, "box": [0, 0, 1, 1]}])),
        raw(header_with(boxes=[{"label": "fire", "score": 1, "box": [0, 0, 1, 1.5]}])),
        raw(header_with(boxes=[{"label": "fire", "score": 1, "box": [0, 0, 1, 1]}] * 17)),
        raw(header_with(extra=1)),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ViewFrameError):
        unpack_frame(data)
