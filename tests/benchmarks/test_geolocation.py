"""The geolocation benchmark's own world, reference and bound: an error in these would misjudge all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.geometry.locate import locate
from tests.benchmarks.geolocation_reference import bound_m2, posterior
from tests.benchmarks.geolocation_world import (
    BASE_AMSL_M,
    CAMERA,
    COMMON_M,
    DEM_LENGTH_M,
    DEM_SIGMA_M,
    OWN_M,
    PIXEL_SIGMA_PX,
    PLACE,
    SIGMAS,
    Common,
    FloatArray,
    View,
    Waves,
    WavyTerrain,
    draw_error,
    draw_hills,
    draw_view,
    fire_at,
    is_clear,
    look,
    stand,
)

PLAIN = Waves(np.zeros(1), np.zeros((1, 2)), np.zeros(1))
EXACT = Common(np.zeros(3), np.zeros(3), 0.0, 0.0)


class NoNoise:
    """Draws nothing but zeros."""

    def normal(self, *, size: int | tuple[int, ...]) -> FloatArray:
        return np.zeros(size)


def view_of_plain(depression_deg: float, bearing_deg: float = 0.0, slant_m: float = 200.0) -> View:
    rng = np.random.default_rng(1)
    true = stand(PLAIN, slant_m, depression_deg, bearing_deg, rng)
    return look(PLAIN, PLAIN.and_(draw_error(rng)), true, EXACT, NoNoise())  # type: ignore[arg-type]


def test_without_errors_the_fire_is_located_where_it_is() -> None:
    """The world's projection and rotations are its own; ours must agree with them."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        hills = draw_hills(rng)
        true = stand(hills, rng.uniform(50, 400), rng.uniform(35, 80), rng.uniform(0, 360), rng)
        if not is_clear(hills, true.at_m):
            continue
        view = look(hills, hills, true, EXACT, NoNoise())  # type: ignore[arg-type]
        pixel = (float(view.pixel[0]), float(view.pixel[1]))
        found = locate(view.told.pose(), CAMERA, pixel, np.eye(2), WavyTerrain(hills))
        assert found.lat_deg is not None
        place = (np.array(x) for x in (found.lat_deg, found.lon_deg, BASE_AMSL_M))
        assert np.hypot(*PLACE.from_geodetic(*place)[:2]) < 0.1


def test_hills_and_errors_are_as_high_and_as_long_as_they_say() -> None:
    rng = np.random.default_rng(3)
    heights_m, errors_m, neighbours_m = [], [], []
    for _ in range(400):
        hills, error = draw_hills(rng), draw_error(rng)
        assert (np.abs(2 * np.pi / np.linalg.norm(hills.vector, axis=1) - 1500) <= 500).all()
        here, there = np.zeros(50), rng.uniform(-3000, 3000, 50)
        heights_m.append(np.abs(hills.height_m(there, here)).max())
        errors_m.append(error.height_m(there, here))
        neighbours_m.append(error.height_m(there + DEM_LENGTH_M, here))
    assert 80 < max(heights_m) <= 100
    assert np.std(errors_m) == pytest.approx(DEM_SIGMA_M, rel=0.05)
    correlation = np.corrcoef(np.ravel(errors_m), np.ravel(neighbours_m))[0, 1]
    assert correlation == pytest.approx(math.exp(-1), abs=0.05)


def test_every_view_sees_the_fire_and_holds_it_in_its_picture() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        view = draw_view(rng)
        assert is_clear(view.hills, view.true.at_m)
        assert view.hills.height_m(np.array(0.0), np.array(0.0)) == view.fire_m[2]
        assert 0 < view.pixel[0] < CAMERA.width_px
        assert 0 < view.pixel[1] < CAMERA.height_px
        assert 50 <= view.slant_m <= 400
        assert 20 <= view.depression_deg <= 80


def test_straight_down_the_posterior_is_gnss_and_what_the_angles_do_to_the_height() -> None:
    view = view_of_plain(89.9)
    rng = np.random.default_rng(6)
    places = np.concatenate([posterior(view, rng) for _ in range(20)])
    angle_m = 200 * math.radians(math.hypot(SIGMAS.attitude_deg, SIGMAS.gimbal_deg))
    pixel_m = 200 * PIXEL_SIGMA_PX / CAMERA.fx_px
    expected_m = math.sqrt(SIGMAS.horizontal_m**2 + angle_m**2 + pixel_m**2)
    assert places.std(axis=0) == pytest.approx([expected_m, expected_m], rel=0.06)
    assert np.linalg.norm(places.mean(axis=0)) < 1.0


def test_at_45_degrees_height_errors_go_along_the_view_and_heading_across_it() -> None:
    view = view_of_plain(45.0, bearing_deg=0.0)
    rng = np.random.default_rng(7)
    places = np.concatenate([posterior(view, rng) for _ in range(20)])
    level_m = 200 / math.sqrt(2)
    tilt = math.radians(math.hypot(SIGMAS.attitude_deg, SIGMAS.gimbal_deg))
    heading = math.radians(math.hypot(SIGMAS.heading_deg, SIGMAS.gimbal_deg))
    pixel_m = 200 * PIXEL_SIGMA_PX / CAMERA.fx_px
    across_m = math.sqrt(
        SIGMAS.horizontal_m**2 + (level_m * heading) ** 2 + (level_m * tilt) ** 2 + pixel_m**2
    )
    height_m = math.hypot(SIGMAS.vertical_m, DEM_SIGMA_M)
    along_m = math.sqrt(SIGMAS.horizontal_m**2 + height_m**2 + 2 * (200 * tilt) ** 2 + 2 * pixel_m**2)
    assert places.std(axis=0) == pytest.approx([across_m, along_m], rel=0.07)


def test_the_bound_of_one_view_is_the_posterior_s_covariance() -> None:
    """The posterior is Gaussian enough there, and both know the same priors."""
    view = view_of_plain(60.0, bearing_deg=0.0)
    rng = np.random.default_rng(8)
    places = np.concatenate([posterior(view, rng) for _ in range(20)])
    assert np.sqrt(bound_m2([view]).diagonal()) == pytest.approx(places.std(axis=0), rel=0.08)


def test_many_views_from_all_round_are_bound_by_the_common_gnss() -> None:
    views = [view_of_plain(40.0, float(deg)) for deg in np.arange(0, 360, 3)]
    bound = bound_m2(views)
    assert np.sqrt(bound.diagonal()) == pytest.approx([1.0, 1.0], abs=0.2)
    assert (np.sqrt(bound.diagonal()) > COMMON_M[0]).all()
    narrow = bound_m2([view_of_plain(40.0, float(deg)) for deg in np.linspace(0, 60, 120)])
    assert np.trace(narrow) > 1.5 * np.trace(bound)


def test_common_and_own_parts_add_up_to_the_noise_that_the_autopilot_claims() -> None:
    assert np.hypot(COMMON_M, OWN_M) == pytest.approx(
        [SIGMAS.horizontal_m, SIGMAS.horizontal_m, SIGMAS.vertical_m]
    )
    rng = np.random.default_rng(9)
    told_m = []
    for _ in range(2000):
        true = stand(PLAIN, 200.0, 60.0, 0.0, rng)
        told_m.append(look(PLAIN, PLAIN, true, Common.draw(rng), rng).told.at_m - true.at_m)
    expected = [SIGMAS.horizontal_m, SIGMAS.horizontal_m, SIGMAS.vertical_m]
    assert np.std(told_m, axis=0) == pytest.approx(expected, rel=0.06)
    assert fire_at(PLAIN).tolist() == [0.0, 0.0, 0.0]
