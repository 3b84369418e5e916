"""The pace of a live view over links that are simulated: told the time, it settles where each link allows."""

from __future__ import annotations

import heapq
import itertools
import statistics
from dataclasses import dataclass, field

import pytest

from uplink.live_view.pace import FIRST_BYTES_S, IN_FLIGHT, LOST_S, MOST_PER_S, STEPS, Step, ViewPace

TICK_S = 0.005
BYTES_PER_PX = 0.15  # of a picture with much in it
_OF_QUALITY = {35: 0.55, 60: 0.75, 75: 1.0}


@dataclass
class Watched:
    """What became of a minute of pictures."""

    steps: list[Step] = field(default_factory=list)
    sent_s: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    most_in_flight: int = 0

    def later(self, after_s: float) -> list[Step]:
        return [step for step, at_s in zip(self.steps, self.sent_s, strict=True) if at_s > after_s]


def watch(
    pace: ViewPace,
    kbit_s: float,
    *,
    way_s: float = 0.02,
    over_s: float = 60.0,
    camera_per_s: float = 30.0,
    then_kbit_s: float | None = None,
) -> Watched:
    """A link of so much, and ``then_kbit_s`` in the second half; ``way_s`` there and as much back."""
    seen = Watched()
    acks: list[tuple[float, int, float]] = []
    numbers = itertools.count(1)
    now_s = free_s = camera_s = 0.0
    while now_s < over_s:
        while acks and acks[0][0] <= now_s:
            at_s, frame, sent_s = heapq.heappop(acks)
            pace.acknowledged(frame, at_s)
            seen.ages_s.append(at_s - way_s - sent_s)
        if pace.wait_s(now_s) == 0.0 and now_s >= camera_s:
            step, frame = pace.step, next(numbers)
            size_px = step.height_px * 16 // 9, step.height_px
            size = round(BYTES_PER_PX * _OF_QUALITY[step.quality] * size_px[0] * size_px[1])
            now_kbit_s = kbit_s if then_kbit_s is None or now_s < over_s / 2 else then_kbit_s
            free_s = max(free_s, now_s) + size / (125 * now_kbit_s)
            pace.sent(frame, size, size_px, now_s)
            heapq.heappush(acks, (free_s + 2 * way_s, frame, now_s))
            seen.steps.append(step)
            seen.sent_s.append(now_s)
            seen.most_in_flight = max(seen.most_in_flight, len(acks))
            camera_s = max(camera_s + 1 / camera_per_s, now_s)
        now_s += TICK_S
    return seen


@pytest.mark.parametrize(
    ("kbit_s", "heights", "least_per_s", "most_age_s"),
    [
        (150, {240}, 1.0, 1.2),
        (600, {240}, 4.0, 0.5),
        (2500, {360, 480}, 4.0, 0.45),
        (40_000, {720}, 9.0, 0.15),
    ],
)
def test_each_link_gets_the_size_and_the_rate_that_it_carries_and_nothing_grows_old_on_it(
    kbit_s: float, heights: set[int], least_per_s: float, most_age_s: float
) -> None:
    pace = ViewPace(125 * 20_000, 0.0)
    seen = watch(pace, kbit_s)
    settled = seen.later(20.0)
    most_often = statistics.mode(step.height_px for step in settled)
    assert most_often in heights
    assert len(settled) / 40 >= least_per_s
    assert len(settled) / 40 <= MOST_PER_S + 0.5
    assert statistics.median(seen.ages_s[len(seen.ages_s) // 3 :]) <= most_age_s
    assert seen.most_in_flight <= IN_FLIGHT
    assert pace.lost == 0


def test_it_takes_no_more_of_the_link_than_it_may() -> None:
    pace = ViewPace(125 * 500, 0.0)
    watch(pace, 100_000, over_s=30.0)
    assert pace.bytes_s(30.0) <= 125 * 500 * 1.25


def test_a_link_that_gets_thin_is_followed_within_seconds_and_so_is_one_that_gets_better() -> None:
    thinner = watch(ViewPace(2.5e6, 0.0), 8000, then_kbit_s=400)
    assert statistics.mode(step.height_px for step in thinner.later(25.0) if step) in (240, 480, 720)
    assert {step.height_px for step in thinner.later(36.0)} == {240}
    better = watch(ViewPace(2.5e6, 0.0), 300, then_kbit_s=40_000)
    assert max(step.height_px for step in better.later(50.0)) >= 480


def test_over_a_long_way_pictures_are_few_but_not_small_for_that() -> None:
    """Two in flight over 1.2 s are fewer than five a second whatever their size."""
    seen = watch(ViewPace(2.5e6, 0.0), 30_000, way_s=0.6)
    assert statistics.mode(step.height_px for step in seen.later(30.0)) >= 480


def test_a_camera_that_gives_few_frames_is_no_reason_for_small_ones() -> None:
    seen = watch(ViewPace(2.5e6, 0.0), 40_000, camera_per_s=3.0)
    assert {step.height_px for step in seen.later(40.0)} == {720}


def test_without_an_answer_two_pictures_go_out_and_then_one_now_and_again() -> None:
    pace = ViewPace(1e6, 0.0)
    sent, now_s = [], 0.0
    while now_s < 20.0:
        if pace.wait_s(now_s) == 0.0:
            sent.append(now_s)
            pace.sent(len(sent), 10_000, (426, 240), now_s)
        now_s += 0.01
    assert len([at_s for at_s in sent if at_s < LOST_S]) == IN_FLIGHT
    assert len(sent) <= 2 * 20 / LOST_S + 2
    assert pace.lost >= len(sent) - IN_FLIGHT
    assert pace.step is STEPS[0] or pace.step == STEPS[0]


def test_an_answer_that_nobody_waited_for_any_more_still_says_how_long_the_way_is() -> None:
    pace = ViewPace(1e6, 0.0)
    pace.sent(1, 10_000, (426, 240), 0.0)
    assert pace.wait_s(4.0) == 0.0
    assert pace.lost == 1
    pace.acknowledged(1, 5.0)
    assert pace.rtt_s == 5.0
    assert pace.lost_after_s() == 20.0


def test_an_acknowledgement_settles_what_was_sent_before_and_strange_ones_nothing() -> None:
    pace = ViewPace(FIRST_BYTES_S, 0.0)
    pace.sent(7, 5000, (426, 240), 0.0)
    pace.sent(8, 5000, (426, 240), 0.2)
    pace.acknowledged(99, 0.3)
    assert (pace.rtt_s, pace.bytes_s(0.3)) == (None, 0.0)
    pace.acknowledged(8, 0.3)
    assert pace.rtt_s == pytest.approx(0.1)
    assert pace.bytes_s(0.4) == pytest.approx(2 * 5000 / 0.4)
    pace.acknowledged(7, 0.4)
    assert pace.rtt_s == pytest.approx(0.1)
    assert pace.bytes_s(0.4) == pytest.approx(2 * 5000 / 0.4)
    assert pace.wait_s(60.0) == 0.0
    assert pace.lost == 0
