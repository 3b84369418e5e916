"""A camera turns pixels into rays and back, and refuses what it cannot do honestly."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from edge.config.file import load_agent_config
from edge.geometry.lens import BrownConrady
from edge.geometry.optics import Camera, CameraProfileError, Mode, known_profiles, load_profile, profile_for
from edge.geometry.pose import camera_rotation

GENERIC = Camera.load("generic_78")
BARREL = replace(GENERIC, distortion=(-0.28, 0.07, 0.001, -0.0005, 0.003), cx_px=655.0, cy_px=340.0)
PINCUSHION = replace(GENERIC, distortion=(0.12, -0.02, -0.001, 0.002, 0.0), fy_px=801.0)
CAMERAS = pytest.mark.parametrize(
    "camera", [GENERIC, BARREL, PINCUSHION], ids=["pinhole", "barrel", "pincushion"]
)
FISHEYE = Camera(
    "fisheye", 1280, 720, 520.0, 522.0, 651.0, 349.0, distortion=(0.04, -0.012, 0.005, -0.001), lens="fisheye"
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


# --- fisheye ------------------------------------------------------------------------------------------


def test_a_fisheye_projects_as_opencv_does() -> None:
    rng = np.random.default_rng(2)
    points = np.column_stack([rng.uniform(-2, 2, 500), rng.uniform(-1, 1, 500), np.ones(500)])
    points *= rng.uniform(1, 400, (500, 1))
    expected, _ = cv2.fisheye.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), FISHEYE.matrix, np.array(FISHEYE.distortion)
    )
    inside = FISHEYE.contains(np.asarray(expected, np.float64).reshape(-1, 2))
    assert inside.sum() > 300
    np.testing.assert_allclose(FISHEYE.project(points)[inside], expected.reshape(-1, 2)[inside], atol=1e-6)


def test_every_pixel_of_a_fisheye_s_picture_comes_back_from_its_ray() -> None:
    pixels = grid(FISHEYE)
    rays = FISHEYE.rays(pixels)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0)
    back, _ = cv2.fisheye.projectPoints(
        rays[:, None], np.zeros(3), np.zeros(3), FISHEYE.matrix, np.array(FISHEYE.distortion)
    )
    np.testing.assert_allclose(back.reshape(-1, 2), pixels, atol=1e-6)


def test_a_fisheye_by_hand_sees_sideways_and_behind() -> None:
    """Without coefficients the distance from the centre is the angle: 300 px a radian."""
    camera = Camera("hand", 1281, 961, 300.0, 300.0, 640.0, 480.0, distortion=(0.0,) * 4, lens="fisheye")
    sideways = [640 + 300 * math.pi / 2, 480.0]
    np.testing.assert_allclose(camera.rays([sideways])[0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(camera.project([[7.0, 0, 0]])[0], sideways)
    behind = np.array([0.0, math.sin(2.0), math.cos(2.0)])
    np.testing.assert_allclose(camera.project([behind])[0], [640, 480 + 600])
    assert camera.hfov_deg == pytest.approx(math.degrees(1281 / 300))
    assert np.isnan(camera.project([[0.0, 0.0, -1.0]])).all()


def test_a_fisheye_whose_polynomial_turns_back_inside_the_picture_is_refused() -> None:
    with pytest.raises(CameraProfileError, match="cannot be undone"):
        replace(FISHEYE, distortion=(-0.4, 0.0, 0.0, 0.0))


def test_a_lens_has_its_own_number_of_coefficients() -> None:
    with pytest.raises(CameraProfileError, match="5 distortion coefficients, and a fisheye has 4"):
        replace(GENERIC, lens="fisheye")


def test_a_barrel_that_rises_again_after_its_fold_is_not_believed_behind_it() -> None:
    """A second root, beyond the fold, would look to 56° for what no ray of this lens can show."""
    lens = BrownConrady((-0.6, 0.15, 0.0, 0.0, 0.0))
    x = 1.48
    assert x * (1 - 0.6 * x**2 + 0.15 * x**4) == pytest.approx(0.6, abs=1e-3)
    assert np.isnan(lens.to_rays(np.array([[0.6, 0.0]]))).all()
    assert np.isfinite(lens.to_rays(np.array([[0.5, 0.0]]))).all()


# --- the picture's bounds -----------------------------------------------------------------------------


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


# --- modes and zoom -----------------------------------------------------------------------------------

CROPPING = replace(BARREL, modes=(Mode("fast", 640, 480, (200.0, 100.0, 800.0, 600.0)),))


@pytest.mark.parametrize("size", [(640, 480), (320, 240)], ids=["its size", "its aspect"])
def test_a_mode_s_picture_looks_where_that_part_of_the_whole_picture_does(size: tuple[int, int]) -> None:
    cropped = CROPPING.at_size(*size)
    assert (cropped.width_px, cropped.height_px) == size
    scale = 800 / size[0]
    pixel = np.array([[37.0, 81.0]])
    same = np.array([[200 - 0.5 + (37 + 0.5) * scale, 100 - 0.5 + (81 + 0.5) * scale]])
    np.testing.assert_allclose(cropped.rays(pixel), CROPPING.rays(same), atol=1e-9)


def test_a_mode_goes_before_the_whole_picture_of_nearly_the_same_aspect() -> None:
    """The Raspberry Pi HQ camera's 1332 x 990 is no small version of its 4056 x 3040."""
    camera = Camera.load("raspberry_pi_hq_6mm").at_size(1332, 990)
    assert camera.hfov_deg == pytest.approx(
        2 * math.degrees(math.atan(2664 / 4056 * math.tan(math.radians(55 / 2))))
    )


