"""``emberwatch camera calibrate`` on rendered photos, and ``camera list``."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from edge.camera_commands import chessboard
from edge.camera_commands.calibrate import calibrate_command
from edge.camera_commands.chessboard import CalibrationError
from edge.camera_commands.list_profiles import list_command
from edge.geometry.optics import Camera, known_profiles
from tests.edge.camera_commands.boards import BOARD, TrueLens, picture, stands

PINHOLE = TrueLens(400, 300, 325.0, 323.0, 205.0, 144.0, k=(-0.25, 0.08))
FISHEYE = TrueLens(400, 300, 195.0, 194.0, 204.0, 145.0, k=(0.02, -0.01), fisheye=True)
VIEWS = 11


class Screen:
    def __init__(self) -> None:
        self.console = Console(file=io.StringIO(), width=300)

    @property
    def text(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def line(self, start: str) -> str:
        return next(line for line in self.text.splitlines() if start in line)


@pytest.fixture(scope="module")
def pinhole_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("pinhole"), PINHOLE, 13.5, 1.0)


def photos(folder: Path, lens: TrueLens, z: float, spread: float) -> Path:
    for number, stand in enumerate(stands(z, spread)[:VIEWS]):
        save(folder / f"{number:02d}.png", picture(lens, stand, seed=number))
    return folder


def save(path: Path, image: NDArray[np.uint8]) -> None:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def furthest_miss_px(camera: Camera, lens: TrueLens) -> float:
    """Between the profile's picture of a direction and the true one, over the whole picture."""
    u, v = np.meshgrid(np.linspace(5, lens.width_px - 5, 25), np.linspace(5, lens.height_px - 5, 19))
    pixels = np.column_stack([u.ravel(), v.ravel()])
    return float(np.linalg.norm(camera.project(lens.rays(pixels)) - pixels, axis=1).max())


def test_photos_of_a_board_become_a_profile_that_knows_the_lens(pinhole_photos: Path, tmp_path: Path) -> None:
    out, screen = tmp_path / "mine.toml", Screen()
    assert calibrate_command([pinhole_photos], "9x6", out, console=screen.console) == 0
    camera = Camera.load(out)
    assert camera.name == "mine"
    assert camera.lens == "pinhole"
    assert furthest_miss_px(camera, PINHOLE) < 2.0
    assert camera.fx_px == pytest.approx(PINHOLE.fx_px, rel=3 * camera.focal_sigma)
    assert 0.001 <= camera.focal_sigma < 0.005
    assert f"{VIEWS} photos of a 9x6 chessboard" in camera.source
    assert f"{VIEWS} of {VIEWS} photos used" in screen.text
    assert "✓  00.png" in screen.text


def test_a_fisheye_becomes_one(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photos(folder, FISHEYE, 7.0, 1.3)
    out = tmp_path / "wide.toml"
    calibrate_command([folder], "9x6", out, name="My wide one", fisheye=True, console=Screen().console)
    camera = Camera.load(out)
    assert (camera.name, camera.lens) == ("My wide one", "fisheye")
    assert camera.hfov_deg == pytest.approx(116.4, abs=0.5)
    assert furthest_miss_px(camera, FISHEYE) < 2.0


def test_photos_that_are_not_used_are_named_with_the_reason(pinhole_photos: Path, tmp_path: Path) -> None:
    stand = stands(13.5)[0]
    save(tmp_path / "wall.png", np.full((300, 400, 3), 120, np.uint8))
    save(tmp_path / "large.png", picture(replace(PINHOLE, width_px=500), stand))
    save(tmp_path / "again.png", picture(PINHOLE, stand, seed=99))
    (tmp_path / "notes.png").write_text("not a picture")
    others = [tmp_path / f"{name}.png" for name in ("wall", "large", "again", "notes")]
    screen = Screen()
    calibrate_command([pinhole_photos, *others], "9x6", tmp_path / "mine.toml", console=screen.console)
    assert "no whole board in it" in screen.line("wall.png")
    assert "500 x 300 px, where the others have 400 x 300" in screen.line("large.png")
    assert "the same view as 00.png" in screen.line("again.png")
    assert "not an image" in screen.line("notes.png")
    assert f"{VIEWS} of {VIEWS + 4} photos used" in screen.text


def test_the_wrong_count_of_corners_finds_nothing_and_says_how_to_count(
    pinhole_photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.toml"
    some = sorted(pinhole_photos.iterdir())[:3]
    with pytest.raises(CalibrationError, match="not one of 3 photos shows a board of 10 x 7") as raised:
        calibrate_command(some, "10x7", out, console=Screen().console)
    assert "10 x 7 squares is 9x6" in raised.value.hint
    assert not out.exists()


def test_too_few_photos_write_nothing(pinhole_photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    with pytest.raises(CalibrationError, match="5 different views of the board are too few"):
        calibrate_command(sorted(pinhole_photos.iterdir())[:5], "9x6", out, console=Screen().console)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "complaint"), [("mine.toml", "is there already"), ("mine.yaml", "is no camera profile's name")]
)
def test_no_file_is_overwritten_and_none_is_misnamed(
    pinhole_photos: Path, tmp_path: Path, name: str, complaint: str
) -> None:
    (tmp_path / "mine.toml").write_text("kept")
    with pytest.raises(CalibrationError, match=complaint):
        calibrate_command([pinhole_photos], "9x6", tmp_path / name, console=Screen().console)
    assert (tmp_path / "mine.toml").read_text() == "kept"


def test_an_empty_folder_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="there are no photos in"):
        calibrate_command([tmp_path], "9x6", tmp_path / "mine.toml", console=Screen().console)


def test_a_board_that_is_looked_for_in_a_smaller_picture_is_measured_in_the_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chessboard, "SEARCH_PX", 200)
    lens = TrueLens(600, 450, 510.0, 510.0, 293.0, 232.0, k=(-0.1,))
    stand = stands(12.0)[4]
    found = BOARD.find(picture(lens, stand))
    assert found is not None
    true = lens.pixels(stand.corners())
    assert min(np.linalg.norm(each - true, axis=1).max() for each in (found, found[::-1])) < 0.4


def test_the_list_names_every_profile_with_its_source() -> None:
    screen = Screen()
    assert list_command(screen.console) == 0
    for name in known_profiles():
        assert name in screen.text
    assert "an assumption, not one device's data sheet" in screen.text
