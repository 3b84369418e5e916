"""The vision child's restarts are bounded in time and never given up."""

from __future__ import annotations

from edge.vision.restarts import DELAYS_S, MOST, SLOW_S, WITHIN_S, Restarts


def test_a_child_that_never_looks_is_followed_more_and_more_slowly() -> None:
    restarts = Restarts(45.0)
    assert [restarts.failed(60.0 * n, looked=False) for n in range(6)] == [*DELAYS_S, DELAYS_S[-1]]


def test_one_that_has_looked_begins_anew_but_not_more_often_than_the_limit() -> None:
    restarts = Restarts(45.0)
    delays_s = [restarts.failed(float(n), looked=True) for n in range(MOST + 3)]
    assert delays_s == [DELAYS_S[0]] * MOST + [SLOW_S] * 3
    assert restarts.failed(WITHIN_S + 100.0, looked=True) == DELAYS_S[0], "it has held for long"
    assert (restarts.count, restarts.recent(WITHIN_S + 100.0)) == (MOST + 4, 1)


def test_one_that_took_too_long_to_warm_up_is_followed_by_one_that_may_take_longer() -> None:
    restarts = Restarts(45.0)
    for _ in range(2):
        restarts.failed(0.0, looked=False, was_warming_up=True)
    assert restarts.warm_up_s == 180.0
    for _ in range(9):
        restarts.failed(0.0, looked=False, was_warming_up=True)
    assert restarts.warm_up_s == 600.0
    restarts.failed(0.0, looked=True)
    assert restarts.warm_up_s == 45.0
