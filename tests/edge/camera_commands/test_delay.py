"""How late pictures are, from how they turn: right, honest, and refused where it would be a guess."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from edge.camera_commands.delay import Attitudes, Latency, LatencyError, estimate_latency
from tests.edge.camera_commands.hand import Hand, Yawing, attitudes_of, turns_of


def estimated(hand: Hand, latency_s: float, **of_turns: float) -> Latency:
    return estimate_latency(turns_of(hand, latency_s, **of_turns), attitudes_of(hand))  # type: ignore[arg-type]


@pytest.mark.parametrize("latency_s", [0.0, 0.04, 0.183, 0.7, 2.2])
def test_a_known_latency_is_found(latency_s: float) -> None:
    found = estimated(Hand(), latency_s)
    assert found.latency_s == pytest.approx(latency_s, abs=3 * found.sigma_s)
    assert found.sigma_s < 0.005
    assert found.correlation > 0.99
    assert found.scale == pytest.approx(1.0, abs=0.03)
    assert found.askew_deg < 2.0


def test_a_latency_that_varies_is_found_on_average_and_its_sigma_is_honest() -> None:
    """Pictures are late by 60 ms and, each by itself, by up to some 40 ms more."""
    mean_s = 0.06 + 0.02 * math.sqrt(2 / math.pi)
    misses = []
    for seed in range(8):
        found = estimated(Hand(seconds=12.0, seed=seed), 0.06, jitter_s=0.02, noise_deg=0.3, seed=seed + 50)
        misses.append((found.latency_s - mean_s) / found.sigma_s)
    # Eight draws of one sigma: chance alone keeps their root mean square between these.
    assert 0.35 < np.sqrt(np.mean(np.square(misses))) < 1.8


@pytest.mark.parametrize("hz", [50.0, 200.0])
def test_the_instants_of_the_attitude_do_not_draw_the_latency_to_them(hz: float) -> None:
    """Pictures at 20 a second fall on the same part of every step of such a clock."""
    hand = Hand(seconds=14.0)
    turns = turns_of(hand, 0.183, noise_deg=0.002)
    found = estimate_latency(turns, attitudes_of(hand, hz=hz))
    assert found.latency_s == pytest.approx(0.183, abs=0.001)


def test_dropped_pictures_and_ones_that_were_followed_wrongly_do_no_harm() -> None:
    rng = np.random.default_rng(4)
    turns = [turn for turn in turns_of(Hand(), 0.25) if rng.random() > 0.3]
    wrong = [
        replace(turn, rotation=turn.rotation + rng.normal(0.0, 0.05, 3)) if rng.random() < 0.05 else turn
        for turn in turns
    ]
    found = estimate_latency(wrong, attitudes_of(Hand()))
    assert found.latency_s == pytest.approx(0.25, abs=0.01)


def test_a_camera_that_sits_askew_has_its_latency_told_and_the_angle() -> None:
    """Mounted 30° from what is configured, with a focal length that is 15 % wrong."""
    askew = Rotation.from_euler("x", 30.0, degrees=True).as_matrix()
    turns = [replace(turn, rotation=1.15 * askew @ turn.rotation) for turn in turns_of(Hand(), 0.183)]
    found = estimate_latency(turns, attitudes_of(Hand()))
    assert found.latency_s == pytest.approx(0.183, abs=0.003)
    assert found.askew_deg == pytest.approx(30.0, abs=3.0)
    assert found.scale == pytest.approx(1.15, abs=0.02)


def test_a_picture_that_is_upside_down_is_noticed() -> None:
    turns = [replace(turn, rotation=turn.rotation * (-1, -1, 1)) for turn in turns_of(Hand(), 0.1)]
    assert estimate_latency(turns, attitudes_of(Hand())).askew_deg > 150.0


# --- refused ------------------------------------------------------------------------------------------

STILL = Hand(far_deg=0.3)


def test_a_vehicle_that_hardly_turned_is_refused() -> None:
    with pytest.raises(LatencyError, match="it hardly turned"):
        estimated(STILL, 0.1)


def test_a_gimbal_that_holds_the_camera_still_is_named() -> None:
    with pytest.raises(LatencyError, match=r"the autopilot turns .* and the pictures do not") as raised:
        estimate_latency(turns_of(STILL, 0.1), attitudes_of(Hand()))
    assert "gimbal may hold" in raised.value.hint


def test_a_gimbal_that_does_not_report_is_named() -> None:
    with pytest.raises(LatencyError, match=r"the pictures turn .* and the autopilot says that nothing does"):
        estimate_latency(turns_of(Hand(), 0.1), attitudes_of(STILL))


def test_pictures_that_turn_in_another_way_are_refused() -> None:
    with pytest.raises(LatencyError, match="do not turn as the autopilot says"):
        estimate_latency(turns_of(Hand(seed=7), 0.1), attitudes_of(Hand(seed=8)))


def test_a_swing_as_regular_as_a_pendulum_s_is_refused() -> None:
    """A second of latency more would look the same."""
    pendulum = Yawing(yaw_deg=lambda at_s: 20.0 * np.sin(2 * math.pi * at_s))
    with pytest.raises(LatencyError, match="too regular"):
        estimated(pendulum, 0.1)


def test_one_even_turn_is_refused() -> None:
    """It turns a lot, and at every instant alike: nothing says when."""
    with pytest.raises(LatencyError, match=r"more than one latency|would only be known to"):
        estimated(Yawing(yaw_deg=lambda at_s: 30.0 * at_s), 0.1)


def test_a_latency_beyond_what_is_looked_for_is_refused() -> None:
    with pytest.raises(LatencyError, match=r"do not turn as the autopilot says|is not between"):
        estimated(Hand(), 3.3)


def test_pictures_from_the_future_are_refused() -> None:
    with pytest.raises(LatencyError, match="before they were taken") as raised:
        estimated(Hand(), -0.12)
    assert "attitude is late" in raised.value.hint


@pytest.mark.parametrize("count", [0, 30])
def test_a_few_turns_are_refused(count: int) -> None:
    with pytest.raises(LatencyError, match=f"only {count} turns between pictures"):
        estimate_latency(turns_of(Hand(), 0.1)[:count], attitudes_of(Hand()))


def test_no_attitude_is_refused() -> None:
    with pytest.raises(LatencyError, match="told no attitude"):
        estimate_latency(turns_of(Hand(), 0.1), Attitudes())


def test_turns_over_a_hole_in_the_attitude_do_not_count() -> None:
    whole, holed = attitudes_of(Hand()), Attitudes()
    hand = Hand()
    for at_s in whole.at_s:
        if not 5.0 < at_s < 6.0:
            holed.add(at_s, hand.camera_to_enu(np.array([at_s]))[0])
    turns = turns_of(hand, 0.183)
    found = estimate_latency(turns, holed)
    assert found.latency_s == pytest.approx(0.183, abs=0.002)
    assert found.turns < estimate_latency(turns, whole).turns - 60


def test_a_turn_is_what_happened_between_two_pictures() -> None:
    """By hand: 90° a second to the right is 4.5° in a twentieth of a second, about the axis down."""
    turn = turns_of(Yawing(yaw_deg=lambda at_s: 90.0 * at_s), 0.0, noise_deg=0.0)[3]
    assert np.degrees(turn.rotation) == pytest.approx([0.0, 4.5, 0.0], abs=1e-6)
