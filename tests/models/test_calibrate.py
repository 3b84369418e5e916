"""Scores are made honest, thresholds promise only what the pictures can prove, and the file says both."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.detection import Detection
from models.detector import Detector
from models.make.calibrate import calibrate, report_on
from models.make.dataset import DatasetError, examples
from models.make.evaluate import Judged
from models.make.folds import folds, group_of
from models.make.intervals import Share
from models.make.precision import TruthBox
from models.make.reliability import Boxes, bins, boxes_of, calibrated, calibrated_score, expected_error, fit
from models.make.thresholds import Setting, choose, cross_fit
from tests.models.onnx_files import constant_model

PLACE = TruthBox("fire", 0, 0, 10, 10)


def fire(score: float, x: float = 0.0) -> Detection:
    return Detection("fire", score, x, 0, x + 10, 10)


def crowd(count: int, temperature: float, bias: float, seed: int = 0) -> Boxes:
    """Boxes whose scores are as wrong as this temperature and bias say."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.05, 0.95, count)
    return Boxes(scores, rng.random(count) < calibrated_score(scores, temperature, bias))


@pytest.mark.parametrize(("temperature", "bias"), [(0.6, 0.8), (1.0, 0.0), (2.0, -0.5)])
def test_the_temperature_and_bias_that_scores_were_wrong_by_are_found(
    temperature: float, bias: float
) -> None:
    boxes = crowd(20_000, temperature, bias)
    found = fit(boxes)
    assert found == pytest.approx((temperature, bias), abs=0.1)
    honest = Boxes(calibrated_score(boxes.scores, *found), boxes.right)
    assert expected_error(honest) < 0.012
    if temperature != 1:
        assert expected_error(boxes) > 5 * expected_error(honest)


def test_a_few_boxes_that_are_all_right_do_not_ask_for_certainty() -> None:
    temperature, bias = fit(Boxes(np.full(5, 0.6), np.ones(5, bool)))
    assert 0.6 < calibrated_score(np.array(0.6), temperature, bias) < 0.97
    assert fit(Boxes(np.empty(0), np.empty(0, bool))) == (1.0, 0.0)


def test_the_reliability_table_by_hand() -> None:
    boxes = Boxes(np.array([0.62, 0.68, 0.64, 0.66, 1.0]), np.array([True, True, False, True, True]))
    low, high = bins(boxes)
    assert (low.low, low.high, low.boxes) == (0.6, 0.7, 4)
    assert (low.mean_score, low.right) == pytest.approx((0.65, 0.75))
    assert (high.low, high.boxes, high.right) == (0.9, 1, 1.0)
    assert expected_error(boxes) == pytest.approx(0.8 * 0.1)


def test_a_box_is_right_when_it_is_the_best_on_a_labelled_one_of_its_class() -> None:
    seen = (fire(0.9), fire(0.8, x=1), fire(0.7, x=50), Detection("smoke", 0.6, 0, 0, 10, 10), fire(0.01))
    boxes = boxes_of([Judged("a", (PLACE,), seen)], "fire")
    assert boxes.scores.tolist() == [0.9, 0.8, 0.7]
    assert boxes.right.tolist() == [True, False, False]
    assert boxes_of([Judged("a", (PLACE,), seen)], "smoke").right.tolist() == [False]


def test_calibrating_keeps_the_order_of_a_label_and_leaves_others_alone() -> None:
    item = Judged("a", (), (fire(0.9), fire(0.4), Detection("smoke", 0.5, 0, 0, 9, 9)))
    (after,) = calibrated([item], {"fire": (0.5, 1.0)})
    assert [d.score for d in after.seen if d.label == "fire"] == pytest.approx(
        [1 / (1 + math.exp(-(math.log(9) * 2 + 1))), 1 / (1 + math.exp(-(math.log(2 / 3) * 2 + 1)))]
    )
    assert [d.score for d in after.seen if d.label == "smoke"] == [0.5]


def clear(count: int, source: str = "sky") -> list[Judged]:
    """Pictures of one source with nothing burning, flagged with scores .00, .01, …"""
    return [Judged(f"{source}_{50 * n:05d}", (), (fire(n / 100),) if n else (), source) for n in range(count)]


def test_a_threshold_promises_what_so_few_pictures_can_prove() -> None:
    """Of 99 clear pictures one may be flagged for 2 %: (1 + 1) / (99 + 1)."""
    judged = clear(99)
    threshold = choose(judged, 0.02)
    assert sum(item.best_score >= threshold for item in judged) == 1
    assert sum(item.best_score >= choose(judged, 0.10) for item in judged) == 9
    with pytest.raises(DatasetError, match="too few") as refusal:
        choose(clear(48), 0.02)
    assert "needs 49" in refusal.value.message


def test_the_promise_holds_on_pictures_never_seen() -> None:
    """Over many draws of 191 clear pictures, new ones are flagged in at most 2 % of all cases."""
    rng = np.random.default_rng(4)
    flagged = []
    for _ in range(60):
        scores = rng.beta(1, 6, 191 + 500)
        drawn = [Judged(str(n), (), (fire(float(score)),)) for n, score in enumerate(scores[:191])]
        flagged.append((scores[191:] >= choose(drawn, 0.02)).mean())
    assert 0.008 < np.mean(flagged) <= 0.02


