"""A pixel goes to the right place on the ground, and its error is what it says it is."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.geometry.foot import feet_of
from edge.geometry.footprint import footprint
from edge.geometry.locate import locate, locate_detections
from edge.geometry.optics import Camera
from edge.geometry.pose import Pose, PoseSigmas
from edge.geometry.sighting import Sighting, ellipse
from flight.local_frame import LocalFrame
from flight.terrain import FlatTerrain, Terrain
from models.detector import Detection
from tests.edge.ground_truth import (
    CAMERA,
    GROUND_AMSL_M,
    FlightErrors,
    FloatArray,
    Hills,
    Plane,
    east_north,
    lat_lon,
    measured,
    pixel_of,
    pose_at,
)

CENTRE = (CAMERA.cx_px, CAMERA.cy_px)
SHARP = np.eye(2) * 0.01
EXACT = PoseSigmas(
    horizontal_m=1e-6, vertical_m=1e-6, attitude_deg=1e-6, heading_deg=1e-6, gimbal_deg=0.0, time_s=0.0
)
KNOWN_GROUND = Plane(sigma_m=1e-6)
PINHOLE = replace(CAMERA, focal_sigma=0.0)


def place(sighting: Sighting) -> tuple[float, float]:
    """East and north of home."""
    assert sighting.lat_deg is not None
    assert sighting.lon_deg is not None
    east_m, north_m = east_north(sighting.lat_deg, sighting.lon_deg)
    return float(east_m), float(north_m)


def covariance(sighting: Sighting) -> FloatArray:
    assert sighting.covariance_m2 is not None
    return sighting.covariance_m2


# --- hand-worked cases -------------------------------------------------------------------------------------


@pytest.mark.parametrize("yaw_deg", [0, 30, 90, 120, 180, 210, 270, 300])
def test_flat_ground_by_hand_in_all_quadrants(yaw_deg: float) -> None:
    """From 100 m up, 45° down: the centre is 100 m ahead; a tangent of ½ to the right is 70.7 m beside it."""
    pose = pose_at(height_m=100, yaw_deg=yaw_deg, pitch_deg=-45)
    yaw = math.radians(yaw_deg)

    ahead = locate(pose, CAMERA, CENTRE, SHARP, Plane())
    assert place(ahead) == pytest.approx((100 * math.sin(yaw), 100 * math.cos(yaw)), abs=0.02)
    assert ahead.slant_range_m == pytest.approx(100 * math.sqrt(2), abs=0.02)
    assert ahead.bearing_deg == pytest.approx(yaw_deg)
    assert ahead.alt_amsl_m == pytest.approx(GROUND_AMSL_M)

    beside = locate(pose, CAMERA, (CENTRE[0] + CAMERA.fx_px / 2, CENTRE[1]), SHARP, Plane())
    right_m = 100 / math.sqrt(2)
    east_m = 100 * math.sin(yaw) + right_m * math.cos(yaw)
    north_m = 100 * math.cos(yaw) - right_m * math.sin(yaw)
    assert place(beside) == pytest.approx((east_m, north_m), abs=0.02)


@pytest.mark.parametrize(
    ("yaw_deg", "rise_east", "rise_north", "ahead_m"),
    [
        (0, 0.0, 0.2, 100 / 1.2),  # up a slope the ray is short
        (180, 0.0, 0.2, 100 / 0.8),  # down it, long
        (90, 0.2, 0.0, 100 / 1.2),
        (270, 0.2, 0.0, 100 / 0.8),
        (90, 0.0, 0.2, 100.0),  # along it, neither
        (45, 0.2, 0.2, 100 / (1 + 0.2 * math.sqrt(2))),
        (225, 0.2, 0.2, 100 / (1 - 0.2 * math.sqrt(2))),
    ],
)
def test_slopes_by_hand(yaw_deg: float, rise_east: float, rise_north: float, ahead_m: float) -> None:
    pose = pose_at(height_m=100, yaw_deg=yaw_deg, pitch_deg=-45)
    sighting = locate(pose, CAMERA, CENTRE, SHARP, Plane(rise_east, rise_north))
    yaw = math.radians(yaw_deg)
    assert place(sighting) == pytest.approx((ahead_m * math.sin(yaw), ahead_m * math.cos(yaw)), abs=0.02)
    assert sighting.method == "dem"


def test_agrees_with_opencv_through_lens_roll_and_hills() -> None:
    """OpenCV projects ground points of ours, by its own rotation and distortion; we must find them again."""
    camera = replace(CAMERA, distortion=(-0.2, 0.05, 0.001, -0.001, 0.0), cx_px=630.0, cy_px=350.0)
    rng = np.random.default_rng(3)
    hills = Hills()
    for _ in range(60):
        pose = pose_at(
            *rng.uniform(-300, 300, 2),
            height_m=rng.uniform(120, 200),
            yaw_deg=rng.uniform(0, 360),
            pitch_deg=rng.uniform(-80, -35),
            roll_deg=rng.uniform(-25, 25),
        )
        pixel = rng.uniform((40, 40), (1240, 680))
        sighting = locate(pose, camera, (pixel[0], pixel[1]), SHARP, hills)
        assert sighting.lat_deg is not None
        assert sighting.lon_deg is not None
        assert sighting.alt_amsl_m is not None
        frame = LocalFrame(pose.lat_deg, pose.lon_deg, pose.alt_amsl_m)
        found = (np.array(x) for x in (sighting.lat_deg, sighting.lon_deg, sighting.alt_amsl_m))
        point = np.array(frame.from_geodetic(*found))
        rotation, _ = cv2.Rodrigues(pose.camera_to_enu.T)
        again, _ = cv2.projectPoints(
            point[None], rotation, np.zeros(3), camera.matrix, np.array(camera.distortion)
        )
        np.testing.assert_allclose(np.asarray(again).ravel(), pixel, atol=0.02)


def test_far_off_the_earth_s_curve_counts_and_refraction_takes_some_of_it_back() -> None:
    """Looking 2° down from 150 m: on a flat earth 4,295.4 m ahead; the real one falls away before that."""
    pose = pose_at(height_m=150, pitch_deg=-2)
    sighting = locate(pose, CAMERA, CENTRE, SHARP, FlatTerrain(GROUND_AMSL_M, sigma_m=0.1), max_range_m=6000)
    _, north_m = place(sighting)
    radius_m = 6_363_000 / (1 - 0.13)
    # 150 + x²/2R = x·tan 2°
    slope = math.tan(math.radians(2))
    by_hand = radius_m * (slope - math.sqrt(slope**2 - 2 * 150 / radius_m))
    assert by_hand > 4295.4 + 30
    assert north_m == pytest.approx(by_hand, abs=1.0)


def test_the_first_ground_that_is_met_counts() -> None:
    """A ridge stands in the way of the valley behind it."""

    class Ridge(Plane):
        def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
            _, north_m = east_north(lat_deg, lon_deg)
            return np.asarray(GROUND_AMSL_M + np.maximum(60 - np.abs(north_m - 150), 0.0))

    sighting = locate(pose_at(height_m=100, pitch_deg=-25), CAMERA, CENTRE, SHARP, Ridge())
    # 100 - x·tan 25° = 60 - (150 - x)
    assert place(sighting)[1] == pytest.approx(190 / (1 + math.tan(math.radians(25))), abs=0.05)


# --- no position is better than a made-up one --------------------------------------------------------------


@pytest.mark.parametrize(
    ("pitch_deg", "height_m", "terrain", "why"),
    [
        (0.0, 60.0, Plane(), "meets no ground within 5000 m"),
        (20.0, 60.0, Plane(), "meets no ground within 5000 m"),
        (-0.5, 60.0, Plane(), "meets no ground within 5000 m"),
        (-10.0, 60.0, Plane(edge_m=200.0), "leaves the terrain model"),
        (-30.0, -5.0, Plane(), "camera is below"),
        (-20.0, 20.0, None, "distance is as good as unknown"),  # flat ground that may be 30 m off
    ],
)
def test_only_a_bearing(pitch_deg: float, height_m: float, terrain: Terrain | None, why: str) -> None:
    pose = pose_at(height_m=height_m, yaw_deg=250, pitch_deg=pitch_deg)
    sighting = locate(pose, CAMERA, CENTRE, SHARP, terrain)
    assert sighting.method == "bearing-only"
    assert why in sighting.why
    assert (sighting.lat_deg, sighting.lon_deg, sighting.covariance_m2) == (None, None, None)
    assert sighting.bearing_deg == pytest.approx(250)
    assert 2.0 < sighting.bearing_sigma_deg < 3.0


def test_without_a_terrain_the_ground_is_flat_at_home_s_height_and_says_so() -> None:
    pose = replace(pose_at(height_m=80, pitch_deg=-50), height_home_m=90.0)
    sighting = locate(pose, CAMERA, CENTRE, SHARP, None)
    assert sighting.method == "flat"
    assert sighting.terrain == "flat"
    assert place(sighting)[1] == pytest.approx(90 / math.tan(math.radians(50)), abs=0.02)
    with_terrain = locate(pose, CAMERA, CENTRE, SHARP, Plane())
    assert ellipse(covariance(sighting))[0] > 2 * ellipse(covariance(with_terrain))[0]


# --- the error ---------------------------------------------------------------------------------------------


def test_each_cause_of_error_by_hand() -> None:
    """45° down from 100 m to the north-east corner of the compass: along the view and across it."""

    def axes(**wrong: float) -> tuple[float, float]:
        sigmas = EXACT.model_copy(update={k: v for k, v in wrong.items() if k in PoseSigmas.model_fields})
        pose = pose_at(height_m=100, yaw_deg=45, pitch_deg=-45, sigmas=sigmas)
        pose = replace(pose, velocity_enu_m_s=(wrong.get("east_m_s", 0.0), 0.0, 0.0))
        pose = replace(pose, turn_rate_enu_rad_s=(0.0, 0.0, wrong.get("turn_rad_s", 0.0)))
        ground = Plane(sigma_m=wrong.get("ground_m", 1e-6))
        camera = replace(PINHOLE, focal_sigma=wrong.get("focal", 0.0))
        pixel = (CENTRE[0], CENTRE[1] + wrong.get("below_px", 0.0))
        pixels = np.diag([wrong.get("u_px", 1e-4) ** 2, wrong.get("v_px", 1e-4) ** 2])
        total = covariance(locate(pose, camera, pixel, pixels, ground))
        along, across = np.array([1, 1]) / math.sqrt(2), np.array([1, -1]) / math.sqrt(2)
        return math.sqrt(along @ total @ along), math.sqrt(across @ total @ across)

    degree = math.radians(1)
    slant_m = 100 * math.sqrt(2)
    assert axes(horizontal_m=2.0) == pytest.approx((2.0, 2.0), rel=1e-3)
    assert axes(vertical_m=3.0) == pytest.approx((3.0, 0.0), abs=1e-3)
    assert axes(ground_m=3.0) == pytest.approx((3.0, 0.0), abs=1e-3)
    assert axes(heading_deg=1.0) == pytest.approx((0.0, 100 * degree), abs=0.01)
    # One degree of tilt sweeps slant·1° across the ray, which the ground at 45° stretches by √2; one of roll
    # swings the ray, 100 m below the camera, to the side.
    assert axes(attitude_deg=1.0) == pytest.approx((slant_m * degree * math.sqrt(2), 100 * degree), rel=0.01)
    assert axes(v_px=10.0) == pytest.approx(
        (slant_m * 10 / CAMERA.fy_px * math.sqrt(2), 0.0), rel=0.01, abs=0.01
    )
    assert axes(u_px=10.0) == pytest.approx((0.0, slant_m * 10 / CAMERA.fx_px), rel=0.01, abs=0.01)
    assert axes(time_s=0.1, east_m_s=20.0) == pytest.approx((math.sqrt(2), math.sqrt(2)), rel=1e-3)
    assert axes(time_s=0.1, turn_rad_s=0.5) == pytest.approx((0.0, 100 * 0.05), rel=0.01, abs=0.2)
    assert axes(focal=0.05) == pytest.approx((0.0, 0.0), abs=0.01)  # nothing on the axis
    assert axes(focal=0.05, below_px=200.0)[0] > 1.0


def test_farther_is_less_sure() -> None:
    axes = []
    for depression_deg in (80, 60, 45, 35, 25, 18):
        pose = pose_at(height_m=100, pitch_deg=-depression_deg)
        axes.append(ellipse(covariance(locate(pose, CAMERA, CENTRE, SHARP, Plane())))[0])
    assert axes == sorted(axes)
    assert axes[-1] > 4 * axes[0]


def axis_m(ground: Plane, depression_deg: float) -> float:
    return ellipse(
        covariance(locate(pose_at(height_m=100, pitch_deg=-depression_deg), CAMERA, CENTRE, SHARP, ground))
    )[0]


def test_a_ridge_that_the_ray_just_clears_counts_as_what_the_fire_may_be_on() -> None:
    """20° down from 100 m it is 41.8 m high over the far end of a ridge of 40.5 m; 1σ lower it ends there."""

    class Ridge(Plane):
        def height_amsl_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
            _, north_m = east_north(lat_deg, lon_deg)
            return np.asarray(
                GROUND_AMSL_M + np.clip(self.off_m + 10 - np.abs(north_m - 150), 0.0, self.off_m)
            )

    assert axis_m(Ridge(off_m=40.5), 20.0) > 1.5 * axis_m(Ridge(off_m=20.0), 20.0)


def test_towards_grazing_the_ellipse_grows_without_a_jump_and_is_flagged_before() -> None:
    axes_m = [axis_m(Plane(), deg) for deg in np.arange(24.0, 12.0, -0.5)]
    growth = np.array(axes_m[1:]) / axes_m[:-1]
    assert growth.min() > 1.0
    assert growth.max() < 1.12
    flagged = [
        locate(pose_at(height_m=100, pitch_deg=-deg), CAMERA, CENTRE, SHARP, Plane()).grazing
        for deg in (21.0, 19.0, 14.0)
    ]
    assert flagged == [False, True, True]


def test_a_pixel_whose_moved_neighbours_have_no_ray_has_an_error_all_the_same() -> None:
    """In a distorted picture's corner, an error of a third of the picture leads out of the lens model."""
    camera = replace(CAMERA, distortion=(-0.3, 0.1, 0.0, 0.0, 0.0))
    pose = pose_at(height_m=100, pitch_deg=-45)
    wide = np.diag([400.0, 300.0]) ** 2
    assert np.isnan(camera.rays([(1270.0 + 400.0, 710.0)])).any()
    sighting = locate(pose, camera, (1270.0, 710.0), wide, Plane())
    assert np.isfinite(covariance(sighting)).all()
    assert np.isfinite(sighting.ray_effects).all()
    inside = locate(pose, camera, (1270.0 - 400.0, 710.0), SHARP, Plane())
    shift = sighting.ray_enu[0] - inside.ray_enu[0]
    assert sighting.ray_effects[0, 0] == pytest.approx(shift, rel=0.2)  # its opposite stood in


