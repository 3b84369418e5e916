"""Paths in a configuration file: relative to the file, not to wherever a program was started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    base: Path | None = (info.context or {}).get("base_dir")
    return path if base is None or path.is_absolute() else base / path


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path that is resolved against ``base_dir`` of the validation's context, where that is given."""
