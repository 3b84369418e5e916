"""Where lines of sight cross, and when they tell no place: against geodesics of pyproj."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pyproj import Geod

from uplink.station.triangulate import CHI2_90, Bearing, Crossing, triangulate

GEOD = Geod(ellps="WGS84")
FIRE = (47.05, 8.3)


def seen_from(
    azimuth_deg: float, away_m: float, *, off_deg: float = 0.0, sigma_deg: float = 0.5, **more: float
) -> Bearing:
    """A camera at this azimuth from the fire, and its bearing to it."""
    lon_deg, lat_deg, to_fire_deg = GEOD.fwd(FIRE[1], FIRE[0], azimuth_deg, away_m)
    return Bearing(lat_deg, lon_deg, (to_fire_deg + off_deg) % 360.0, sigma_deg, **more)


def offset_m(crossing: Crossing) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    azimuth_deg, _, away_m = GEOD.inv(FIRE[1], FIRE[0], crossing.lon_deg, crossing.lat_deg)
    angle_rad = math.radians(azimuth_deg)
    return np.array([away_m * math.sin(angle_rad), away_m * math.cos(angle_rad)])


@pytest.mark.parametrize("away_m", [300.0, 3000.0, 12_000.0])
def test_exact_bearings_cross_where_it_burns_however_far_apart_the_cameras_are(away_m: float) -> None:
    crossing = triangulate([seen_from(200.0, away_m), seen_from(300.0, 0.8 * away_m)])
    assert crossing is not None
    assert np.linalg.norm(offset_m(crossing)) < 1e-4 * away_m
    assert crossing.angle_deg == pytest.approx(80.0, abs=0.5)


def test_its_ellipse_is_honest() -> None:
    """Bearings and cameras are off by what they say: the truth is inside nine times in ten."""
    rng = np.random.default_rng(3)
    inside = 0
    trials = 400
    for _ in range(trials):
        seen = []
        for azimuth_deg, away_m in ((200.0, 2500.0), (290.0, 4000.0), (160.0, 3000.0)):
            exact = seen_from(azimuth_deg, away_m, off_deg=rng.normal() * 0.5, observer_sigma_m=5.0)
            east_m, north_m = rng.normal(size=2) * 5.0
            lon_deg, lat_deg, _ = GEOD.fwd(
                exact.lon_deg,
                exact.lat_deg,
                math.degrees(math.atan2(east_m, north_m)),
                math.hypot(east_m, north_m),
            )
            seen.append(Bearing(lat_deg, lon_deg, exact.bearing_deg, 0.5, 5.0))
        crossing = triangulate(seen)
        assert crossing is not None
        off = offset_m(crossing)
        inside += bool(off @ np.linalg.solve(crossing.covariance_m2, off) < CHI2_90)
    assert 0.86 < inside / trials < 0.94


def test_lines_that_cross_flatly_give_an_ellipse_along_them() -> None:
    crossing = triangulate([seen_from(170.0, 1000.0, sigma_deg=0.2), seen_from(190.0, 1000.0, sigma_deg=0.2)])
    assert crossing is not None
    larger_m, smaller_m = crossing.semi_axes_m
    assert larger_m > 4 * smaller_m
    assert min(crossing.orientation_deg, 180 - crossing.orientation_deg) < 5.0


@pytest.mark.parametrize("apart_deg", [0.0, 4.0, 9.0, 176.0, 180.0])
def test_lines_almost_parallel_are_no_place(apart_deg: float) -> None:
    assert triangulate([seen_from(100.0, 1000.0), seen_from(100.0 + apart_deg, 1500.0)]) is None


def test_a_place_behind_a_camera_is_none() -> None:
    behind = seen_from(300.0, 1000.0, off_deg=180.0)
    assert triangulate([seen_from(200.0, 1000.0), behind]) is None


def test_a_place_farther_than_anybody_sees_is_none() -> None:
    assert triangulate([seen_from(200.0, 20_000.0), seen_from(290.0, 20_000.0)]) is None


def test_a_third_line_that_passes_by_says_that_it_is_not_one_thing() -> None:
    two = [seen_from(200.0, 1000.0), seen_from(290.0, 1200.0)]
    assert triangulate([*two, seen_from(60.0, 900.0, off_deg=0.6)]) is not None
    assert triangulate([*two, seen_from(60.0, 900.0, off_deg=8.0)]) is None


def test_a_third_line_makes_the_ellipse_smaller() -> None:
    two = [seen_from(200.0, 1000.0), seen_from(290.0, 1200.0)]
    with_two, with_three = triangulate(two), triangulate([*two, seen_from(60.0, 900.0)])
    assert with_two is not None
    assert with_three is not None
    assert np.linalg.det(with_three.covariance_m2) < np.linalg.det(with_two.covariance_m2)


def test_an_error_as_large_as_the_distance_is_no_place() -> None:
    vague = [seen_from(200.0, 1000.0, sigma_deg=15.0), seen_from(290.0, 1200.0, sigma_deg=15.0)]
    assert triangulate(vague) is None


def test_one_line_is_no_crossing() -> None:
    assert triangulate([seen_from(200.0, 1000.0)]) is None


def test_the_date_line_is_a_line_like_others() -> None:
    west, east = Bearing(-17.0, 179.99, 90.0, 0.5), Bearing(-17.02, -179.99, 0.0, 0.5)
    crossing = triangulate([west, east])
    assert crossing is not None
    assert crossing.lon_deg == pytest.approx(-179.99, abs=1e-4)
    assert crossing.lat_deg == pytest.approx(-17.0, abs=1e-4)