def test_two_modes_of_one_aspect_are_not_told_apart_by_another_size() -> None:
    part = (0.0, 0.0, 960.0, 720.0)
    both = replace(CROPPING, modes=(*CROPPING.modes, Mode("slow", 960, 720, part)))
    assert both.at_size(960, 720).fx_px == pytest.approx(BARREL.fx_px)
    with pytest.raises(CameraProfileError, match="not the whole picture") as raised:
        both.at_size(320, 240)
    assert "640 x 480 (fast), 960 x 720 (slow)" in raised.value.hint


def test_a_digital_zoom_shows_the_middle_larger_and_bends_as_before() -> None:
    zoomed = replace(BARREL, zoom_most=6.0).zoomed(2.0)
    middle = np.array([639.5, 359.5])
    offset = np.array([[220.0, -130.0]])
    np.testing.assert_allclose(zoomed.rays(middle + 2 * offset), BARREL.rays(middle + offset), atol=1e-9)
    assert zoomed.zoom_most == 3.0


def test_a_mode_is_zoomed_about_its_own_middle_whichever_comes_first() -> None:
    camera = replace(CROPPING, zoom_most=6.0)
    pixels = np.array([[10.0, 20.0], [300.0, 460.0]])
    first = camera.zoomed(3.0).at_size(640, 480)
    last = camera.at_size(640, 480).zoomed(3.0)
    np.testing.assert_allclose(first.rays(pixels), last.rays(pixels), atol=1e-12)


def test_an_optical_zoom_keeps_no_distortion_and_is_less_sure() -> None:
    camera = replace(
        BARREL, zoom_most=3.0, zoom_kind="optical", focal_sigma=0.03, zoom_sigma=0.04, focal_mm=21.0
    )
    zoomed = camera.zoomed(2.0)
    assert zoomed.distortion == (0.0,) * 5
    assert zoomed.focal_sigma == pytest.approx(0.05)
    assert zoomed.focal_mm == 42.0
    assert camera.zoomed(1.0) is camera


@pytest.mark.parametrize("ratio", [0.5, 3.1, math.nan])
def test_a_zoom_that_the_camera_does_not_have_is_refused(ratio: float) -> None:
    with pytest.raises(CameraProfileError, match="does not zoom to") as raised:
        replace(GENERIC, zoom_most=3.0).zoomed(ratio)
    assert "1 to 3" in raised.value.hint


