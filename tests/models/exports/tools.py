"""What the makers of the exports share."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_VERBOSE", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

HERE = Path(__file__).parent
NAMES = {0: "fire", 1: "smoke"}
HEIGHT, WIDTH, SQUARE = 96, 128, 96
WHOLE = (120, 176)
NMS_IOU = 0.5
OPSET = 17
ULTRALYTICS = "ultralytics-opencv-headless"


@dataclass(frozen=True)
class Made:
    """What a maker hands over besides the file."""

    package: str
    licence: str
    how: str
    """How the expected boxes came about."""
    min_score: float
    boxes: list[list[float]]
    """x1, y1, x2, y2 in pixels, score, class number."""
    whole: list[list[float]] | None = None
    """The same for the whole picture, which is larger than the input: the library fits it in its own way."""


def enough(find: Callable[[float], list[list[float]]]) -> tuple[float, list[list[float]]]:
    """A least score that leaves a dozen boxes and more, and those."""
    for min_score in (0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02):
        boxes = find(min_score)
        if len(boxes) >= 12:
            return min_score, boxes
    raise RuntimeError(f"only {len(boxes)} boxes: other weights are wanted")


def library(name: str) -> Any:
    """A package that only the maker needs."""
    return importlib.import_module(name)


def picture(height: int, width: int) -> Any:
    """The upper left corner of the test picture, BGR."""
    whole = np.asarray(cv2.imread(str(HERE / "picture.png")), np.uint8)
    return np.ascontiguousarray(whole[:height, :width])


def draw_picture() -> None:
    """Soft blobs of colour: no two corners alike."""
    rng = np.random.default_rng(7)
    rough = rng.integers(0, 256, (6, 8, 3)).astype(np.float32)
    smooth = cv2.resize(rough, WHOLE[::-1], interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(HERE / "picture.png"), np.clip(smooth, 0, 255).astype(np.uint8) // 4 * 4)


def settle(network: Any, height: int, width: int) -> None:
    """Gives batch norms the statistics of soft noise, so that values neither die nor explode."""
    torch = library("torch")
    source = torch.Generator().manual_seed(1)
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for _ in range(4):
            rough = torch.rand(8, 3, 6, 8, generator=source)
            network(torch.nn.functional.interpolate(rough, (height, width), mode="bicubic"))
    network.eval()


def enliven(layers: Sequence[Any], spread: float, bias: float, seed: int) -> None:
    """Random weights for last layers, which libraries start as good as silent."""
    torch = library("torch")
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=source) * spread)
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=source) * 0.5 + bias)


def lean(file: Path) -> None:
    """Takes tracing notes and long inner names out of a file; the network stays as it is."""
    onnx = library("onnx")
    model = onnx.load(str(file))
    model.graph.ClearField("value_info")
    kept = {port.name for port in (*model.graph.input, *model.graph.output)} | {""}
    short: dict[str, str] = {}
    for tensor in model.graph.initializer:
        tensor.name = short.setdefault(tensor.name, f"w{len(short)}")
    for node in model.graph.node:
        for field in ("doc_string", "metadata_props", "name"):
            node.ClearField(field)
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name not in kept:
                    names[index] = short.setdefault(name, f"t{len(short)}")
    onnx.save(model, str(file))


def halve(file: Path) -> None:
    """Keeps large weights as 16-bit floats that are cast when the network is loaded."""
    onnx = library("onnx")
    model = onnx.load(str(file))
    casts = []
    for tensor in model.graph.initializer:
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.size > 64:
            casts.append(onnx.helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=1))
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights.astype(np.float16), f"{tensor.name}_half"))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    onnx.save(model, str(file))


def tracer() -> None:
    """Lets libraries that do not say which exporter they mean get the one they were written for."""
    torch = library("torch")
    if not isinstance(torch.onnx.export, functools.partial):
        torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)


def run_onnx(file: Path, **inputs: Any) -> list[Any]:
    """The file's outputs as torch tensors."""
    torch = library("torch")
    session = library("onnxruntime").InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return [torch.from_numpy(output) for output in session.run(None, inputs)]