def simulate(
    trials: int, depression_deg: tuple[float, float], slant_m: tuple[float, float]
) -> list[tuple[bool, bool]]:
    """Seeded trials over hills: is the truth inside the 90 % ellipse, and was the ray called grazing?"""
    rng = np.random.default_rng(7)
    pixel_sigma = np.array([5.0, 6.0])
    outcomes: list[tuple[bool, bool]] = []
    while len(outcomes) < trials:
        truth_m = rng.uniform(-600, 600, 2)
        ground = Hills()
        ground_m = float(ground.height_amsl_m(*(np.array(x) for x in lat_lon(*truth_m))))
        depression, slant = np.radians(rng.uniform(*depression_deg)), rng.uniform(*slant_m)
        away = rng.uniform(0, 2 * math.pi)
        east_m, north_m = truth_m + slant * math.cos(depression) * np.array([math.sin(away), math.cos(away)])
        true = pose_at(
            east_m,
            north_m,
            height_m=ground_m - GROUND_AMSL_M + slant * math.sin(depression),
            yaw_deg=math.degrees(away) + 180 + rng.uniform(-20, 20),
            pitch_deg=-math.degrees(depression) + rng.uniform(-10, 10),
        )
        pixel = pixel_of(true, truth_m[0], truth_m[1], ground_m)
        clear = locate(true, CAMERA, (pixel[0], pixel[1]), SHARP, ground)
        if clear.lat_deg is None or math.dist(place(clear), truth_m) > 1.0:
            continue  # a hill stands in the way
        noisy = pixel + rng.normal(size=2) * pixel_sigma
        sighting = locate(
            measured(true, rng, FlightErrors()),
            CAMERA,
            (noisy[0], noisy[1]),
            np.diag(pixel_sigma**2),
            Hills(off_m=rng.normal() * ground.sigma_m),
        )
        if sighting.lat_deg is None:
            outcomes.append((True, True))  # it claims nothing
            continue
        error = np.array(place(sighting)) - truth_m
        distance2 = float(error @ np.linalg.solve(covariance(sighting), error))
        outcomes.append((distance2 <= -2 * math.log(0.1), sighting.grazing))
    return outcomes


