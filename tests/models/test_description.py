"""What a model file and the config say of a model: names, sizes, thresholds, how right a score is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.description import Calibration, Description, describe
from models.errors import ModelError

FILE = Path("model.onnx")
OURS = {"labels": '["fire", "smoke"]', "threshold": "0.4"}
COCO_LIKE = {"names": str(dict(enumerate(["person", "Flame", "kite", "haze"] + ["thing"] * 76)))}


def refusal(metadata: dict[str, str], mapping: dict[str, str] | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        describe(metadata, FILE, mapping)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_full_description_is_read() -> None:
    told = {
        "name": "ember",
        "labels": '["Fire", " smoke"]',
        "input_size": "450",
        "threshold": "0.4",
        "threshold_sensitive": "0.15",
        "licence": "MIT",
        "calibration": '{"smoke": [2.0, -0.5]}',
    }
    assert describe(told, FILE) == Description(
        name="ember",
        labels=("fire", "smoke"),
        input_px=480,
        threshold=0.4,
        threshold_sensitive=0.15,
        licence="MIT",
        calibration=(Calibration(1, 0), Calibration(2, -0.5)),
        classes=2,
    )


def test_what_a_file_leaves_out_has_a_plain_value() -> None:
    description = describe(OURS, FILE)
    assert description.name == "model"
    assert description.input_px == 640
    assert description.threshold_sensitive == description.threshold == 0.4
    assert description.licence == "unknown"
    assert description.calibration == ((1, 0), (1, 0))


def test_the_names_that_ultralytics_writes_are_read_by_their_numbers() -> None:
    assert describe({"names": "{1: 'Smoke', 0: 'fire'}"}, FILE).labels == ("fire", "smoke")
    assert describe({"names": "['smoke', 'fire']"}, FILE).labels == ("smoke", "fire")


def test_numbers_are_numbers_in_json_too() -> None:
    names = {str(number): "thing" for number in range(12)} | {"10": "fire", "2": "smoke"}
    labels = describe({"labels": json.dumps(names)}, FILE).labels
    assert (labels[2], labels[10], len(labels)) == ("smoke", "fire", 12)


def test_classes_counted_from_one_keep_their_numbers() -> None:
    assert describe({"names": "{1: 'fire', 2: 'smoke'}"}, FILE).labels == ("class 0", "fire", "smoke")


@pytest.mark.parametrize(
    "mapping",
    [{"flame": "fire", "HAZE": "smoke"}, {"1": "fire", "3": "smoke"}, {" Flame ": "fire", "3": "smoke"}],
)
def test_the_config_maps_classes_by_name_or_number(mapping: dict[str, str]) -> None:
    description = describe(COCO_LIKE, FILE, mapping)
    assert description.labels[:5] == ("person", "fire", "kite", "smoke", "thing")
    assert len(description.labels) == description.classes == 80


def test_several_classes_may_mean_one_thing() -> None:
    both = describe({"labels": '["fire", "wildfire", "smoke"]'}, FILE, {"wildfire": "fire"})
    assert both.labels == ("fire", "fire", "smoke")


def test_a_class_called_by_a_number_is_that_class() -> None:
    assert describe({"labels": '["7", "1", "0"]'}, FILE, {"0": "fire"}).labels == ("7", "1", "fire")


def test_the_config_names_classes_of_a_model_that_names_none() -> None:
    description = describe({}, FILE, {"2": "smoke", "0": "fire"})
    assert description.labels == ("fire", "class 1", "smoke")
    assert description.classes is None


def test_synonyms_are_not_guessed_but_the_line_to_write_is_shown() -> None:
    error = refusal({"labels": '["flame", "haze"]'})
    assert "flame, haze" in error.message
    assert "[agent.detector.labels]" in error.hint
    assert '"flame" = "fire"' in error.hint


def test_a_model_without_names_says_how_to_give_them() -> None:
    error = refusal({})
    assert "classes" in error.message
    assert '0 = "fire"' in error.hint
    assert '["fire", "smoke"]' in error.hint


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"flames": "fire"}, "no class 'flames'"),
        ({"80": "fire"}, "no class '80'"),
        ({"flame": "smok"}, "'smok'"),
        ({"-1": "fire"}, "no class '-1'"),
    ],
)
def test_a_mapping_that_does_not_fit_the_model_is_refused(mapping: dict[str, str], said: str) -> None:
    error = refusal(COCO_LIKE, mapping)
    assert said in error.message
    assert "flame" in error.hint or "leave out" in error.hint


def test_a_number_without_end_is_no_class_of_a_model_without_names() -> None:
    assert "no class" in refusal({}, {"99999999": "fire"}).message


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": "fire, smoke"},
        {"labels": '"fire"'},
        {"names": "{0: fire}"},
        {"names": "{-1: 'smoke', 0: 'fire'}"},
        {"names": "{0: 'fire', 99999999: 'smoke'}"},
        {"labels": '{"fire": 0}'},
        {**OURS, "threshold": "high"},
        {**OURS, "threshold": "nan"},
        {**OURS, "threshold_sensitive": "0"},
        {**OURS, "input_size": "-3"},
        {**OURS, "input_size": "1e9"},
        {**OURS, "calibration": "1.2"},
        {**OURS, "calibration": '{"fire": [0, 1]}'},
        {**OURS, "calibration": '{"fire": [1]}'},
        {**OURS, "calibration": '{"fire": [1, NaN]}'},
    ],
)
def test_senseless_metadata_are_refused_by_name(metadata: dict[str, str]) -> None:
    assert str(FILE) in refusal(metadata).message


def test_a_calibrated_score_by_hand() -> None:
    """σ(logit(0.9) / 2 - 0.5): logit(0.9) = 2.1972, so σ(0.5986) = 0.6453."""
    calibration = Calibration(2.0, -0.5)
    assert calibration.apply(np.array([0.9], np.float32)) == pytest.approx([0.6453], abs=1e-4)
    assert calibration.raw(0.6453) == pytest.approx(0.9, abs=1e-4)


def test_calibration_keeps_the_order_and_the_ends_of_scores() -> None:
    scores = np.array([0, 1e-6, 0.2, 0.5, 0.9999, 1], np.float32)
    for calibration in (Calibration(), Calibration(0.4, 2), Calibration(3, -1)):
        calibrated = calibration.apply(scores)
        assert (np.diff(calibrated) >= 0).all()
        assert calibrated[0] == 0
        assert calibrated[-1] == 1
        for score in (0.05, 0.5, 0.95):
            raw = np.array([calibration.raw(score)], np.float32)
            assert calibration.apply(raw) == pytest.approx([score], abs=1e-4)
    assert Calibration().apply(scores) is scores, "nothing to do costs nothing"


def test_an_extreme_calibration_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        assert Calibration(1000, 0).raw(0.001) == 0
        assert Calibration(1000, 0).raw(0.999) == pytest.approx(1)
        assert Calibration(0.001, 0).apply(np.array([0.1, 0.9], np.float32)).tolist() == [0, 1]


def test_labels_written_for_a_calibration_need_not_be_all() -> None:
    told = {**OURS, "calibration": json.dumps({"fire": [1.5, 0.1]})}
    assert describe(told, FILE).calibration == ((1.5, 0.1), (1, 0))


@pytest.mark.parametrize(
    ("labels", "mapping"),
    [
        ('["flame", "smoke"]', {"flame": "fire"}),
        ('["Flame", "smoke"]', {"0": "fire"}),
        ('["flame", "smoke"]', {"smoke": "fire"}),
    ],
)
def test_a_calibration_stays_with_its_class_whatever_the_config_calls_it(
    labels: str, mapping: dict[str, str]
) -> None:
    told = {"labels": labels, "calibration": '{"flame": [2, 0], "fire": [3, 0]}'}
    assert describe(told, FILE, mapping).calibration == ((2, 0), (1, 0))


def test_classes_that_only_the_config_names_are_calibrated_by_those_names() -> None:
    told = {"calibration": '{"smoke": [2, 0]}'}
    assert describe(told, FILE, {"1": "smoke", "2": "fire"}).calibration == ((1, 0), (2, 0), (1, 0))


def test_a_score_a_little_above_one_is_the_surest_and_no_less() -> None:
    assert Calibration(2, -1).apply(np.array([1.0005, -0.0005], np.float32)).tolist() == [1, 0]
