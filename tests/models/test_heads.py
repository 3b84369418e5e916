"""A YOLO head's numbers become boxes, and nonsense is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import ModelError
from models.heads import MAX_BOXES, cells, check_output, decode


def head(*columns: tuple[float, ...], classes: int = 2) -> NDArray[np.float32]:
    """An output with these (x, y, w, h, score, score) columns first and silent cells after them."""
    output = np.zeros((1, 4 + classes, cells(64, 96)), np.float32)
    for index, column in enumerate(columns):
        output[0, :, index] = column
    return output


def test_a_box_is_given_by_its_corners() -> None:
    boxes = decode(head((50, 40, 20, 10, 0.9, 0.1)), 0.25)
    assert boxes.corners.tolist() == [[40, 35, 60, 45]]
    assert boxes.labels.tolist() == [0]
    assert boxes.scores.tolist() == pytest.approx([0.9])


def test_overlapping_boxes_of_one_class_become_the_best_one() -> None:
    boxes = decode(head((50, 40, 20, 20, 0.6, 0), (51, 40, 20, 20, 0.8, 0), (20, 20, 8, 8, 0.5, 0)), 0.25)
    assert boxes.scores.tolist() == pytest.approx([0.8, 0.5])


def test_fire_inside_smoke_stays_two_boxes() -> None:
    boxes = decode(head((50, 40, 20, 20, 0.6, 0.0), (50, 40, 21, 20, 0.0, 0.7)), 0.25)
    assert boxes.labels.tolist() == [1, 0]


def test_one_cell_may_hold_both_classes() -> None:
    assert sorted(decode(head((50, 40, 20, 20, 0.6, 0.7)), 0.25).labels.tolist()) == [0, 1]


def test_scores_under_the_threshold_are_left_out_and_exactly_on_it_are_not() -> None:
    output = head((50, 40, 20, 20, 0.25, 0), (20, 20, 10, 10, 0.2499, 0))
    assert decode(output, 0.25).scores.tolist() == [0.25]


def test_nothing_seen_is_an_empty_answer() -> None:
    boxes = decode(head(), 0.25)
    assert boxes.corners.shape == (0, 4)


def test_a_picture_full_of_boxes_is_bounded() -> None:
    side = 640
    output = np.zeros((1, 6, cells(side, side)), np.float32)
    columns = np.arange(output.shape[2])
    output[0, 0], output[0, 1] = columns % 97 * 10, columns // 97 * 10
    output[0, 2:4] = 2
    output[0, 4] = 0.5 + columns / 1e5
    boxes = decode(output, 0.25)
    assert len(boxes.scores) == MAX_BOXES
    assert boxes.scores[0] == output[0, 4].max(), "the best must survive the bound"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.zeros((1, 84, 126), np.float32), "1×84×126"),
        (np.zeros((1, 126, 6), np.float32), "1×126×6"),
        (np.zeros((1, 300, 6), np.float32), "1×300×6"),
        (np.zeros((2, 1000), np.float32), "2×1000"),
        (np.full((1, 6, 126), np.nan, np.float32), "not finite"),
        (np.full((1, 6, 126), 7.5, np.float32), "7.5"),
        (np.full((1, 6, 126), -3.0, np.float32), "-3"),
    ],
)
def test_an_output_that_makes_no_sense_is_refused_with_what_was_found(
    output: NDArray[np.float32], said: str
) -> None:
    assert cells(64, 96) == 126
    with pytest.raises(ModelError) as refusal:
        check_output(output, classes=2, height_px=64, width_px=96)
    assert said in refusal.value.message
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint


def test_a_real_heads_output_passes() -> None:
    check_output(head((50, 40, 20, 10, 0.9, 0.1)), classes=2, height_px=64, width_px=96)
