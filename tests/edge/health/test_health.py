"""Blind is an alarm: each way of not seeing is told apart, and none of them passes for "no fire"."""

from __future__ import annotations

import pytest

from edge.health.seeing import Health
from edge.vision.flaw import Flaw
from uplink.messages import SeeingState


def seeing(health: Health, until_s: float, *, period_s: float = 0.2, frozen_from_s: float = 1e9) -> None:
    for step in range(int(until_s / period_s) + 1):
        now_s = step * period_s
        health.frame_looked_at(now_s, fingerprint=step if now_s < frozen_from_s else -1, contrast=40.0)
        health.pose_found(now_s)


def test_the_agent_starts_blind_and_says_since_when() -> None:
    health = Health(started_s=3.0, frame_period_s=0.2)
    state = health.state(4.0)
    assert (state.state, state.since_s) == (SeeingState.BLIND, 3.0)
    assert "no frame" in state.reason


def test_fresh_changing_placed_frames_are_sight() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    assert health.state(10.1).state is SeeingState.SEEING


def test_a_camera_that_stops_is_blind_after_five_seconds_and_not_before() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    assert health.state(14.9).state is SeeingState.SEEING
    assert health.state(15.1).reason == "no fresh frame is looked at"


def test_a_slow_camera_is_given_three_of_its_own_periods() -> None:
    health = Health(0.0, frame_period_s=4.0)
    seeing(health, 8.0, period_s=4.0)
    assert health.state(19.0).state is SeeingState.SEEING
    assert health.state(20.5).state is SeeingState.BLIND


def test_the_same_picture_over_and_over_is_blind_though_frames_arrive() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 20.0, frozen_from_s=10.0)
    assert health.state(20.0).reason == "the picture is frozen"


def test_a_covered_lens_is_blind() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    health.frame_looked_at(10.2, fingerprint=99, contrast=0.4)
    assert "covered" in health.state(10.3).reason


def test_a_black_picture_is_told_at_once_and_by_its_name() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    assert not health.frame_looked_at(10.2, 99, 3.0, Flaw.BLACK)
    assert health.state(10.3).reason == "the picture is black: covered lens?"


@pytest.mark.parametrize("flaw", [Flaw.BURNT_OUT, Flaw.BLURRED])
def test_one_flawed_frame_proves_nothing_and_raises_no_alarm_and_many_do(flaw: Flaw) -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    for step in range(1, 31):
        assert not health.frame_looked_at(10.0 + step * 0.2, 1000 + step, 40.0, flaw)
        health.pose_found(10.0 + step * 0.2)
        if step == 20:
            assert health.state(14.0).state is SeeingState.SEEING
    state = health.state(16.0)
    assert (state.state, state.reason) == (SeeingState.BLIND, flaw.value)
    assert health.frame_looked_at(16.2, 5000, 40.0)
    health.pose_found(16.2)
    assert health.state(16.3).state is SeeingState.SEEING


def test_a_picture_that_stays_though_the_camera_moves_is_frozen_even_with_a_clock_in_it() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    for step in range(1, 31):
        assert not health.frame_looked_at(10.0 + step * 0.2, 1000 + step, 40.0, stuck=True)
        health.pose_found(10.0 + step * 0.2)
    assert health.state(16.0).reason == "the picture is frozen"


def test_frames_that_cannot_be_placed_are_blind_with_the_reason() -> None:
    health = Health(0.0, 0.2)
    for step in range(100):
        health.frame_looked_at(step * 0.2, fingerprint=step, contrast=40.0)
        health.pose_missing("the attitude is 9 s old")
    assert health.state(19.9).reason == "frames cannot be placed: the attitude is 9 s old"


def test_since_stays_while_the_reason_changes_and_moves_when_sight_returns() -> None:
    health = Health(0.0, 0.2)
    seeing(health, 10.0)
    assert health.state(10.0).state is SeeingState.SEEING
    first = health.state(16.0)
    health.camera_ended()
    second = health.state(17.0)
    assert first.since_s == second.since_s == pytest.approx(16.0)
    assert first.reason != second.reason
