"""What runs a network: one file for each runtime, and ``choice.py``, which picks. This one loads none."""

from __future__ import annotations

from typing import Final

BACKENDS: Final = ("auto", "cpu", "xnnpack", "cuda", "tensorrt", "openvino")
"""What a config may ask for: ONNX Runtime's four providers, OpenVINO, or the fastest that agrees."""
