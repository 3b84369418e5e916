"""How a fixed camera looks, from landmarks: against the virtual camera's own geometry and pyproj's."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer

from edge.geometry.landmark_file import LandmarkError, LandmarkFile
from edge.geometry.landmarks import Solution, solve
from edge.geometry.optics import Camera, CameraProfileError
from flight.local_frame import LocalFrame
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import TruePose

FloatArray = NDArray[np.float64]
LENS = VirtualLens()
CAMERA = Camera.load("virtual_78")
HERE = (47.05, 8.3, 640.0)
ANGLES = (200.0, -6.0, 1.5)
TRUE = TruePose.looking(*HERE, yaw_deg=ANGLES[0], pitch_deg=ANGLES[1], roll_deg=ANGLES[2])
# Azimuth (degrees), distance and height against the camera (m) of things in its picture.
THINGS = {
    "spire": (170.0, 900.0, -90.0),
    "water tower": (185.0, 2500.0, -120.0),
    "bridge": (205.0, 700.0, -160.0),
    "summit": (214.0, 4200.0, 90.0),
    "chimney": (228.0, 1500.0, -60.0),
    "barn": (199.0, 350.0, -75.0),
}
NAMES = list(THINGS)
_TO_ECEF = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def place_of(thing: tuple[float, float, float]) -> FloatArray:
    azimuth_deg, away_m, up_m = thing
    east_m, north_m = (away_m * f(math.radians(azimuth_deg)) for f in (math.sin, math.cos))
    lat_deg, lon_deg, _ = LocalFrame(*HERE).to_geodetic(np.array(east_m), np.array(north_m), np.array(0.0))
    return np.array([lat_deg, lon_deg, HERE[2] + up_m])


def pixel_of(place: FloatArray, lens: VirtualLens = LENS) -> FloatArray:
    """Straight through the earth's true shape, and bent by the air as surveyors reckon it (0.13)."""
    lat_rad, lon_rad = math.radians(HERE[0]), math.radians(HERE[1])
    offset = np.array(_TO_ECEF.transform(place[1], place[0], place[2])) - np.array(
        _TO_ECEF.transform(HERE[1], HERE[0], HERE[2])
    )
    east = np.array([-math.sin(lon_rad), math.cos(lon_rad), 0.0])
    up = np.array(
        [math.cos(lat_rad) * math.cos(lon_rad), math.cos(lat_rad) * math.sin(lon_rad), math.sin(lat_rad)]
    )
    enu = np.array([east @ offset, np.cross(up, east) @ offset, up @ offset])
    enu[2] += 0.13 * float(enu[:2] @ enu[:2]) / (2 * 6_371_000)
    pixel: FloatArray = lens.project((enu @ TRUE.enu_from_camera())[None])[0]
    return pixel


def measured(
    names: list[str],
    *,
    place: tuple[float, float, float] | None = HERE,
    moved_px: dict[str, tuple[float, float]] | None = None,
    lens: VirtualLens = LENS,
    rng: np.random.Generator | None = None,
    **more: float,
) -> LandmarkFile:
    """A file as a person would write it; with ``rng`` all is wrong by what the file admits."""
    landmarks = []
    for name in names:
        where = place_of(THINGS[name])
        pixel = pixel_of(where, lens) + (moved_px or {}).get(name, (0.0, 0.0))
        if rng is not None:
            pixel = pixel + rng.normal(size=2) * 2.0
            off_m = rng.normal(size=3) * 2.0
            where = where + off_m / (111_200.0, 111_200.0 * math.cos(math.radians(HERE[0])), 1.0)
        landmarks.append(
            {
                "name": name,
                "lat_deg": where[0],
                "lon_deg": where[1],
                "alt_amsl_m": where[2],
                "u_px": pixel[0],
                "v_px": pixel[1],
            }
        )
    own = {} if place is None else dict(zip(("lat_deg", "lon_deg", "alt_amsl_m"), place, strict=True))
    return LandmarkFile.model_validate(
        {"width_px": 1280, "height_px": 720, "landmarks": landmarks, **own, **more}
    )


def errors_deg(solution: Solution) -> FloatArray:
    return (np.array(solution.angles_deg) - ANGLES + 180.0) % 360.0 - 180.0


def away_m(solution: Solution) -> FloatArray:
    there = (np.array(x) for x in (solution.lat_deg, solution.lon_deg, solution.alt_amsl_m))
    return np.array(LocalFrame(*HERE).from_geodetic(*there))


