"""The mean of runs is a run that can be exported, and only of what belongs together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.make.mean import mean
from models.make.train import TrainError, quiet_ultralytics


def run_record(folder: Path, **record: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    ended = run_record(tmp_path / "a", last_sha256="0", began_utc="2026", dataset_sha256="1")
    with pytest.raises(TrainError, match="has not ended"):
        mean([ended, run_record(tmp_path / "b")], tmp_path / "out")
    with pytest.raises(TrainError, match="not a training run"):
        mean([ended, tmp_path / "none"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def network(channels: int, value: float) -> Any:
    torch = pytest.importorskip("torch", reason="the training tools are not installed (make train)")
    layer = torch.nn.BatchNorm2d(channels)
    torch.nn.init.constant_(layer.weight, value)
    return layer


def saved(folder: Path, channels: int, value: float) -> Path:
    layer = network(channels, value)
    import torch

    run_record(folder, last_sha256=folder.name, began_utc="2026-01-01T00:00:00Z", dataset_sha256=folder.name)
    (folder / "weights").mkdir()
    torch.save({"model": layer, "ema": None}, folder / "weights" / "last.pt")
    return folder


def test_weights_are_averaged_and_it_is_told_of_what(tmp_path: Path) -> None:
    runs = [saved(tmp_path / "a", 3, 1.0), saved(tmp_path / "b", 3, 2.0)]
    quiet_ultralytics(tmp_path / "settings")
    import torch

    last = mean(runs, tmp_path / "out")
    made = torch.load(last, weights_only=False)
    assert made["model"].weight.tolist() == [1.5] * 3
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [part["last_sha256"] for part in record["mean_of"]] == ["a", "b"]
    assert record["dataset_sha256"] == "a"
    with pytest.raises(TrainError, match="holds a run already"):
        mean(runs, tmp_path / "out")
    with pytest.raises(TrainError, match="not of one shape"):
        mean([runs[0], saved(tmp_path / "c", 4, 2.0)], tmp_path / "other")
