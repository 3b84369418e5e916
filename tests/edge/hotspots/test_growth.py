"""How large a fire is and how fast it grows: from boxes that are reckoned from a known fire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from uuid import UUID

import numpy as np
import pytest

from edge.geometry.locate import locate
from edge.geometry.pose import Pose
from edge.geometry.sighting import Sighting
from edge.hotspots.growth import MOST_FIRES, MOST_PERIODS, Growth, Size, trend
from edge.hotspots.hotspot import Hotspot, HotspotState, Seen
from tests.edge.ground_truth import (
    CAMERA,
    GROUND_AMSL_M,
    FloatArray,
    Plane,
    east_north,
    lat_lon,
    pixel_of,
    pose_at,
)

ID = UUID(int=1)
ABOVE = pose_at(height_m=80, pitch_deg=-89)
ASIDE = pose_at(0.0, -80.0, height_m=80, pitch_deg=-45)


@cache
def seen_from(pose: Pose) -> Sighting:
    u, v = pixel_of(pose, 0.0, 0.0, GROUND_AMSL_M).tolist()
    return replace(locate(pose, CAMERA, (u, v), 4 * np.eye(2), Plane()), camera=CAMERA)


def from_camera_m(pose: Pose) -> FloatArray:
    """Home's ground: east, north, up."""
    east_m, north_m = east_north(pose.lat_deg, pose.lon_deg)
    return np.array([-float(east_m), -float(north_m), GROUND_AMSL_M - pose.alt_amsl_m])


def fire(
    pose: Pose,
    at_s: float,
    width_m: float,
    flames_m: float = 0.0,
    *,
    jitter_px: Sequence[float] = (0, 0, 0, 0),
) -> Hotspot:
    """A round fire at home as a confirmed hotspot, its box drawn round its ground and its flames."""
    turn = np.linspace(0, 2 * math.pi, 32, endpoint=False)
    ground_m = width_m / 2 * np.column_stack([np.cos(turn), np.sin(turn), np.zeros(32)])
    points_m = np.vstack([ground_m, [[0.0, 0.0, flames_m]]]) + from_camera_m(pose)
    pixels = CAMERA.project(points_m @ pose.camera_to_enu)
    x1, y1, x2, y2 = (np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]) + jitter_px).tolist()
    sighting = replace(seen_from(pose), box=(x1, y1, x2, y2))
    seen = Seen(at_s, None, sighting)
    lat_deg, lon_deg = lat_lon(0.0, 0.0)
    return Hotspot(
        id=ID,
        state=HotspotState.CONFIRMED,
        label="fire",
        probability=0.99,
        looks=9,
        method="dem",
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=GROUND_AMSL_M,
        covariance_m2=4.0 * np.eye(2),
        bearing_deg=0.0,
        first=seen,
        best=seen,
        latest=seen,
        confirmed=seen,
    )


def watched(
    seconds: float, width_m: float, grows_m2_per_min: float = 0.0, *, pose: Pose = ABOVE, seed: int = 1
) -> Growth:
    """Seen once a second by a detector whose edges wobble by a tenth of the box."""
    rng = np.random.default_rng(seed)
    growth = Growth()
    for at_s in range(int(seconds)):
        area_m2 = math.pi / 4 * width_m**2 + grows_m2_per_min * at_s / 60
        across_m = math.sqrt(area_m2 * 4 / math.pi)
        jitter_px = rng.normal(size=4) * 0.05 * across_m * CAMERA.fx_px / 80
        growth.look([fire(pose, float(at_s), across_m, jitter_px=jitter_px.tolist())], float(at_s))
    return growth


def known(growth: Growth) -> Size:
    size = growth.of(ID)
    assert size is not None
    return size


def test_from_straight_above_the_burning_ground_is_measured() -> None:
    size = known(watched(60, 6.0))
    assert size.area_m2 == pytest.approx(math.pi * 9, rel=0.1)
    assert abs(size.area_m2 - math.pi * 9) < 2 * size.area_sigma_m2 < 0.3 * size.area_m2


def test_after_one_view_nothing_is_said() -> None:
    growth = Growth()
    growth.look([fire(ABOVE, 0.0, 6.0)], 0.0)
    assert growth.of(ID) is None
    assert growth.of(UUID(int=2)) is None