# --- what is found ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 6])
def test_three_landmarks_tell_how_a_camera_looks_whose_place_is_known(count: int) -> None:
    solution = solve(measured(NAMES[:count]), CAMERA, known_place=True)
    assert np.abs(errors_deg(solution)).max() < 0.005
    assert np.abs(solution.misses_px).max() < 0.1
    assert (solution.lat_deg, solution.lon_deg, solution.alt_amsl_m) == pytest.approx(HERE)


@pytest.mark.parametrize("count", [4, 6])
def test_four_landmarks_tell_where_it_stands_as_well(count: int) -> None:
    """Nobody has said where, not even about."""
    names = ["barn", *NAMES[: count - 1]]
    solution = solve(measured(names, place=None, pixel_sigma_px=0.5), CAMERA, known_place=False)
    assert np.abs(errors_deg(solution)).max() < 0.02
    assert np.abs(away_m(solution)).max() < 0.3


def test_a_rough_place_is_only_where_the_search_begins() -> None:
    rough = (HERE[0] + 0.003, HERE[1] - 0.004, HERE[2] + 60.0)
    solution = solve(measured(NAMES, place=rough, pixel_sigma_px=0.5), CAMERA, known_place=False)
    assert np.abs(away_m(solution)).max() < 0.3


@pytest.mark.parametrize("known_place", [True, False])
def test_its_sigmas_are_honest(known_place: bool) -> None:
    """Everything is wrong by what it says it may be; the answers err by what they say they may."""
    rng = np.random.default_rng(12)
    squares = []
    for _ in range(24):
        off_m = rng.normal(size=3) * (1.5, 1.5, 2.5)
        place = np.array(HERE) + off_m / (111_200.0, 111_200.0 * math.cos(math.radians(HERE[0])), 1.0)
        file = measured(NAMES, place=tuple(place.tolist()), rng=rng)
        solution = solve(file, CAMERA, known_place=known_place)
        normalised = errors_deg(solution) / solution.angle_sigmas_deg
        squares.append(normalised**2)
    mean = np.mean(squares, axis=0)
    assert (mean > 0.4).all(), mean
    assert (mean < 1.8).all(), mean


def test_a_near_landmark_tells_little_where_the_cameras_own_place_is_uncertain() -> None:
    sure = solve(measured(NAMES[:3], horizontal_sigma_m=0.1), CAMERA, known_place=True)
    unsure = solve(measured(NAMES[:3], horizontal_sigma_m=10.0), CAMERA, known_place=True)
    assert unsure.angle_sigmas_deg[0] > 2 * sure.angle_sigmas_deg[0]


def test_a_lens_that_is_a_little_longer_than_its_profile_says_bends_no_angle() -> None:
    longer = VirtualLens(hfov_deg=math.degrees(2 * math.atan(math.tan(math.radians(39.0)) / 1.03)))
    file = measured(NAMES, lens=longer)
    solution = solve(file, replace(CAMERA, focal_sigma=0.05), known_place=True)
    assert solution.focal_factor == pytest.approx(1.03, abs=0.003)
    assert np.abs(errors_deg(solution)).max() < 0.03


