"""Makes a network fit to fly: bytes as the camera gives them in, instead of scaled floats.

A plain export takes 1×3×H×W floats, RGB in 0…1. Folded, it takes 1×H×W×3 bytes, BGR. Colour order and scale
go into the weights of the first convolution where there is one, so that only a transpose and a cast are
left to do. A quantised network's first node mostly makes those very bytes of the floats: then it goes too.
At the other end the softmax over a box's bins goes (see :mod:`models.make.bins`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.errors import ModelError
from models.make.bins import put_back_softmax, take_out_softmax
from models.make.graph import constant

LEVELS = 255
PLANES, ORDERED, CAST, READY = (f"picture_{name}" for name in ("planes", "ordered", "cast", "ready"))
"""What is put in front is called; ``unfold`` knows it by that."""


def fold(plain: onnx.ModelProto) -> onnx.ModelProto:
    """``plain`` with its picture as bytes; its outputs stay the same to rounding, its metadata as they are.

    Raises :class:`ModelError` unless it takes one 1×3×H×W picture of floats.
    """
    model, graph, picture = _copied(plain)
    dtype = picture.type.tensor_type.elem_type
    sides = _sides(picture)
    if dtype not in (TensorProto.FLOAT, TensorProto.FLOAT16) or sides[1] != 3:
        raise ModelError("only a network that takes a 1×3×height×width picture of floats can be folded")
    name = picture.name
    picture.CopyFrom(helper.make_tensor_value_info(name, TensorProto.UINT8, [1, *sides[2:], 3]))
    users = [node for node in graph.node if name in node.input]
    front = [helper.make_node("Transpose", [name], [PLANES], perm=[0, 3, 1, 2])]
    first = users[0] if len(users) == 1 else None
    if first is not None and first.op_type == "Conv" and _change_weights(graph, first.input[1], 1 / LEVELS):
        front.append(helper.make_node("Cast", [PLANES], [READY], to=TensorProto.FLOAT))
        _feed(users, name, READY)
    elif first is not None and _makes_bytes(graph, first):
        convolution = _quantised_convolution(graph, first)
        ordered = PLANES
        if convolution is None or not _change_weights(graph, convolution, None):
            ordered = ORDERED
            front.append(_in_order(graph))
        graph.node.remove(first)
        _feed(graph.node, first.output[0], ordered)
    else:
        front.append(_in_order(graph))
        front.append(helper.make_node("Cast", [ORDERED], [CAST], to=dtype))
        scale = np.array(1 / LEVELS, helper.tensor_dtype_to_np_dtype(dtype))
        graph.initializer.append(numpy_helper.from_array(scale, "picture_scale"))
        front.append(helper.make_node("Mul", [CAST, "picture_scale"], [READY]))
        _feed(users, name, READY)
    for node in reversed(front):
        graph.node.insert(0, node)
    take_out_softmax(graph)
    onnx.checker.check_model(model)
    return model


def unfold(folded: onnx.ModelProto) -> onnx.ModelProto:
    """The plain network that ``folded`` was, for a comparison with runtimes that do not fold.

    Only for networks that begin with a convolution of floats; raises :class:`ModelError` for others.
    """
    model, graph, picture = _copied(folded)
    front = [node for node in graph.node if node.output[0] in (PLANES, READY)]
    users = [node for node in graph.node if READY in node.input]
    if [node.op_type for node in (*front, *users)] != ["Transpose", "Cast", "Conv"]:
        raise ModelError("this network's picture was not folded into its first convolution")
    _change_weights(graph, users[0].input[1], LEVELS)
    _, height, width, _ = _sides(picture)
    name = picture.name
    picture.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, height, width]))
    _feed(users, READY, name)
    for node in front:
        graph.node.remove(node)
    put_back_softmax(graph)
    onnx.checker.check_model(model)
    return model


def _copied(model: onnx.ModelProto) -> tuple[onnx.ModelProto, Any, Any]:
    """A copy of ``model``, its graph, and the graph's picture: the input of four sides."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for given in copy.graph.input:
        if len(given.type.tensor_type.shape.dim) == 4:
            return copy, copy.graph, given
    raise ModelError("the network takes no picture")


def _sides(picture: Any) -> list[int | str]:
    return [side.dim_param or side.dim_value for side in picture.type.tensor_type.shape.dim]


def _feed(nodes: Any, old: str, new: str) -> None:
    for node in nodes:
        for at, name in enumerate(node.input):
            if name == old:
                node.input[at] = new


def _in_order(graph: Any) -> Any:
    """A node that makes RGB planes of BGR planes."""
    graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), "picture_order"))
    return helper.make_node("Gather", [PLANES, "picture_order"], [ORDERED], axis=1)


def _change_weights(graph: Any, name: str, scale: float | None) -> bool:
    """Turns the weights ``name`` to the other colour order, times ``scale``; False if they resist."""
    tensor = constant(graph, name)
    shared = sum(list(node.input).count(name) for node in graph.node) != 1
    if tensor is None or shared or len(tensor.dims) != 4 or tensor.dims[1] != 3:
        return False
    weights: NDArray[Any] = numpy_helper.to_array(tensor)[:, ::-1]
    if scale is not None:
        # Half floats would lose their last digits: 1/255 of a small weight is below their normal range.
        if weights.dtype != np.float32:
            return False
        weights = (weights * np.float64(scale)).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(weights), name))
    return True


def _makes_bytes(graph: Any, node: Any) -> bool:
    """Whether ``node`` quantises floats in 0…1 to the very bytes that they were."""
    if node.op_type != "QuantizeLinear" or len(node.input) != 3:
        return False
    scale, zero = (constant(graph, name) for name in node.input[1:])
    if scale is None or zero is None or zero.data_type != TensorProto.UINT8:
        return False
    step, start = numpy_helper.to_array(scale), numpy_helper.to_array(zero)
    return step.size == 1 and not start.any() and bool(np.isclose(step.item() * LEVELS, 1, rtol=1e-4))


def _quantised_convolution(graph: Any, quantiser: Any) -> str | None:
    """The name of the quantised weights of the one convolution behind ``quantiser``."""
    floats = [node for node in graph.node if quantiser.output[0] in node.input]
    if len(floats) != 1 or floats[0].op_type != "DequantizeLinear":
        return None
    users = [node for node in graph.node if floats[0].output[0] in node.input]
    if len(users) != 1 or users[0].op_type != "Conv":
        return None
    weights = [node for node in graph.node if users[0].input[1] in node.output]
    return str(weights[0].input[0]) if weights and weights[0].op_type == "DequantizeLinear" else None
