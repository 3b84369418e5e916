"""How often may somebody guess? A table of tries and waits, without a clock."""

from __future__ import annotations

import pytest

from uplink.station.rate_limit import RateLimit, SignInLimit, network_of
from uplink.station.security import SaidOnce


def test_a_burst_is_allowed_and_then_one_every_so_often() -> None:
    limit = RateLimit(burst=3, every_s=10.0)
    for _ in range(3):
        assert limit.wait_s("a", 0.0) == 0
        limit.take("a", 0.0)
    assert limit.wait_s("a", 0.0) == 10
    assert limit.wait_s("a", 4.0) == 6
    assert limit.wait_s("b", 0.0) == 0, "one key's tries are not another's"
    assert limit.wait_s("a", 10.0) == 0
    limit.take("a", 10.0)
    assert limit.wait_s("a", 10.0) == 10
    assert limit.wait_s("a", 1000.0) == 0


def test_who_rests_has_a_whole_burst_again_and_no_more() -> None:
    limit = RateLimit(burst=2, every_s=10.0)
    limit.take("a", 0.0)
    for _ in range(2):
        assert limit.wait_s("a", 500.0) == 0
        limit.take("a", 500.0)
    assert limit.wait_s("a", 500.0) > 0


def test_what_is_given_back_does_not_count() -> None:
    limit = RateLimit(burst=1, every_s=10.0)
    for now_s in range(5):
        assert limit.wait_s("a", now_s) == 0
        limit.take("a", now_s)
        limit.give_back("a")


def test_memory_is_bounded_and_what_is_fresh_again_goes_first() -> None:
    limit = RateLimit(burst=2, every_s=10.0, capacity=100)
    limit.take("guesser", 1000.0)
    limit.take("guesser", 1000.0)
    for number in range(99):
        limit.take(f"old {number}", 0.0)
    for number in range(50):
        limit.take(f"new {number}", 1001.0)
    assert len(limit) <= 100
    assert limit.wait_s("guesser", 1001.0) > 0
    for number in range(10_000):
        limit.take(f"flood {number}", 1001.0)
    assert len(limit) == 100


def guesses(limit: SignInLimit, address: str, name: str, now_s: float) -> int:
    """How many tries are let through until one has to wait."""
    count = 0
    while limit.wait_s(address, name, now_s) == 0:
        limit.begin(address, name, now_s)
        count += 1
    return count


def test_one_address_cannot_try_many_names() -> None:
    limit = SignInLimit(burst=5, every_s=30.0)
    for number in range(5):
        limit.begin("192.0.2.1", f"name {number}", 0.0)
    assert limit.wait_s("192.0.2.1", "another", 0.0) == 30
    assert limit.wait_s("192.0.2.2", "another", 0.0) == 0


def test_many_addresses_cannot_try_one_name() -> None:
    limit = SignInLimit(burst=5, every_s=30.0)
    tries = sum(guesses(limit, f"192.0.2.{number}", "ann", 0.0) for number in range(100))
    assert tries == 5


def test_who_signed_in_here_is_not_kept_out_by_others_who_guess() -> None:
    limit = SignInLimit(burst=5, every_s=30.0)
    limit.begin("192.0.2.1", "ann", 0.0)
    limit.succeeded("192.0.2.1", "ann")
    guesses(limit, "198.51.100.7", "ann", 10.0)
    assert limit.wait_s("198.51.100.8", "ann", 10.0) > 0
    assert limit.wait_s("192.0.2.1", "ann", 10.0) == 0
    assert guesses(limit, "192.0.2.1", "ann", 10.0) == 5, "nor may this address guess for ever"


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::99", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("nowhere", "nowhere"),
    ],
)
def test_addresses_of_one_household_are_one(address: str, whose: str) -> None:
    assert network_of(address) == whose


def test_a_refusal_is_said_once_a_minute_and_remembered_in_bounds() -> None:
    said = SaidOnce(60.0, capacity=10)
    assert [said.may_say("a", now_s) for now_s in (0.0, 1.0, 59.9, 60.0, 61.0)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    for number in range(1000):
        assert said.may_say(str(number), 62.0)
    assert len(said._said_at_s) == 10
