"""Numbers become boxes; what makes no sense is refused by name. Real heads: test_heads_on_exports.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import ModelError
from models.heads import MAX_BOXES, Head, Port, RawBoxes, cells, recognise

HEIGHT, WIDTH = 64, 96
FREE = (Port("images", "float32", (1, 3, "height", "width")),)
FIXED = (Port("images", "float32", (1, 3, HEIGHT, WIDTH)),)
END_TO_END = {"task": "detect", "end2end": "True"}
OLD_RTDETR = {"task": "detect", "description": "Ultralytics rtdetr-l model trained on fires.yaml"}


def one(*sides: int | str) -> tuple[Port, ...]:
    return (Port("output0", "float32", sides),)


def anchor_free(classes: int | None = 2) -> Head:
    return recognise(FREE, one(1, 6, "cells"), {}, classes)


def columns(*boxes: tuple[float, ...], height: int = HEIGHT, width: int = WIDTH) -> list[NDArray[np.float32]]:
    """An anchor-free output with these (x, y, w, h, score, score) first and silent cells after them."""
    output = np.zeros((1, 6, cells(height, width)), np.float32)
    # Every cell has a place, if nothing to say.
    output[0, 0], output[0, 1] = np.arange(output.shape[2]) % width, np.arange(output.shape[2]) % height
    for index, box in enumerate(boxes):
        output[0, :, index] = box
    return [output]


def rows(*boxes: tuple[float, ...]) -> list[NDArray[np.float32]]:
    """An end-to-end output with these (x1, y1, x2, y2, score, class) first, filled up with zeros."""
    output = np.zeros((1, 300, 6), np.float32)
    for index, box in enumerate(boxes):
        output[0, index] = box
    return [output]


def decode(outputs: list[NDArray[np.float32]], min_score: float = 0.25) -> RawBoxes:
    return anchor_free().decode(outputs, min_score, HEIGHT, WIDTH)


def test_a_box_is_given_by_its_corners() -> None:
    boxes = decode(columns((50, 40, 20, 10, 0.9, 0.1)))
    assert boxes.corners.tolist() == [[40, 35, 60, 45]]
    assert boxes.labels.tolist() == [0]
    assert boxes.scores.tolist() == pytest.approx([0.9])


def test_overlapping_boxes_of_one_class_become_the_best_one() -> None:
    boxes = decode(columns((50, 40, 20, 20, 0.6, 0), (51, 40, 20, 20, 0.8, 0), (20, 20, 8, 8, 0.5, 0)))
    assert boxes.scores.tolist() == pytest.approx([0.8, 0.5])


def test_fire_inside_smoke_stays_two_boxes() -> None:
    boxes = decode(columns((50, 40, 20, 20, 0.6, 0.0), (50, 40, 21, 20, 0.0, 0.7)))
    assert boxes.labels.tolist() == [1, 0]


def test_one_cell_may_hold_both_classes() -> None:
    assert sorted(decode(columns((50, 40, 20, 20, 0.6, 0.7))).labels.tolist()) == [0, 1]


def test_scores_under_the_threshold_are_left_out_and_exactly_on_it_are_not() -> None:
    output = columns((50, 40, 20, 20, 0.25, 0), (20, 20, 10, 10, 0.2499, 0))
    assert decode(output).scores.tolist() == [0.25]


def test_nothing_seen_is_an_empty_answer() -> None:
    assert decode(columns()).corners.shape == (0, 4)


def test_a_box_inside_out_is_none() -> None:
    assert len(decode(columns((50, 40, -20, 10, 0.9, 0))).scores) == 0
    head = recognise(FIXED, one(1, 300, 6), END_TO_END, 2)
    boxes = head.decode(rows((60, 35, 40, 45, 0.9, 0), (1, 2, 30, 40, 0.8, 1)), 0.25, HEIGHT, WIDTH)
    assert boxes.corners.tolist() == [[1, 2, 30, 40]]


def test_a_picture_full_of_boxes_is_bounded() -> None:
    side = 640
    output = np.zeros((1, 6, cells(side, side)), np.float32)
    index = np.arange(output.shape[2])
    output[0, 0], output[0, 1] = index % 97 * 10, index // 97 * 10
    output[0, 2:4] = 2
    output[0, 4] = 0.5 + index / 1e5
    boxes = anchor_free().decode([output], 0.25, side, side)
    assert len(boxes.scores) == MAX_BOXES
    assert boxes.scores[0] == output[0, 4].max(), "the best must survive the bound"


def test_classes_of_an_end_to_end_model_that_overlap_are_left_as_they_are() -> None:
    head = recognise(FIXED, one(1, 300, 6), END_TO_END, 2)
    outputs = rows((1, 2, 30, 40, 0.9, 1), (1, 2, 30, 41, 0.8, 1), (5, 5, 9, 9, 0.1, 0))
    head.check(outputs, 2, HEIGHT, WIDTH)
    assert head.decode(outputs, 0.25, HEIGHT, WIDTH).labels.tolist() == [1, 1]


def test_an_end_to_end_model_that_sees_nothing_at_all_makes_sense() -> None:
    recognise(FIXED, one(1, 300, 6), END_TO_END, 2).check(rows(), 2, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.zeros((1, 84, 126), np.float32), "80 classes"),
        (np.zeros((1, 126, 6), np.float32), "1×126×6"),
        (np.zeros((1, 300, 6), np.float32), "1×300×6"),
        (np.zeros((2, 1000), np.float32), "2×1000"),
        (np.full((1, 6, 126), np.nan, np.float32), "not finite"),
        (np.full((1, 6, 126), 7.5, np.float32), "7.5"),
        (np.full((1, 6, 126), -3.0, np.float32), "-3"),
        (np.full((1, 6, 126), 0.5, np.float32), "shares"),
        (np.concatenate([np.full((1, 4, 126), 900), np.zeros((1, 2, 126))], 1), "100%"),
    ],
)
def test_an_output_that_makes_no_sense_is_refused_with_what_was_found(
    output: NDArray[np.float32], said: str
) -> None:
    assert cells(HEIGHT, WIDTH) == 126
    with pytest.raises(ModelError) as refusal:
        anchor_free().check([output], 2, HEIGHT, WIDTH)
    assert said in refusal.value.message
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint


def test_a_model_whose_classes_the_config_names_in_part_may_have_more() -> None:
    anchor_free(None).check(columns(), 1, HEIGHT, WIDTH)
    with pytest.raises(ModelError, match="2 classes, but 3"):
        anchor_free(None).check(columns(), 3, HEIGHT, WIDTH)


@pytest.mark.parametrize("strides", [(4, 8, 16, 32), (8, 16, 32, 64)])
def test_models_for_small_things_and_for_large_inputs_have_other_grids(strides: tuple[int, ...]) -> None:
    count = cells(128, 192, strides)
    inputs = (Port("images", "float32", (1, 3, 128, 192)),)
    head = recognise(inputs, one(1, 6, count), {}, 2)
    output = np.zeros((1, 6, count), np.float32)
    output[0, :2] = 50
    head.check([output], 2, 128, 192)


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ([(0.1, 0.1, 0.3, 0.2, 0.9, 0)], "shares"),
        ([(10, 10, 30, 20, 0.9, 2)], "0 to 2"),
        ([(10, 10, 30, 20, 0.9, 0.31)], "0.31"),
        ([(10, 10, 30, 20, 9, 0)], "9"),
        ([(1000, 10, 1030, 20, 0.9, 0)], "100%"),
    ],
)
def test_an_end_to_end_output_that_makes_no_sense_is_refused(
    boxes: Sequence[tuple[float, ...]], said: str
) -> None:
    head = recognise(FIXED, one(1, 300, 6), END_TO_END, 2)
    with pytest.raises(ModelError) as refusal:
        head.check(rows(*boxes), 2, HEIGHT, WIDTH)
    assert said in refusal.value.message


def test_a_detr_in_pixels_is_refused() -> None:
    head = recognise(FIXED, one(1, 300, 84), OLD_RTDETR, 80)
    output = np.full((1, 300, 84), 0.4, np.float32)
    head.check([output], 80, HEIGHT, WIDTH)
    output[..., :4] = 40
    with pytest.raises(ModelError, match="around 40"):
        head.check([output], 80, HEIGHT, WIDTH)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_box_that_is_no_number_is_never_nothing_seen(broken: float) -> None:
    with pytest.raises(ModelError, match="boxes are not numbers"):
        decode(columns((broken, 40, 20, 10, 0.9, 0)))
    head = recognise(FIXED, one(1, 300, 6), END_TO_END, 2)
    with pytest.raises(ModelError, match="boxes are not numbers"):
        head.decode(rows((broken, 2, 30, 40, 0.9, 1)), 0.25, HEIGHT, WIDTH)


def test_class_scores_that_are_no_numbers_are_never_nothing_seen() -> None:
    head = recognise(FIXED, one(1, 378, 7), {}, 2)
    assert head.family == "YOLOv5 with anchors"
    output = np.full((1, 378, 7), 0.5, np.float32)
    output[..., 5:] = np.nan
    with pytest.raises(ModelError, match="scores are not numbers"):
        head.decode([output], 0.25, HEIGHT, WIDTH)


LABELS = Port("labels", "float32", (1, 300, 91))
DETS = Port("dets", "float32", (1, 300, 4))


@pytest.mark.parametrize(("classes", "kept"), [(91, 91), (90, 90), (None, 91)])
def test_rf_detrs_slot_for_nothing_is_left_out_where_it_has_no_name(classes: int | None, kept: int) -> None:
    head = recognise(FIXED, [LABELS, DETS], {}, classes)
    outputs = [np.zeros((1, 300, 91), np.float32), np.full((1, 300, 4), 0.5, np.float32)]
    outputs[0][0, 0] = np.arange(91) / 10
    outputs[0][0, 1:] = -9
    boxes = head.decode(outputs, 0.5, HEIGHT, WIDTH)
    assert sorted(boxes.labels.tolist()) == list(range(kept))
    assert (head.pixels, head.stretched) == ("imagenet", True)


def test_logits_that_are_scores_already_are_refused() -> None:
    head = recognise(FIXED, [LABELS, DETS], {}, 91)
    outputs = [np.full((1, 300, 91), 0.3, np.float32), np.full((1, 300, 4), 0.5, np.float32)]
    with pytest.raises(ModelError, match="scores already"):
        head.check(outputs, 91, HEIGHT, WIDTH)


def test_the_largest_logits_do_not_overflow() -> None:
    head = recognise(FIXED, [LABELS, DETS], {}, 91)
    outputs = [np.full((1, 300, 91), -3e4, np.float32), np.full((1, 300, 4), 0.5, np.float32)]
    outputs[0][0, 7, 3] = 3e4
    with np.errstate(all="raise"):
        boxes = head.decode(outputs, 0.5, HEIGHT, WIDTH)
    assert boxes.scores.tolist() == [1.0]
    assert boxes.labels.tolist() == [3]


def test_d_fine_is_told_the_size_of_its_input_in_the_type_that_it_takes() -> None:
    inputs = [*FIXED, Port("orig_target_sizes", "int32", (1, 2))]
    outputs = [Port(name, "float32", ("N", 300)) for name in ("scores", "labels", "boxes")]
    head = recognise(inputs, outputs, {}, 2)
    told = head.extra_inputs(HEIGHT, WIDTH)["orig_target_sizes"]
    assert told.tolist() == [[WIDTH, HEIGHT]]
    assert told.dtype == np.int32


@pytest.mark.parametrize(
    ("outputs", "metadata", "classes", "said"),
    [
        (one(1, 1000), {}, 2, "1×1000"),
        (one(1, 84, 126), {}, 2, "anchor-free YOLO with 80 classes, but 2"),
        (one(1, 378, 85), {}, 2, "YOLOv5 with anchors with 80 classes, but 2"),
        (one(1, 38, 126), {}, 2, "34 classes"),
        (one(1, 8400, 6), {}, 2, "8400×6"),
        (one(8, 84, 126), {}, 80, "one picture"),
        ((*one(1, 38, 126), *one(1, 32, 16, 24)), {}, 2, "masks"),
        (one(1, 6, 126), {"task": "pose"}, 2, "pose"),
        ((Port("boxes", "float32", (1, 300, 4)), Port("masks", "float32", (1, 300))), {}, 2, "boxes 1×300×4"),
    ],
)
def test_outputs_of_no_family_are_refused_with_what_was_found(
    outputs: Sequence[Port], metadata: dict[str, str], classes: int, said: str
) -> None:
    with pytest.raises(ModelError) as refusal:
        recognise(FIXED, outputs, metadata, classes)
    assert said in refusal.value.message
    assert refusal.value.hint


def test_one_class_with_anchors_is_not_taken_for_end_to_end() -> None:
    """Both are six numbers wide."""
    assert recognise(FIXED, one(1, 378, 6), {}, 1).family == "YOLOv5 with anchors"
    assert recognise(FIXED, one(1, 300, 6), {}, 1).family == "end-to-end YOLO"


def test_rt_detr_of_two_classes_is_told_from_its_numbers() -> None:
    head = recognise(FIXED, one(1, 300, 6), OLD_RTDETR, 2)
    picked, scored = (np.full((1, 300, 6), 0.25, np.float32) for _ in range(2))
    picked[..., 4:] = 0.7, 1
    scored[..., 4:] = 0.1, 0.7
    for output in (picked, scored):
        head.check([output], 2, HEIGHT, WIDTH)
        boxes = head.decode([output], 0.5, HEIGHT, WIDTH)
        assert set(boxes.labels.tolist()) == {1}
        assert boxes.corners[0].tolist() == [12, 8, 36, 24]
        assert boxes.scores[0] == pytest.approx(0.7)
