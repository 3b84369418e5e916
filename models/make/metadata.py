"""Reads and rewrites what an ONNX file says about itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from models.detector import Detector
from models.errors import ModelError
from models.files import replace_file
from models.golden import KEY as GOLDEN
from models.golden import expected_json


def require_onnx() -> Any:
    """The ``onnx`` package; raises :class:`ModelError` where the ``train`` extra is not installed."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise ModelError(
            "writing model files needs the onnx package, which is not installed",
            hint="Install the tools in the checkout with: make train",
        ) from None
    return onnx


def load(path: Path) -> Any:
    """The model in ``path`` as ``onnx`` has it; raises :class:`ModelError`."""
    onnx = require_onnx()
    try:
        return onnx.load(str(path))
    except FileNotFoundError:
        raise ModelError(f"no model file at {path}", hint="Check the path to the .onnx file.") from None
    except Exception as error:  # noqa: BLE001 - protobuf's own errors share no base class below Exception
        raise ModelError(f"{path} is not an ONNX file ({type(error).__name__})") from None


def read(path: Path) -> dict[str, str]:
    """The metadata of the model in ``path``."""
    return {entry.key: entry.value for entry in load(path).metadata_props}


def save(model: Any, path: Path, metadata: dict[str, str]) -> Path:
    """Writes ``model`` with exactly this metadata; ``path`` is replaced in one step."""
    onnx = require_onnx()
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    replace_file(path, model.SerializeToString())
    return path


def save_checked(model: Any, path: Path, metadata: dict[str, str]) -> Path:
    """As :func:`save`, with the boxes that the model finds on the golden picture on the reference back end.

    Raises :class:`ModelError` for what is no detector; ``path`` is then as it was.
    """
    own = {key: value for key, value in metadata.items() if key != GOLDEN}
    with tempfile.TemporaryDirectory() as scratch:
        draft = save(model, Path(scratch) / path.name, own)
        own[GOLDEN] = expected_json(Detector.load(draft, backend="cpu"))
    return save(model, path, own)


def rewrite(source: Path, out: Path, changes: dict[str, str | None]) -> Path:
    """Writes ``source`` to ``out`` (may be the same) with some metadata set or, by ``None``, left out."""
    model = load(source)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    for key, value in changes.items():
        metadata.pop(key, None)
        if value is not None:
            metadata[key] = value
    return save(model, out, metadata)
