"""The shipped detector sees fire; a model that cannot is refused with one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import golden
from models.detector import PLANS, Detector, ModelError
from models.heads import cells
from models.shipped import SHIPPED_WEIGHTS
from tests.models.onnx_files import constant_model

NAMED = {"name": "toy", "labels": json.dumps(["fire", "smoke"]), "input_size": "96", "threshold": "0.4"}


def answer(*columns: tuple[float, ...], height: int = 64, width: int = 96) -> np.ndarray:
    output = np.zeros((1, 6, cells(height, width)), np.float32)
    for index, column in enumerate(columns):
        output[0, :, index] = column
    return output


@pytest.fixture(scope="module")
def shipped() -> Detector:
    return Detector.load(backend="cpu")


def test_the_shipped_model_says_what_it_is(shipped: Detector) -> None:
    assert shipped.labels == ("fire", "smoke")
    assert 0.05 < shipped.threshold < 0.9
    assert shipped.licence == "AGPL-3.0-only"
    assert len(shipped.sha256) == 64
    assert shipped.name
    assert SHIPPED_WEIGHTS.stat().st_size <= 12_000_000


def test_a_picture_gives_the_same_boxes_twice(shipped: Detector) -> None:
    picture = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    assert shipped.detect(picture, min_score=0.01) == shipped.detect(picture, min_score=0.01)


def test_a_plain_grey_picture_shows_nothing(shipped: Detector) -> None:
    assert shipped.detect(np.full((720, 1280, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("shape", [(720, 1280, 3), (1280, 720, 3), (33, 47, 3), (1, 1, 3), (2160, 3840, 3)])
def test_any_picture_size_will_do(shipped: Detector, shape: tuple[int, int, int]) -> None:
    for detection in shipped.detect(np.full(shape, 90, np.uint8), min_score=0.001):
        assert 0 <= detection.x1 <= detection.x2 <= shape[1] - 1
        assert 0 <= detection.y1 <= detection.y2 <= shape[0] - 1


@pytest.mark.parametrize(
    "picture",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((0, 5, 3), np.uint8)],
)
def test_what_is_no_colour_picture_is_the_callers_mistake(shipped: Detector, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="H×W×3"):
        shipped.detect(picture)


def test_boxes_come_back_in_pixels_of_the_picture(tmp_path: Path) -> None:
    """The toy sees a box at 24…48, 16…32 of a 96×64 input; the picture is twice that size."""
    file = constant_model(tmp_path / "toy.onnx", answer((36, 24, 24, 16, 0.9, 0.3)), NAMED)
    detector = Detector.load(file, backend="cpu")
    (detection,) = detector.detect(np.zeros((128, 192, 3), np.uint8))
    assert (detection.label, round(detection.score, 3)) == ("fire", 0.9)
    assert (detection.x1, detection.y1, detection.x2, detection.y2) == (47.5, 31.5, 95.5, 63.5)
    assert [d.label for d in detector.detect(np.zeros((128, 192, 3), np.uint8), min_score=0.2)] == [
        "fire",
        "smoke",
    ]


def burning(height: int, width: int) -> np.ndarray:
    """A picture of that size in which something burns."""
    return np.asarray(cv2.resize(golden.picture(), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def test_a_part_of_a_larger_frame_is_looked_at_where_it_lies(shipped: Detector) -> None:
    frame = np.full((1440, 2560, 3), 90, np.uint8)
    frame[300:840, 700:1660] = golden.picture()
    part = frame[300:840, 700:1660]
    assert not part.flags.c_contiguous
    assert shipped.detect(part) == shipped.detect(part.copy()) != []


@pytest.mark.parametrize("view", [np.s_[:, ::-1], np.s_[::-1], np.s_[:, :, ::-1], np.s_[::2, ::2]])
def test_any_view_is_seen_as_what_it_shows(shipped: Detector, view: tuple[slice, ...]) -> None:
    turned = golden.picture()[view]
    assert shipped.detect(turned, min_score=0.05) == shipped.detect(turned.copy(), min_score=0.05)


def test_frames_and_tiles_may_take_turns(shipped: Detector) -> None:
    """More sizes than plans are kept for: nothing of one is left in another's buffers."""
    pictures = [burning(270 + 18 * step, 480 + 10 * step) for step in range(PLANS + 2)]
    alone = [shipped.detect(picture, min_score=0.2) for picture in pictures]
    assert all(alone)
    for _ in range(2):
        assert [shipped.detect(picture, min_score=0.2) for picture in pictures] == alone
    assert len(shipped._plans) == PLANS


def calibrated(tmp_path: Path) -> Detector:
    """Its fires are half as sure as they say: σ(logit(s) / 2); its smokes are right."""
    metadata = NAMED | {"calibration": json.dumps({"fire": [2.0, 0.0]}), "threshold_sensitive": "0.2"}
    columns = ((36, 24, 24, 16, 0.9, 0.0), (70, 40, 24, 16, 0.0, 0.8))
    return Detector.load(constant_model(tmp_path / "sure.onnx", answer(*columns), metadata), backend="cpu")


def test_scores_are_calibrated_and_best_first(tmp_path: Path) -> None:
    found = calibrated(tmp_path).detect(np.zeros((64, 96, 3), np.uint8))
    assert [(detection.label, round(detection.score, 3)) for detection in found] == [
        ("smoke", 0.8),
        ("fire", 0.75),
    ]


