"""The lens of a photo: the maker's calibration first, then what else the file says, each with its error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from edge.geometry.optics import Camera
from edge.scan.lens import DIAGONAL_35MM, changed, photo_camera

# As a Phantom 4 RTK wrote them.
P4_RTK = {
    "drone-dji:CalibratedFocalLength": "3666.666504",
    "drone-dji:CalibratedOpticalCenterX": "2432.000000",
    "drone-dji:CalibratedOpticalCenterY": "1824.000000",
    "drone-dji:DewarpFlag": "0",
    "drone-dji:DewarpData": "2018-03-13;3659.780000000000,3653.170000000000,-7.710000000000,45.900000000000,"
    "-0.269478000000,0.115681000000,-0.000087561900,-0.000306177000,-0.035762800000",
}
# As Skydio documents them for the X2.
X2 = {
    "drone-skydio:CalibratedFocalLength/X": "2376.5625",
    "drone-skydio:CalibratedFocalLength/Y": "2376.5625",
    "drone-skydio:CalibratedOpticalCenter/X": "2027.5000",
    "drone-skydio:CalibratedOpticalCenter/Y": "1519.5000",
    "drone-skydio:DewarpData": "0.13000, -0.24000, 0.10400",
}
# As Parrot documents them for the Anafi Ai.
ANAFI_AI = {
    "Camera:ModelType": "fisheye",
    "Camera:FisheyeAffineMatrix": "10858.09570312,0.00000000,0.00000000,10858.09570312",
    "Camera:FisheyePolynomial": "0,1,0.15420000,-0.77260000,0.24070001",
}


def exif(**details: float) -> Image.Exif:
    made = Image.Exif()
    if details:
        ifd: dict[int, Any] = made.get_ifd(ExifTags.IFD.Exif)
        ifd.update({getattr(ExifTags.Base, name): value for name, value in details.items()})
    return made


def camera(tags: dict[str, str], width_px: int, height_px: int, **details: float) -> Camera:
    found = photo_camera(exif(**details), tags, width_px, height_px)
    assert found is not None
    return found


def test_a_calibration_in_the_file_is_taken_whole() -> None:
    found = camera(P4_RTK, 4864, 3648, FocalLengthIn35mmFilm=24)
    assert (found.fx_px, found.fy_px) == (3659.78, 3653.17)
    assert (found.cx_px, found.cy_px) == pytest.approx((2431.5 - 7.71, 1823.5 + 45.9))
    assert found.distortion == (-0.269478, 0.115681, -0.0000875619, -0.000306177, -0.0357628)
    assert found.focal_sigma < 0.01


def test_a_picture_that_is_straight_already_is_not_straightened_again() -> None:
    found = camera(P4_RTK | {"drone-dji:DewarpFlag": "1"}, 4864, 3648)
    assert found.fx_px == pytest.approx(3666.67, abs=0.01)
    assert not any(found.distortion)


def test_a_photo_made_smaller_has_a_focal_length_as_much_shorter() -> None:
    whole, half = camera(P4_RTK, 4864, 3648), camera(P4_RTK, 2432, 1824)
    assert half.fx_px == pytest.approx(whole.fx_px / 2)
    corner = np.array([[10.0, 10.0]])
    assert half.rays(corner) == pytest.approx(whole.rays(2 * corner + 0.5), abs=1e-9)


def test_skydios_calibration() -> None:
    found = camera(X2, 4056, 3040)
    assert (found.fx_px, found.cx_px, found.cy_px) == (2376.5625, 2027.5, 1519.5)
    assert found.distortion == (0.13, -0.24, 0.0, 0.0, 0.104)
    # The page gives a field of view of 80 by 64 degrees.
    assert found.hfov_deg == pytest.approx(80.0, abs=2.0)


def test_pix4ds_fisheye_is_the_same_curve_in_other_terms() -> None:
    """θ = 0 to 40° off the axis, by Pix4D's formula written down here."""
    found = camera(ANAFI_AI, 8000, 6000)
    for theta in np.radians([1.0, 10.0, 20.0, 30.0]):
        t = theta * 2 / math.pi
        radius_px = 10858.09570312 * (t + 0.1542 * t**2 - 0.7726 * t**3 + 0.24070001 * t**4)
        ray = np.array([[math.sin(theta), 0.0, math.cos(theta)]])
        assert found.project(ray)[0, 0] - found.cx_px == pytest.approx(radius_px, abs=6.0)


def test_a_focal_length_in_terms_of_35_mm_is_by_the_diagonal_and_says_how_rough_it_is() -> None:
    found = camera({}, 4000, 3000, FocalLengthIn35mmFilm=24)
    assert found.fx_px == pytest.approx(24 / DIAGONAL_35MM * 5000)
    assert found.focal_sigma >= 0.05
    assert camera({}, 3840, 2160, FocalLengthIn35mmFilm=24).focal_sigma > found.focal_sigma


def test_a_digital_zoom_lengthens_the_lens_and_an_exif_that_counts_it_in_does_not_do_so_twice() -> None:
    plain = camera(X2, 4056, 3040, FocalLengthIn35mmFilm=21)
    apart = camera(X2, 4056, 3040, FocalLengthIn35mmFilm=21, DigitalZoomRatio=2.0)
    within = camera(X2, 4056, 3040, FocalLengthIn35mmFilm=42, DigitalZoomRatio=2.0)
    assert apart.fx_px == within.fx_px == pytest.approx(2 * plain.fx_px)
    assert apart.focal_sigma > plain.focal_sigma
    assert camera(X2, 4056, 3040, DigitalZoomRatio=0.0).fx_px == plain.fx_px  # 0 is no zoom in EXIF


def test_an_optical_zoom_overrules_the_designed_focal_length() -> None:
    tags = {name: value for name, value in P4_RTK.items() if "Dewarp" not in name}
    found = camera(tags, 4864, 3648, FocalLengthIn35mmFilm=120)
    assert found.fx_px == pytest.approx(120 / DIAGONAL_35MM * 6080)


def test_a_file_that_says_nothing_of_its_lens_gives_none() -> None:
    assert photo_camera(exif(), {}, 4000, 3000) is None


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("drone-dji:DewarpData", "2018-03-13;1,2,3"),
        ("drone-dji:DewarpData", "x;a,b,c,d,e,f,g,h,i"),
        ("drone-dji:DewarpData", "2018-03-13;1e-9,1e-9,0,0,0,0,0,0,0"),
        ("drone-dji:DewarpData", "2018-03-13;1e300,3653,0,0,0,0,0,0,0"),
        ("drone-dji:DewarpData", "2018-03-13;100,100,0,0,-9,0,0,0,0"),
        ("drone-dji:CalibratedOpticalCenterX", "0"),
    ],
)
def test_a_broken_calibration_falls_back_on_the_next_best(tag: str, text: str) -> None:
    found = camera(P4_RTK | {tag: text}, 4864, 3648, FocalLengthIn35mmFilm=24)
    assert found.fx_px == pytest.approx(3500.0, rel=0.06)


def test_a_cut_or_turned_picture_is_told() -> None:
    whole = exif(ExifImageWidth=4000, ExifImageHeight=3000)
    assert changed(whole, 4000, 3000) == changed(whole, 800, 600) == ""
    assert "cut out of the 4000 x 3000" in changed(whole, 1000, 1000)
    turned = exif()
    turned[ExifTags.Base.Orientation] = 6
    assert "Orientation" in changed(turned, 3000, 4000)
