"""The figures on the model card, against cases worked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from models.detection import Detection
from models.detector import Detector
from models.make.dataset import DatasetError, Example
from models.make.evaluate import Judged, figures, judge, recall_at, threshold_for
from models.make.precision import TruthBox, average_precision, iou, match


def fire(x: float, score: float, *, size: float = 10, label: str = "fire") -> Detection:
    return Detection(label, score, x, 0, x + size, size)


def truth(x: float, *, size: float = 10, label: str = "fire") -> TruthBox:
    return TruthBox(label, x, 0, x + size, size)


def test_overlap_by_hand() -> None:
    assert iou(truth(0), truth(0)) == 1
    assert iou(truth(0), truth(5)) == pytest.approx(50 / 150)
    assert iou(truth(0), truth(10)) == 0


def test_each_labelled_box_is_found_once() -> None:
    hits = match([fire(0, 0.9), fire(1, 0.8)], [truth(0)], 0.5)
    assert hits.tolist() == [True, False]


def test_a_detection_takes_the_box_it_overlaps_most() -> None:
    hits = match([fire(2, 0.9), fire(0, 0.8)], [truth(0), truth(2)], 0.5)
    assert hits.tolist() == [True, True]


@pytest.mark.parametrize(
    ("hits", "labelled", "expected"),
    [
        ([True, True], 2, 1.0),
        ([True], 2, 51 / 101),  # recall 0.5 at precision 1: points 0.00 … 0.50
        ([False, True], 1, 0.5),
        ([True, False, True], 2, (51 + 50 * 2 / 3) / 101),
        ([False, False], 3, 0.0),
        ([], 3, 0.0),
        ([], 0, 0.0),
    ],
)
def test_average_precision_by_hand(hits: list[bool], labelled: int, expected: float) -> None:
    assert average_precision(np.array(hits, bool), labelled) == pytest.approx(expected)


def test_a_wrong_box_in_one_picture_costs_precision_in_all() -> None:
    """Two pictures with one fire each; the surest detection of all is wrong."""
    judged = [
        Judged("a", (truth(0),), (fire(0, 0.8),)),
        Judged("b", (truth(0),), (fire(100, 0.9), fire(0, 0.7))),
    ]
    result = figures(judged, threshold=0.5, input_px=640)
    assert result.labels["fire"].ap50 == pytest.approx(2 / 3)
    assert result.map50 == result.labels["fire"].ap50, "a class that is nowhere labelled does not count"


def test_loose_boxes_count_at_half_overlap_but_not_at_strict_ones() -> None:
    judged = [Judged("a", (truth(0),), (fire(2.5, 0.8),))]  # IoU 0.6: the steps .50, .55 and .60
    result = figures(judged, threshold=0.5, input_px=640)
    assert result.labels["fire"].ap50 == pytest.approx(1)
    assert result.labels["fire"].ap50_95 == pytest.approx(0.3)


def test_counts_at_the_threshold() -> None:
    judged = [
        Judged("burning", (truth(0), truth(50)), (fire(0, 0.8), fire(80, 0.6), fire(50, 0.3))),
        Judged("smoke only", (truth(0, label="smoke"),), (fire(0, 0.9),)),
        Judged("missed", (truth(0),), (fire(0, 0.2),)),
        Judged("clear", (), (fire(0, 0.55),)),
        Judged("clear too", (), ()),
    ]
    result = figures(judged, threshold=0.5, input_px=640)
    entry = result.labels["fire"]
    assert (entry.boxes_labelled, entry.boxes_found, entry.boxes_wrong) == (3, 1, 3)
    assert (entry.pictures_labelled, entry.pictures_flagged, entry.pictures_flagged_rightly) == (2, 3, 1)
    assert (result.burning, result.burning_flagged, result.clear, result.clear_flagged) == (3, 2, 2, 1)
    assert result.recall == pytest.approx(2 / 3)
    assert result.false_alarms == pytest.approx(1 / 2)


def test_the_threshold_for_a_share_of_false_alarms() -> None:
    judged = [Judged(str(n), (), (fire(0, n / 100),)) for n in range(0, 100, 10)]
    assert threshold_for(judged, false_alarms=0.1) == pytest.approx(0.81)
    assert threshold_for(judged, false_alarms=0.0) == pytest.approx(0.91)


def test_recall_is_compared_where_equally_many_clear_pictures_are_flagged() -> None:
    clear = [Judged(str(n), (), (fire(0, n / 100),)) for n in range(20)]
    burning = [Judged(str(score), (truth(0),), (fire(0, score),)) for score in (0.05, 0.185, 0.3, 0.9)]
    assert recall_at([*clear, *burning], false_alarms=0.05) == 3 / 4, "above .18, which flags one of 20"
    assert recall_at([*clear, *burning], false_alarms=0.0) == 2 / 4
    assert math.isnan(recall_at(burning, false_alarms=0.05))


def test_small_boxes_are_counted_apart_found_or_only_reached() -> None:
    """Small is by the longer side in the picture: 31 px is, 32 px is not."""
    small, unsure, large = truth(0, size=31), truth(100, size=31), truth(200, size=32)
    seen = (fire(0, 0.8, size=31), fire(100, 0.1, size=31), fire(200, 0.9, size=32))
    entry = figures([Judged("a", (small, unsure, large), seen)], threshold=0.5, input_px=640).labels["fire"]
    assert (entry.small_labelled, entry.small_found, entry.small_reached) == (2, 1, 2)


def test_sources_are_told_apart_and_wrong_boxes_counted_per_clear_picture() -> None:
    judged = [
        Judged("towers_1", (truth(0),), (fire(0, 0.8),), "towers"),
        Judged("towers_2", (truth(0),), (), "towers"),
        Judged("skies_1", (), (fire(0, 0.6), fire(50, 0.7)), "skies"),
    ]
    result = figures(judged, threshold=0.5, input_px=640)
    assert list(result.sources) == ["towers", "skies"]
    assert result.sources["towers"].map50 == pytest.approx(51 / 101)
    assert (result.sources["towers"].burning, result.sources["towers"].burning_flagged) == (2, 1)
    assert (result.sources["skies"].clear, result.sources["skies"].clear_flagged) == (1, 1)
    assert result.clear_boxes == 2


def test_a_picture_s_source_is_read_from_the_listing_or_else_from_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "val" / "images"
    folder.mkdir(parents=True)
    pictures = []
    for name in ("odd", "towers_00012"):
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((8, 8, 3), np.uint8))
        pictures.append(Example(folder / f"{name}.png", ()))
    (tmp_path / "sources.csv").write_text("split,name,source\nval,odd,somewhere\n")

    class Blind:
        def detect(self, image: object, *, min_score: float) -> list[Detection]:
            return []

    judged = judge(cast(Detector, Blind()), pictures)
    assert [item.source for item in judged] == ["somewhere", "towers"]
    assert all(item.took_ms > 0 for item in judged)


def test_no_threshold_without_clear_pictures() -> None:
    with pytest.raises(DatasetError):
        threshold_for([Judged("a", (truth(0),), ())], false_alarms=0.1)
