"""The virtual camera as a camera source: for the demo and tests, never on a real drone."""

from __future__ import annotations

from dataclasses import replace

from edge.camera import CameraSource, Frame
from edge.vision.report import VisionSettings
from hardware.virtual.camera import VirtualCamera
from hardware.virtual.demo_world import demo_world
from hardware.virtual.lens import VirtualLens
from hardware.virtual.thermal.climate import Weather
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES
from hardware.virtual.world.light import by_hour


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
    world, hour = demo_world(settings.virtual_seed), settings.virtual_hour
    world = world.with_light(by_hour(hour))
    if settings.heat is None:
        return _VirtualSource(VirtualCamera(world, lens, settings.virtual_truth_url))
    # Imported here: the colour camera's child has no use for it.
    from edge.thermal.source import ThermalCamera

    core = replace(
        CORES["lepton_3_5"],
        width_px=settings.width_px,
        height_px=settings.height_px,
        hfov_deg=settings.hfov_deg,
        kelvin_per_count=settings.heat.kelvin_per_count,
    )
    renderer = ThermalRenderer(world, core, Weather(hour), seed=settings.virtual_seed)
    camera = VirtualCamera(world, lens, settings.virtual_truth_url, renderer=renderer)
    return ThermalCamera(_VirtualSource(camera), core.kelvin_per_count, None)
