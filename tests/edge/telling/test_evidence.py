"""The frame that shows a fire is at hand when its alert is written, and memory stays bounded."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from edge.telling.evidence import (
    GLANCE_BYTES,
    GLANCES,
    LEAD_UP_PICTURES,
    LEAD_UP_S,
    FrameShelf,
    LeadUp,
    Picture,
)


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


def glances(count: int) -> LeadUp:
    """One a second, from second 0."""
    lead_up = LeadUp()
    for second in range(count):
        lead_up.put(float(second), picture(b"\xff\xd8" + str(second).encode()))
    return lead_up


def seconds(pictures: list[Picture]) -> list[int]:
    return [int(one.jpeg[2:]) for one in pictures]


def test_what_led_up_to_an_instant_is_spread_over_the_seconds_before_it() -> None:
    led = seconds(glances(15).before(12.0))
    assert len(led) == LEAD_UP_PICTURES
    assert led == sorted(led)
    assert led[0] == 12 - LEAD_UP_S
    assert led[-1] == 11, "the frame of the instant itself is not before it"


def test_after_a_moment_there_is_less_that_led_up_and_nothing_is_made_up() -> None:
    assert seconds(glances(2).before(10.0)) == []
    assert seconds(glances(3).before(2.0)) == [0, 1]


def test_glances_stay_bounded_in_number_and_size() -> None:
    lead_up = glances(1000)
    assert len(lead_up._glances) == GLANCES
    lead_up.put(1000.0, picture(b"\xff\xd8" + bytes(GLANCE_BYTES)))
    lead_up.put(1000.5, picture(b""))
    assert seconds(lead_up.before(1001.0))[-1] == 999
