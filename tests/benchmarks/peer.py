"""What ours is measured against: the plain network in a bare session, and Ultralytics' own `predict`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto

from models.make.fold import unfold
from models.shipped import SHIPPED_WEIGHTS

THREADS = 2
NO_ULTRALYTICS = "ultralytics not installed: make train"


def has_ultralytics() -> bool:
    return find_spec("ultralytics") is not None


@contextmanager
def plain_export() -> Iterator[Path]:
    """The shipped network as anybody would export it: floats in, and Ultralytics' own metadata."""
    model = onnx.load(str(SHIPPED_WEIGHTS))
    told = {entry.key: entry.value for entry in model.metadata_props}
    if model.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8:
        model = unfold(model)
    names = dict(enumerate(json.loads(told["labels"])))
    onnx.helper.set_model_props(
        model, {"names": str(names), "task": "detect", "stride": "32", "batch": "1", "imgsz": "[640, 640]"}
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plain.onnx"
        onnx.save(model, str(path))
        yield path


def bare(path: Path, height_px: int, width_px: int) -> Callable[[], object]:
    """One run of the plain network on a float tensor that is ready, with the threads that ours has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    tensor = np.random.default_rng(1).random((1, 3, height_px, width_px), np.float32)
    return lambda: session.run(None, {"images": tensor})


def ultralytics_predict(
    path: Path, image: NDArray[np.uint8], height_px: int, width_px: int, min_score: float
) -> Callable[[], object]:
    """`predict` of the plain export on ``image``, told to use the very input size that ours does.

    By itself it would pad to a square and compute almost twice as much.
    """
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    from ultralytics import YOLO  # type: ignore[attr-defined,unused-ignore]

    model: Any = YOLO(str(path), task="detect")
    return lambda: model.predict(
        image, imgsz=(height_px, width_px), conf=min_score, device="cpu", verbose=False, save=False
    )
