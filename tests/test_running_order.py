"""Long stories begin first, on every worker; nothing is lost and files stay together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.running_order import dealt

Row = list[tuple[str, int]]


def in_order(row: Row, workers: int) -> Row:
    """Files in capitals hold long stories."""
    return dealt(row, workers, story_of=lambda test: test[0] if test[0].isupper() else "")


def test_each_worker_begins_with_long_stories_and_files_stay_together() -> None:
    row = [(file, number) for file in "abCDefGh" for number in range(3)]
    order = in_order(row, 3)
    assert [order[start : start + 3] for start in (0, 8, 16)] == [
        [(file, number) for number in range(3)] for file in "CDG"
    ]


@given(st.lists(st.sampled_from("abcDEF"), max_size=40), st.integers(1, 5))
def test_every_test_runs_once_and_short_ones_in_their_order(files: list[str], workers: int) -> None:
    row = [(file, number) for number, file in enumerate(sorted(files))]
    order = in_order(row, workers)
    assert sorted(order) == sorted(row)
    assert [test for test in order if test[0].islower()] == [test for test in row if test[0].islower()]
