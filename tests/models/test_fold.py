"""A network with its preprocessing folded in takes the camera's own bytes and answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from models.detector import Detector
from models.errors import ModelError
from models.shipped import SHIPPED_WEIGHTS

onnx = pytest.importorskip("onnx", reason="the training tools are not installed (make train)")
make = pytest.importorskip("models.make.fold")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper
fold, unfold = make.fold, make.unfold

HEIGHT, WIDTH = 16, 24


def network(kind: str, *, scale: float = 1 / 255) -> Any:
    """A convolution of a picture, as several tools write it."""
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    dtype = TensorProto.FLOAT16 if kind == "half" else TensorProto.FLOAT
    constants = []
    if kind == "quantised":
        constants += [
            numpy_helper.from_array(np.float32(scale), "scale"),
            numpy_helper.from_array(np.uint8(0), "zero"),
            numpy_helper.from_array(np.clip(weights * 40, -127, 127).astype(np.int8), "bytes"),
            numpy_helper.from_array(np.full(4, 1 / 40, np.float32), "scales"),
            numpy_helper.from_array(np.zeros(4, np.int8), "zeros"),
        ]
        nodes = [
            helper.make_node("QuantizeLinear", ["images", "scale", "zero"], ["quanta"]),
            helper.make_node("DequantizeLinear", ["quanta", "scale", "zero"], ["floats"]),
            helper.make_node("DequantizeLinear", ["bytes", "scales", "zeros"], ["weights"], axis=0),
            helper.make_node("Conv", ["floats", "weights"], ["answer"], pads=[1, 1, 1, 1]),
        ]
    else:
        kept = weights.astype(np.float16) if kind == "half" else weights
        constants.append(numpy_helper.from_array(kept, "weights"))
        nodes = [helper.make_node("Conv", ["images", "weights"], ["answer"], pads=[1, 1, 1, 1])]
        if kind == "other":
            shift = np.array([0.5, 0.4, 0.3], np.float32).reshape(1, 3, 1, 1)
            constants.append(numpy_helper.from_array(shift, "shift"))
            nodes[0].input[0] = "shifted"
            nodes.insert(0, helper.make_node("Sub", ["images", "shift"], ["shifted"]))
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", dtype, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("answer", dtype, [1, 4, "height", "width"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"name": "toy"})
    return model


def answer(model: Any, picture: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"images": picture})[0], np.float32)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)


def as_floats(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("kind", ["float", "other", "quantised"])
def test_bytes_in_give_what_floats_gave(kind: str, photo: np.ndarray) -> None:
    plain = network(kind)
    folded = fold(plain)
    assert np.allclose(answer(folded, photo), answer(plain, as_floats(photo)), atol=1e-4)
    assert [entry.value for entry in folded.metadata_props] == ["toy"]


def test_half_floats_keep_their_last_digits(photo: np.ndarray) -> None:
    plain = network("half")
    told, expected = answer(fold(plain), photo), answer(plain, as_floats(photo).astype(np.float16))
    assert np.abs(told - expected).max() < 0.02


def test_before_a_convolution_nothing_but_layout_is_left_to_do() -> None:
    assert [node.op_type for node in fold(network("float")).graph.node] == ["Transpose", "Cast", "Conv"]
    quantised = [node.op_type for node in fold(network("quantised")).graph.node]
    assert quantised == ["Transpose", "DequantizeLinear", "DequantizeLinear", "Conv"]


def test_a_quantiser_of_another_scale_stays(photo: np.ndarray) -> None:
    plain = network("quantised", scale=0.01)
    folded = fold(plain)
    assert "QuantizeLinear" in [node.op_type for node in folded.graph.node]
    # A byte between two quanta may be rounded either way.
    assert np.abs(answer(folded, photo) - answer(plain, as_floats(photo))).mean() < 0.01


def test_weights_that_others_use_are_left_alone(photo: np.ndarray) -> None:
    plain = network("float")
    plain.graph.node.append(helper.make_node("ReduceSum", ["weights"], ["sum"], keepdims=0))
    plain.graph.output.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, []))
    folded = fold(plain)
    assert np.allclose(answer(folded, photo), answer(plain, as_floats(photo)), atol=1e-4)
    kept = numpy_helper.to_array(folded.graph.initializer[0])
    assert np.array_equal(kept, numpy_helper.to_array(plain.graph.initializer[0]))


def test_unfolded_it_is_what_it_was(photo: np.ndarray) -> None:
    plain = network("float")
    again = unfold(fold(plain))
    assert [node.op_type for node in again.graph.node] == ["Conv"]
    assert np.allclose(answer(again, as_floats(photo)), answer(plain, as_floats(photo)), atol=1e-4)


def test_what_is_folded_is_not_folded_twice() -> None:
    with pytest.raises(ModelError, match="floats"):
        fold(fold(network("float")))


@pytest.mark.parametrize("kind", ["other", "quantised"])
def test_what_cannot_be_unfolded_is_refused(kind: str) -> None:
    with pytest.raises(ModelError, match="folded"):
        unfold(fold(network(kind)))


def test_the_detector_sees_the_same_with_either(tmp_path: Path) -> None:
    from models import golden

    shipped = onnx.load(str(SHIPPED_WEIGHTS))
    folded = shipped.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    onnx.save(unfold(shipped) if folded else fold(shipped), str(tmp_path / "other.onnx"))
    seen, other = (
        golden.seen_by(Detector.load(path, backend="cpu"))
        for path in (SHIPPED_WEIGHTS, tmp_path / "other.onnx")
    )
    assert golden.disagreement(seen, other, golden.Tolerance(iou=0.99, score=0.001)) is None
