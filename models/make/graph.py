"""What is where in a detector's ONNX graph, for the tools that change one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def constant(graph: Any, name: str) -> Any:
    """The graph's tensor of constants ``name``; None where it is none."""
    return next((tensor for tensor in graph.initializer if tensor.name == name), None)


def float_nodes(graph: Any) -> list[str]:
    """Nodes that 8 bits would spoil: the last convolutions, all that follows them, all before the first.

    Boxes and scores are read off what the last convolutions give, at a finer step than 1/255 of its range.
    A convolution to one channel alone (the mean over a box's distribution) counts as what follows.
    """
    convolutions = {node.name for node in graph.node if node.op_type == "Conv" and _channels(graph, node) > 1}
    below = _reached(graph, convolutions, forward=True)
    above = _reached(graph, convolutions, forward=False)
    last = convolutions - above
    kept = last | _reached(graph, last, forward=True)
    kept |= {node.name for node in graph.node if node.name not in below | convolutions}
    return [node.name for node in graph.node if node.name in kept and node.op_type != "Constant"]


def modules(graph: Any, leave_out: Iterable[str]) -> dict[str, list[str]]:
    """The other nodes by the module of the network that they belong to, in the graph's order.

    PyTorch's export names nodes ``/model.4/cv1/conv/Conv``: this one is of module ``model.4``. A module that
    is partly left out (the head) is split further. Nodes of other names are modules of their own.
    """
    left_out = set(leave_out)
    split = {_module(name, 1) for name in left_out}
    found: dict[str, list[str]] = {}
    for node in graph.node:
        if node.op_type == "Constant" or node.name in left_out:
            continue
        depth = 2 if _module(node.name, 1) in split else 1
        found.setdefault(_module(node.name, depth), []).append(node.name)
    return {name: nodes for name, nodes in found.items() if any(_is_conv(graph, node) for node in nodes)}


def _is_conv(graph: Any, name: str) -> bool:
    return any(node.name == name and node.op_type == "Conv" for node in graph.node)


def _module(name: str, depth: int) -> str:
    parts = name.strip("/").split("/")
    return "/".join(parts[:depth]) if name.startswith("/") else name


def _channels(graph: Any, convolution: Any) -> int:
    """How many channels a convolution gives, by its weights (by nought what is not known)."""
    weights = constant(graph, convolution.input[1])
    return 0 if weights is None else int(weights.dims[0])


def _reached(graph: Any, names: set[str], *, forward: bool) -> set[str]:
    """Names of all nodes after (or before) any of ``names``, those themselves only if they are."""
    gives: Callable[[Any], Any] = (lambda n: n.output) if forward else (lambda n: n.input)
    takes: Callable[[Any], Any] = (lambda n: n.input) if forward else (lambda n: n.output)
    lit: set[str] = set()
    reached: set[str] = set()
    for node in graph.node if forward else reversed(graph.node):  # ONNX keeps nodes in order of use
        if any(tensor in lit for tensor in takes(node)):
            reached.add(node.name)
            lit.update(gives(node))
        elif node.name in names:
            lit.update(gives(node))
    return reached
