"""Looks fused as rays: true to their errors, unbiased, and the better for every other fire of the flight."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edge.geometry.locate import locate
from edge.geometry.place import Place
from edge.geometry.pose import Pose
from edge.geometry.rays import SHARED_VARIANCE, Rays
from edge.geometry.sighting import Cause, Sighting
from edge.hotspots.fusion import Fusion, fuse
from edge.hotspots.information import misfit_in_frame
from tests.edge.ground_truth import (
    CAMERA,
    GROUND_AMSL_M,
    HOME,
    FlightErrors,
    FloatArray,
    Plane,
    east_north,
    measured,
    pixel_of,
    pose_at,
)

FLAT = Plane()
PIXEL_M2 = 9.0 * np.eye(2)
OWN = 0.6
"""What is each look's own, as ``measured`` takes it; with the common parts below it makes up PoseSigmas."""


def toward(
    bearing_deg: float,
    fire: tuple[float, float] = (0.0, 0.0),
    *,
    away_m: float = 90.0,
    height_m: float = 60.0,
) -> Pose:
    """From ``bearing_deg`` of the fire, which is in the middle of the picture."""
    bearing = math.radians(bearing_deg)
    return pose_at(
        fire[0] + away_m * math.sin(bearing),
        fire[1] + away_m * math.cos(bearing),
        height_m=height_m,
        yaw_deg=bearing_deg + 180.0,
        pitch_deg=-math.degrees(math.atan2(height_m, away_m)),
    )


def see(
    true: Pose,
    rng: np.random.Generator,
    common: FlightErrors,
    fire: tuple[float, float] = (0.0, 0.0),
    *,
    label: str = "fire",
    terrain: Plane = FLAT,
    own: float = OWN,
) -> Sighting:
    pixel = pixel_of(true, *fire, GROUND_AMSL_M) + rng.normal(0, 3.0, 2)
    u, v = pixel.tolist()
    return locate(measured(true, rng, common, own), CAMERA, (u, v), PIXEL_M2, terrain, label=label)


def common_errors(rng: np.random.Generator) -> FlightErrors:
    east_m, north_m, up_m, tilt_deg, heading_deg = (rng.normal(size=5) * (1.0, 1.0, 1.9, 0.5, 1.8)).tolist()
    return FlightErrors(east_m, north_m, up_m, tilt_deg, heading_deg)