def test_the_truth_is_in_the_90_percent_ellipse_nine_times_of_ten() -> None:
    outcomes = [inside for inside, grazing in simulate(300, (25, 80), (50, 400)) if not grazing]
    assert len(outcomes) > 250
    assert 0.85 <= np.mean(outcomes) <= 0.95


def test_a_grazing_ray_is_flagged_and_errs_on_the_safe_side() -> None:
    outcomes = simulate(100, (6, 14), (150, 400))
    grazing = [inside for inside, grazing in outcomes if grazing]
    assert len(grazing) > 40
    assert np.mean(grazing) >= 0.9


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (np.diag([4.0, 1.0]), (2, 1, 90)),
        (np.diag([1.0, 4.0]), (2, 1, 0)),
        (np.array([[2.5, 1.5], [1.5, 2.5]]), (2, 1, 45)),
        (np.array([[2.5, -1.5], [-1.5, 2.5]]), (2, 1, 135)),
    ],
)
def test_the_ellipse_of_a_covariance(matrix: FloatArray, expected: tuple[float, float, float]) -> None:
    major, minor, orientation = ellipse(matrix, confidence=1 - math.exp(-0.5))  # one σ
    assert (major, minor) == pytest.approx(expected[:2])
    assert orientation == pytest.approx(expected[2], abs=1e-6)
    assert ellipse(matrix)[0] == pytest.approx(2 * 2.1460, rel=1e-4)  # √χ²₂(0.9)


