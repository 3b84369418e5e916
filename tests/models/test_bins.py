"""The mean over a box's bins is the same without a softmax, and comes back as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest

onnx = pytest.importorskip("onnx", reason="the training tools are not installed (make train)")
bins = pytest.importorskip("models.make.bins")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper

CELLS = 50


def head(*, axis: int = 1, channels: int = 1, kept: bool = False) -> Any:
    """What an export of YOLOv8 does with the sixteen bins of each of a box's four sides."""
    weights = np.repeat(np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1), channels, axis=0)
    nodes = [
        helper.make_node("Softmax", ["logits"], ["shares"], "softmax", axis=axis),
        helper.make_node("Conv", ["shares", "weights"], ["sides"], "mean", kernel_shape=[1, 1]),
        helper.make_node("Neg", ["sides"], ["answer"], "after"),
    ]
    outputs = [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, channels, 4, CELLS])]
    if kept:
        outputs.append(helper.make_tensor_value_info("shares", TensorProto.FLOAT, [1, 16, 4, CELLS]))
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 16, 4, CELLS])],
        outputs,
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(model: Any, logits: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["answer"], {"logits": logits})[0])


def operators(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_the_mean_is_the_same() -> None:
    logits = np.random.default_rng(5).normal(0, 12, (1, 16, 4, CELLS)).astype(np.float32)
    model = head()
    expected = answer(model, logits)
    bins.take_out_softmax(model.graph)
    assert "Softmax" not in operators(model)
    assert np.allclose(answer(model, logits), expected, atol=1e-4)


def test_logits_beyond_all_sense_still_give_a_bin() -> None:
    logits = np.random.default_rng(5).normal(0, 1000, (1, 16, 4, CELLS)).astype(np.float32)
    model = head()
    bins.take_out_softmax(model.graph)
    sides = -answer(model, logits)
    assert np.all((sides >= 0) & (sides <= 15))


def test_put_back_it_is_the_graph_that_it_was() -> None:
    logits = np.random.default_rng(6).normal(0, 3, (1, 16, 4, CELLS)).astype(np.float32)
    plain, model = head(), head()
    bins.take_out_softmax(model.graph)
    bins.put_back_softmax(model.graph)
    assert operators(model) == operators(plain)
    assert [tensor.name for tensor in model.graph.initializer] == ["weights"]
    assert np.array_equal(answer(model, logits), answer(plain, logits))


@pytest.mark.parametrize("other", [{"axis": 2}, {"channels": 2}, {"kept": True}])
def test_a_softmax_that_means_something_else_stays(other: dict[str, Any]) -> None:
    model = head(**other)
    before = model.SerializeToString()
    bins.take_out_softmax(model.graph)
    assert model.SerializeToString() == before
