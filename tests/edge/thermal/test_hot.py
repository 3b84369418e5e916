"""Hot spots on frames of temperatures that are made here, value by value."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.thermal.hot import FROM_C, Limits, find_hot
from edge.thermal.look import HeatJudge
from edge.vision.flaw import Flaw

Kelvin = NDArray[np.float32]
LIMITS = Limits(hottest_k=FROM_C + 140.0)


def night(seed: int = 1, *, ground_c: float = 10.0) -> Kelvin:
    """A field by night, as a core of 160 by 120 shows it."""
    rng = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(rng.standard_normal((120, 160)), (0, 0), 6.0)
    kelvin = FROM_C + ground_c + rough / rough.std() + 0.05 * rng.standard_normal((120, 160))
    return np.asarray(kelvin, np.float32)


def lit(kelvin: Kelvin, at: tuple[float, float], excess_k: float, sigma_px: float = 0.8) -> Kelvin:
    """With a spot blurred by the optics, at (u, v)."""
    v, u = np.mgrid[0 : kelvin.shape[0], 0 : kelvin.shape[1]]
    blur = np.exp(-((u - at[0]) ** 2 + (v - at[1]) ** 2) / (2 * sigma_px**2))
    return np.asarray(np.minimum(kelvin + excess_k * blur, LIMITS.hottest_k), np.float32)


def test_a_small_hot_spot_is_a_fire_where_it_is() -> None:
    (spot,) = find_hot(lit(night(), (70.0, 40.0), 90.0), LIMITS)
    assert spot.label == "fire"
    assert spot.score > 0.8
    assert (spot.x1 + spot.x2) / 2 == pytest.approx(70.0, abs=0.6)
    assert (spot.y1 + spot.y2) / 2 == pytest.approx(40.0, abs=0.6)
    assert spot.heat is not None
    assert spot.heat.peak_c == pytest.approx(100.0, abs=4.0)
    assert spot.heat.around_c == pytest.approx(10.0, abs=2.0)
    assert not spot.heat.saturated


def test_a_cow_on_a_frosty_meadow_has_contrast_and_is_not_hot() -> None:
    assert find_hot(lit(night(ground_c=-4.0), (70.0, 40.0), 32.0, sigma_px=1.5), LIMITS) == []


def test_a_warm_country_is_hot_and_has_no_contrast() -> None:
    assert find_hot(night(ground_c=52.0), LIMITS) == []


def test_the_same_temperature_is_less_of_a_fire_the_larger_it_is() -> None:
    roof = night()
    roof[30:50, 60:90] = FROM_C + 62.0
    (large,) = find_hot(roof, LIMITS)
    (small,) = find_hot(lit(night(), (70.0, 40.0), 52.0), LIMITS)
    assert large.score < 0.1 < small.score


def test_a_fire_that_fills_a_part_of_the_picture_does_not_hide_itself() -> None:
    front = night()
    front[40:80, 50:110] = LIMITS.hottest_k
    spots = find_hot(front, LIMITS)
    assert [spot.heat.saturated for spot in spots if spot.heat] == [True]
    assert spots[0].x2 - spots[0].x1 == pytest.approx(60.0, abs=2.0)
    assert spots[0].score > 0.95


def test_a_broken_pixel_is_no_fire() -> None:
    broken = night()
    broken[60, 80] = LIMITS.hottest_k
    assert find_hot(broken, LIMITS) == []


def test_two_fires_beside_each_other_are_two() -> None:
    spots = find_hot(lit(lit(night(), (60.0, 60.0), 100.0), (72.0, 60.0), 100.0), LIMITS)
    assert len(spots) == 2
    assert {round((spot.x1 + spot.x2) / 2) for spot in spots} == {60, 72}


def test_a_large_frame_is_looked_at_like_a_small_one() -> None:
    large = np.asarray(cv2.resize(night(), (640, 480), interpolation=cv2.INTER_LINEAR), np.float32)
    (spot,) = find_hot(lit(large, (500.0, 300.0), 120.0), LIMITS)
    assert (spot.x1 + spot.x2) / 2 == pytest.approx(500.0, abs=0.6)


def test_a_held_frame_proves_nothing_and_a_closed_shutter_is_blank() -> None:
    judge = HeatJudge()
    first = judge.judge(night(1))
    held = judge.judge(night(1))
    assert held.fingerprint == first.fingerprint
    assert held.unchanged == 1.0
    assert first.contrast > 5.0
    after = judge.judge(night(2))
    assert after.fingerprint != first.fingerprint
    assert after.unchanged < 0.2
    shutter = FROM_C + 25.0 + 0.05 * np.random.default_rng(3).standard_normal((120, 160))
    assert judge.judge(np.asarray(shutter, np.float32)).contrast < 1.0


def test_values_that_are_no_temperatures_are_a_flaw() -> None:
    assert HeatJudge().judge(night()).flaw is Flaw.NONE
    assert HeatJudge().judge(night() / np.float32(10.0)).flaw is Flaw.NO_TEMPERATURES