def test_the_least_score_is_meant_as_calibrated(tmp_path: Path) -> None:
    detector, picture = calibrated(tmp_path), np.zeros((64, 96, 3), np.uint8)
    assert detector.threshold_sensitive == 0.2
    assert [d.label for d in detector.detect(picture, min_score=0.74)] == ["smoke", "fire"]
    assert [d.label for d in detector.detect(picture, min_score=0.76)] == ["smoke"]
    assert [d.label for d in detector.detect(picture, min_score=0.81)] == []
    assert len(detector.detect(picture, min_score=0.0)) == 2
    assert detector.detect(picture, min_score=1.0) == []


def test_two_classes_that_mean_one_label_are_each_as_right_as_they_were(tmp_path: Path) -> None:
    metadata = NAMED | {"labels": '["fire", "wildfire"]', "calibration": json.dumps({"wildfire": [2.0, 0.0]})}
    columns = ((36, 24, 24, 16, 0.9, 0.0), (70, 40, 24, 16, 0.0, 0.9))
    file = constant_model(tmp_path / "two.onnx", answer(*columns), metadata)
    detector = Detector.load(file, backend="cpu", labels={"wildfire": "fire"})
    found = detector.detect(np.zeros((64, 96, 3), np.uint8))
    assert [(d.label, round(d.score, 3)) for d in found] == [("fire", 0.9), ("fire", 0.75)]


def test_a_config_may_say_which_class_means_fire(tmp_path: Path) -> None:
    metadata = NAMED | {"labels": json.dumps(["wildfire", "cloud"])}
    file = constant_model(tmp_path / "theirs.onnx", answer((36, 24, 24, 16, 0.9, 0.0)), metadata)
    detector = Detector.load(file, backend="cpu", labels={"wildfire": "fire"})
    assert [d.label for d in detector.detect(np.zeros((64, 96, 3), np.uint8))] == ["fire"]


def test_classes_that_nobody_named_are_left_out(tmp_path: Path) -> None:
    metadata = {key: value for key, value in NAMED.items() if key != "labels"}
    columns = ((36, 24, 24, 16, 0.9, 0.0), (70, 40, 24, 16, 0.0, 0.8))
    file = constant_model(tmp_path / "nameless.onnx", answer(*columns), metadata)
    detector = Detector.load(file, backend="cpu", labels={"0": "fire"})
    assert [d.label for d in detector.detect(np.zeros((64, 96, 3), np.uint8))] == ["fire"]


def test_another_input_size_can_be_asked_for(shipped: Detector) -> None:
    finer = Detector.load(backend="cpu", input_px=640)
    assert finer.input_px == 640
    assert finer.detect(golden.picture())
    assert shipped.input_px != 640


def test_a_plain_ultralytics_export_is_understood(tmp_path: Path) -> None:
    metadata = {"names": "{0: 'Smoke', 1: 'Fire'}", "license": "AGPL-3.0 License"}
    file = constant_model(
        tmp_path / "theirs.onnx", answer((36, 24, 24, 16, 0.9, 0.1)), metadata, (1, 3, 64, 96)
    )
    detector = Detector.load(file, backend="cpu")
    assert detector.labels == ("smoke", "fire")
    assert detector.input_px == 96
    assert detector.name == "theirs"
    assert detector.detect(np.zeros((128, 192, 3), np.uint8))[0].label == "smoke"


def refusal(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Detector.load(path, backend="cpu")
    assert "\n" not in str(caught.value)
    assert str(path) in caught.value.message
    return caught.value


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no model file" in refusal(tmp_path / "nowhere.onnx").message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"PK\x03\x04" + b"0" * 99, "zip"),
        (b"not a model at all", "18 bytes"),
        (b"\x00" * 64, "64"),
    ],
)
def test_a_file_that_is_no_onnx_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(content)
    error = refusal(file)
    assert said in error.message
    assert error.hint


def test_half_a_download_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "half.onnx"
    file.write_bytes(SHIPPED_WEIGHTS.read_bytes()[:2_000_000])
    refusal(file)


def test_a_whole_file_that_the_runtime_is_too_old_for_says_why(tmp_path: Path) -> None:
    file = constant_model(tmp_path / "newer.onnx", answer(), NAMED)
    file.write_bytes(file.read_bytes().replace(b"\x08\x08", b"\x08\x7f", 1))
    assert "IR version: 127" in refusal(file).message


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    refusal(tmp_path)


def test_labels_must_be_named(tmp_path: Path) -> None:
    error = refusal(constant_model(tmp_path / "silent.onnx", answer(), {}))
    assert "classes" in error.message
    assert "labels" in error.hint


def test_a_model_of_cats_and_dogs_is_refused(tmp_path: Path) -> None:
    error = refusal(constant_model(tmp_path / "pets.onnx", answer(), {"labels": '["cat", "dog"]'}))
    assert "cat, dog" in error.message


def test_an_output_of_another_family_is_refused(tmp_path: Path) -> None:
    file = constant_model(tmp_path / "masks.onnx", np.zeros((1, 300, 7), np.float32), NAMED)
    assert "1×300×7" in refusal(file).message


@pytest.mark.parametrize(("key", "value"), [("threshold", "high"), ("threshold", "7"), ("input_size", "-3")])
def test_senseless_metadata_is_refused(tmp_path: Path, key: str, value: str) -> None:
    refusal(constant_model(tmp_path / "odd.onnx", answer(), {**NAMED, key: value}))


def test_a_model_for_something_else_than_pictures_is_refused(tmp_path: Path) -> None:
    error = refusal(constant_model(tmp_path / "sound.onnx", answer(), NAMED, (1, 16000)))
    assert "1×16000" in error.message


def test_the_runtime_needs_neither_torch_nor_ultralytics() -> None:
    script = (
        "import sys; from models.detector import Detector; Detector.load(); import models.make.cli;"
        "print([m for m in ('torch', 'ultralytics', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