@pytest.mark.parametrize("flames_m", [0.0, 2.0, 5.0])
def test_flames_seen_from_aside_are_within_the_error(flames_m: float) -> None:
    growth = Growth()
    for at_s in range(60):
        growth.look([fire(ASIDE, float(at_s), 6.0, flames_m)], float(at_s))
    size = known(growth)
    assert abs(size.area_m2 - math.pi * 9) < 2 * size.area_sigma_m2
    assert size.area_sigma_m2 > 0.1 * size.area_m2


def test_a_fire_that_grows_tells_how_fast_with_an_honest_error() -> None:
    misses = []
    for seed in range(20):
        size = known(watched(180, 6.0, 12.0, seed=seed))
        assert size.growth_m2_per_min is not None
        assert size.growth_sigma_m2_per_min is not None
        misses.append((size.growth_m2_per_min - 12.0) / size.growth_sigma_m2_per_min)
        assert size.area_m2 == pytest.approx(math.pi * 9 + 36, rel=0.12)
    assert np.mean(np.abs(misses) < 2) >= 0.8
    assert abs(np.mean(misses)) < 1


def test_a_fire_that_shrinks_has_a_negative_growth() -> None:
    size = known(watched(240, 12.0, -15.0))
    assert size.growth_m2_per_min == pytest.approx(-15.0, rel=0.3)


def test_a_fire_that_stays_as_it_is_has_no_growth() -> None:
    told = [known(watched(120, 6.0, seed=seed)).growth_m2_per_min for seed in range(30)]
    assert sum(growth is not None for growth in told) <= 1


def test_coming_closer_and_over_it_is_no_growth() -> None:
    """From far aside flames fill the box, from above the ground does."""
    for flames_m in (0.0, 3.0, 6.0):
        growth = Growth()
        for at_s in range(150):
            pose = pose_at(
                0.0, -160.0 + at_s, height_m=80, pitch_deg=-math.degrees(math.atan2(80, 160 - at_s))
            )
            growth.look([fire(pose, float(at_s), 6.0, flames_m)], float(at_s))
        assert known(growth).growth_m2_per_min is None


def test_a_box_that_the_picture_cuts_is_no_measure() -> None:
    growth = Growth()
    beside = pose_at(50.0, 0.0, height_m=60, pitch_deg=-89)
    assert fire(beside, 0.0, 12.0).latest.sighting.box is not None
    for at_s in range(60):
        growth.look([fire(beside, float(at_s), 12.0)], float(at_s))
    assert growth.of(ID) is None


def test_smoke_and_what_is_not_confirmed_have_no_size() -> None:
    growth = Growth()
    for at_s in range(60):
        seen = fire(ABOVE, float(at_s), 6.0)
        growth.look([replace(seen, label="smoke"), replace(seen, state=HotspotState.LOST)], float(at_s))
    assert growth.of(ID) is None


def test_a_look_that_did_not_see_it_counts_for_nothing() -> None:
    growth = Growth()
    hotspot = fire(ABOVE, 0.0, 6.0)
    for at_s in range(60):
        growth.look([hotspot], float(at_s))
    assert growth.of(ID) is None


def test_one_wild_period_does_not_bend_the_trend() -> None:
    at_s = np.arange(0.0, 120.0, 10.0)
    values = 30 + 0.2 * at_s
    wild = values.copy()
    wild[-1] += 500.0
    slope, sigma = trend(at_s, wild)
    assert slope == pytest.approx(0.2, rel=0.15)
    assert sigma < 0.1


def test_hours_of_views_take_no_more_memory_than_minutes() -> None:
    growth, hotspot = Growth(), fire(ABOVE, 0.0, 6.0)
    for at_s in range(0, 6 * 3600, 5):
        seen = replace(hotspot, latest=replace(hotspot.latest, at_s=float(at_s)))
        growth.look([seen], float(at_s))
    record = growth._fires[ID]
    assert len(record.areas) == len(record.at_s) <= MOST_PERIODS
    assert known(growth).area_m2 == pytest.approx(math.pi * 9, rel=0.1)
    for number in range(2 * MOST_FIRES):
        growth.look([replace(hotspot, id=UUID(int=number))], 0.0)
    assert len(growth._fires) == MOST_FIRES
