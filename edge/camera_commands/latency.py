"""``emberwatch camera latency``: how late the camera's pictures arrive, told by turning the vehicle by hand.

The link and the camera are opened as the agent would, read-only, and pictures are dated as the agent dates
them: by their arrival. So the answer is what the agent must subtract.
"""

from __future__ import annotations

import asyncio
import errno
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from edge.agent import vehicle_of
from edge.camera import CameraSource, FolderCamera, Frame, VideoCamera, open_camera
from edge.camera_commands.delay import (
    ASKEW_DEG,
    MOST_LATENCY_S,
    SCALE_OFF,
    Latency,
    LatencyError,
    estimate_latency,
)
from edge.camera_commands.recorder import Recorder
from edge.camera_commands.turning import Turn, TurnWatcher
from edge.config.camera_section import CameraSection, ThermalSection
from edge.config.file import AgentConfig
from edge.geometry.optics import Camera
from edge.geometry.pose import PoseBuffer
from edge.thermal.palette import even_greys
from edge.thermal.source import open_thermal
from edge.vision.slot import LatestSlot
from flight.link import LinkError
from flight.vehicle import Vehicle

PERIOD_S = 0.1
READY_S = 20.0
SHOWN_RATE_S = 1.0
VIRTUAL_FRAMES_PER_S = 30.0
INTRODUCTION = (
    "Take the propellers off. Let the camera see something rich in detail, ten metres away or more.\n"
    "Turn the vehicle by hand (or the gimbal, if it holds the camera still): to and fro by 20 to 40°, about\n"
    "once a second, irregularly, until the bar is full."
)


async def latency_command(
    config: AgentConfig, *, seconds: float, thermal: bool = False, console: Console | None = None
) -> int:
    """Measure the main camera, or the thermal one, and print. Returns 0.

    Raises LatencyError, and what camera or link raise.
    """
    console = console or Console()
    if config.fixed is not None:
        raise LatencyError("a fixed camera does not turn", hint="Its places do not depend on its latency.")
    section = config.thermal if thermal else config.main_camera
    if section is None:
        raise LatencyError("there is no thermal camera", hint="[agent.thermal] is one, --thermal is for it.")
    camera = section.optics()
    vehicle = vehicle_of(config, read_only=True)
    poses = PoseBuffer(mount_pitch_deg=section.mount_pitch_deg, offset_rpy_deg=camera.offset_rpy_deg)
    on_gimbal = not isinstance(section, ThermalSection) or section.on_gimbal
    watch = _CameraWatch(_live(config, camera, section), camera)
    try:
        async with vehicle:
            recorder = Recorder(vehicle.telemetry, poses, on_gimbal=on_gimbal)
            await _record(vehicle, watch, recorder, seconds, config.mavlink.wait_s, console)
            clock_s = vehicle.clock.round_trip_s or 0.0
    except LinkError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE:
            raise LinkError(
                f"another program has {vehicle.link.url}", hint="If it is the agent: stop it for this."
            ) from error
        raise
    finally:
        watch.close()
    recorder.finish()
    if recorder.restarted:
        raise LatencyError("the autopilot restarted while it was measured", hint="Measure again.")
    found = estimate_latency(recorder.turns, recorder.attitudes)
    _print(console, found, clock_s, section.latency_s, table_of(section))
    return 0


async def _record(
    vehicle: Vehicle,
    watch: _CameraWatch,
    recorder: Recorder,
    seconds: float,
    wait_s: float,
    console: Console,
) -> None:
    feeding = asyncio.create_task(_feed(vehicle))
    try:
        await vehicle.wait_for_autopilot(wait_s)
        await _ready(vehicle, watch)
        console.print(INTRODUCTION, highlight=False)
        recorder.turns.clear()
        # The attitude must reach back from the first picture by the longest latency that may be.
        ends_s = time.monotonic() + seconds + MOST_LATENCY_S
        with _progress(console) as progress:
            bar = progress.add_task("", total=seconds + MOST_LATENCY_S)
            while (now_s := time.monotonic()) < ends_s:
                _on_the_ground(vehicle)
                for turn in watch.take():
                    recorder.turned(turn, vehicle.clock.boot_at)
                words = f"{_rate_deg_s(recorder.turns):3.0f}°/s  {len(recorder.turns)} pictures followed"
                progress.update(bar, completed=seconds + MOST_LATENCY_S - (ends_s - now_s), description=words)
                await asyncio.sleep(PERIOD_S)
    finally:
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding


async def _ready(vehicle: Vehicle, watch: _CameraWatch) -> None:
    """Return once all that is needed comes. Raises LatencyError with what does not."""
    try:
        async with asyncio.timeout(READY_S):
            while missing := _missing(vehicle, watch):
                _on_the_ground(vehicle)
                await asyncio.sleep(PERIOD_S)
    except TimeoutError:
        raise LatencyError(
            f"{missing} in {READY_S:.0f} s", hint="emberwatch preflight says more of link and camera."
        ) from None


def _missing(vehicle: Vehicle, watch: _CameraWatch) -> str:
    watch.take()
    if vehicle.telemetry.attitude is None:
        return "the autopilot told no attitude"
    if not vehicle.clock.synchronised:
        return "the autopilot's clock could not be told (TIMESYNC)"
    return "" if watch.frames else "the camera gave no picture"


