"""When a failed event is tried again, whose fault an answer is, and how a broken receiver is spared."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from uplink.station.webhooks.breaker import PAUSES_S, THRESHOLD, Breaker
from uplink.station.webhooks.schedule import (
    RETRY_AFTER_MAX_S,
    WAITS_S,
    asked_wait_s,
    wait_before,
)
from uplink.station.webhooks.verdict import Verdict, verdict_on

DAY_S = 86_400.0
NOON_S = datetime(2026, 7, 1, 12, 0, tzinfo=UTC).timestamp()


def test_the_schedule_is_what_is_promised() -> None:
    waits = [wait_before(attempt, 0.0) for attempt in range(1, 15)]
    assert waits == [0, 1, 2, 5, 15, 60, 300, 1800, 7200, 14_400, 21_600, 21_600, 21_600, None]


def test_a_fire_is_tried_six_times_in_the_first_two_minutes() -> None:
    at_s = list(itertools.accumulate(WAITS_S))
    assert sum(one <= 120 for one in at_s) == 6


def test_a_receiver_may_be_gone_for_a_whole_day() -> None:
    """The last attempt is made after 24 h, however the jitter falls."""
    assert sum(WAITS_S) > DAY_S
    assert sum(WAITS_S[:-1]) < DAY_S, "and no longer than it has to be"


@pytest.mark.parametrize("attempt", range(1, len(WAITS_S) + 1))
def test_jitter_only_adds_and_at_most_a_fifth(attempt: int) -> None:
    waits = [wait_before(attempt, jitter / 100) for jitter in range(100)]
    assert waits[0] == WAITS_S[attempt - 1]
    assert waits == sorted(wait for wait in waits if wait is not None)
    assert waits[-1] is not None
    assert waits[-1] <= WAITS_S[attempt - 1] * 1.2


@pytest.mark.parametrize(
    ("attempt", "asked_s", "wait_s"),
    [
        (2, 30.0, 30.0),  # more than the schedule: as asked
        (7, 30.0, 300.0),  # less: the schedule
        (2, 1e9, RETRY_AFTER_MAX_S),  # a fire is no news tomorrow
        (9, 1e9, 7200.0),  # but what the schedule would wait anyway is not shortened
        (14, 30.0, None),  # no attempt is added
    ],
)
def test_what_a_receiver_asks_for_is_kept_within_bounds(
    attempt: int, asked_s: float, wait_s: float | None
) -> None:
    assert wait_before(attempt, 0.0, asked_s=asked_s) == wait_s


@pytest.mark.parametrize(
    ("retry_after", "date", "wait_s"),
    [
        ("120", None, 120.0),
        (" 7 ", None, 7.0),
        ("0", None, 0.0),
        ("99999999999", None, RETRY_AFTER_MAX_S),
        ("Wed, 01 Jul 2026 12:05:00 GMT", None, 300.0),
        ("Wed, 01 Jul 2026 11:00:00 GMT", None, 0.0),  # it is over
        ("Thu, 01 Jul 2027 12:00:00 GMT", None, RETRY_AFTER_MAX_S),
        # The receiver's clock is an hour ahead of ours: it means five minutes.
        ("Wed, 01 Jul 2026 13:05:00 GMT", "Wed, 01 Jul 2026 13:00:00 GMT", 300.0),
        ("Wed, 01 Jul 2026 12:05:00 GMT", "yesterday", 300.0),
        (None, None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("", None, None),
        ("²", None, None),
        ("Wed, 99 Jul 2026 12:05:00 GMT", None, None),
    ],
)
def test_retry_after_is_a_number_or_a_time(
    retry_after: str | None, date: str | None, wait_s: float | None
) -> None:
    assert asked_wait_s(retry_after, date=date, now_s=NOON_S) == wait_s


def test_only_2xx_is_success_and_only_410_is_the_end() -> None:
    verdicts = {status: verdict_on(status) for status in range(100, 600)}
    assert {one for one, verdict in verdicts.items() if verdict is Verdict.DELIVERED} == set(range(200, 300))
    assert [one for one, verdict in verdicts.items() if verdict is Verdict.GONE] == [410]
    for status in (301, 302, 307, 308, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504):
        assert verdicts[status] is Verdict.FAILED, status
    for status in (400, 413, 415, 422):
        assert verdicts[status] is Verdict.REFUSED, status
    assert verdict_on(None) is Verdict.FAILED


def test_one_failure_does_not_break_a_receiver() -> None:
    breaker = Breaker(4)
    for _ in range(THRESHOLD - 1):
        breaker.failed(0.0)
    assert not breaker.broken
    assert breaker.may_send(0.0) == 4


def test_a_receiver_that_fails_again_and_again_is_asked_once_after_each_pause() -> None:
    breaker = Breaker(4)
    for _ in range(THRESHOLD - 1):
        breaker.failed(0.0)
    now_s = 0.0
    for pause_s in (*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]):
        breaker.failed(now_s)
        assert breaker.broken
        assert breaker.may_send(now_s + pause_s - 0.01) == 0
        assert breaker.wait_s(now_s) == pause_s
        now_s += pause_s
        assert breaker.may_send(now_s) == 1


def test_a_success_mends_it() -> None:
    breaker = Breaker(4)
    assert not breaker.worked(), "it was not broken"
    for _ in range(9):
        breaker.failed(0.0)
    assert breaker.worked()
    assert breaker.may_send(0.0) == 4
    breaker.failed(0.0)
    assert not breaker.broken, "failures are counted anew"


def test_a_receiver_that_asks_to_be_left_alone_is_left_alone() -> None:
    breaker = Breaker(4)
    breaker.failed(100.0, asked_s=60.0)
    assert not breaker.broken
    assert breaker.may_send(159.0) == 0
    assert breaker.may_send(160.0) == 4