def test_summits_on_the_horizon_stand_higher_than_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The air bends their light, and the earth falls away below it."""
    summits = {
        "left": (172.0, 24_000.0, 500.0),
        "middle": (203.0, 30_000.0, 900.0),
        "right": (226.0, 27_000.0, 700.0),
    }
    monkeypatch.setattr("tests.edge.geometry.test_landmarks.THINGS", summits)
    solution = solve(measured(list(summits)), CAMERA, known_place=True)
    assert np.abs(errors_deg(solution)).max() < 0.004


def test_the_picture_may_be_of_another_size_than_the_profile(tmp_path: Path) -> None:
    file = measured(NAMES)
    doubled = file.model_copy(
        update={
            "width_px": 2560,
            "height_px": 1440,
            "landmarks": tuple(
                one.model_copy(update={"u_px": 2 * one.u_px + 0.5, "v_px": 2 * one.v_px + 0.5})
                for one in file.landmarks
            ),
        }
    )
    assert np.abs(errors_deg(solve(doubled, CAMERA, known_place=True))).max() < 0.005
    with pytest.raises(CameraProfileError):
        solve(file.model_copy(update={"height_px": 960}), CAMERA, known_place=True)


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("known_place", "count", "least"), [(True, 2, 3), (False, 3, 4)])
def test_too_few_are_refused(known_place: bool, count: int, least: int) -> None:
    with pytest.raises(LandmarkError, match=f"{count} landmarks are too few: {least} are needed"):
        solve(measured(NAMES[:count]), CAMERA, known_place=known_place)


@pytest.mark.parametrize("wrong", NAMES)
def test_one_that_contradicts_the_others_is_named(wrong: str) -> None:
    with pytest.raises(LandmarkError, match=f"'{wrong}' is .* px from where the others say") as caught:
        solve(measured(NAMES, moved_px={wrong: (35.0, -10.0)}), CAMERA, known_place=True)
    assert "leave it out" in caught.value.hint


def test_with_the_place_unknown_the_one_that_contradicts_is_named_too() -> None:
    with pytest.raises(LandmarkError, match=r"'chimney' is .* px from where the others say"):
        solve(measured(NAMES, moved_px={"chimney": (-60.0, 30.0)}), CAMERA, known_place=False)


def test_of_three_the_one_whose_distance_in_the_picture_fits_neither_of_the_others_is_named() -> None:
    with pytest.raises(LandmarkError, match="'bridge'"):
        solve(measured(NAMES[:3], moved_px={"bridge": (0.0, 60.0)}), CAMERA, known_place=True)


def test_of_four_nobody_can_tell_which_is_wrong_where_the_place_is_not_known() -> None:
    moved = {"summit": (200.0, 150.0)}
    with pytest.raises(LandmarkError, match=r"so few cannot tell which is wrong|uncertain"):
        solve(measured(NAMES[:4], moved_px=moved), CAMERA, known_place=False)


def test_several_wrong_ones_are_said_to_be_several() -> None:
    moved = {"spire": (60.0, 0.0), "chimney": (-50.0, 40.0), "summit": (0.0, 70.0)}
    with pytest.raises(LandmarkError, match="and even those do not agree"):
        solve(measured(NAMES, moved_px=moved), CAMERA, known_place=True)


def test_landmarks_on_one_spot_of_the_picture_leave_the_roll_open(monkeypatch: pytest.MonkeyPatch) -> None:
    close = {
        "left window": (200.0, 900.0, -90.0),
        "right window": (200.4, 900.0, -90.0),
        "door": (200.2, 900.0, -96.0),
    }
    monkeypatch.setattr("tests.edge.geometry.test_landmarks.THINGS", close)
    with pytest.raises(LandmarkError, match="leave the roll uncertain by") as caught:
        solve(measured(list(close)), CAMERA, known_place=True)
    assert "far from each other" in caught.value.hint


def test_landmarks_all_far_away_do_not_tell_where_the_camera_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    far = {f"peak {a}": (float(a), 4500.0 + a, 100.0) for a in (175, 186, 203, 215, 224)}
    monkeypatch.setattr("tests.edge.geometry.test_landmarks.THINGS", far)
    with pytest.raises(LandmarkError, match="position uncertain by"):
        solve(measured(list(far)), CAMERA, known_place=False)


def test_a_known_place_that_is_not_given_is_asked_for() -> None:
    with pytest.raises(LandmarkError, match="lat_deg, lon_deg and alt_amsl_m are missing") as caught:
        solve(measured(NAMES, place=None), CAMERA, known_place=True)
    assert "--position unknown" in caught.value.hint


def test_a_landmark_outside_of_the_picture_is_refused_by_its_name() -> None:
    file = measured(NAMES)
    lost = file.landmarks[2].model_copy(update={"u_px": 1300.0})
    file = file.model_copy(update={"landmarks": (*file.landmarks[:2], lost, *file.landmarks[3:])})
    with pytest.raises(LandmarkError, match="'bridge' is not in a picture of 1280 x 720"):
        solve(file, CAMERA, known_place=True)


def test_a_file_with_mistakes_is_refused_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.toml"
    path.write_text(
        'width_px = 1280\nheight_px = 720\n[[landmarks]]\nname = "a"\nlat_deg = 470\nlon_deg = 8\n'
        "alt_amsl_m = 1\nu_px = 3\nv_px = 3\nw_px = 4\n"
    )
    with pytest.raises(LandmarkError) as caught:
        LandmarkFile.load(path)
    assert "line 5" in caught.value.message
    assert "w_px" in caught.value.message
    with pytest.raises(LandmarkError, match="cannot be read"):
        LandmarkFile.load(tmp_path / "none.toml")


def test_two_landmarks_of_one_name_are_refused() -> None:
    file = measured(NAMES[:3]).model_dump()
    file["landmarks"][1]["name"] = "spire"
    with pytest.raises(ValueError, match="two landmarks are called 'spire'"):
        LandmarkFile.model_validate(file)