def miss_m(place: Place, fire: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    east_m, north_m = east_north(place.lat_deg, place.lon_deg)
    return np.array([float(east_m) - fire[0], float(north_m) - fire[1]])


def placed(place: Place | None) -> Place:
    assert place is not None
    return place


def test_one_look_is_placed_where_its_ray_meets_the_ground() -> None:
    seen = see(toward(40.0), np.random.default_rng(1), FlightErrors())
    place = placed(fuse([seen], FLAT))
    assert seen.lat_deg is not None
    assert seen.lon_deg is not None
    there = np.array(east_north(seen.lat_deg, seen.lon_deg), np.float64)
    assert np.hypot(*(miss_m(place) - there)) < 0.5
    assert place.covariance_m2 == pytest.approx(np.asarray(seen.covariance_m2), rel=0.1, abs=1.0)


@pytest.mark.parametrize(("arc_deg", "looks"), [(0.0, 10), (60.0, 10), (180.0, 10)])
def test_the_ellipse_holds_the_truth_as_often_as_it_says(arc_deg: float, looks: int) -> None:
    inside, along_m = [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        common, terrain = common_errors(rng), Plane(off_m=rng.normal() * FLAT.sigma_m)
        start_deg = rng.uniform(0, 360)
        seen = [
            see(toward(start_deg + arc_deg * i / looks), rng, common, terrain=terrain) for i in range(looks)
        ]
        place = placed(fuse(seen, terrain))
        error_m = miss_m(place)
        inside.append(error_m @ np.linalg.solve(place.covariance_m2, error_m) <= -2 * math.log(0.1))
        bearing = math.radians(start_deg)
        along_m.append(float(error_m @ (math.sin(bearing), math.cos(bearing))))
    assert 0.8 <= np.mean(inside) <= 0.99
    # Noise must not look like parallax, which would draw every place towards the camera.
    assert abs(np.mean(along_m)) < 3 * np.std(along_m) / math.sqrt(len(along_m))


def test_views_from_all_round_take_out_the_compass_error() -> None:
    rng = np.random.default_rng(4)
    wrong = FlightErrors(heading_deg=4.0)
    round_about = [see(toward(18.0 * i, away_m=200.0), rng, wrong) for i in range(20)]
    from_one_side = [see(toward(1.0 * i, away_m=200.0), rng, wrong) for i in range(20)]
    good, poor = placed(fuse(round_about, FLAT)), placed(fuse(from_one_side, FLAT))
    assert np.hypot(*miss_m(good)) < 2.5
    assert np.hypot(*miss_m(poor)) > 3 * np.hypot(*miss_m(good))
    assert good.semi_major_m < 0.5 * poor.semi_major_m


def test_the_ground_at_the_fire_is_found_where_the_terrain_model_is_wrong() -> None:
    rng = np.random.default_rng(5)
    wrong = Plane(off_m=6.0)
    looks = [see(toward(9.0 * i), rng, FlightErrors(), terrain=wrong) for i in range(40)]
    place = placed(fuse(looks, wrong))
    single = np.array(east_north(looks[0].lat_deg or 0.0, looks[0].lon_deg or 0.0), np.float64)
    assert np.hypot(*single) > 5.0
    assert np.hypot(*miss_m(place)) < 1.5


def test_in_flight_it_comes_to_the_same_as_all_at_once() -> None:
    rng = np.random.default_rng(6)
    common = common_errors(rng)
    looks = [see(toward(12.0 * i), rng, common) for i in range(15)]
    fusion: Fusion[str] = Fusion()
    for number, seen in enumerate(looks):
        fusion.add({"a": seen}, FLAT, 1.5 * number)
    running, whole = placed(fusion.place("a")), placed(fuse(looks, FLAT))
    assert np.hypot(*(miss_m(running) - miss_m(whole))) < 0.5
    assert running.semi_major_m == pytest.approx(whole.semi_major_m, rel=0.15)


def test_frames_in_quick_succession_are_not_as_many_looks() -> None:
    def hover(every_s: float) -> float:
        rng = np.random.default_rng(7)
        fusion: Fusion[str] = Fusion()
        for number in range(30):
            fusion.add({"a": see(toward(0.0), rng, FlightErrors())}, FLAT, every_s * number)
        return placed(fusion.place("a")).semi_major_m

    assert hover(0.05) > 1.03 * hover(2.0)


def test_what_one_fire_has_taught_helps_the_next() -> None:
    rng = np.random.default_rng(8)
    common = FlightErrors(heading_deg=3.5)
    other = (400.0, 0.0)

    def seen_once(taught: bool) -> Place:
        fusion: Fusion[str] = Fusion()
        for i in range(20 if taught else 0):
            fusion.add({"a": see(toward(18.0 * i, away_m=150.0), rng, common)}, FLAT, 1.5 * i)
        pose = toward(30.0, other, away_m=200.0)
        fusion.add({"b": see(pose, rng, common, other, own=0.1)}, FLAT, 40.0)
        return placed(fusion.place("b"))

    alone, taught = seen_once(False), seen_once(True)
    assert np.hypot(*miss_m(alone, other)) > 8.0
    assert np.hypot(*miss_m(taught, other)) < 0.5 * np.hypot(*miss_m(alone, other))
    assert taught.semi_major_m < alone.semi_major_m


def test_two_fires_know_their_distance_better_than_their_places() -> None:
    rng = np.random.default_rng(9)
    common = common_errors(rng)
    fusion: Fusion[str] = Fusion()
    fires = {"a": (0.0, 0.0), "b": (20.0, 0.0)}
    for number in range(8):
        true = toward(0.0)
        fusion.add({key: see(true, rng, common, fire) for key, fire in fires.items()}, FLAT, 1.5 * number)
    a, b = placed(fusion.place("a")), placed(fusion.place("b"))
    offset_m, covariance_m2 = a.offset_to(b)
    assert np.trace(covariance_m2) < np.trace(a.covariance_m2) + np.trace(b.covariance_m2)
    assert offset_m @ np.linalg.solve(covariance_m2, offset_m) > 10.0
    assert a.distance_m(b) == pytest.approx(float(np.hypot(*offset_m)))


def test_bearings_that_cross_give_a_place_and_those_that_do_not_give_none() -> None:
    rng = np.random.default_rng(10)

    def bearing(bearing_deg: float) -> Sighting:
        seen = see(toward(bearing_deg, away_m=800.0), rng, FlightErrors())
        return replace(
            seen, method="bearing-only", lat_deg=None, lon_deg=None, alt_amsl_m=None, slant_range_m=None,
            covariance_m2=None, effects_m=None, why="it meets no ground",
        )  # fmt: skip

    assert fuse([bearing(0.0), bearing(2.0)], FLAT) is None
    place = placed(fuse([bearing(0.0), bearing(45.0), bearing(90.0), bearing(135.0)], FLAT))
    error_m = miss_m(place)
    assert np.hypot(*error_m) < 60.0
    assert error_m @ np.linalg.solve(place.covariance_m2, error_m) < 9.2


def test_no_looks_are_no_place() -> None:
    assert fuse([], FLAT) is None
    assert Fusion[str]().place("a") is None


def test_smoke_stays_as_doubtful_as_its_foot_however_often_it_is_seen() -> None:
    rng = np.random.default_rng(11)
    wide = 900.0 * np.eye(2)
    looks = [
        locate(pose, CAMERA, tuple(pixel_of(pose, 0.0, 0.0, GROUND_AMSL_M).tolist()), wide, FLAT, label=label)
        for label in ("fire", "smoke")
        for pose in (measured(toward(9.0 * i), rng, FlightErrors(), OWN) for i in range(40))
    ]
    fire, smoke = placed(fuse(looks[:40], FLAT)), placed(fuse(looks[40:], FLAT))
    assert smoke.semi_major_m > 2 * fire.semi_major_m


def test_a_ray_that_passes_by_far_moves_nothing_much() -> None:
    rng = np.random.default_rng(12)
    looks = [see(toward(18.0 * i), rng, FlightErrors()) for i in range(19)]
    stray = see(toward(90.0), rng, FlightErrors(), (60.0, 60.0))
    assert np.hypot(*(miss_m(placed(fuse([*looks, stray], FLAT))) - miss_m(placed(fuse(looks, FLAT))))) < 3.0


def test_a_hotspot_that_is_forgotten_is_forgotten() -> None:
    rng = np.random.default_rng(13)
    fusion: Fusion[str] = Fusion()
    fusion.add({"a": see(toward(0.0), rng, FlightErrors())}, FLAT, 0.0)
    fusion.add({"b": see(toward(0.0), rng, FlightErrors(), (40.0, 0.0))}, FLAT, 1.0)
    place = fusion.place("b")
    fusion.take_over("a", "b")
    assert fusion.place("a") is place
    assert fusion.place("b") is None
    fusion.forget("a")
    assert fusion.place("a") is None


def test_what_was_seen_long_ago_fades() -> None:
    rng = np.random.default_rng(14)
    fusion: Fusion[str] = Fusion()
    for number in range(20):
        fusion.add({"a": see(toward(18.0 * number), rng, FlightErrors())}, FLAT, 1.5 * number)
    before = placed(fusion.place("a")).semi_major_m
    fusion.add({"a": see(toward(0.0), rng, FlightErrors())}, FLAT, 3600.0)
    assert placed(fusion.place("a")).semi_major_m > 1.5 * before


def test_a_frame_that_is_off_as_a_whole_fits_the_better_for_it() -> None:
    """Four boxes, all 8 m off to the east by an error of 5 m that they share, and 1 m of their own."""
    missed_m = np.tile([[8.0], [0.0]], (4, 1, 1))
    alone_m2, together = np.tile(np.eye(2), (4, 1, 1)), np.tile([[5.0], [0.0]], (4, 1, 1))
    as_frame = misfit_in_frame(np.arange(4), missed_m, alone_m2, together)
    by_themselves = [
        float(misfit_in_frame(np.arange(1), missed_m[:1], alone_m2[:1], together[:1])[0]) for _ in range(4)
    ]
    assert np.all(as_frame < 0.1 * np.array(by_themselves))
    # A box that does not go along with the others is judged by what they agree on.
    missed_m[3] = -missed_m[3]
    assert misfit_in_frame(np.arange(4), missed_m, alone_m2, together)[3] > 50.0


def test_every_cause_has_a_part_that_looks_share() -> None:
    assert set(SHARED_VARIANCE) == set(Cause)
    assert all(0.0 <= part <= 1.0 for part in SHARED_VARIANCE.values())


def test_a_rays_causes_move_it_as_they_move_its_place_on_the_ground() -> None:
    """The bundle's linear effects against those that ``locate`` found by meeting the ground anew."""
    seen = see(toward(70.0), np.random.default_rng(15), FlightErrors())
    rays = Rays.of([seen], HOME)
    ray = rays.direction[0]
    assert seen.effects_m is not None
    for cause in (
        Cause.EAST,
        Cause.NORTH,
        Cause.ROLL,
        Cause.TILT,
        Cause.HEADING,
        Cause.PIXEL_1,
        Cause.PIXEL_2,
    ):
        shift_m = rays.moves_m[0, :, cause] + (seen.slant_range_m or 0.0) * rays.turns[0, :, cause]
        on_ground_m = shift_m - ray * shift_m[2] / ray[2]
        assert on_ground_m[:2] == pytest.approx(seen.effects_m[:, cause], abs=0.3)


def test_an_hour_of_looks_from_one_spot_breaks_nothing() -> None:
    """The very same picture again and again wobbles less than any error model expects."""
    rng = np.random.default_rng(16)
    seen = [see(toward(0.0), rng, FlightErrors(), (4.0 * k, 0.0)) for k in range(20)]
    fusion: Fusion[int] = Fusion()
    for number in range(900):
        fusion.add(dict(enumerate(seen)), FLAT, 4.0 * number)
    place = placed(fusion.place(0))
    assert np.hypot(*miss_m(place)) < 6.0
    assert 3.0 < place.semi_major_m < 20.0


def test_errors_that_are_larger_than_told_are_believed() -> None:
    """A gimbal five times as shaky as its sigma: the rays' noise must not be taken for parallax."""
    rng = np.random.default_rng(17)
    fusion: Fusion[str] = Fusion()
    for number in range(300):
        fusion.add({"a": see(toward(2 * rng.normal()), rng, FlightErrors(), own=3.0)}, FLAT, 1.0 * number)
    error_m = miss_m(placed(fusion.place("a")))
    assert error_m @ np.linalg.solve(placed(fusion.place("a")).covariance_m2, error_m) < 9.2
