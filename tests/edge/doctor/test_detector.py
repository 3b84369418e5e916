"""The detector as the doctor tries it: the shipped model for real, broken ones, and facts that are judged."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config.file import DetectorSection
from edge.doctor.check import Check
from edge.doctor.detector import BackendFound, DetectorFound, is_whole, judge_detector, try_detector
from models.backends.session import ModelFile
from models.shipped import SHIPPED_WEIGHTS

FINE = BackendFound("cpu", version="cpu 1.32", look_s=0.09)
WELL = DetectorFound("ember-n", "0123456789abcdef", backends=(FINE,), period_s=0.2)


def check(found: DetectorFound, name: str) -> Check:
    return next(one for one in judge_detector(found) if one.name == name)


def test_a_detector_that_is_well_passes_every_check() -> None:
    assert [one for one in judge_detector(WELL) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"trouble": "no model file"}, "model", False, "no model file"),
        ({"is_whole": False}, "model", False, "not the file that was installed"),
        ({"backends": (FINE, BackendFound("openvino", trouble="blind"))}, "back end openvino", None, "blind"),
        (
            {"asked": "cpu", "backends": (BackendFound("cpu", trouble="blind"),)},
            "back end cpu",
            False,
            "blind",
        ),
        (
            {"asked": "cpu", "backends": (BackendFound("cpu", trouble="blind"),)},
            "detector",
            False,
            "no back end",
        ),
        ({"asked": "tensorrt", "backends": ()}, "detector", None, "first starts"),
        ({"period_s": 0.05}, "detector", None, "90 ms a look, 50 ms"),
    ],
)
def test_what_is_wrong_with_a_detector_is_told(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found


def test_the_shipped_model_sees_what_it_should_on_the_cpu() -> None:
    found = try_detector(DetectorSection(backend="cpu"), frames_per_s=5.0)
    assert found.sha256 == hashlib.sha256(SHIPPED_WEIGHTS.read_bytes()).hexdigest()
    assert check(found, "back end cpu").passed
    assert found.backends[0].look_s is not None


def test_a_model_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"PK not a network")
    found = try_detector(DetectorSection(model=tmp_path / "a.onnx", backend="cpu"), frames_per_s=5.0)
    assert check(found, "back end cpu").passed is False
    found = try_detector(DetectorSection(model=tmp_path / "none.onnx"), frames_per_s=5.0)
    assert check(found, "model").passed is False


class Noted:
    """What pip notes of a file."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.name, self._path = path.name, path
        value = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        self.hash = importlib.metadata.FileHash(f"sha256={value}")

    def locate(self) -> Path:
        return self._path


def test_a_file_that_is_not_as_it_was_installed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ember-n.onnx"
    path.write_bytes(b"network")
    file = ModelFile.read(path)
    for content, whole in ((b"network", True), (b"network before the card went bad", False)):
        noted = [Noted(tmp_path / "elsewhere/ember-n.onnx", b""), Noted(path, content)]
        monkeypatch.setattr(importlib.metadata, "files", lambda _name, noted=noted: noted)
        assert is_whole(file) is whole
    monkeypatch.setattr(importlib.metadata, "files", lambda _name: None)
    assert is_whole(file) is None
