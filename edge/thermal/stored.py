"""A thermal camera's frame on the flight recorder's tape: its values as they came, in a TIFF."""

from __future__ import annotations

import cv2
import numpy as np

from edge.camera import Values

# Of the lossless ones every reader of TIFFs knows it, and it is ten times as fast as deflate.
_LZW = [cv2.IMWRITE_TIFF_COMPRESSION, 5]


def tiff_of(values: Values) -> bytes:
    """Raises ValueError."""
    ok, data = cv2.imencode(".tiff", values, _LZW)
    if not ok:
        raise ValueError("it cannot be coded")
    return data.tobytes()


def values_of(tiff: bytes) -> Values:
    """The same again. Raises ValueError for anything else."""
    values = cv2.imdecode(np.frombuffer(tiff, np.uint8), cv2.IMREAD_UNCHANGED) if tiff else None
    if values is None or values.ndim != 2 or values.dtype not in (np.uint16, np.float32):
        raise ValueError("it holds no values of a thermal camera")
    return values  # type: ignore[return-value]
