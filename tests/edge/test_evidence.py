"""The frame that shows a fire is at hand when its alert is written, and memory stays bounded."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from edge.evidence import FrameShelf, Picture


def picture(jpeg: bytes = b"\xff\xd8x") -> Picture:
    return Picture(jpeg, 640, 360, datetime(2026, 7, 1, tzinfo=UTC))


def test_a_frame_is_found_by_its_instant() -> None:
    shelf = FrameShelf()
    shelf.put(10.0, picture(b"\xff\xd8a"))
    shelf.put(10.2, picture(b"\xff\xd8b"))
    found = shelf.at(10.0)
    assert found is not None
    assert found.jpeg == b"\xff\xd8a"
    assert shelf.at(10.1) is None


def test_the_oldest_frames_make_room() -> None:
    shelf = FrameShelf(capacity=2)
    for at_s in (1.0, 2.0, 3.0):
        shelf.put(at_s, picture())
    assert shelf.at(1.0) is None
    assert shelf.at(3.0) is not None


def test_a_frame_without_a_picture_is_no_evidence() -> None:
    shelf = FrameShelf()
    shelf.put(1.0, picture(jpeg=b""))
    assert shelf.at(1.0) is None


def test_evidence_names_the_bytes_by_their_hash() -> None:
    evidence = picture(b"\xff\xd8abc").as_evidence((1.0, 2.0, 3.0, 4.0))
    assert evidence.sha256 == hashlib.sha256(b"\xff\xd8abc").hexdigest()
    assert (evidence.size_bytes, evidence.box_px) == (5, (1.0, 2.0, 3.0, 4.0))
