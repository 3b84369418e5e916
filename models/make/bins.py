"""The mean over a box's distribution without the softmax before it.

YOLOv8 and its kin say each side of a box as a distribution over bins ("Generalized Focal Loss",
Li et al. 2020); their export takes a softmax over the bins and then, by a convolution, the mean. A softmax
over any axis but the last is slow in ONNX Runtime: a tenth of a nano network's time. The same mean is the
ratio of two sums over the exponentials, which one convolution of two channels gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from models.make.graph import constant

MOST = 60.0
"""Logits are held within ± this, so that no sum overflows: those of trained networks stay below 20."""
_HELD, _ODDS, _SUMS, _WEIGHTED, _TOTAL = (
    f"bins_{name}" for name in ("held", "odds", "sums", "weighted", "total")
)
_LEAST, _MOST, _HALVES = (f"bins_{name}" for name in ("least", "most", "halves"))


def take_out_softmax(graph: Any) -> None:
    """Replaces a softmax with the mean that follows it, in place; leaves a graph alone that has none."""
    for softmax in [node for node in graph.node if node.op_type == "Softmax"]:
        users = [node for node in graph.node if softmax.output[0] in node.input]
        told = any(output.name == softmax.output[0] for output in graph.output)
        if told or len(users) != 1 or _axis(softmax) != 1 or not _is_mean(graph, users[0]):
            continue
        mean = users[0]
        weights = constant(graph, mean.input[1])
        bins = numpy_helper.to_array(weights)
        weights.CopyFrom(numpy_helper.from_array(np.concatenate([bins, np.ones_like(bins)]), weights.name))
        for name, limit in ((_LEAST, -MOST), (_MOST, MOST)):
            graph.initializer.append(numpy_helper.from_array(np.array(limit, bins.dtype), name))
        graph.initializer.append(numpy_helper.from_array(np.array([1, 1]), _HALVES))
        _replace(
            graph,
            [softmax, mean],
            [
                helper.make_node("Clip", [softmax.input[0], _LEAST, _MOST], [_HELD], softmax.name),
                helper.make_node("Exp", [_HELD], [_ODDS], f"{softmax.name}_odds"),
                helper.make_node("Conv", [_ODDS, weights.name], [_SUMS], mean.name),
                helper.make_node(
                    "Split", [_SUMS, _HALVES], [_WEIGHTED, _TOTAL], f"{mean.name}_parts", axis=1
                ),
                helper.make_node("Div", [_WEIGHTED, _TOTAL], [mean.output[0]], f"{mean.name}_ratio"),
            ],
        )
        return


def put_back_softmax(graph: Any) -> None:
    """Undoes :func:`take_out_softmax`, in place; leaves a graph alone where nothing was taken out."""
    nodes = {node.output[0]: node for node in graph.node}
    if _SUMS not in nodes:
        return
    held, mean = nodes[_HELD], nodes[_SUMS]
    ratio = next(node for node in graph.node if _TOTAL in node.input)
    weights = constant(graph, mean.input[1])
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights)[:1], weights.name))
    for name in (_LEAST, _MOST, _HALVES):
        graph.initializer.remove(constant(graph, name))
    _replace(
        graph,
        [held, nodes[_ODDS], mean, nodes[_WEIGHTED], ratio],
        [
            helper.make_node("Softmax", [held.input[0]], [_ODDS], held.name, axis=1),
            helper.make_node("Conv", [_ODDS, weights.name], [ratio.output[0]], mean.name),
        ],
    )


def _replace(graph: Any, old: list[Any], new: list[Any]) -> None:
    """Puts ``new`` where the last of ``old`` stood: all that they need has been computed by there."""
    at = list(graph.node).index(old[-1]) + 1 - len(old)
    for node in old:
        graph.node.remove(node)
    for node in reversed(new):
        graph.node.insert(at, node)


def _axis(softmax: Any) -> int:
    """The softmax's axis; the last, as ONNX has it, where none is said."""
    return next((int(entry.i) for entry in softmax.attribute if entry.name == "axis"), -1)


def _is_mean(graph: Any, node: Any) -> bool:
    """Whether ``node`` is a 1×1 convolution to one channel, without a bias, of weights nobody else uses."""
    if node.op_type != "Conv" or len(node.input) != 2:
        return False
    weights = constant(graph, node.input[1])
    users = [name for other in graph.node for name in other.input if name == node.input[1]]
    return (
        weights is not None
        and len(users) == 1
        and list(weights.dims[2:]) == [1, 1]
        and weights.dims[0] == 1
        and weights.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)
    )
