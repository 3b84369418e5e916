"""Long texts come in pieces, in any order, and sometimes not all of them."""

from __future__ import annotations

from itertools import permutations

from flight.statustext import PATIENCE_S, StatusText, StatusTexts

FIRST, SECOND, LAST = "a" * 50, "b" * 50, "the end"


def test_a_short_text_is_whole_at_once() -> None:
    assert StatusTexts().add(4, "Mission: 3 WP", 0, 0, 9.0) == StatusText(9.0, 4, "Mission: 3 WP")


def test_chunks_in_any_order_make_one_text() -> None:
    """Rule 32."""
    for order in permutations(enumerate((FIRST, SECOND, LAST))):
        texts = StatusTexts()
        given = [texts.add(2, text, 17, chunk, 1.0) for chunk, text in order]
        assert given == [None, None, StatusText(1.0, 2, FIRST + SECOND + LAST)]
        assert texts.overdue(100.0) == []


def test_a_text_of_exactly_fifty_ends_with_an_empty_chunk() -> None:
    texts = StatusTexts()
    assert texts.add(2, FIRST, 3, 0, 0.0) is None
    assert texts.add(2, "", 3, 1, 0.0) == StatusText(0.0, 2, FIRST)


def test_two_texts_at_once_do_not_mix() -> None:
    texts = StatusTexts()
    texts.add(2, FIRST, 1, 0, 0.0)
    texts.add(6, SECOND, 2, 0, 0.0)
    assert texts.add(6, "two", 2, 1, 0.1) == StatusText(0.1, 6, SECOND + "two")
    assert texts.add(2, "one", 1, 1, 0.1) == StatusText(0.1, 2, FIRST + "one")


def test_a_lost_chunk_shows_as_a_gap_after_a_while() -> None:
    """Rule 32."""
    texts = StatusTexts()
    texts.add(2, FIRST, 1, 0, 0.0)
    texts.add(2, LAST, 1, 2, 0.0)
    texts.add(2, SECOND, 2, 0, 0.5)
    assert texts.overdue(PATIENCE_S - 0.01) == []
    assert texts.overdue(PATIENCE_S) == [StatusText(PATIENCE_S, 2, FIRST + "…" + LAST)]
    assert texts.overdue(PATIENCE_S + 1) == [StatusText(PATIENCE_S + 1, 2, SECOND + "…")]


def test_a_flood_of_beginnings_is_bounded() -> None:
    texts = StatusTexts()
    for text_id in range(1, 1000):
        texts.add(2, FIRST, text_id, 0, 0.0)
    assert len(texts.overdue(10.0)) <= 16