# --- the camera in its gimbal -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset_rpy_deg", "pixel"),
    [
        # What is level and ahead: below the middle for a camera that looks up, left for one that looks right.
        ((0.0, 3.0, 0.0), (0.0, math.tan(math.radians(3)))),
        ((0.0, 0.0, 4.0), (-math.tan(math.radians(4)), 0.0)),
        ((5.0, 0.0, 0.0), (0.0, 0.0)),
    ],
    ids=["pitch", "yaw", "roll"],
)
def test_an_offset_between_gimbal_and_camera_moves_what_is_ahead(
    offset_rpy_deg: tuple[float, float, float], pixel: tuple[float, float]
) -> None:
    to_enu = camera_rotation(Rotation.identity(), offset_rpy_deg)
    ahead = np.array([[0.0, 1000.0, 0.0]]) @ to_enu
    np.testing.assert_allclose(GENERIC.project(ahead)[0], middle_plus(pixel), atol=1e-9)


def test_a_camera_rolled_clockwise_sees_the_horizon_rise_to_the_right() -> None:
    to_enu = camera_rotation(Rotation.identity(), (5.0, 0.0, 0.0))
    right = np.array([[300.0, 1000.0, 0.0]]) @ to_enu
    turned = (0.3 * math.cos(math.radians(5)), -0.3 * math.sin(math.radians(5)))
    np.testing.assert_allclose(GENERIC.project(right)[0], middle_plus(turned), atol=1e-9)


def test_an_offset_turns_in_the_gimbal_s_frame_whatever_the_gimbal_looks_at() -> None:
    """Yaw, then pitch, then roll, after the gimbal's own; multiplied out by hand from the axes."""
    gimbal = Rotation.from_euler("ZYX", [70.0, -40.0, 0.0], degrees=True)
    forward, right, down = gimbal.as_matrix().T
    yaw, pitch, roll = np.radians([4.0, 3.0, 5.0])
    forward, right = forward * np.cos(yaw) + right * np.sin(yaw), right * np.cos(yaw) - forward * np.sin(yaw)
    forward, down = (
        forward * np.cos(pitch) - down * np.sin(pitch),
        down * np.cos(pitch) + forward * np.sin(pitch),
    )
    right, down = right * np.cos(roll) + down * np.sin(roll), down * np.cos(roll) - right * np.sin(roll)
    ned_to_enu = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    expected = ned_to_enu @ np.column_stack([right, down, forward])
    np.testing.assert_allclose(camera_rotation(gimbal, (5.0, 3.0, 4.0)), expected, atol=1e-12)


def middle_plus(slopes: tuple[float, float]) -> NDArray[np.float64]:
    return np.array([GENERIC.cx_px, GENERIC.cy_px]) + GENERIC.fx_px * np.array(slopes)


# --- profiles -----------------------------------------------------------------------------------------


