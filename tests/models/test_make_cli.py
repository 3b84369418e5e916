"""`emberwatch model …`: each verb explains itself, and what a user can get wrong is one clear line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from flight.errors import EmberwatchError
from models.detector import Detector
from models.errors import ModelError
from models.heads import cells
from models.make.build import build
from models.make.cli import app
from models.make.cli.judging import reliability_line
from models.make.dataset import DatasetError
from models.make.export import ExportSettings, export, settings_of_run
from models.make.train import TrainError, TrainSettings, train
from tests.models.onnx_files import constant_model

runner = CliRunner()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One picture with a fire at its centre, one with nothing."""
    folder = tmp_path / "photos"
    for shade, split in enumerate(("train", "val")):
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for name in ("burning", "clear"):
            picture = np.full((64, 96, 3), shade, np.uint8)
            cv2.imwrite(str(folder / split / "images" / f"{split}_{name}.png"), picture)
        (folder / split / "labels" / f"{split}_burning.txt").write_text("0 0.375 0.375 0.25 0.25\n")
    return folder


@pytest.mark.parametrize("verb", [command.name for command in app.registered_commands])
def test_every_verb_explains_itself(verb: str) -> None:
    result = runner.invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert "--" in result.output


def test_evaluate_counts_and_reports(tmp_path: Path, photos: Path) -> None:
    """The toy sees the same fire in every picture: right in one, a false alarm in the other."""
    output = np.zeros((1, 6, cells(64, 96)), np.float32)
    output[0, :, 0] = (36, 24, 24, 16, 0.9, 0)
    metadata = {"labels": '["fire", "smoke"]', "input_size": "96", "threshold": "0.4"}
    model = constant_model(tmp_path / "toy.onnx", output, metadata)
    report = tmp_path / "reports" / "toy.json"
    result = runner.invoke(
        app, ["evaluate", "--model", str(model), "--pictures", str(photos), "--report", str(report)]
    )
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "burning flagged: 1 of 1" in said
    assert "wrongly: 1 of 1" in said
    told = json.loads(report.read_text())
    assert told["recall"] == 1
    assert told["false_alarms"] == 1
    assert told["labels"]["fire"]["boxes_found"] == 1
    assert told["labels"]["fire"]["boxes_wrong"] == 1


