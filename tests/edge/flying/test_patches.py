"""A circle in patches: nothing left between them, and no more than a camera shows at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.flying.circle_view import CircleView
from edge.flying.patches import (
    LARGEST_PATCH_M,
    LEAST_PATCH_M,
    MOST_PATCHES,
    PATCH_M,
    nearest_first,
    patch_radius_m,
    patches,
    shown_radius_m,
)
from edge.hotspots.hotspot import Look
from flight.plans.fence import Circle, distance_m
from tests.edge.ground_truth import CAMERA, GROUND_AMSL_M, Plane, lat_lon, pose_at

LAT_DEG, LON_DEG = -35.36, 149.16


def circle(radius_m: float) -> Circle:
    return Circle(LAT_DEG, LON_DEG, radius_m)


@pytest.mark.parametrize(
    ("radius_m", "patch_m", "count"), [(50.0, 60.0, 1), (120.0, 60.0, 7), (190.0, 95.0, 7)]
)
def test_the_patches_leave_nothing_of_the_circle(radius_m: float, patch_m: float, count: int) -> None:
    middles = patches(circle(radius_m), patch_m)
    assert len(middles) == count
    assert distance_m(*middles[0], LAT_DEG, LON_DEG) < 0.1
    for bearing in np.radians(range(0, 360, 5)):
        for away_m in (0.3 * radius_m, 0.7 * radius_m, radius_m):
            lat = LAT_DEG + away_m * math.cos(bearing) / 110_950.0
            lon = LON_DEG + away_m * math.sin(bearing) / 90_860.0
            assert min(distance_m(lat, lon, *middle) for middle in middles) < patch_m + 0.5


def test_of_a_circle_too_large_it_is_the_middle_and_what_is_around_it() -> None:
    middles = patches(circle(2000.0), 100.0)
    away_m = [distance_m(*middle, LAT_DEG, LON_DEG) for middle in middles]
    assert len(middles) == MOST_PATCHES
    assert [round(away) for away in away_m] == sorted(round(away) for away in away_m)
    assert away_m[-1] < 400.0


def test_a_patch_is_as_large_as_the_circle_asks_within_bounds() -> None:
    sizes = [patch_radius_m(circle(radius_m)) for radius_m in (1.0, 40.0, 100.0, 150.0, 1000.0)]
    assert sizes == [LEAST_PATCH_M, 40.0, PATCH_M, 75.0, LARGEST_PATCH_M]


def test_they_are_flown_to_in_a_short_order() -> None:
    middles = patches(circle(190.0), 95.0)
    here = (LAT_DEG - 0.005, LON_DEG)
    way = nearest_first(middles, here)
    assert sorted(way) == sorted(middles)
    flown_m = sum(distance_m(*a, *b) for a, b in zip([here, *way], way, strict=False))
    assert flown_m < sum(distance_m(*a, *b) for a, b in zip([here, *middles], middles, strict=False))


@pytest.mark.parametrize(("away_m", "above_m"), [(100.0, 60.0), (200.0, 60.0), (60.0, 110.0)])
def test_the_camera_shows_what_is_said_and_no_more(away_m: float, above_m: float) -> None:
    pitch_deg = -math.degrees(math.atan2(above_m, away_m))
    pose = pose_at(0.0, -away_m, height_m=above_m, pitch_deg=pitch_deg)
    shown_m = shown_radius_m(CAMERA, away_m, above_m)

    def share(radius_m: float) -> float:
        view = CircleView(Circle(*lat_lon(0.0, 0.0), radius_m))
        for second in range(3):
            view.look(Look(float(second), None, pose, CAMERA, (), Plane()))
        return view.share

    assert share(0.97 * shown_m) == 1.0
    assert 0.8 < share(1.1 * shown_m) < 1.0


class Ridge:
    """Between the camera and the circle."""

    name, sigma_m, resolution_m = "ridge", 3.0, 10.0

    def height_amsl_m(self, lat_deg: object, lon_deg: object) -> object:
        north_m = (np.asarray(lat_deg) - lat_lon(0.0, 0.0)[0]) * 110_950.0
        return np.where(np.abs(north_m + 60.0) < 12.0, GROUND_AMSL_M + 55.0, GROUND_AMSL_M)


def test_only_ground_in_enough_sound_pictures_that_nothing_stands_before_counts_as_seen() -> None:
    pose = pose_at(0.0, -100.0, height_m=60.0, pitch_deg=-31.0)
    place = Circle(*lat_lon(0.0, 0.0), 20.0)

    def share(looks: int, period_s: float = 1.0, *, sound: bool = True, terrain: object = None) -> float:
        view = CircleView(place)
        for number in range(looks):
            ground = terrain or Plane()
            view.look(Look(number * period_s, None, pose, CAMERA, (), ground, sound=sound))  # type: ignore[arg-type]
        return view.share

    assert share(3) == 1.0
    assert share(2) == 0.0
    assert share(3, 0.1) == 0.0, "pictures of one moment are one"
    assert share(3, sound=False) == 0.0
    assert share(3, terrain=Ridge()) == 0.0