def test_the_orientation_stays_below_180_degrees() -> None:
    assert 0 <= ellipse(np.array([[1.0, -1e-18], [-1e-18, 4.0]]))[2] < 180


# --- detections --------------------------------------------------------------------------------------------


def box(label: str, x1: float, y1: float, x2: float, y2: float) -> Detection:
    return Detection(label, 0.6, x1, y1, x2, y2)


def test_a_fire_stands_on_the_lower_edge_of_its_box_and_from_above_in_its_middle() -> None:
    fire = box("fire", 600, 300, 640, 360)
    level = feet_of([fire], pose_at(height_m=50, pitch_deg=0), CAMERA)
    assert level.pixels[0] == pytest.approx((620, 360), abs=0.1)
    above = feet_of([fire], pose_at(height_m=50, pitch_deg=-90), CAMERA)
    assert above.pixels[0] == pytest.approx((620, 340), abs=0.5)


def test_the_foot_of_smoke_is_much_less_sure_than_that_of_fire() -> None:
    pose = pose_at(height_m=80, pitch_deg=-40)
    corners = (500.0, 200.0, 620.0, 320.0)
    boxes = [box("fire", *corners), box("smoke", *corners)]
    fire, smoke = locate_detections(boxes, pose, CAMERA, Plane())
    assert np.linalg.det(covariance(smoke)) > 3 * np.linalg.det(covariance(fire))
    # A plume that the wind laid over stands in a corner of its box: that must be within 2 σ.
    corner = locate(pose, CAMERA, (500.0, 320.0), SHARP, Plane())
    offset = np.array(place(corner)) - np.array(place(smoke))
    assert offset @ np.linalg.solve(covariance(smoke), offset) < 2**2