def test_dataset_verb_tells_what_it_laid_together(tmp_path: Path, photos: Path) -> None:
    result = runner.invoke(app, ["dataset", "--photos", str(photos), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "train: 2 pictures; boxes: 1 fire" in result.output


def test_a_dataset_is_checked_by_the_verb_that_built_it(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    assert runner.invoke(app, ["dataset", "--photos", str(photos), "--out", str(out)]).exit_code == 0
    result = runner.invoke(app, ["dataset", "--out", str(out), "--check"])
    assert result.exit_code == 0, result.output
    assert "8 files are as they were built" in " ".join(result.output.split())
    (out / "labels" / "val" / "val_clear.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    refusal = runner.invoke(app, ["dataset", "--out", str(out), "--check"]).exception
    assert isinstance(refusal, DatasetError)
    assert "val_clear.txt" in refusal.message


def test_calibrate_shows_how_right_scores_are_and_reports_plain_json(tmp_path: Path) -> None:
    """The toy has no opinion on smoke: what cannot be measured is null, not NaN."""
    pytest.importorskip("onnx", reason="model files are rewritten with the onnx package (extra train)")
    photos = tmp_path / "photos"
    for kind in ("images", "labels"):
        (photos / "val" / kind).mkdir(parents=True)
    for n in range(20):
        name = f"p_{50 * n:05d}"
        cv2.imwrite(str(photos / "val" / "images" / f"{name}.png"), np.full((64, 96, 3), n, np.uint8))
        if n % 2:
            (photos / "val" / "labels" / f"{name}.txt").write_text("0 0.375 0.375 0.25 0.25\n")
    output = np.zeros((1, 6, cells(64, 96)), np.float32)
    output[0, :, 0] = (36, 24, 24, 16, 0.9, 0)
    model = constant_model(tmp_path / "toy.onnx", output, {"labels": '["fire", "smoke"]'})
    report = tmp_path / "report.json"
    options = ["--pictures", str(photos), "--patrol", "0.3", "--sensitive", "0.4", "--report", str(report)]
    result = runner.invoke(app, ["calibrate", "--model", str(model), *options])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "patrol: threshold" in said
    assert "0 of 10 (0.0%" in said, "clear pictures flagged, out of fold"
    told = json.loads(report.read_text(), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert told["labels"]["smoke"]["error_before"] is None
    assert Detector.load(model, backend="cpu").threshold == told["patrol"]["threshold"]


def test_a_reliability_line_shows_where_the_score_says_it_should_end() -> None:
    assert reliability_line(0.5, 0.75, width=8) == "████|█··"
    assert reliability_line(1.0, 0.5, width=4) == "██·|"


@pytest.mark.parametrize("option", ["--to", "--runtime"])
def test_quantising_to_what_there_is_not_is_refused(tmp_path: Path, option: str) -> None:
    pytest.importorskip("onnx", reason="quantising needs the onnx package (extra train)")
    files = ["--model", str(tmp_path / "a.onnx"), "--out", str(tmp_path / "b.onnx")]
    result = runner.invoke(app, ["quantise", *files, option, "int4"])
    assert result.exit_code == 2
    assert "int4" in result.output


def test_rewriting_model_files_without_the_extra_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    files = ["--model", str(tmp_path / "a.onnx"), "--out", str(tmp_path / "b.onnx")]
    result = runner.invoke(app, ["quantise", *files])
    assert isinstance(result.exception, ModelError)
    assert "make train" in result.exception.hint


def test_composites_are_added_to_what_is_there_to_train_on_alone(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "scenes"
    for seed in ("1", "2"):
        options = ["--out", str(out), "--photos", str(photos), "--flames", str(photos)]
        result = runner.invoke(app, ["composites", *options, "--count", "3", "--seed", seed])
        assert result.exit_code == 0, result.output
        assert "3 composites" in result.output
    composites = sorted(out.rglob("composite_*.jpg"))
    assert len(composites) == 6
    assert {picture.parent for picture in composites} == {out / "images" / "train"}
    assert (out / "composite.png").is_file()


def test_composites_of_photos_that_are_not_there_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "scenes"), "--photos", str(tmp_path / "none")]
    result = runner.invoke(app, ["composites", *options])
    assert isinstance(result.exception, DatasetError)
    assert not (tmp_path / "scenes").exists()


def test_training_without_the_extra_names_the_extra(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    data = build(tmp_path / "dataset", photos=photos).data_yaml
    with pytest.raises(TrainError) as refusal:
        train(data, tmp_path / "run", TrainSettings(), start=None)
    assert "make train" in refusal.value.hint
    weights = tmp_path / "run" / "weights" / "last.pt"
    weights.parent.mkdir(parents=True)
    weights.touch()
    with pytest.raises(EmberwatchError, match="not installed"):
        export(weights, tmp_path / "out.onnx", ExportSettings("x", 640, 0.25, "today", "0"))
    assert not (tmp_path / "out.onnx").exists()


def test_training_refuses_what_is_not_there(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(DatasetError, match="not a built dataset"):
        train(photos / "data.yaml", tmp_path / "run", TrainSettings(), start=None)
    data = build(tmp_path / "dataset", photos=photos).data_yaml
    with pytest.raises(TrainError, match="--minutes and --on-device only"):
        train(data, tmp_path / "run", TrainSettings(minutes=5, mosaic_off_share=0.1), start=None)
    with pytest.raises(TrainError, match="nothing to resume"):
        train(data, tmp_path / "run", TrainSettings(), start=None, resume=True)
    with pytest.raises(TrainError, match=r"start\.npz"):
        train(data, tmp_path / "run", TrainSettings(), start=tmp_path / "start.npz")


def test_a_run_that_has_ended_is_not_resumed(tmp_path: Path, photos: Path) -> None:
    report = build(tmp_path / "dataset", photos=photos)
    run = tmp_path / "run"
    (run / "weights").mkdir(parents=True)
    (run / "weights" / "last.pt").touch()
    record = {"settings": {}, "dataset_sha256": report.sha256, "minutes": 1.5}
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(TrainError, match="has ended"):
        train(report.data_yaml, run, TrainSettings(), start=None, resume=True)
    del record["minutes"]
    (run / "run.json").write_text(json.dumps({**record, "dataset_sha256": "another"}))
    with pytest.raises(TrainError, match="another dataset"):
        train(report.data_yaml, run, TrainSettings(), start=None, resume=True)


def test_exporting_what_was_never_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a training run"):
        settings_of_run(tmp_path, name="x", input_px=640, threshold=0.25)
    with pytest.raises(ModelError, match="no trained weights"):
        export(tmp_path / "last.pt", tmp_path / "x.onnx", ExportSettings("x", 640, 0.25, "today", "0"))
