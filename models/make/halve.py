"""Makes a file of half the size of a trained one: weights as 16-bit floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.make import metadata

_WORTH_HALVING = 256
"""Numbers in a tensor from which on halving it is worth a node."""


def halve_weights(model: Path, out: Path) -> None:
    """Writes ``out``: weights as 16-bit floats that are made 32-bit again as the file is loaded.

    Half the size at the same speed; true 16-bit arithmetic is for back ends to choose.
    """
    onnx = metadata.require_onnx()
    network = metadata.load(model)
    own = {entry.key: entry.value for entry in network.metadata_props}
    casts = []
    for tensor in network.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < _WORTH_HALVING:
            continue
        small = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(small).all():
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(small, f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        network.graph.node.insert(0, cast)
    metadata.save_checked(network, out, own)
