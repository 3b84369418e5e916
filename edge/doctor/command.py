"""``emberwatch doctor``: one area after another is looked at, judged and told.

``emberwatch preflight`` says whether it may fly now; this says whether the machine is set up well, and what
to do where it is not. Both judge the autopilot's parameters, the disk and the picture by the same code.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import platform
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from edge.config.check import check_config
from edge.config.file import AgentConfig, Config, ConfigError, load_config
from edge.doctor.check import Area, Check, report
from edge.doctor.clock import judge_clock, look_at_clock
from edge.doctor.computer import judge_computer, look_at_computer
from edge.doctor.detector import judge_detector, try_detector
from edge.doctor.disk import judge_disk, look_at_disk
from edge.doctor.host import Host
from edge.doctor.serial_port import judge_serial_port, look_at_serial_port, serial_url
from edge.doctor.units import AGENT_UNIT, STATION_UNIT, judge_unit, look_at_unit
from uplink.station.config import StationConfig

FAILED_EXIT_CODE = 1
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
_SET_UP_AGENT = "sudo hardware/companion/setup.sh install makes it: hardware/companion/README.md"
_SET_UP_STATION = "hardware/station/README.md says how."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the autopilot's heartbeat, and how long to listen and to look."""

    heartbeat_s: float = 10.0
    settle_s: float = 3.0
    count_s: float = 5.0
    look_s: float = 4.0


async def doctor(
    file: Path | None,
    *,
    patience: Patience | None = None,
    as_json: bool = False,
    console: Console | None = None,
    host: Host | None = None,
) -> int:
    """Look at everything, and tell it; 1 where something failed. Raises ConfigError for a file that cannot
    be read."""
    console, host = console or Console(), host or Host()
    areas: list[Area] = []
    async for area in _areas(file, host, patience or Patience()):
        areas.append(area)
        if not as_json:
            _tell(console, area)
    found = report(areas)
    if as_json:
        facts = {
            "emberwatch": _version(),
            "machine": platform.node(),
            "config": None if file is None else str(file),
        }
        console.file.write(json.dumps({**facts, **found}, ensure_ascii=False, indent=2) + "\n")
    else:
        _sum_up(console, found["failed"], found["unknown"])
    return 0 if found["ok"] else FAILED_EXIT_CODE


async def _areas(file: Path | None, host: Host, patience: Patience) -> AsyncIterator[Area]:
    config = Config() if file is None else load_config(file)
    agent, station = config.agent, config.station
    yield Area("computer", judge_computer(look_at_computer(host)))
    by_this_clock = station is not None or (agent is not None and agent.fixed is not None)
    yield Area("clock", judge_clock(look_at_clock(host), matters=by_this_clock))
    if file is not None:
        yield Area("configuration", _configuration(file))
    if agent is not None:
        async for area in _of_agent(agent, host, patience):
            yield area
    if station is not None:
        async for area in _of_station(station, host):
            yield area


async def _of_agent(config: AgentConfig, host: Host, patience: Patience) -> AsyncIterator[Area]:
    # Here, because a machine without an agent needs none of it.
    from edge.doctor.autopilot import Heard, hear, judge_autopilot
    from edge.doctor.ground import judge_ground, look_at_ground
    from edge.doctor.sight import judge_sight, look_through
    from edge.doctor.station_link import ask_station, judge_station

    yield Area("records", judge_disk(look_at_disk(host, config.data_dir)))
    unit = look_at_unit(host, AGENT_UNIT)
    watchdog = config.service.hardware_watchdog is not None
    yield Area("service", judge_unit(unit, hardware_watchdog=watchdog, set_up=_SET_UP_AGENT))
    if config.fixed is None:
        serial, taken_by = serial_url(config.mavlink.url), ""
        if serial is not None:
            port = look_at_serial_port(host, *serial)
            taken_by = ", ".join(process.name for process in port.holders)
            yield Area("serial port", judge_serial_port(port))
        if taken_by:
            heard = Heard(config.mavlink.url, taken_by=taken_by)
        else:
            heard = await hear(
                config, wait_s=patience.heartbeat_s, settle_s=patience.settle_s, count_s=patience.count_s
            )
        yield Area("autopilot", judge_autopilot(heard))
    for name, section in (("camera", config.camera), ("thermal camera", config.thermal)):
        if section is not None:
            sight = await asyncio.to_thread(look_through, section, host, look_s=patience.look_s)
            yield Area(name, judge_sight(sight))
    if config.camera is not None:
        found = await asyncio.to_thread(try_detector, config.detector, config.camera.frames_per_s)
        yield Area("detector", judge_detector(found))
    yield Area("terrain", judge_ground(await asyncio.to_thread(look_at_ground, config)))
    yield Area("station", judge_station(await ask_station(config.uplink, config.drone.id)))


async def _of_station(config: StationConfig, host: Host) -> AsyncIterator[Area]:
    from edge.doctor.station_here import ask_station_here, judge_station_here

    yield Area("station's records", judge_disk(look_at_disk(host, config.data_dir)))
    yield Area("station's service", judge_unit(look_at_unit(host, STATION_UNIT), set_up=_SET_UP_STATION))
    yield Area("station", judge_station_here(await ask_station_here(config)))


def _configuration(file: Path) -> list[Check]:
    try:
        check_config(file)
    except ConfigError as error:
        remedy = "What each field means: hardware/profiles/README.md"
        return [Check("configuration", False, problem, remedy) for problem in error.problems]
    return [Check("configuration", True, f"{file} and all that it names can be used")]


def _tell(console: Console, area: Area) -> None:
    console.print(Text(area.name, "bold"))
    width = max(len(check.name) for check in area.checks) + 2
    for check in area.checks:
        mark, style = _MARKS[check.passed]
        head = Text.assemble("  ", (mark, style), " ", check.name.ljust(width))
        console.print(head, Text(check.found), sep="", soft_wrap=True, highlight=False)
        if check.remedy and not check.passed:
            console.print(Padding(Text(f"→ {check.remedy}", "cyan"), (0, 0, 0, 4 + width)), highlight=False)


def _sum_up(console: Console, failed: int, unknown: int) -> None:
    if failed:
        words, style = f"Not well: {failed} failed, {unknown} to judge or not known.", "red"
    elif unknown:
        words, style = f"Nothing failed; {unknown} to judge or not known.", "yellow"
    else:
        words, style = "Well.", "green"
    console.print(words, style=style, highlight=False)


def _version() -> str:
    try:
        return importlib.metadata.version("emberwatch")
    except importlib.metadata.PackageNotFoundError:
        return ""
