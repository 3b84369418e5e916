"""``emberwatch preflight`` for a fixed camera: whether it sees, from where it is said to stand."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from edge.config.file import AgentConfig
from edge.config.fixed_section import FixedSection
from edge.fixed import FixedMount, second_fixed
from edge.health.seeing import Seeing
from edge.preflight import free_bytes, line, sight_lines, storage_line
from edge.vision.supervisor import VisionError
from edge.watch import Watch
from flight.terrain import Terrain
from uplink.messages import PreflightLine, SeeingState
from uplink.outbox import Outbox

LOOK_S = 0.2


async def fixed_lines(config: AgentConfig, section: FixedSection, *, wait_s: float) -> list[PreflightLine]:
    """The lines, once the camera sees, or after ``wait_s``. The station is told nothing.

    Raises EmberwatchError for what cannot even be tried.
    """
    terrain = config.terrain.open()
    mount, camera = FixedMount(section, terrain), config.main_camera.optics()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Outbox(Path(folder) / "outbox.db") as outbox:
        second = second_fixed(config, section, terrain)
        watch = Watch(config, mount, outbox, camera, terrain, second=second)
        seeing = await _seeing(watch, wait_s)
    return [
        _place(mount, terrain),
        storage_line(free_bytes(config.data_dir)),
        *sight_lines(seeing, watch.provenance.model_name if watch.provenance else None),
        line("clock", None, "alerts carry this computer's time: keep it synchronised"),
    ]


async def _seeing(watch: Watch, wait_s: float) -> Seeing:
    """The watch's own judgement, once it is good, has failed for good, or time is up."""
    blind = ""

    async def look() -> None:
        nonlocal blind
        try:
            await watch.run()
        except* VisionError as group:
            blind = _first(group)

    task, end_s = asyncio.create_task(look()), time.monotonic() + wait_s
    while watch.seeing(time.monotonic()).reason and time.monotonic() < end_s:
        await asyncio.wait([task], timeout=LOOK_S)
        if task.done():
            break
    seeing = watch.seeing(time.monotonic())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return replace(seeing, state=SeeingState.BLIND, reason=blind) if blind else seeing


def _first(group: BaseExceptionGroup[VisionError]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)[:200]


def _place(mount: FixedMount, terrain: Terrain | None) -> PreflightLine:
    where = f"{mount.lat_deg:.5f}, {mount.lon_deg:.5f}, {mount.height_agl_m:.0f} m above the ground"
    if terrain is None:
        return line("place", None, f"{where}; without a terrain model the ground is flat, or only a bearing")
    return line("place", True, f"{where} of {terrain.name}")
