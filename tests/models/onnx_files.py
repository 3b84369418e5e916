"""Tiny ONNX files written by hand, byte by byte: what they answer is all that is in them.

Only what the tests use of the protobuf wire format: each field is a key (number << 3 | type) and a
varint (type 0) or length-prefixed bytes (type 2). Field numbers are those of ``onnx.proto``.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT, BYTES, INT64, HALF_FLOAT = 1, 2, 7, 10
"""Kinds of numbers, as ``onnx.proto`` has them."""


def constant_model(
    path: Path,
    output: NDArray[np.float32],
    metadata: dict[str, str],
    input_shape: tuple[int | str, ...] = (1, 3, 64, 96),
    input_type: int = FLOAT,
) -> Path:
    """A model that answers ``output`` to every picture."""
    attribute = _bytes(1, b"value") + _bytes(5, _tensor("answer", output)) + _number(20, 4)
    node = _bytes(2, b"boxes") + _bytes(4, b"Constant") + _bytes(5, attribute)
    images = _tensor_info("images", input_shape, input_type)
    return _write(path, _bytes(1, node), images, output.shape, metadata)


def throwing_model(
    path: Path, output: NDArray[np.float32], metadata: dict[str, str], *, brighter_than: float
) -> Path:
    """One that answers ``output``, until a picture is brighter on average: there its runtime throws."""
    steps = (
        _node("ReduceMean", ["images"], "light", _bytes(1, b"keepdims") + _number(3, 0) + _number(20, 2)),
        _node("Div", ["light", "limit"], "which"),
        _node("Cast", ["which"], "index", _bytes(1, b"to") + _number(3, INT64) + _number(20, 2)),
        _node("Gather", ["answers", "index"], "boxes"),  # there is but one answer: the next is out of bounds
    )
    body = b"".join(_bytes(1, step) for step in steps)
    body += _bytes(5, _tensor("limit", np.float32(brighter_than)))
    body += _bytes(5, _tensor("answers", output[None]))
    return _write(path, body, _tensor_info("images", (1, 3, 64, 96), FLOAT), output.shape, metadata)


def _write(
    path: Path, body: bytes, images: bytes, output_shape: tuple[int, ...], metadata: dict[str, str]
) -> Path:
    """A whole model around a graph's nodes and constants."""
    graph = body + _bytes(2, b"graph") + _bytes(11, images)
    graph += _bytes(12, _tensor_info("boxes", output_shape, FLOAT))
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 17))
    for key, value in metadata.items():
        model += _bytes(14, _bytes(1, key.encode()) + _bytes(2, value.encode()))
    path.write_bytes(model)
    return path


def _node(kind: str, inputs: list[str], output: str, attribute: bytes = b"") -> bytes:
    node = b"".join(_bytes(1, name.encode()) for name in inputs) + _bytes(2, output.encode())
    return node + _bytes(4, kind.encode()) + (_bytes(5, attribute) if attribute else b"")


def _tensor(name: str, values: NDArray[np.float32] | np.float32) -> bytes:
    tensor = b"".join(_number(1, side) for side in values.shape) + _number(2, FLOAT)
    tensor += _bytes(8, name.encode())
    return tensor + _bytes(9, struct.pack(f"<{values.size}f", *values.ravel().tolist()))


def _tensor_info(name: str, shape: tuple[int | str, ...], kind: int) -> bytes:
    dims = b"".join(
        _bytes(1, _number(1, side) if isinstance(side, int) else _bytes(2, side.encode())) for side in shape
    )
    tensor_type = _number(1, kind) + _bytes(2, dims)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor_type))


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content
