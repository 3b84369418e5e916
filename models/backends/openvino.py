"""Runs an ONNX file with OpenVINO on the CPU; needs the extra ``openvino``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.backends import compiled
from models.backends.session import ModelFile, Run, failed, plain
from models.heads.head import Outputs, Port


def _import_openvino() -> Any:
    """OpenVINO without its converter, which tells its maker of every import and writes an identifier to disk.

    The package does without it where it cannot be imported, and Emberwatch has no use for it.
    """
    converter = "openvino.tools.ovc"
    blocked = "openvino" not in sys.modules and converter not in sys.modules
    if blocked:
        sys.modules[converter] = None  # type: ignore[assignment]
    try:
        import openvino
        import openvino.frontend
    finally:
        if blocked:
            del sys.modules[converter]
    return openvino


openvino: Any = _import_openvino()
VERSION = str(openvino.__version__).split("-")[0]

# The reader's failures share no base class below Exception.
_REFUSALS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    openvino.frontend.GeneralFailure,
    openvino.frontend.InitializationFailure,
    openvino.frontend.NotImplementedFailure,
    openvino.frontend.OpConversionFailure,
    openvino.frontend.OpValidationFailure,
)
STATIC_SIZES = 2
"""So many input sizes, the whole frame's and a tile's, get a network compiled for them: 10 % faster than one
that takes any size. Further sizes share one of those, so that many do not stall the watch for a compiler."""
_HALF_PRECISIONS = {"BF16": "bf16", "FP16": "f16"}


def precisions() -> tuple[str, ...]:
    """Precisions worth a try on this CPU, the fastest first; ``f32`` always."""
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    # x86 cores that report both are built for the first.
    half = next((hint for name, hint in _HALF_PRECISIONS.items() if name in capabilities), None)
    return ("f32",) if half is None else (half, "f32")


class OpenVinoSession:
    """One network in OpenVINO. Threads are bounded and tied to no core: flight and uplink need theirs."""

    def __init__(
        self, file: ModelFile, *, threads: int, precision: str = "f32", cache: Path | None = None
    ) -> None:
        """Reads ``file``; raises :class:`ModelError` that names what is wrong with it.

        What OpenVINO compiles is kept in ``cache`` for the next start.
        """
        self._core = openvino.Core()
        self._settings: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,
        }
        self._kept = None if cache is None else cache / "openvino"
        if self._kept is not None and not compiled.checked(self._kept):
            self._kept = None
        if self._kept is not None:
            self._settings["CACHE_DIR"] = str(self._kept)
        try:
            # Asked by name: a file of unknown kind would wake the readers of every other framework.
            reader = openvino.frontend.FrontEndManager().load_by_framework("onnx")
            self._model = reader.convert(reader.load(str(file.path)))
        except _REFUSALS as error:
            raise file.refused_by("OpenVINO", error) from None
        self.backend = f"openvino {VERSION}" + ("" if precision == "f32" else f" {precision}")
        told = self._model.get_rt_info()["framework"] if self._model.has_rt_info("framework") else {}
        self.metadata = {key: str(value.value) for key, value in told.items()}
        self.inputs = tuple(_port(port) for port in self._model.inputs)
        self.outputs = tuple(_port(port) for port in self._model.outputs)
        self._requests: dict[object, Any] = {}

    def bind(self, feeds: Mapping[str, NDArray[Any]]) -> Run:
        """See :class:`models.backends.session.Session`."""
        tensors = {name: openvino.Tensor(array, shared_memory=True) for name, array in feeds.items()}
        try:
            request = self._request({name: array.shape for name, array in feeds.items()})
        except RuntimeError as error:
            raise failed(feeds, error) from None
        outputs = range(len(self.outputs))

        def run() -> Outputs:
            # Requests are shared by all who bind the same sizes: theirs may be set.
            for name, tensor in tensors.items():
                request.set_tensor(name, tensor)
            try:
                request.infer()
            except RuntimeError as error:
                raise failed(feeds, error) from None
            return [plain(request.get_output_tensor(index).data) for index in outputs]

        return run

    def _request(self, shapes: Mapping[str, tuple[int, ...]]) -> Any:
        static = self._model.is_dynamic() and len(self._requests) < STATIC_SIZES
        key: object = tuple(sorted(shapes.items()))
        if key not in self._requests and not static:
            key = "any size"
        if key not in self._requests:
            model = self._model.clone()
            if static:
                model.reshape({name: list(shape) for name, shape in shapes.items()})
            network = self._core.compile_model(model, "CPU", self._settings)
            if self._kept is not None:
                compiled.noted(self._kept)
            self._requests[key] = network.create_infer_request()
        return self._requests[key]


def _port(port: Any) -> Port:
    shape = tuple(side.get_length() if side.is_static else None for side in port.get_partial_shape())
    return Port(port.get_any_name(), np.dtype(port.get_element_type().to_dtype()).name, shape)
