"""A flight's pictures one after another, as a Matroska file that any player plays.

JPEGs go in as they are, each with its own instant and in a cluster of its own: nothing is encoded again, and
a file that was cut short anywhere plays up to there. It has no index for that, so that players go through it
to find a place.
"""

from __future__ import annotations

from datetime import UTC, datetime

SUFFIX = ".mkv"
_MATROSKA_ZERO = datetime(2001, 1, 1, tzinfo=UTC)
_TICK_NS = 1_000_000  # instants are whole milliseconds
_UNKNOWN_SIZE = b"\x01" + 7 * b"\xff"
_KEY_FRAME = 0x80


def head(width_px: int, height_px: int, began_at: datetime) -> bytes:
    """What a file begins with."""
    ebml = _element(
        0x1A45DFA3,
        _number(0x4286, 1)  # version of EBML
        + _number(0x42F7, 1)
        + _number(0x42F2, 4)
        + _number(0x42F3, 8)
        + _element(0x4282, b"matroska")
        + _number(0x4287, 4)
        + _number(0x4285, 2),
    )
    since_ns = round((began_at - _MATROSKA_ZERO).total_seconds() * 1000) * 1_000_000
    info = _element(
        0x1549A966,
        _number(0x2AD7B1, _TICK_NS)
        + _element(0x4461, since_ns.to_bytes(8, "big", signed=True))
        + _element(0x4D80, b"Emberwatch")
        + _element(0x5741, b"Emberwatch"),
    )
    track = _element(
        0xAE,
        _number(0xD7, 1)
        + _number(0x73C5, 1)
        + _number(0x83, 1)  # pictures
        + _number(0x9C, 0)  # one picture to a block
        + _element(0x86, b"V_MJPEG")
        + _element(0xE0, _number(0xB0, width_px) + _number(0xBA, height_px)),
    )
    return ebml + bytes.fromhex("18538067") + _UNKNOWN_SIZE + info + _element(0x1654AE6B, track)


def picture(jpeg: bytes, at_s: float) -> bytes:
    """One picture, ``at_s`` after the beginning."""
    block = bytes((0x81, 0, 0, _KEY_FRAME)) + jpeg  # of track 1, at the cluster's own instant
    return _element(0x1F43B675, _number(0xE7, max(0, round(at_s * 1000))) + _element(0xA3, block))


def _element(name: int, content: bytes) -> bytes:
    """The name is as the specification writes it, its own length mark included."""
    size = (1 << 56) | len(content)
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size.to_bytes(8, "big") + content


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))
