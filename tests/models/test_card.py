"""The model card cannot drift from the files it speaks of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.detector import Detector
from models.make.leaderboard import checksums
from models.shipped import SHIPPED_WEIGHTS, shipped

CARD = (Path(__file__).parents[2] / "models" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped())
def test_the_leaderboard_is_of_the_file_that_is_shipped(name: str) -> None:
    sha256 = hashlib.sha256(shipped()[name].read_bytes()).hexdigest()
    assert checksums(CARD)[f"{name}.onnx"] == {sha256[:12]}
    assert f"`{sha256}`" in CARD


@pytest.mark.parametrize("name", shipped())
def test_the_card_tells_the_thresholds_and_the_size_that_are_in_the_file(name: str) -> None:
    detector = Detector.load(name, backend="cpu")
    for threshold in (detector.threshold, detector.threshold_sensitive):
        assert f" {threshold:.3f} ".replace(" 0.", " .") in CARD
    assert f"{detector.input_px} px on the long side" in CARD
    assert detector.licence == "AGPL-3.0-only"


def test_an_8_bit_model_comes_along() -> None:
    assert set(shipped()) == {"ember-n", "ember-n-int8"}
    assert shipped()["ember-n-int8"].stat().st_size < SHIPPED_WEIGHTS.stat().st_size / 3
