"""Frames of temperatures from files, and what is cut off and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.camera import CameraEnded, CameraError, Frame
from edge.thermal.hot import FROM_C
from edge.thermal.source import ThermalCamera, open_thermal

COUNTS = np.full((120, 160), 28_315, np.uint16)  # 10 °C in hundredths of a kelvin
COUNTS[10, 20] = 40_000


def test_a_folder_of_tiffs_gives_temperatures_and_a_picture(tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(COUNTS).save(tmp_path / f"{number}.tiff")
    camera = open_thermal(f"folder:{tmp_path}", 0.01, fps=1000)
    frames = [camera.read(1.0), camera.read(1.0)]
    for frame in frames:
        assert frame is not None
        assert frame.kelvin is not None
        assert frame.kelvin[0, 0] == pytest.approx(283.15)
        assert frame.kelvin[10, 20] == pytest.approx(400.0)
        assert frame.image.shape == (120, 160, 3)
        assert frame.span_c is not None
        assert frame.span_c[1] == pytest.approx(400.0 - FROM_C)
    with pytest.raises(CameraEnded):
        camera.read(1.0)


def test_the_pages_of_one_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(COUNTS + np.uint16(100 * number)) for number in range(3)]
    pages[0].save(tmp_path / "flight.tif", save_all=True, append_images=pages[1:])
    camera = open_thermal(str(tmp_path / "flight.tif"), 0.01, fps=1000)
    coldest = []
    for _ in range(3):
        frame = camera.read(1.0)
        assert frame is not None
        assert frame.kelvin is not None
        coldest.append(round(float(frame.kelvin.min()), 2))
    assert coldest == [283.15, 284.15, 285.15]
    with pytest.raises(CameraEnded):
        camera.read(1.0)


@pytest.mark.parametrize("offset", [0.0, FROM_C])
def test_decimals_are_celsius_or_kelvin(tmp_path: Path, offset: float) -> None:
    Image.fromarray(np.full((64, 80), 10.0 + offset, np.float32)).save(tmp_path / "one.tif")
    frame = open_thermal(str(tmp_path), 0.01).read(1.0)
    assert frame is not None
    assert frame.kelvin is not None
    assert float(frame.kelvin.mean()) == pytest.approx(283.15, abs=0.01)


def test_another_scale_is_taken_from_the_configuration(tmp_path: Path) -> None:
    Image.fromarray((COUNTS // 10).astype(np.uint16)).save(tmp_path / "one.tif")
    frame = open_thermal(str(tmp_path), 0.1).read(1.0)
    assert frame is not None
    assert frame.kelvin is not None
    assert frame.kelvin[10, 20] == pytest.approx(400.0)


def test_lines_of_telemetry_are_cut_off_and_bytes_are_put_together() -> None:
    with_lines = np.vstack([COUNTS, np.full((2, 160), 7, np.uint16)])
    as_bytes = with_lines.astype("<u2").view(np.uint8).reshape(122, 160, 2)
    for raw in (with_lines, with_lines[:, :, None], as_bytes):
        frame = ThermalCamera(_Once(raw), 0.01, (160, 120)).read(1.0)
        assert frame is not None
        assert frame.kelvin is not None
        assert frame.kelvin.shape == (120, 160)
        assert frame.kelvin[10, 20] == pytest.approx(400.0)


def test_a_picture_in_colours_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="16-bit") as caught:
        ThermalCamera(_Once(np.zeros((120, 160, 3), np.uint8)), 0.01, None).read(1.0)
    assert "Y16" in caught.value.hint
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "photo.tif")
    with pytest.raises(CameraError, match="temperatures"):
        open_thermal(str(tmp_path / "photo.tif"), 0.01)


class _Once:
    """A source of one raw frame."""

    def __init__(self, raw: np.ndarray) -> None:
        self._raw = raw

    def read(self, timeout_s: float) -> Frame | None:
        return Frame(self._raw, 1.0, 1, "test")

    def close(self) -> None:
        pass
