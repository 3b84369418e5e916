"""The virtual camera as a camera source: for the demo and tests, never on a real drone."""

from __future__ import annotations

from edge.camera import CameraSource, Frame
from edge.vision.report import VisionSettings
from hardware.virtual.camera import VirtualCamera
from hardware.virtual.demo_world import demo_world
from hardware.virtual.lens import VirtualLens


class _VirtualSource:
    def __init__(self, camera: VirtualCamera) -> None:
        self._camera = camera
        self._seq = 0

    def read(self, timeout_s: float) -> Frame | None:
        taken = self._camera.read(timeout_s)
        if taken is None:
            return None
        image, exposed_s = taken
        self._seq += 1
        return Frame(image=image, monotonic_s=exposed_s, seq=self._seq, source="virtual")

    def close(self) -> None:
        self._camera.close()


def open_virtual_camera(settings: VisionSettings) -> CameraSource:
    """A camera bolted to the virtual drone that says where it is at ``virtual_truth_url``."""
    lens = VirtualLens(settings.width_px, settings.height_px, settings.hfov_deg)
    return _VirtualSource(VirtualCamera(demo_world(settings.virtual_seed), lens, settings.virtual_truth_url))