def test_smoke_whose_foot_is_below_the_picture_keeps_its_bearing_only() -> None:
    pose = pose_at(height_m=80, pitch_deg=-40)
    (cut,) = locate_detections([box("smoke", 400, 300, 700, 719)], pose, CAMERA, Plane())
    assert cut.method == "bearing-only"
    assert cut.why == "its foot is below the picture"
    assert cut.half_width_deg == pytest.approx(math.degrees(math.atan(150 / CAMERA.fx_px)))


def test_a_fire_cut_by_the_picture_s_edge_is_less_sure() -> None:
    pose = pose_at(height_m=80, pitch_deg=-40)
    boxes = [box("fire", 600, 560, 680, 640), box("fire", 600, 639, 680, 719)]
    whole, cut = locate_detections(boxes, pose, CAMERA, Plane())
    assert ellipse(covariance(cut))[0] > 1.5 * ellipse(covariance(whole))[0]


def test_all_boxes_of_a_frame_at_once_are_what_they_are_alone() -> None:
    pose = pose_at(height_m=80, pitch_deg=-20, yaw_deg=40)
    boxes = [box("fire", 40.0 * i, 8.0 * i, 40.0 * i + 30, 8.0 * i + 40) for i in range(1, 25)]
    together = locate_detections(boxes, pose, CAMERA, Hills())
    assert {sighting.method for sighting in together} == {"dem", "bearing-only"}
    for sighting, detection in zip(together, boxes, strict=True):
        (alone,) = locate_detections([detection], pose, CAMERA, Hills())
        assert (alone.method, alone.lat_deg, alone.lon_deg) == (
            sighting.method,
            sighting.lat_deg,
            sighting.lon_deg,
        )
        assert sighting.box == (detection.x1, detection.y1, detection.x2, detection.y2)
    assert locate_detections([], pose, CAMERA, Hills()) == []


