"""``emberwatch patrol check`` and ``emberwatch patrol plan``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.config.file import AgentConfig, load_agent_config
from edge.files import shown, write_whole
from edge.patrols.foreseen import Foreseen
from edge.patrols.planned import Planned
from flight.errors import EmberwatchError
from flight.plans.checks import Limits, Problem, checked_by
from flight.plans.plan import Plan, PlanError
from flight.plans.qgc import write_plan
from flight.plans.wpl import write_wpl
from flight.surface import open_terrain
from flight.terrain import Terrain

UNSAFE_EXIT_CODE = 1


@dataclass(frozen=True, slots=True)
class Sources:
    """What a file is judged by: a terrain model and a configuration, each if there is one."""

    dem: Path | None = None
    config: Path | None = None

    def load(self) -> tuple[AgentConfig | None, Terrain | None]:
        """Raises ConfigError or TerrainError."""
        config = None if self.config is None else load_agent_config(self.config)
        if self.dem is not None:
            return config, open_terrain(self.dem)
        return config, None if config is None else config.terrain.open()


def check_command(file: Path, sources: Sources, *, console: Console | None = None) -> int:
    """Say what is unsafe about a patrol, one line each. Returns 0 where nothing is, else 1.

    Raises EmberwatchError for a file that cannot be read or planned.
    """
    console = console or Console()
    config, terrain = sources.load()
    planned = Planned.load(file, terrain)
    limits = planned.limits(None if config is None else config.limits)
    problems = planned.problems(limits)
    if problems:
        _print_problems(console, file, planned, problems)
        return UNSAFE_EXIT_CODE
    flights = "1 flight" if len(planned.flights) == 1 else f"{len(planned.flights)} flights"
    console.print(f"{shown(file)}: safe ({flights})", style="green", highlight=False, markup=False)
    words = f"checked: {checked_by(planned.flights[0], planned.terrain, limits)}"
    console.print(words, style="dim", highlight=False, markup=False)
    return 0


def plan_command(
    file: Path,
    sources: Sources,
    *,
    out: Path | None = None,
    waypoints: bool = False,
    png: Path | None = None,
    geojson: Path | None = None,
    console: Console | None = None,
) -> int:
    """Plan a patrol and print its figures; write one ``.plan`` for each flight into ``out``, and draw it.

    Plans are only written where they are safe; a picture of an unsafe one shows where it is not. Returns 0,
    or 1 for an unsafe one. Raises EmberwatchError for what cannot be read, planned or written.
    """
    console = console or Console()
    if waypoints and out is None:
        raise PlanError("--waypoints says no folder", hint="Name one with --out.")
    config, terrain = sources.load()
    planned = Planned.load(file, terrain)
    limits = planned.limits(None if config is None else config.limits)
    foreseen = planned.foreseen()
    problems = planned.problems(limits)
    _print_figures(console, planned, limits, foreseen)
    written: list[Path] = []
    if png is not None:
        from edge.patrols.drawing import draw

        marks = [problem for _, problem in problems]
        _write(png, draw(planned, foreseen, marks, _facts(planned, limits, foreseen)))
        written.append(png)
    if geojson is not None:
        from edge.patrols.geojson import to_geojson

        _write(geojson, to_geojson(planned, foreseen, problems))
        written.append(geojson)
    if out is not None and not problems:
        written += _write_plans(out, planned, waypoints=waypoints)
    for path in written:
        console.print(f"written: {shown(path)}", highlight=False, markup=False, soft_wrap=True)
    if problems:
        _print_problems(console, file, planned, problems)
        if out is not None:
            console.print("No plan is written: it is not safe.", style="red")
        return UNSAFE_EXIT_CODE
    return 0


def _write_plans(out: Path, planned: Planned, *, waypoints: bool) -> list[Path]:
    written: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlanError(f"plans cannot go to {shown(out)}: {error.strerror}") from error
    for plan in planned.flights:
        name = re.sub(r"[^\w.-]+", "-", plan.name).strip("-.") or "patrol"
        path = out / f"{name}.plan"
        write_plan(path, plan)
        written.append(path)
        if waypoints:
            written.append(path.with_suffix(".waypoints"))
            write_wpl(written[-1], plan)
    return written


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise EmberwatchError(f"{shown(path)} cannot be written: {error.strerror or error}") from error


def _print_problems(
    console: Console, file: Path, planned: Planned, problems: list[tuple[Plan, Problem]]
) -> None:
    for plan, problem in problems:
        flight = f"{plan.name}: " if len(planned.flights) > 1 else ""
        line = f"{shown(file)}: {flight}{problem.words}"
        console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)


def _facts(planned: Planned, limits: Limits, foreseen: Foreseen | None) -> list[str]:
    """The figures of the whole patrol, a line each."""
    figures = [planned.figures(plan) for plan in planned.flights]
    length_m, time_s = sum(each.length_m for each in figures), sum(each.time_s for each in figures)
    count = len(figures)
    longest_min = max(each.time_s for each in figures) / 60
    lines = [
        f"{count} flight{'s' if count > 1 else ''}: {length_m / 1000:.1f} km, {time_s / 60:.1f} min",
        f"longest flight {longest_min:.1f} min of {limits.endurance_s / 60:.1f} min of battery",
    ]
    if foreseen is not None:
        lines.append(f"area {foreseen.area_m2 / 1e4:.1f} ha, of it {foreseen.percent:.1f} % in a picture")
    if planned.swath is not None:
        swath = planned.swath
        lines += [
            f"{swath.height_agl_m:.0f} m above ground: {swath.ground_sampling_cm:.1f} cm on a pixel",
            f"picture {swath.width_m:.0f} m wide across the way",
        ]
    lines.append(f"highest {max(each.highest_home_m for each in figures):.0f} m above home")
    lows = [each.lowest_agl_m for each in figures if each.lowest_agl_m is not None]
    highs = [each.highest_agl_m for each in figures if each.highest_agl_m is not None]
    if lows and highs:
        lines.append(f"{min(lows):.0f} to {max(highs):.0f} m above the terrain model along the way")
    elif planned.terrain is None:
        lines.append("no terrain model: the ground is taken as flat at home's height")
    return lines


def _print_figures(console: Console, planned: Planned, limits: Limits, foreseen: Foreseen | None) -> None:
    console.print(planned.name, style="bold", highlight=False, markup=False)
    for line in _facts(planned, limits, foreseen):
        console.print(f"  {line}", highlight=False, markup=False)
    table = Table(box=None, padding=(0, 2), pad_edge=True)
    table.add_column("flight")
    for title in ("items", "length", "time", "above home", "above ground"):
        table.add_column(title, justify="right")
    for plan in planned.flights:
        figures = planned.figures(plan)
        above = (
            "–"
            if figures.lowest_agl_m is None or figures.highest_agl_m is None
            else f"{figures.lowest_agl_m:.0f}–{figures.highest_agl_m:.0f} m"
        )
        table.add_row(
            Text(plan.name),
            str(len(plan.items) - 1),
            f"{figures.length_m / 1000:.2f} km",
            f"{figures.time_s / 60:.1f} min",
            f"{figures.highest_home_m:.0f} m",
            above,
        )
    console.print(table)