def _on_the_ground(vehicle: Vehicle) -> None:
    if vehicle.telemetry.armed:
        raise LatencyError("the vehicle is armed", hint="This is for a vehicle in your hands.")


async def _feed(vehicle: Vehicle) -> None:
    while True:
        vehicle.feed()
        await asyncio.sleep(PERIOD_S)


class _CameraWatch:
    """Two threads: one reads the camera and never waits for the other, which follows what turns."""

    def __init__(self, source: CameraSource, camera: Camera) -> None:
        self.frames = 0
        self._source = source
        self._turning = TurnWatcher(camera)
        self._newest: LatestSlot[Frame] = LatestSlot()
        self._turns: deque[Turn] = deque(maxlen=1000)
        self._held: NDArray[np.float32] | None = None
        self._error: BaseException | None = None
        self._ends = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._read, self._follow)
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> list[Turn]:
        """The turns since the last call. Raises what ended the camera."""
        if self._error is not None:
            raise self._error
        return [self._turns.popleft() for _ in range(len(self._turns))]

    def close(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(timeout=2.0)
        self._source.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            while not self._ends.is_set():
                work()
        except BaseException as error:  # noqa: BLE001 - whoever waits for turns must hear of it
            self._error = error

    def _read(self) -> None:
        frame = self._source.read(timeout_s=0.5)
        if frame is not None:
            self._newest.put(frame)

    def _follow(self) -> None:
        frame = self._newest.take(timeout_s=0.5)
        if frame is None:
            return
        image = frame.image
        if frame.kelvin is not None:
            if self._held is not None and np.array_equal(frame.kelvin, self._held):
                return  # a core repeats frames, and holds one while its shutter is closed
            self._held, image = frame.kelvin, even_greys(frame.kelvin)
        turn = self._turning.see(image, frame.monotonic_s)
        self.frames += 1
        if turn is not None:
            self._turns.append(turn)


def table_of(section: CameraSection) -> str:
    """Of the configuration."""
    return "[agent.thermal]" if isinstance(section, ThermalSection) else "[agent.camera]"


def _live(config: AgentConfig, camera: Camera, section: CameraSection) -> CameraSource:
    """The configured camera. Raises LatencyError for files, CameraError where it cannot be opened."""
    if section.source == "virtual":
        from edge.vision.settings import vision_settings
        from edge.vision.virtual import open_virtual_camera

        # A turn is measured from frame to frame, however few of them are looked at for fires.
        settings = vision_settings(config, camera, section)
        return open_virtual_camera(replace(settings, frames_per_s=VIRTUAL_FRAMES_PER_S))
    if isinstance(section, ThermalSection):
        size_px = camera.width_px, camera.height_px
        thermal = open_thermal(section.source, section.kelvin_per_count, size_px=size_px)
        source: CameraSource = thermal
        is_live = thermal.is_live
    else:
        source = open_camera(section.source)
        is_live = not isinstance(source, VideoCamera | FolderCamera)
    if not is_live:
        source.close()
        raise LatencyError(
            f"{table_of(section)} source is a file: only a live camera has a latency",
            hint="Name the stream or the device that will fly.",
        )
    return source


def _rate_deg_s(turns: list[Turn]) -> float:
    """How fast the pictures turned of late."""
    recent = [turn for turn in turns if turn.end_s > turns[-1].end_s - SHOWN_RATE_S]
    span_s = sum(turn.end_s - turn.start_s for turn in recent)
    return math.degrees(sum(math.hypot(*turn.rotation) for turn in recent)) / span_s if span_s else 0.0


def _progress(console: Console) -> Progress:
    return Progress(BarColumn(), TextColumn("{task.description}"), console=console, transient=True)


def _print(console: Console, latency: Latency, round_trip_s: float, configured_s: float, table: str) -> None:
    # Half of a round trip is the most that the clocks may differ; as an even spread it is this 1σ.
    sigma_s = math.hypot(latency.sigma_s, round_trip_s / 2 / math.sqrt(3))
    value_s = max(0.0, round(latency.latency_s, 3))
    console.print(
        f"latency {1e3 * latency.latency_s:.0f} ± {1e3 * sigma_s:.0f} ms (1σ), from {latency.turns} turns "
        f"between pictures; correlation {latency.correlation:.3f}",
        highlight=False,
        markup=False,
    )
    if abs(configured_s - value_s) <= 2 * sigma_s:
        said = f"The configured latency_s = {configured_s:g} is right."
    else:
        said = f"Write into the configuration:\n{table}\nlatency_s = {value_s:g}"
    console.print(said, highlight=False, markup=False)
    if latency.askew_deg > ASKEW_DEG:
        console.print(
            f"The picture turns about axes that are {latency.askew_deg:.0f}° from the configured ones: check "
            "mount_pitch_deg and the profile's offset_*_deg, and whether the picture is upside down.",
            style="yellow",
            highlight=False,
        )
    if abs(latency.scale - 1) > SCALE_OFF:
        console.print(
            f"The picture turns {latency.scale:.2f} times as much as the vehicle: check the profile's focal "
            "length, or calibrate it. (Things nearer than some metres make it more, too.)",
            style="yellow",
            highlight=False,
        )
