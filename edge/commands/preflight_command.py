"""``emberwatch preflight``: the agent's own checks before a flight, without the agent.

It opens the link, the camera and the detector as the agent would, read-only: it sends no order and no
mission, tells the station nothing, and an alert could only reach an outbox that is thrown away.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.agent import second_airborne, vehicle_of
from edge.airborne import Airborne
from edge.config.file import AgentConfig
from edge.fixed_preflight import fixed_lines
from edge.flying.flight import PatrolFlight
from edge.health.seeing import Seeing
from edge.patrols.limits import limits_of
from edge.patrols.load import load_patrol
from edge.preflight import PlanFacts, Preflight
from edge.vision.supervisor import VisionError
from edge.watch import Watch
from flight.errors import EmberwatchError
from flight.link import LinkError
from flight.plans.checks import check, checked_by
from flight.plans.flight_time import flight_time_s
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import PreflightLine, SeeingState
from uplink.outbox import Outbox

FAILED_EXIT_CODE = 1
LOOK_S = 0.5
STEADY_S = 2.0  # nothing fails, and nothing has changed for this long
LAST_LOOK_S = 2.0
FEED_S = 0.1
VERIFY_AGAIN_S = 5.0
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


async def preflight(config: AgentConfig, *, wait_s: float, console: Console | None = None) -> int:
    """Print the lines once nothing more can come good, or after ``wait_s``. Returns 1 where one failed.

    Raises EmberwatchError for what cannot even be tried: a wrong file, a link that another program has.
    """
    console = console or Console()
    if config.fixed is not None:
        return _told(console, await fixed_lines(config, config.fixed, wait_s=wait_s))
    terrain = config.terrain.open()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    vehicle = vehicle_of(config, read_only=True)
    flight = _flight(config, vehicle, terrain)
    with tempfile.TemporaryDirectory() as folder, Outbox(Path(folder) / "outbox.db") as outbox:
        camera = config.main_camera.optics()
        carrier = Airborne.of(config.main_camera, camera, vehicle)
        second = second_airborne(config, vehicle)
        watch = Watch(config, carrier, outbox, camera, terrain, second=second)
        look = _Look(config, vehicle, watch, flight, terrain)
        await _opened(vehicle, lambda: look.until_steady(wait_s))
    code = _told(console, look.lines)
    if not vehicle.telemetry.linked or vehicle.link.counts.impostors:
        words = "If the agent is running, it has the link: its page shows the preflight."
        console.print(words, style="yellow", highlight=False)
    return code


async def _opened(vehicle: Vehicle, work: Callable[[], Awaitable[None]]) -> None:
    try:
        async with vehicle:
            await work()
    except LinkError as error:
        if error.is_taken:
            raise LinkError(
                f"another program has {vehicle.link.url}",
                hint="If it is the agent: it is running, and its page shows the preflight.",
            ) from error
        raise


def _flight(config: AgentConfig, vehicle: Vehicle, terrain: Terrain | None) -> PatrolFlight | None:
    """What the agent would fly next: the rest of a flight that was left in the middle, too."""
    if config.patrol.file is None:
        return None
    patrol = load_patrol(config.patrol.file, terrain)
    return PatrolFlight(vehicle, patrol, config.data_dir / "patrol.json")


class _Look:
    """Gathers what the lines say, over and over."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        watch: Watch,
        flight: PatrolFlight | None,
        terrain: Terrain | None,
    ) -> None:
        self.lines: list[PreflightLine] = []
        self._config, self._vehicle, self._watch = config, vehicle, watch
        self._plan, self._terrain = None if flight is None else flight.progress.part, terrain
        site = limits_of(config.limits)
        self._limits = site if flight is None else flight.patrol.within(site)
        self._blind = ""
        self._aboard: bool | None = None
        self._verify_due_s = float("-inf")
        self._preflight = Preflight(
            vehicle,
            seeing=self._seeing,
            model_name=lambda: watch.provenance.model_name if watch.provenance else None,
            data_dir=config.data_dir,
            endurance_s=config.limits.endurance_s,
            reserve_percent=config.limits.reserve_percent,
        )

    async def until_steady(self, wait_s: float) -> None:
        """Look until nothing fails that could still come good, at most for ``wait_s``."""
        tasks = [asyncio.create_task(work()) for work in (self._feed, self._see)]
        try:
            async with asyncio.timeout(wait_s):
                await self._settle()
        except TimeoutError:
            # Once more, for what has changed meanwhile; an answer that is still waited for stays unknown.
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_LOOK_S):
                    await self._once()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self) -> None:
        steady_s, before = time.monotonic(), None
        while True:
            await self._verify()
            await self._once()
            passes = [(line.name, line.passed) for line in self.lines]
            now_s = time.monotonic()
            if passes != before or any(map(self._may_come_good, self.lines)):
                steady_s, before = now_s, passes
            if now_s - steady_s >= STEADY_S:
                return
            await asyncio.sleep(LOOK_S)

    def _may_come_good(self, line: PreflightLine) -> bool:
        """Whether to wait for it: a camera that cannot be opened will not open by itself."""
        return line.passed is False and not (self._blind and line.name in ("camera", "detector"))

    async def _once(self) -> None:
        if self._vehicle.telemetry.armed:
            raise EmberwatchError("the vehicle is armed", hint="Preflight is for a vehicle on the ground.")
        lines = await self._preflight.lines(self._plan_facts(), time.monotonic())
        self.lines = [line if self._config.mavlink.read_only else _yet_to_come(line) for line in lines]

    def _plan_facts(self) -> PlanFacts | None:
        plan, home = self._plan, self._vehicle.telemetry.home
        if plan is None:
            return None
        home_amsl_m = None if home is None else home.alt_amsl_m
        problems = check(plan, self._terrain, self._limits, home_amsl_m=home_amsl_m)
        words = [problem.words for problem in problems]
        return PlanFacts(
            aboard=self._aboard,
            trouble="",
            problems=words,
            checked_by=checked_by(plan, self._terrain, self._limits),
            flight_time_s=flight_time_s(plan, self._terrain),
            fence=plan.fence,
        )

    async def _verify(self) -> None:
        """Whether the plan is aboard; asked for again until the autopilot answers."""
        now_s = time.monotonic()
        due = self._plan is not None and self._aboard is None and now_s >= self._verify_due_s
        if self._plan is None or not due or not self._vehicle.telemetry.linked:
            return
        self._verify_due_s = now_s + VERIFY_AGAIN_S
        try:
            self._aboard = await self._vehicle.missions.verify(self._plan.items)
        except EmberwatchError:
            self._aboard = None

    async def _feed(self) -> None:
        while True:
            self._vehicle.feed()
            await asyncio.sleep(FEED_S)

    async def _see(self) -> None:
        try:
            await self._watch.run()
        except* VisionError as group:
            self._blind = _first(group)

    def _seeing(self, now_s: float) -> Seeing:
        seeing = self._watch.seeing(now_s)
        return replace(seeing, state=SeeingState.BLIND, reason=self._blind) if self._blind else seeing


def _yet_to_come(line: PreflightLine) -> PreflightLine:
    """An agent that may command brings plan and fence aboard itself: that they are not is no fault."""
    if line.name in ("plan aboard", "fence") and line.passed is False:
        detail = f"{line.detail}; the agent brings it aboard when it starts"
        return PreflightLine(name=line.name, passed=None, detail=detail)
    return line


def _first(group: BaseExceptionGroup[VisionError]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)[:200]


def _told(console: Console, lines: Sequence[PreflightLine]) -> int:
    """Print the lines; the exit code."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for line in lines:
        mark, style = _MARKS[line.passed]
        table.add_row(Text(mark, style), Text(line.name), Text(line.detail))
    console.print(table)
    bad, unknown = (sum(line.passed is each for line in lines) for each in (False, None))
    if bad:
        console.print(f"Not ready: {bad} of {len(lines)} failed.", style="red", highlight=False)
    elif unknown:
        console.print(
            f"Nothing failed; {unknown} not known: yours to judge.", style="yellow", highlight=False
        )
    else:
        console.print("Ready.", style="green")
    return FAILED_EXIT_CODE if bad else 0