# --- the footprint -----------------------------------------------------------------------------------------


def ring_m(pose: Pose, camera: Camera = CAMERA) -> FloatArray:
    ring = footprint(pose, camera, Plane())
    return np.array([[float(x) for x in east_north(lat, lon)] for lon, lat in ring]).reshape(-1, 2)


def test_straight_down_the_footprint_is_the_picture() -> None:
    ring = ring_m(pose_at(height_m=100, pitch_deg=-90))
    half_width_m = 100 * math.tan(math.radians(39))
    assert len(ring) <= 32
    np.testing.assert_allclose(ring.max(axis=0), [half_width_m, half_width_m * 720 / 1280], rtol=1e-3)
    np.testing.assert_allclose(ring.min(axis=0), [-half_width_m, -half_width_m * 720 / 1280], rtol=1e-3)


def test_a_view_to_the_horizon_is_cut() -> None:
    ring = ring_m(pose_at(height_m=60, pitch_deg=-5, yaw_deg=90))
    distances = np.hypot(*ring.T)
    assert distances.max() == pytest.approx(600, rel=0.01)
    assert ring[:, 0].min() > 0


def test_no_ground_in_view_is_no_footprint() -> None:
    assert footprint(pose_at(height_m=60, pitch_deg=45), CAMERA, Plane()) == []
