"""The detectors that come with Emberwatch, by name."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "weights"
SHIPPED_WEIGHTS = FOLDER / "ember-n.onnx"
"""What flies unless the config names another."""


def shipped() -> dict[str, Path]:
    """The model files in the package by the names that configs may use for them."""
    return {file.stem: file for file in sorted(FOLDER.glob("*.onnx"))}


def model_file(name_or_path: str | Path) -> Path:
    """The file of a shipped model that is named, or the path as it is."""
    return shipped().get(str(name_or_path), Path(name_or_path))
