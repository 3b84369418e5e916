"""Runs an ONNX file with ONNX Runtime: on the CPU, or with XNNPACK, CUDA or TensorRT where it has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# From 1.29 on the official Linux builds send usage data to their maker unless this is set before the
# import. A rescue team's drone tells nobody what it runs, and writes no identifier to the disk.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _failures

from models.backends.session import ModelFile, Run, failed, plain
from models.errors import ModelError
from models.heads.head import Outputs, Port

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
_FAILURES: tuple[type[Exception], ...] = (*_REFUSALS, RuntimeError)
VERSION = str(onnxruntime.__version__)
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


class OnnxSession:
    """One network in ONNX Runtime.

    Threads are bounded and never spin between frames: on a companion computer the flight and the
    uplink need their share of the cores.
    """

    def __init__(
        self, file: ModelFile, *, threads: int, backend: str = "cpu", cache: Path | None = None
    ) -> None:
        """Loads ``file`` for one of :data:`PROVIDERS`; raises :class:`ModelError` that names what is wrong.

        TensorRT keeps the engine that it builds in ``cache``.
        """
        provider = PROVIDERS[backend]
        if provider not in onnxruntime.get_available_providers():
            raise ModelError(
                f"this build of ONNX Runtime has no {provider}",
                hint=f'Install one that has it, or choose another back end than "{backend}".',
            )
        options = onnxruntime.SessionOptions()
        # XNNPACK brings its own threads; two pools would be twice what was allowed.
        options.intra_op_num_threads = 1 if backend == "xnnpack" else threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        engines = None if cache is None else engine_folder(cache, file)
        wanted = [(provider, _provider_options(backend, threads, engines))]
        if backend == "tensorrt":
            wanted.append((PROVIDERS["cuda"], {}))  # for the nodes that TensorRT does not take
        try:
            self._session: Any = onnxruntime.InferenceSession(file.content, options, providers=wanted)
        except _REFUSALS as error:
            raise file.refused_by("ONNX Runtime", error) from None
        # A provider whose libraries are missing is left out without a word.
        if provider not in self._session.get_providers():
            raise ModelError(
                f"ONNX Runtime could not start its {provider}",
                hint="Are the GPU's driver and libraries installed, in the versions that this build wants?",
            )
        self.backend = f"{backend} {VERSION}"
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.inputs = tuple(_port(node) for node in self._session.get_inputs())
        self.outputs = tuple(_port(node) for node in self._session.get_outputs())

    def bind(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """See :class:`models.backends.session.Session`."""
        session, binding = self._session, self._session.io_binding()
        names = [port.name for port in self.outputs]

        def run() -> Outputs:
            # Bound anew each time: for a GPU the input is copied when it is bound, and would stay as it was.
            for name, array in feeds.items():
                binding.bind_cpu_input(name, array)
            # And a filled output keeps its shape, while the number of boxes may change.
            binding.clear_binding_outputs()
            for name in names:
                binding.bind_output(name)
            try:
                session.run_with_iobinding(binding)
            except _FAILURES as error:
                raise failed(feeds, error) from None
            return [plain(value.numpy()) for value in binding.get_outputs()]

        return run


def present() -> list[str]:
    """Those of :data:`PROVIDERS` that this build has, the CPU first."""
    there = onnxruntime.get_available_providers()
    return [name for name, provider in PROVIDERS.items() if provider in there]


def engine_folder(cache: Path, file: ModelFile) -> Path:
    """Where TensorRT's engines for ``file`` are kept."""
    return cache / "tensorrt" / file.sha256[:16]


def _provider_options(backend: str, threads: int, engines: Path | None) -> dict[str, str]:
    if backend == "xnnpack":
        return {"intra_op_num_threads": str(threads)}
    if backend == "tensorrt":
        kept: dict[str, str] = {"trt_fp16_enable": "1"}
        if engines is not None:
            kept |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(engines)}
        return kept
    return {}


def _port(node: Any) -> Port:
    kind = str(node.type).removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64"}.get(kind) or _numpy_name(kind)
    return Port(node.name, dtype, tuple(node.shape))


def _numpy_name(kind: str) -> str:
    try:
        return np.dtype(kind).name
    except TypeError:  # strings, sequences: no detector has them
        return kind
