"""The leaderboard is measured, sorted, and written only where a document has a place for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from models.errors import ModelError
from models.make.cli import app
from models.make.leaderboard import BEGIN, END, checksums, with_leaderboard
from tests.models.onnx_files import constant_model


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for kind in ("images", "labels"):
        (tmp_path / "photos" / "val" / kind).mkdir(parents=True)
    for name in ("burning", "clear"):
        cv2.imwrite(
            str(tmp_path / "photos" / "val" / "images" / f"{name}.png"), np.zeros((64, 96, 3), np.uint8)
        )
    (tmp_path / "photos" / "val" / "labels" / "burning.txt").write_text("0 0.375 0.375 0.25 0.25\n")
    return tmp_path / "photos"


def toy(path: Path, x: float) -> Path:
    """A model that sees one fire in every picture, its centre at ``x`` px."""
    output = np.zeros((1, 6, 126), np.float32)
    output[0, :, 0] = (x, 24, 24, 16, 0.9, 0)
    return constant_model(path, output, {"labels": '["fire", "smoke"]', "threshold": "0.4"})


def test_models_are_measured_and_the_better_one_stands_first(tmp_path: Path, photos: Path) -> None:
    readme = tmp_path / "card.md"
    readme.write_text(f"# Models\n\nbefore\n{BEGIN}\nstale rows\n{END}\nafter\n")
    blind, good = toy(tmp_path / "blind.onnx", 80), toy(tmp_path / "good.onnx", 36)
    command = ["leaderboard", str(blind), str(good), "--size", "96", "--pictures", str(photos)]
    result = CliRunner().invoke(app, [*command, "--readme", str(readme)])
    assert result.exit_code == 0, result.output
    text = readme.read_text()
    assert text.startswith("# Models\n\nbefore\n")
    assert text.endswith("after\n")
    assert "stale rows" not in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["good.onnx", "blind.onnx"]
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert cells[1:4] == ["96", "1.000", "1.000"]
    assert "1 of 1 (100%)" in cells, "burning"
    assert "1 of 1 (100.0%)" in cells, "clear, and wrongly flagged"
    assert "1.000" in cells, "boxes per clear picture"
    assert checksums(text) == {
        path.name: {hashlib.sha256(path.read_bytes()).hexdigest()[:12]} for path in (blind, good)
    }


def test_a_document_without_a_place_is_refused_before_anything_is_measured(
    tmp_path: Path, photos: Path
) -> None:
    readme = tmp_path / "card.md"
    readme.write_text("# Models\n")
    result = CliRunner().invoke(app, ["leaderboard", str(tmp_path / "none.onnx"), "--readme", str(readme)])
    assert isinstance(result.exception, ModelError)
    assert BEGIN in result.exception.hint
    assert readme.read_text() == "# Models\n"


def test_a_model_that_is_not_there_is_named_before_the_others_are_measured(
    tmp_path: Path, photos: Path
) -> None:
    result = CliRunner().invoke(
        app,
        [
            "leaderboard",
            str(toy(tmp_path / "a.onnx", 36)),
            str(tmp_path / "b.onnx"),
            "--pictures",
            str(photos),
        ],
    )
    assert isinstance(result.exception, ModelError)
    assert "b.onnx" in result.exception.message


def test_only_what_is_between_the_markers_is_replaced() -> None:
    before = f"see {BEGIN} and {END}\n"
    found = with_leaderboard(f"{before}{BEGIN}\nx\n{END}\nb", "T\n")
    assert found == f"{before}{BEGIN}\nT\n{END}\nb"
