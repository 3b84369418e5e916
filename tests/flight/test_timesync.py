"""The autopilot's clock against ours."""

from __future__ import annotations

import random

import pytest

from flight.timesync import MAX_ROUND_TRIP_S, STALE_S, WINDOW_S, ClockSync, Reply


class Bench:
    """A clock on the other side of a line with a delay each way."""

    def __init__(self, *, booted_s: float = 900.0, rate: float = 1.0) -> None:
        self.clock = ClockSync()
        self.booted_s = booted_s
        self.rate = rate

    def boot_at(self, monotonic_s: float) -> float:
        return (monotonic_s - self.booted_s) * self.rate

    def exchange(self, now_s: float, there_s: float = 0.0005, back_s: float = 0.0005) -> Reply:
        ts1 = self.clock.ask(now_s)
        tc1 = int(self.boot_at(now_s + there_s) * 1e9)
        return self.clock.reply(tc1, ts1, now_s + there_s + back_s)

    def run(self, since_s: float, until_s: float, rng: random.Random | None = None) -> float:
        """Ask when due; returns the largest error met between the questions, once synchronised."""
        worst_s, now_s = 0.0, since_s
        while now_s < until_s:
            if self.clock.due(now_s):
                delays = (0.0005, 0.0005) if rng is None else (rng.expovariate(800), rng.expovariate(800))
                self.exchange(now_s, *delays)
            boot_s = self.clock.boot_at(now_s)
            if boot_s is not None:
                worst_s = max(worst_s, abs(boot_s - self.boot_at(now_s)))
            now_s += 0.05
        return worst_s


def test_nothing_is_known_before_the_third_answer_and_a_millisecond_after() -> None:
    bench = Bench()
    for number in range(3):
        assert bench.clock.boot_at(1000.0) is None
        assert bench.exchange(1000.0 + number / 5) is Reply.ACCEPTED
    assert bench.clock.boot_at(1001.0) == pytest.approx(101.0, abs=1e-3)
    assert bench.clock.round_trip_s == pytest.approx(0.001)


def test_it_asks_often_until_synchronised_and_then_once_a_second() -> None:
    bench = Bench()
    asked = []
    for step in range(200):
        now_s = 1000.0 + step * 0.05
        if bench.clock.due(now_s):
            asked.append(now_s)
            bench.exchange(now_s)
    assert asked[2] - asked[0] < 0.6
    assert 0.99 < asked[-1] - asked[-2] < 1.1


def test_the_smallest_round_trip_wins() -> None:
    """Rule 35."""
    bench = Bench()
    for number in range(8):
        bench.exchange(1000.0 + number, there_s=0.008, back_s=0.001)  # each would be 3.5 ms wrong
    bench.exchange(1008.0, there_s=0.0002, back_s=0.0002)
    for number in range(9, 12):
        bench.exchange(1000.0 + number, there_s=0.001, back_s=0.008)
    assert bench.clock.boot_at(1012.0) == pytest.approx(112.0, abs=0.3e-3)


def test_slow_round_trips_are_dropped() -> None:
    """Rule 35."""
    bench = Bench()
    for number in range(20):
        assert bench.exchange(1000.0 + number, 0.006, 0.006) is Reply.IGNORED
    assert bench.clock.boot_at(1020.0) is None


def test_only_an_echo_of_ours_counts_and_only_once() -> None:
    """Rule 35."""
    clock = ClockSync()
    ts1 = clock.ask(1000.0)
    assert clock.reply(5_000_000_000, ts1 + 1, 1000.001) is Reply.IGNORED  # somebody else's
    assert clock.reply(0, ts1, 1000.001) is Reply.IGNORED  # a question, not an answer
    assert clock.reply(5_000_000_000, ts1, 1000.001) is Reply.ACCEPTED
    assert clock.reply(5_000_000_000, ts1, 1000.002) is Reply.IGNORED  # the datagram again


def test_answers_may_overtake_each_other() -> None:
    bench = Bench()
    first, second = bench.clock.ask(1000.0), bench.clock.ask(1000.001)
    assert bench.clock.reply(int(100.0015e9), second, 1000.002) is Reply.ACCEPTED
    assert bench.clock.reply(int(100.0005e9), first, 1000.003) is Reply.ACCEPTED


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("drift", [0.0, 50e-6, -50e-6])
def test_a_jittery_line_and_drifting_crystals_stay_within_milliseconds(seed: int, drift: float) -> None:
    bench = Bench(rate=1 + drift)
    worst_s = bench.run(1000.0, 1120.0, random.Random(seed))
    assert 0 < worst_s < 0.004


@pytest.mark.parametrize("rate", [0.5, 5.0, 20.0])
def test_a_simulator_that_runs_fast_or_slow_is_followed(rate: float) -> None:
    bench = Bench(rate=rate)
    assert bench.run(1000.0, 1030.0) / rate < 0.001


def test_a_simulator_that_changes_its_speed_is_found_again() -> None:
    bench = Bench(rate=5.0)
    bench.run(1000.0, 1010.0)
    turned_s = bench.boot_at(1010.0)
    bench.rate = 2.0
    bench.booted_s = 1010.0 - turned_s / 2.0
    bench.run(1010.0, 1013.0)
    assert bench.run(1013.0, 1030.0) < 0.01


def test_a_restart_of_the_autopilot_is_noticed_and_survived() -> None:
    bench = Bench()
    bench.run(1000.0, 1010.0)
    bench.booted_s = 1012.0
    assert bench.exchange(1013.0) is Reply.REBOOT
    assert bench.clock.boot_at(1013.1) is None  # the old clock is not used for the new time
    bench.run(1013.2, 1015.0)
    assert bench.clock.boot_at(1015.0) == pytest.approx(3.0, abs=1e-3)


def test_an_old_fit_is_worth_nothing() -> None:
    bench = Bench()
    bench.run(1000.0, 1010.0)
    assert bench.clock.boot_at(1010.0 + STALE_S - 2) is not None
    assert bench.clock.boot_at(1010.0 + STALE_S + 2) is None


def test_what_lies_behind_the_window_is_forgotten() -> None:
    bench = Bench()
    bench.exchange(1000.0, 0.0, 0.0)
    for number in range(1, 60):
        bench.exchange(1000.0 + number, 0.001, 0.001)
    assert len(bench.clock._good) <= WINDOW_S + 1
    assert bench.clock.round_trip_s == pytest.approx(0.002)
    assert MAX_ROUND_TRIP_S == 0.010
