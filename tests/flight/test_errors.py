"""How an error reads: what was wrong, then what to do next, in one line."""

from __future__ import annotations

import pytest

from flight.errors import EmberwatchError


@pytest.mark.parametrize(
    ("message", "hint", "line"),
    [
        ("the disk is full", "", "the disk is full"),
        ("the disk is full", "Delete something.", "the disk is full. Delete something."),
        ("The disk is full.", "Delete something.", "The disk is full. Delete something."),
        ("which disk?", "Name one.", "which disk? Name one."),
    ],
)
def test_message_and_hint_are_two_sentences_with_one_mark_between_them(
    message: str, hint: str, line: str
) -> None:
    assert str(EmberwatchError(message, hint=hint)) == line
