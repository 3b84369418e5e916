"""INT8 files: what stays float, what the file says, and that a loss which is too large is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from models.detection import Detection
from models.detector import Detector
from models.errors import ModelError
from models.make.dataset import Box, DatasetError, Example

onnx = pytest.importorskip("onnx", reason="quantising needs the onnx package (extra train)")

from models.make import metadata  # noqa: E402
from models.make.agreement import disagreement  # noqa: E402
from models.make.fold import fold  # noqa: E402
from models.make.graph import float_nodes, modules  # noqa: E402
from models.make.halve import halve_weights  # noqa: E402
from models.make.quantise import (  # noqa: E402
    QuantiseReport,
    QuantiseSettings,
    Runtime,
    quantise,
)

FEW = QuantiseSettings(photos=8, probes=3, max_loss=0.5)
SAYS = {
    "labels": '["fire", "smoke"]',
    "name": "toy",
    "input_size": "96",
    "threshold": "0.3",
    "licence": "MIT",
    "calibration": '{"fire": [1.5, 0.1]}',
}


def network() -> Any:
    """A detector with three grids, random weights and node names like those of PyTorch's exports."""
    rng = np.random.default_rng(7)
    nodes: list[Any] = []
    weights: list[Any] = []

    def convolution(module: str, source: str, channels: tuple[int, int], side: int, stride: int) -> str:
        kernel = rng.normal(0, 0.6 / side, (channels[1], channels[0], side, side)).astype(np.float32)
        bias = rng.normal(0, 0.3, channels[1]).astype(np.float32)
        weights.append(onnx.numpy_helper.from_array(kernel, f"{module}.weight"))
        weights.append(onnx.numpy_helper.from_array(bias, f"{module}.bias"))
        out = f"/{module}/Conv_output_0"
        nodes.append(
            onnx.helper.make_node(
                "Conv", [source, f"{module}.weight", f"{module}.bias"], [out], name=f"/{module}/Conv",
                kernel_shape=[side, side], strides=[stride, stride], pads=[side // 2] * 4,
            )
        )  # fmt: skip
        return out

    def silu(module: str, source: str) -> str:
        gate, out = f"/{module}/s", f"/{module}/a"
        nodes.append(onnx.helper.make_node("Sigmoid", [source], [gate], name=f"/{module}/act/Sigmoid"))
        nodes.append(onnx.helper.make_node("Mul", [source, gate], [out], name=f"/{module}/act/Mul"))
        return out

    at = silu("model.0", convolution("model.0", "images", (3, 32), 7, 8))
    flats = []
    weights.append(onnx.numpy_helper.from_array(np.array([1, 6, -1], np.int64), "flat"))
    for level in range(3):
        if level:
            at = silu(f"model.{level}", convolution(f"model.{level}", at, (32, 32), 3, 2))
        head = silu(f"model.9/cv2.{level}", convolution(f"model.9/cv2.{level}", at, (32, 32), 3, 1))
        last = convolution(f"model.9/cv2.{level}.last", head, (32, 6), 1, 1)
        nodes.append(onnx.helper.make_node("Reshape", [last, "flat"], [f"flat{level}"], name=f"/flat{level}"))
        flats.append(f"flat{level}")
    nodes.append(onnx.helper.make_node("Concat", flats, ["cells"], axis=2, name="/model.9/Concat"))
    nodes.append(onnx.helper.make_node("Sigmoid", ["cells"], ["shares"], name="/model.9/Sigmoid"))
    scale = np.array([[[96], [64], [40], [40], [1], [1]]], np.float32)
    weights.append(onnx.numpy_helper.from_array(scale, "scale"))
    nodes.append(onnx.helper.make_node("Mul", ["shares", "scale"], ["boxes"], name="/model.9/Mul"))
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "toy",
        [info("images", 1, [1, 3, "height", "width"])],
        [info("boxes", 1, [1, 6, "cells"])],
        weights,
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    folder = tmp_path_factory.mktemp("photos")
    made = []
    for n in range(12):
        coarse = np.random.default_rng(n).integers(0, 256, (8, 12, 3), np.uint8)
        cv2.imwrite(str(folder / f"{n}.png"), cv2.resize(coarse, (192, 128)))
        made.append(Example(folder / f"{n}.png", (Box(0, 0.5, 0.5, 0.4, 0.6),)))
    return made


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return metadata.save_checked(network(), tmp_path / "toy.onnx", SAYS)


def made_int8(
    model: Path, out: Path, photos: Sequence[Example], settings: QuantiseSettings = FEW
) -> QuantiseReport:
    return quantise(model, out, train=photos, judged_on=photos[:4], settings=settings)


def eight_bit_convolutions(path: Path) -> set[str]:
    """Convolutions whose weights are stored as integers."""
    graph = metadata.load(path).graph
    made_by = {node.output[0]: node for node in graph.node}
    return {
        node.name
        for node in graph.node
        if node.op_type == "Conv"
        and node.input[1] in made_by
        and made_by[node.input[1]].op_type == "DequantizeLinear"
    }


def seen(path: Path, photos: Sequence[Example]) -> list[list[Detection]]:
    detector = Detector.load(path, backend="cpu")
    pictures = [np.asarray(cv2.imread(str(photo.picture)), np.uint8) for photo in photos]
    return [detector.detect_raw(picture, 0.3) for picture in pictures]


def outputs(path: Path) -> NDArray[np.float32]:
    """What a plain network answers to some picture."""
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    coarse = np.random.default_rng(99).random((8, 12, 3), np.float32)
    picture = cv2.resize(coarse, (96, 64)).transpose(2, 0, 1)[None]
    (answer,) = session.run(None, {"images": picture})
    return np.asarray(answer, np.float32)


def test_the_last_convolutions_and_what_follows_stay_float() -> None:
    kept = float_nodes(network().graph)
    assert {name for name in kept if name.endswith("Conv")} == {
        f"/model.9/cv2.{level}.last/Conv" for level in range(3)
    }
    assert "/model.9/Sigmoid" in kept
    assert "/model.9/Mul" in kept
    assert "/model.0/act/Mul" not in kept


def test_modules_are_told_by_the_names_that_exports_give() -> None:
    graph = network().graph
    found = modules(graph, float_nodes(graph))
    assert list(found) == [
        "model.0", "model.9/cv2.0", "model.1", "model.9/cv2.1", "model.2", "model.9/cv2.2",
    ]  # fmt: skip
    assert found["model.1"] == ["/model.1/Conv", "/model.1/act/Sigmoid", "/model.1/act/Mul"]


def test_an_int8_file_sees_what_the_float_one_sees_and_says_what_it_is(
    tmp_path: Path, model: Path, photos: list[Example]
) -> None:
    out = tmp_path / "int8.onnx"
    report = made_int8(model, out, photos)
    assert len(eight_bit_convolutions(out)) == 6, "all but the last three"
    assert report.bytes_after < 0.5 * report.bytes_before
    wanted, found = outputs(model), outputs(out)
    assert np.abs(found - wanted).mean() < 0.1 * np.abs(wanted - wanted.mean(axis=2, keepdims=True)).mean()
    told = metadata.read(out)
    assert {key: told[key] for key in SAYS} == SAYS
    assert told["golden"] != metadata.read(model)["golden"], "the boxes that it finds itself"
    assert json.loads(told["quantised"])["float"] == []


def test_the_same_seed_makes_the_same_file(tmp_path: Path, model: Path, photos: list[Example]) -> None:
    for name in ("a", "b"):
        made_int8(model, tmp_path / f"{name}.onnx", photos)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_folded_file_stays_folded_and_gives_the_same_boxes(
    tmp_path: Path, model: Path, photos: list[Example]
) -> None:
    folded = metadata.save(fold(metadata.load(model)), tmp_path / "folded.onnx", SAYS)
    made_int8(model, tmp_path / "plain8.onnx", photos)
    made_int8(folded, tmp_path / "folded8.onnx", photos)
    picture = metadata.load(tmp_path / "folded8.onnx").graph.input[0]
    assert picture.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    plain, same = seen(tmp_path / "plain8.onnx", photos), seen(tmp_path / "folded8.onnx", photos)
    assert disagreement(plain, same) < 0.02


def test_activation_functions_are_8_bit_only_for_onnx_runtime(
    tmp_path: Path, model: Path, photos: list[Example]
) -> None:
    fed_by_integers = {}
    for runtime in Runtime:
        out = tmp_path / f"{runtime}.onnx"
        made_int8(model, out, photos, QuantiseSettings(runtime, photos=8, probes=3, max_loss=0.5))
        graph = metadata.load(out).graph
        users = [node for node in graph.node if node.op_type == "QuantizeLinear"]
        fed_by_integers[runtime] = sum(node.input[0].endswith("/s") for node in users)
    assert fed_by_integers == {Runtime.OPENVINO: 0, Runtime.ONNXRUNTIME: 6}


def test_sensitive_modules_are_made_float_until_the_loss_is_small_enough_or_it_is_refused(
    tmp_path: Path, model: Path, photos: list[Example], caplog: pytest.LogCaptureFixture
) -> None:
    """No INT8 file gains half of all precision, so this asks for more and more modules in vain."""
    settings = QuantiseSettings(photos=8, probes=3, max_loss=-0.5, most_float=2)
    with caplog.at_level("INFO"), pytest.raises(ModelError, match="INT8 loses") as refusal:
        made_int8(model, tmp_path / "int8.onnx", photos, settings)
    gains = {
        str(record.args[0]): float(str(record.args[1]))
        for record in caplog.records
        if isinstance(record.args, tuple) and "nearer" in str(record.msg)
    }
    assert len(gains) == 6, "every module was tried"
    best = sorted((name for name in gains if gains[name] > 0), key=lambda name: -gains[name])[:2]
    assert ", ".join(best) in refusal.value.message
    assert not (tmp_path / "int8.onnx").exists()


def test_too_few_photos_are_refused(tmp_path: Path, model: Path, photos: list[Example]) -> None:
    with pytest.raises(DatasetError, match="too few"):
        made_int8(model, tmp_path / "int8.onnx", photos[:10])


def test_halved_weights_take_half_the_space_and_give_the_same_numbers(tmp_path: Path, model: Path) -> None:
    out = tmp_path / "half.onnx"
    halve_weights(model, out)
    assert out.stat().st_size < 0.6 * model.stat().st_size
    np.testing.assert_allclose(outputs(out), outputs(model), atol=0.2)
    assert metadata.read(out)["name"] == "toy"


def test_disagreement_by_hand() -> None:
    box, shifted = Detection("fire", 0.8, 0, 0, 10, 10), Detection("fire", 0.6, 0, 0, 10, 5)
    assert disagreement([[box]], [[box]]) == 0
    assert disagreement([[box]], [[shifted]]) == pytest.approx(1 - 0.5 * 0.8)
    assert disagreement([[box]], [[Detection("smoke", 0.8, 0, 0, 10, 10)]]) == 1
    assert disagreement([[box]], [[]]) == pytest.approx(0.5), "nothing in the other contradicts"
    assert disagreement([[]], [[]]) == 0
