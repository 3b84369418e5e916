"""Runs an ONNX file with ONNX Runtime on the CPU."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# From 1.29 on the official Linux builds send usage data to their maker unless this is set before the
# import. A rescue team's drone tells nobody what it runs, and writes no identifier to the disk.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _failures

from models.errors import ModelError

# ONNX Runtime's own failures share no base class below Exception.
_REFUSALS: tuple[type[Exception], ...] = tuple(
    getattr(_failures, name)
    for name in (
        "EPFail",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoModel",
        "NotImplemented",
        "RuntimeException",
    )
)


class OnnxSession:
    """One loaded network: a float32 picture tensor in, one array out.

    Threads are bounded and never spin between frames: on a companion computer the flight and the
    uplink need their share of the cores.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        """Loads ``path``; raises :class:`ModelError` that names what is wrong with it."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ModelError(f"no model file at {path}", hint="Check the path to the .onnx file.") from None
        except OSError as error:
            raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except _REFUSALS:
            raise ModelError(
                f"{path} is not an ONNX model that can be loaded ({_describe(content)})",
                hint="Is the file complete? Emberwatch runs .onnx files, not .pt or .engine.",
            ) from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
            raise ModelError(
                f"{path} does not take one float picture (found input {found})",
                hint="A detector takes one tensor(float) of 1×3×height×width.",
            )
        self._input_name: str = inputs[0].name
        self._output_name: str = outputs[0].name
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        height, width = inputs[0].shape[2:]
        fixed = isinstance(height, int) and isinstance(width, int)
        self.fixed_size: tuple[int, int] | None = (height, width) if fixed else None
        """Height and width the network insists on, or None where any multiple of 32 will do."""

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first output for a ``1×3×H×W`` RGB tensor in 0…1; raises :class:`ModelError`."""
        try:
            output: NDArray[np.float32] = self._session.run([self._output_name], {self._input_name: tensor})[
                0
            ]
        except _REFUSALS as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise ModelError(f"the model failed on a {_size(tensor.shape)} input: {reason}") from None
        return output


def _describe(content: bytes) -> str:
    if not content:
        return "the file is empty"
    if content[:2] == b"PK":
        return "it is a zip archive; PyTorch's .pt files are"
    if content[:40].startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file itself"
    return f"{len(content)} bytes that ONNX Runtime refuses"


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
