"""What goes wrong in the soak. Each fault lasts as long as its context is open."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.soak.injected.sitecustomize import HANGS, SEGFAULTS, THROWS
from tests.soak.processes import vision_child
from tests.soak.rig import COOL_MILLIDEGREES, DATA_DISK_MB, Rig, heat, resize_disk
from uplink.messages import DegradedKind

HOT_MILLIDEGREES = 91_000
YEAR_S = 365 * 86400
SPARE_BYTES, FILL_BYTES = 1024 * 1024, 4096


@dataclass(frozen=True, slots=True)
class Fault:
    """``blinds``: nothing can be seen or placed while it lasts, so that blind must be told of.
    ``unheard``: the station hears nothing of the drone while it lasts. ``unplugged``: the pilot hears nothing
    of the agent. ``degrades``: what must be told of it while it lasts, and no more when it is over."""

    name: str
    lasts_s: float
    act: Callable[[Rig], AbstractAsyncContextManager[None]]
    blinds: bool = False
    unheard: bool = False
    unplugged: bool = False
    degrades: DegradedKind | None = None
    possible: Callable[[Rig], bool] = lambda _rig: True


@asynccontextmanager
async def station_restarts(rig: Rig) -> AsyncIterator[None]:
    rig.programs.end("station", kill=rig.rng.random() < 0.5)
    try:
        yield
    finally:
        rig.start_station()


@asynccontextmanager
async def link_is_cut(rig: Rig) -> AsyncIterator[None]:
    rig.proxy.take_down()
    try:
        yield
    finally:
        rig.proxy.bring_up()


@asynccontextmanager
async def vision_is_killed(rig: Rig) -> AsyncIterator[None]:
    child = vision_child(rig.agent)
    assert child is not None
    os.kill(child, signal.SIGKILL)
    yield


@asynccontextmanager
async def disk_is_full(rig: Rig) -> AsyncIterator[None]:
    """The disk shrinks to little more than what is on it, and that is filled up."""
    stat = os.statvfs(rig.data_disk)
    resize_disk(rig.data_disk, (stat.f_blocks - stat.f_bfree) * stat.f_frsize + SPARE_BYTES)
    filler = rig.data_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(FILL_BYTES))
    try:
        yield
    finally:
        resize_disk(rig.data_disk, DATA_DISK_MB * 1024 * 1024)
        filler.unlink()


@asynccontextmanager
async def clock_jumps(rig: Rig) -> AsyncIterator[None]:
    rig.set_clock(YEAR_S)
    try:
        yield
    finally:
        rig.set_clock(0)


@asynccontextmanager
async def autopilot_is_unplugged(rig: Rig) -> AsyncIterator[None]:
    rig.line.pull_out()
    try:
        yield
    finally:
        rig.line.plug_in()


@asynccontextmanager
async def processor_is_hot(rig: Rig) -> AsyncIterator[None]:
    heat(rig.host, HOT_MILLIDEGREES)
    try:
        yield
    finally:
        heat(rig.host, COOL_MILLIDEGREES)


def in_vision(name: str) -> Callable[[Rig], AbstractAsyncContextManager[None]]:
    """A fault inside the vision child."""

    @asynccontextmanager
    async def act(rig: Rig) -> AsyncIterator[None]:
        (rig.faults / name).touch()
        try:
            yield
        finally:
            (rig.faults / name).unlink(missing_ok=True)

    return act


def _has_own_disk(rig: Rig) -> bool:
    return Path(rig.data_disk).is_mount()


# The station's restart first in each round: its memory is then of the same age in all rounds.
FIRST = Fault("station restarts", 5.0, station_restarts, unheard=True)
OTHERS = (
    Fault(HANGS, 12.0, in_vision(HANGS), blinds=True),
    Fault(SEGFAULTS, 10.0, in_vision(SEGFAULTS), blinds=True),
    Fault(THROWS, 10.0, in_vision(THROWS), blinds=True),
    Fault("disk is full", 20.0, disk_is_full, degrades=DegradedKind.DISK, possible=_has_own_disk),
    Fault("link is cut", 25.0, link_is_cut, unheard=True),
    Fault("vision is killed", 2.0, vision_is_killed),
    Fault(
        "clock jumps by a year",
        15.0,
        clock_jumps,
        degrades=DegradedKind.CLOCK,
        possible=lambda rig: rig.clock_library is not None,
    ),
    Fault("autopilot is unplugged", 12.0, autopilot_is_unplugged, blinds=True, unplugged=True),
    Fault("processor is hot", 15.0, processor_is_hot, degrades=DegradedKind.HOT),
)
