"""Rays meet the ground where they first touch it, and moved rays are met again from there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from edge.geometry.march import REFRACTION, Outcome, clearance_m, march, march_near, meet_near
from flight.local_frame import LocalFrame
from tests.edge.ground_truth import GROUND_AMSL_M, HOME, FloatArray, Hills, Plane, east_north

HEIGHT_M = 100.0
FRAME = LocalFrame(HOME.lat_deg, HOME.lon_deg, GROUND_AMSL_M + HEIGHT_M)


@dataclass(frozen=True)
class Profile:
    """Ground whose height above home's is a function of the way north."""

    rise_m: Callable[[FloatArray], FloatArray]
    sigma_m: float = 3.0
    resolution_m: float = 10.0
    name: str = "profile"

    def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        return np.asarray(GROUND_AMSL_M + self.rise_m(east_north(lat_deg, lon_deg)[1]))


def ridge(top_m: float, at_m: float = 150.0) -> Profile:
    """45° steep on both sides."""
    return Profile(lambda north_m: np.maximum(top_m - np.abs(north_m - at_m), 0.0))


def north(depression_deg: float) -> FloatArray:
    down = math.radians(depression_deg)
    return np.array([0.0, math.cos(down), -math.sin(down)])


def test_a_ray_ends_at_the_first_ground_within_centimetres() -> None:
    rays = np.array([north(deg) for deg in (12.0, 20.0, 35.0, 60.0, 89.0)])
    hits = march(FRAME, rays, Profile(lambda n: 25 * np.sin(n / 40.0)), 5000.0)
    assert (hits.outcome == Outcome.GROUND).all()
    ends = hits.range_m[:, None] * rays
    above_sea_m = HEIGHT_M + ends[:, 2] + (1 - REFRACTION) * FRAME.drop_m(ends[:, 0], ends[:, 1])
    np.testing.assert_allclose(above_sea_m, 25 * np.sin(ends[:, 1] / 40.0), atol=0.04)
    for end, ray in zip(ends, rays, strict=True):
        on_the_way = np.linspace(0, 0.99, 5000)[:, None] * end
        assert (HEIGHT_M + on_the_way[:, 2] > 25 * np.sin(on_the_way[:, 1] / 40.0) - 0.1).all(), ray


def test_the_edge_of_a_wall_is_found_as_exactly_as_a_slope() -> None:
    """A step of 40 m, 150 m ahead: steeper than any step along the ray."""
    wall = Profile(lambda n: np.where(n >= 150.0, 40.0, 0.0))
    (range_m,) = march(FRAME, north(30.0)[None], wall, 5000.0).range_m
    assert range_m * math.cos(math.radians(30)) == pytest.approx(150.0, abs=0.05)


@pytest.mark.parametrize(
    ("rise_m", "depression_deg", "outcome"),
    [
        (lambda n: 0.0 * n, -5.0, Outcome.SKY),
        (lambda n: np.where(n > 100.0, np.nan, 0.0), 30.0, Outcome.BEYOND),
        (lambda n: np.where(np.abs(n) < 5.0, np.nan, 0.0), 30.0, Outcome.BEYOND),
        (lambda n: 0.0 * n + 101.0, 30.0, Outcome.BELOW),
        (lambda n: 0.0 * n, math.nan, Outcome.UNKNOWN),
    ],
)
def test_how_a_ray_ends_without_ground(
    rise_m: Callable[[FloatArray], FloatArray], depression_deg: float, outcome: Outcome
) -> None:
    hits = march(FRAME, np.array([north(depression_deg)]), Profile(rise_m), 5000.0)
    assert hits.outcome.tolist() == [outcome]
    assert np.isnan(hits.range_m).all()


def test_a_ray_that_nearly_touches_a_ridge_has_no_room() -> None:
    """From 100 m up, 20° down, the ray is 100 - 150·tan 20° = 45.4 m high over the ridge."""
    low, high = (march(FRAME, north(20.0)[None], ridge(top_m), 5000.0).room_rad[0] for top_m in (0.0, 44.0))
    assert high == pytest.approx(1.4 / 160, rel=0.3)
    assert low > 0.05


def test_moved_rays_are_met_where_a_march_from_their_start_meets_them() -> None:
    hills = Hills()
    rng = np.random.default_rng(2)
    rays = np.array([north(deg) for deg in (25.0, 35.0, 50.0, 70.0)])
    ranges_m = march(FRAME, rays, hills, 5000.0).range_m
    moved = rays + rng.normal(size=rays.shape) * 0.02
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    fall = -clearance_m(FRAME, (ranges_m + 1)[:, None] * rays, hills)
    found_m, arrived = meet_near(FRAME, np.zeros(3), moved, hills, ranges_m, fall)
    assert arrived.all()
    np.testing.assert_allclose(found_m, march(FRAME, moved, hills, 5000.0).range_m, atol=0.3)


def test_a_meeting_that_secants_do_not_find_is_not_trusted() -> None:
    """The guess is on a plateau; the ray goes over its edge and down to the plain."""
    cliff = Profile(lambda n: np.where(n < 150.0, 60.0, 0.0))
    hole = Profile(lambda n: np.where(n > 100.0, np.nan, 0.0))
    ray = north(13.0)[None]
    for ground in (cliff, hole):
        _, arrived = meet_near(FRAME, np.zeros(3), ray, ground, np.array([148.0]), -ray[:, 2])
        assert not arrived.any()


def test_a_ray_without_a_meeting_between_two_ranges_is_at_the_end_that_it_misses_by() -> None:
    rays = np.array([north(45.0)] * 3)
    near_m, far_m = np.array([100.0, 150.0, 50.0]), np.array([200.0, 300.0, 120.0])
    ranges_m, found = march_near(FRAME, np.zeros((3, 3)), rays, Plane(), near_m, far_m)
    assert found.tolist() == [True, False, False]
    assert ranges_m == pytest.approx([100 * math.sqrt(2), 150.0, 120.0], abs=0.01)
