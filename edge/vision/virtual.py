"""The virtual camera as a camera source: for the demo and tests, never on a real drone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from numpy.typing import NDArray

from edge.camera import CameraSource, Clock, Frame
from edge.vision.report import VisionSettings
from hardware.virtual.camera import VirtualCamera
from hardware.virtual.demo_world import demo_world
from hardware.virtual.lens import VirtualLens
from hardware.virtual.thermal.climate import Weather
from hardware.virtual.thermal.render import ThermalRenderer
from hardware.virtual.thermal.sensor import CORES
from hardware.virtual.world.light import by_hour


class Rendering(Protocol):
    """A ``VirtualCamera``."""

    def read(self, timeout_s: float) -> tuple[NDArray[Any], float] | None: ...
    def close(self) -> None: ...


class VirtualSource:
    """Takes pictures at the pace of a real camera: to render more than anybody looks at would take the
    detector's time."""

    def __init__(self, camera: Rendering, frames_per_s: float, clock: Clock | None = None) -> None:
        self._camera = camera
        self._period_s = 1.0 / frames_per_s
        self._clock = clock or Clock()
        self._due_s = self._clock.now()
        self._seq = 0

    def read(self, timeout_s: float) -> Frame | None:
        early_s = self._due_s - self._clock.now()
        if early_s > 0.0:
            self._clock.sleep(min(early_s, timeout_s))
            timeout_s -= early_s
            if timeout_s < 0.0:
                return None
        self._due_s = max(self._due_s, self._clock.now() - self._period_s) + self._period_s
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
    frames_per_s = max(settings.frames_per_s, settings.film_frames_per_s)
    lens = VirtualLens(settings.width_px, settings.height_px, settings.hfov_deg)
    world, hour = demo_world(settings.virtual_seed), settings.virtual_hour
    world = world.with_light(by_hour(hour))
    if settings.heat is None:
        return VirtualSource(VirtualCamera(world, lens, settings.virtual_truth_url), frames_per_s)
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
    return ThermalCamera(VirtualSource(camera, frames_per_s), core.kelvin_per_count, None)
