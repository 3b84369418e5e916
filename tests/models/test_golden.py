"""A back end that sees something else than it should is caught on the golden picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from models import golden
from models.detection import Detection
from models.detector import Detector
from models.errors import ModelError

Lie = Callable[[list[Detection]], list[Detection]]


@pytest.fixture(scope="module")
def seen() -> list[Detection]:
    """What the shipped model really sees."""
    return golden.seen_by(Detector.load(backend="cpu"))


def test_the_golden_picture_shows_much_to_compare(seen: list[Detection]) -> None:
    counted = [box for box in seen if box.score >= golden.COUNTS_FROM]
    assert {box.label for box in counted} == {"fire", "smoke"}
    assert len(counted) >= 4
    assert golden.GOLDEN_PICTURE.stat().st_size <= 150_000


def test_the_same_answer_agrees(seen: list[Detection]) -> None:
    assert golden.disagreement(seen, list(reversed(seen)), golden.FULL) is None


def test_rounding_agrees(seen: list[Detection]) -> None:
    nearly = [replace(box, score=box.score - 0.01, x1=box.x1 + 0.3) for box in seen]
    assert golden.disagreement(seen, nearly, golden.FULL) is None


def test_a_box_at_the_edge_of_counting_may_fall_either_side() -> None:
    above, below = Detection("fire", 0.101, 10, 10, 50, 50), Detection("fire", 0.099, 10, 10, 50, 50)
    assert golden.disagreement([above], [below], golden.FULL) is None
    assert golden.disagreement([below], [above], golden.FULL) is None


LIES: dict[str, Lie] = {
    "scores are scaled": lambda boxes: [replace(box, score=0.85 * box.score) for box in boxes],
    "boxes are shifted": lambda boxes: [replace(box, x1=box.x1 + 9, x2=box.x2 + 9) for box in boxes],
    "boxes are half as high": lambda boxes: [replace(box, y2=(box.y1 + box.y2) / 2) for box in boxes],
    "classes are swapped": lambda boxes: [
        replace(box, label="smoke" if box.label == "fire" else "fire") for box in boxes
    ],
    "the best box is missing": lambda boxes: boxes[1:],
    "nothing is seen": lambda boxes: [],
    "one box too many": lambda boxes: [*boxes, Detection("fire", 0.4, 700, 400, 760, 440)],
}


@pytest.mark.parametrize("tolerance", [golden.FULL, golden.COARSE], ids=["full", "coarse"])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_told_in_one_line(seen: list[Detection], lie: str, tolerance: golden.Tolerance) -> None:
    told = golden.disagreement(seen, LIES[lie](seen), tolerance)
    assert told is not None
    assert "golden picture" in told
    assert "\n" not in told


def test_what_a_model_expects_is_written_and_read_back(seen: list[Detection]) -> None:
    text = golden.expected_json(Detector.load(backend="cpu"))
    assert all(len(row) == 6 for row in json.loads(text))
    expected = golden.expected({"golden": text})
    assert expected is not None
    assert golden.disagreement(expected, seen, golden.Tolerance(iou=0.99, score=0.001)) is None


def test_a_model_may_expect_nothing_in_particular() -> None:
    assert golden.expected({}) is None


@pytest.mark.parametrize("text", ["[", '{"fire": 1}', '[["fire", 0.5]]', '[["fire", "x", 1, 2, 3, 4]]'])
def test_expectations_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match="golden"):
        golden.expected({"golden": text})
