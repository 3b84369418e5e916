"""A camera turns pixels into rays and back, and refuses what it cannot do honestly."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.optics import Camera, CameraProfileError, known_profiles

GENERIC = Camera.load("generic_78")
BARREL = replace(GENERIC, distortion=(-0.28, 0.07, 0.001, -0.0005, 0.003), cx_px=655.0, cy_px=340.0)
PINCUSHION = replace(GENERIC, distortion=(0.12, -0.02, -0.001, 0.002, 0.0), fy_px=801.0)
CAMERAS = pytest.mark.parametrize(
    "camera", [GENERIC, BARREL, PINCUSHION], ids=["pinhole", "barrel", "pincushion"]
)


def opencv_pixels(camera: Camera, points: NDArray[np.float64]) -> NDArray[np.float64]:
    pixels, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), camera.matrix, np.array(camera.distortion)
    )
    return np.asarray(pixels, np.float64).reshape(-1, 2)


def grid(camera: Camera) -> NDArray[np.float64]:
    u, v = np.meshgrid(np.linspace(0, camera.width_px - 1, 23), np.linspace(0, camera.height_px - 1, 17))
    return np.column_stack([u.ravel(), v.ravel()])


@CAMERAS
def test_projects_as_opencv_does(camera: Camera) -> None:
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-0.7, 0.7, 500), rng.uniform(-0.4, 0.4, 500), np.ones(500)])
    points *= rng.uniform(1, 400, (500, 1))
    np.testing.assert_allclose(camera.project(points), opencv_pixels(camera, points), atol=1e-6)


@CAMERAS
def test_every_pixel_of_the_picture_comes_back_from_its_ray(camera: Camera) -> None:
    pixels = grid(camera)
    rays = camera.rays(pixels)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0)
    np.testing.assert_allclose(opencv_pixels(camera, rays), pixels, atol=1e-4)


def test_a_right_angle_camera_by_hand() -> None:
    """90° across 1001 px: the edge of the picture, half a pixel outside of the last one, is at 45°."""
    camera = Camera("hand", 1001, 501, 500.5, 500.5, 500.0, 250.0)
    assert camera.hfov_deg == pytest.approx(90.0)
    rays = camera.rays(np.array([[500, 250], [1000.5, 250], [500, 250 + 500.5 * math.tan(math.radians(20))]]))
    np.testing.assert_allclose(rays[0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rays[1], [math.sqrt(0.5), 0, math.sqrt(0.5)], atol=1e-12)
    np.testing.assert_allclose(
        rays[2], [0, math.sin(math.radians(20)), math.cos(math.radians(20))], atol=1e-12
    )


def test_nothing_behind_the_camera_has_a_pixel() -> None:
    pixels = GENERIC.project([[0, 0, -10], [1, 1, 0], [0, 0, 10]])
    assert np.isnan(pixels[:2]).all()
    assert np.isfinite(pixels[2]).all()


def test_the_distortion_polynomial_does_not_fold_far_points_into_the_picture() -> None:
    """At 70° off the axis this barrel turns back inside; OpenCV says so without blushing."""
    aside = np.array([[math.tan(math.radians(70)), 0.0, 1.0]])
    folding = replace(GENERIC, distortion=(-0.1, 0.0, 0.0, 0.0, 0.0))
    assert 0 < opencv_pixels(folding, aside)[0, 0] < folding.width_px
    assert np.isnan(folding.project(aside)).all()


@CAMERAS
def test_another_frame_size_sees_the_same_directions(camera: Camera) -> None:
    half = camera.at_size(640, 360)
    # The corner of four pixels of the large picture is the centre of one of the small picture.
    np.testing.assert_allclose(half.rays([[100, 50]]), camera.rays([[200.5, 100.5]]), atol=1e-9)
    assert half.hfov_deg == pytest.approx(camera.hfov_deg)
    assert camera.at_size(1280, 720) is camera


def test_another_aspect_is_refused() -> None:
    with pytest.raises(CameraProfileError, match="640 x 480 are not the whole picture"):
        GENERIC.at_size(640, 480)


def test_a_distortion_that_cannot_be_undone_is_refused() -> None:
    with pytest.raises(CameraProfileError, match="cannot be undone"):
        replace(GENERIC, distortion=(-0.9, 0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize("name", known_profiles())
def test_the_profiles_that_come_along_load_and_name_their_source(name: str) -> None:
    camera = Camera.load(name)
    assert camera.source
    assert 20 < camera.hfov_deg < 130
    assert camera.at_size(camera.width_px // 2, camera.height_px // 2).name == camera.name


GOOD = 'name = "x"\nsource = "y"\nwidth_px = 640\nheight_px = 480\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD, "needs either hfov_deg or fx_px"),
        (GOOD + "hfov_deg = 60.0\nfx_px = 500.0\n", "needs either hfov_deg or fx_px"),
        (GOOD + "hfov_deg = 60.0\nzoom = 3\n", "zoom: Extra inputs"),
        (GOOD + "hfov_deg = 190.0\n", "hfov_deg: Input should be less than 170"),
        (GOOD + "hfov_deg = ", "is not TOML"),
    ],
)
def test_a_broken_profile_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(CameraProfileError, match=complaint) as raised:
        Camera.load(path)
    assert "mine.toml" in raised.value.message


def test_a_profile_of_one_s_own_may_give_the_focal_length_in_pixels(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        GOOD + "fx_px = 500.0\nfy_px = 510.0\ncx_px = 300.0\nk1 = -0.1\noffset_pitch_deg = -2.0\n"
    )
    camera = Camera.load(path)
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (500.0, 510.0, 300.0, 239.5)
    assert camera.offset_rpy_deg == (0.0, -2.0, 0.0)


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(CameraProfileError) as raised:
        Camera.load("no_such_camera")
    assert "generic_78" in raised.value.hint
