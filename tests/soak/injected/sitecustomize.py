"""Faults inside the vision child, which nothing outside of it can make. Python imports this by itself where
the folder is on its path; nothing of the product knows of it.

Where a file named after a fault lies in ``EMBERWATCH_SOAK_FOLDER``, that fault is there.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

THROWS, HANGS, SEGFAULTS = "provider throws", "camera hangs", "decoder segfaults"


def _inject(folder: Path) -> None:
    import ctypes

    import onnxruntime

    import hardware.virtual.demo_world
    from hardware.virtual.camera import VirtualCamera
    from hardware.virtual.render.render import Renderer
    from tests.soak.world import Burning

    burning = Burning.read(folder)
    world = burning.world()
    hardware.virtual.demo_world.demo_world = lambda seed: world

    read, run = VirtualCamera.read, onnxruntime.InferenceSession.run_with_iobinding

    def read_with_faults(self: VirtualCamera, timeout_s: float) -> Any:
        if (folder / HANGS).exists():
            (folder / HANGS).unlink(missing_ok=True)  # once: the next child's camera is sound
            threading.Event().wait()
        if (folder / SEGFAULTS).exists():
            ctypes.string_at(0)
        assert isinstance(self.renderer, Renderer)
        self.renderer.world = world.with_fires(burning.lit(world.fires, time.monotonic()))
        return read(self, timeout_s)

    def run_with_faults(self: onnxruntime.InferenceSession, *arguments: Any) -> Any:
        if (folder / THROWS).exists():
            raise RuntimeError("the provider has lost its device")
        return run(self, *arguments)

    VirtualCamera.read = read_with_faults  # type: ignore[method-assign]
    onnxruntime.InferenceSession.run_with_iobinding = run_with_faults


if "edge.vision.child" in sys.orig_argv and "EMBERWATCH_SOAK_FOLDER" in os.environ:
    _inject(Path(os.environ["EMBERWATCH_SOAK_FOLDER"]))
