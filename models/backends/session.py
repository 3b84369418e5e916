"""What every back end is: a loaded network that runs on arrays which stay where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.heads.head import Outputs, Port
from models.shipped import shipped

Run = Callable[[], Outputs]
"""Runs the network on what the bound arrays hold now. The outputs are valid until the next run."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file on disk and its checksum."""

    path: Path
    sha256: str
    content: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """Raises :class:`ModelError` that names what is wrong with the path."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ModelError(
                f"no model file at {path}",
                hint=f"Check the path. Models that are here by name: {', '.join(shipped())}.",
            ) from None
        except OSError as error:
            raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
        return cls(path, hashlib.sha256(content).hexdigest(), content)

    @property
    def quantised(self) -> bool:
        """Whether it computes with 8-bit numbers: operators stand in the file by their names."""
        return b"uantizeLinear" in self.content or b"QLinearConv" in self.content

    def refused_by(self, runtime: str, error: Exception) -> ModelError:
        """The error for a file that ``runtime`` cannot load, with what the file seems to be."""
        if not self.content:
            found = "the file is empty"
        elif self.content[:2] == b"PK":
            found = "it is a zip archive; PyTorch's .pt files are"
        elif self.content.startswith(b"version https://git-lfs"):
            found = "it is a Git LFS pointer, not the file itself"
        else:
            found = f"{len(self.content)} bytes that {runtime} refuses: {_reason(error)}"
        return ModelError(
            f"{self.path} is not an ONNX model that can be loaded ({found})",
            hint="Is the file complete? Emberwatch runs .onnx files, not .pt or .engine.",
        )


class Session(Protocol):
    """One network loaded by one back end; not for several threads at a time."""

    @property
    def backend(self) -> str:
        """Back end, version and, where it is not plain float32, precision: ``openvino 2026.1 bf16``."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's ``metadata_props``."""
        ...

    @property
    def inputs(self) -> tuple[Port, ...]: ...

    @property
    def outputs(self) -> tuple[Port, ...]: ...

    def bind(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """Makes ready to run on ``feeds``: C-contiguous arrays by input name, to be rewritten between runs.

        What is returned raises :class:`ModelError` when the network fails.
        """
        ...


def failed(feeds: Mapping[str, NDArray[Any]], error: Exception) -> ModelError:
    """The error for a network that failed on ``feeds``."""
    sizes = ", ".join("×".join(map(str, array.shape)) for array in feeds.values())
    return ModelError(f"the model failed on a {sizes} input: {_reason(error)}")


def _reason(error: Exception) -> str:
    """The end of what a runtime says, as one line; it begins with places in its own source."""
    told = " ".join(str(error).split())
    return told if len(told) <= 160 else f"…{told[-160:]}"


def plain(output: NDArray[Any]) -> NDArray[Any]:
    """Half floats as float32, anything else as it is: heads compute with plain numbers."""
    return output.astype(np.float32) if output.dtype == np.float16 else output