def test_a_distortion_that_cannot_be_undone_is_refused() -> None:
    with pytest.raises(CameraProfileError, match="cannot be undone"):
        replace(GENERIC, distortion=(-0.9, 0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize("name", known_profiles())
def test_the_profiles_that_come_along_load_and_name_their_source(name: str) -> None:
    camera = Camera.load(name)
    assert camera.source
    assert 10 < camera.hfov_deg < 130
    assert camera.at_size(camera.width_px // 2, camera.height_px // 2).name == camera.name


GOOD = 'name = "x"\nsource = "y"\nwidth_px = 640\nheight_px = 480\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD, "needs either hfov_deg or fx_px"),
        (GOOD + "hfov_deg = 60.0\nfx_px = 500.0\n", "needs either hfov_deg or fx_px"),
        (GOOD + "hfov_deg = 60.0\nzoom = 3\n", "zoom: Extra inputs"),
        (GOOD + 'hfov_deg = 60.0\nlens = "fisheye"\np1 = 0.1\n', "p1 and p2 are not of a fisheye lens"),
        (GOOD + "hfov_deg = 60.0\nk4 = 0.1\n", "k4 are not of a pinhole lens"),
        (
            GOOD + "hfov_deg = 60.0\n[modes.x]\nwidth_px = 64\nheight_px = 48\ncrop_px = [1, 0, 640, 480]\n",
            "the part that mode x shows is not inside the picture",
        ),
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


def test_a_fisheye_profile_may_give_the_angle_across(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + 'lens = "fisheye"\nhfov_deg = 150.0\nk1 = 0.05\nk2 = -0.01\nk4 = 0.001\n')
    camera = Camera.load(path)
    assert camera.distortion == (0.05, -0.01, 0.0, 0.001)
    assert camera.hfov_deg == pytest.approx(150.0)


def test_a_profile_is_loaded_at_a_zoom() -> None:
    assert Camera.load("siyi_a8_mini", zoom=2.0).fx_px == 2 * Camera.load("siyi_a8_mini").fx_px


# --- photos -------------------------------------------------------------------------------------------

RECOGNISABLE = [name for name in known_profiles() if load_profile(name).exif_model]


@pytest.mark.parametrize("name", RECOGNISABLE)
def test_a_photo_with_a_profile_s_tags_finds_that_profile(name: str) -> None:
    profile = load_profile(name)
    assert profile.focal_mm is not None
    for make in profile.exif_make:
        for model in profile.exif_model:
            size = profile.width_px, profile.height_px
            found = profile_for(make.upper(), f" {model}\0", *size, focal_mm=profile.focal_mm * 1.01)
            assert found is not None
            assert found.name == profile.name


def test_a_drone_s_lenses_are_told_apart_by_their_focal_length() -> None:
    """A Mavic 3T writes wide and tele photos of 12 megapixels, with the same make and model."""
    wide = profile_for("DJI", "M3T", 4000, 3000, focal_mm=4.4)
    tele = profile_for("DJI", "M3T", 4000, 3000, focal_mm=30.0)
    assert wide is not None
    assert tele is not None
    assert (wide.name, tele.name) == ("DJI Mavic 3T wide", "DJI Mavic 3T zoom")
    assert wide.fx_px == pytest.approx(5473.6 / 2)


def test_which_lens_it_was_is_not_guessed() -> None:
    assert profile_for("DJI", "M3T", 4000, 3000) is None


def test_an_optical_zoom_is_taken_from_the_photo() -> None:
    out = profile_for("DJI", "M30T", 8000, 6000, focal_mm=42.0)
    widest = profile_for("DJI", "M30T", 8000, 6000, focal_mm=21.0)
    assert out is not None
    assert widest is not None
    assert out.fx_px == pytest.approx(2 * widest.fx_px)
    assert profile_for("DJI", "M30T", 8000, 6000, focal_mm=200.0) is None


@pytest.mark.parametrize(
    ("make", "model", "size", "focal_mm"),
    [
        ("DJI", "M3T", (640, 512), 9.1),  # its thermal camera
        ("DJI", "M3E", (3840, 2160), 12.29),  # a part of the picture that nobody has measured
        ("Canon", "M3E", (5280, 3956), 12.29),
        ("DJI", "M4E", (5280, 3956), 12.29),
        ("", "", (5280, 3956), None),
    ],
)
def test_a_photo_of_an_unknown_camera_has_none(
    make: str, model: str, size: tuple[int, int], focal_mm: float | None
) -> None:
    assert profile_for(make, model, *size, focal_mm=focal_mm) is None


def test_the_configured_zoom_is_the_agent_s(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(
        '[agent]\ndata_dir = "data"\n[agent.drone]\nid = "d1"\n[agent.uplink]\nkey_file = "drone.key"\n'
        '[agent.camera]\nsource = "rtsp://127.0.0.1/x"\nprofile = "siyi_a8_mini"\nzoom = 3\n'
    )
    camera = load_agent_config(tmp_path / "agent.toml").main_camera.optics()
    assert camera.fx_px == 3 * Camera.load("siyi_a8_mini").fx_px