def test_intervals_are_wilsons() -> None:
    assert Share(8, 191).interval == pytest.approx((0.0214, 0.0805), abs=1e-4)
    assert Share(0, 10).interval[0] == 0
    assert Share(10, 10).interval[1] == pytest.approx(1)
    assert str(Share(0, 0)) == "none"


def test_neighbours_of_a_source_stay_in_one_fold_and_folds_are_alike() -> None:
    judged = [
        Judged(f"{source}_{number:05d}", (PLACE,) if source == "towers" else (), (), source)
        for source, count in (("towers", 900), ("sky", 500))
        for number in range(0, count, 5)
    ]
    made = folds(judged)
    assert sorted(item.name for part in made for item in part) == sorted(item.name for item in judged)
    homes: dict[str, set[int]] = {}
    for index, part in enumerate(made):
        for item in part:
            homes.setdefault(group_of(item), set()).add(index)
    assert all(len(home) == 1 for home in homes.values())
    assert {sum(not item.truth for item in part) for part in made} == {20}
    assert all(30 <= sum(bool(item.truth) for item in part) <= 40 for part in made)
    with pytest.raises(DatasetError, match="too few for 5 folds"):
        folds(judged[:20])


def test_out_of_fold_figures_come_from_thresholds_that_never_saw_the_picture() -> None:
    """One part's clear pictures score far above the others': chosen without them, all of them are flagged."""
    parts = [clear(60, f"sky{k}") for k in range(4)]
    odd = [Judged(f"odd_{n}", (), (fire(0.9),)) for n in range(60)]
    choice = cross_fit([*parts, odd], Setting("patrol", 0.05))
    assert (choice.clear.hits, choice.clear.of) == (60, 300), "more than was asked for"


def test_the_report_tells_shares_with_their_intervals() -> None:
    rng = np.random.default_rng(2)
    judged = clear(60)
    for n in range(300):
        score = float(rng.uniform(0.1, 0.95))
        right = rng.random() < score**2
        judged.append(
            Judged(f"towers_{50 * n}", (PLACE,), (fire(score, x=0.0 if right else 90.0),), "towers")
        )
    report = report_on(judged, Setting("patrol", 0.05), Setting("sensitive", 0.20), 448)
    told = json.loads(json.dumps(report.as_json()))
    fire_told = told["labels"]["fire"]
    assert fire_told["error_after"] < fire_told["error_before"]
    assert told["sensitive"]["threshold"] <= told["patrol"]["threshold"]
    low, high = told["patrol"]["burning"]["interval_95"]
    assert low < told["patrol"]["burning"]["share"] < high
    assert told["curve"][0]["burning_flagged"] >= told["curve"][-1]["burning_flagged"]


def test_a_calibrated_file_says_so_and_its_detector_obeys(tmp_path: Path) -> None:
    """The toy sees the same fire everywhere with .3; it is right in two pictures of three."""
    pytest.importorskip("onnx", reason="model files are rewritten with the onnx package (extra train)")
    folder = tmp_path / "val"
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for n in range(30):
        name = f"photo_{50 * n:05d}"
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.full((64, 96, 3), n, np.uint8))
        if n % 3:
            (folder / "labels" / f"{name}.txt").write_text("0 0.375 0.375 0.25 0.25\n")
    output = np.zeros((1, 6, 126), np.float32)
    output[0, :, 0] = (36, 24, 24, 16, 0.3, 0)
    metadata = {"labels": '["fire", "smoke"]', "input_size": "96", "threshold": "0.25", "licence": "MIT"}
    model = constant_model(tmp_path / "toy.onnx", output, metadata)
    before = model.read_bytes()
    out = tmp_path / "honest.onnx"
    report = calibrate(model, out, examples(tmp_path, "val"), patrol=0.2, sensitive=0.3)
    assert model.read_bytes() == before
    detector = Detector.load(out, backend="cpu")
    picture = np.zeros((64, 96, 3), np.uint8)
    (seen,) = detector.detect(picture, min_score=0.01)
    assert seen.score == pytest.approx(2 / 3, abs=0.06)
    assert seen.score == pytest.approx(
        float(calibrated_score(np.array(0.3), report.labels["fire"].temperature, report.labels["fire"].bias)),
        abs=1e-3,
    )
    assert detector.threshold > seen.score, "it cannot tell clear pictures from others"
    assert detector.threshold_sensitive == pytest.approx(report.sensitive.threshold)
    assert detector.licence == "MIT"
    assert "golden" in detector.metadata
    again = calibrate(out, out, examples(tmp_path, "val"), patrol=0.2, sensitive=0.3)
    assert again.labels["fire"] == report.labels["fire"], "from raw scores, not on top"
    assert [path.name for path in tmp_path.glob("*.part")] == []
