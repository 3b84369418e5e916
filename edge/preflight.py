"""Is all well for this flight: one line for each thing, with pass or why not.

``judge`` is pure: facts in, lines out. ``Preflight`` gathers the facts from the vehicle, the watch and the
disk; what takes many messages (parameters, the fence aboard) is asked for seldom and remembered.

A line that failed (``passed`` false) keeps the patrol on the ground; one that cannot be known (``None``)
keeps only an unattended one there: a person may know better.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.health.seeing import Seeing
from flight.autopilots.autopilot import Finding
from flight.errors import EmberwatchError
from flight.plans.fence import Fence
from flight.vehicle import Vehicle
from uplink.messages import PreflightLine, SeeingState

LEAST_FREE_BYTES = 500_000_000  # an hour's alerts with pictures, twice over
ASK_AGAIN_S = 60.0
DETAIL_LENGTH = 200
PREARM = "PreArm: "
PREARM_FRESH_S = 45.0  # ArduPilot says it again every 30 s


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What is known of the plan that is flown next."""

    aboard: bool | None
    trouble: str
    """Why it is not aboard, if it could not be brought there."""
    problems: Sequence[str]
    checked_by: str
    """What ``problems`` were looked for with, in words."""
    flight_time_s: float
    fence: Fence | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known before a flight. None is "not known"."""

    linked: bool
    position_ok: bool
    heading_deg: float | None
    satellites: int | None
    failsafes: Sequence[Finding]
    plan: PlanFacts | None
    fence_aboard: bool | None
    """Whether the plan's fence is the one aboard."""
    battery_percent: float | None
    endurance_s: float
    """Of a full battery."""
    reserve_percent: float
    free_bytes: int | None
    seeing: Seeing
    model_name: str | None
    clock_synchronised: bool
    utc_known: bool
    prearm_ok: bool | None = None
    """What the autopilot's own check before arming says; None where it does not say."""
    prearm_texts: Sequence[str] = field(default_factory=tuple)
    """What it has said lately of why it would not arm."""
    vehicle_alarms: Sequence[str] = field(default_factory=tuple)


def judge(facts: Facts) -> list[PreflightLine]:
    """The lines, the most basic first."""
    if not facts.linked:
        return [line("link", False, "no heartbeat from the autopilot")]
    return [
        line("link", not facts.vehicle_alarms, "; ".join(facts.vehicle_alarms) or "the autopilot is heard"),
        _position(facts),
        _heading(facts),
        _prearm(facts),
        *(line(finding.name, finding.passed, finding.detail) for finding in facts.failsafes),
        *([] if facts.plan is None else _plan(facts.plan, facts.fence_aboard)),
        _battery(facts),
        storage_line(facts.free_bytes),
        *sight_lines(facts.seeing, facts.model_name),
        _clock(facts),
    ]


def failed(lines: Sequence[PreflightLine], *, unattended: bool) -> list[PreflightLine]:
    """The lines that keep a flight on the ground."""
    return [line for line in lines if line.passed is False or (unattended and line.passed is None)]


def line(name: str, passed: bool | None, detail: str) -> PreflightLine:
    """One of the lines; what is too long for the wire is cut."""
    return PreflightLine(name=name, passed=passed, detail=detail[:DETAIL_LENGTH])


def _position(facts: Facts) -> PreflightLine:
    satellites = "" if facts.satellites is None else f", {facts.satellites} satellites"
    words = "the autopilot knows where it is" if facts.position_ok else "the autopilot has no position yet"
    return line("position", facts.position_ok, words + satellites)


def _heading(facts: Facts) -> PreflightLine:
    known = facts.heading_deg is not None
    return line("heading", known, f"{facts.heading_deg:.0f}°" if known else "the autopilot has no heading")


def _prearm(facts: Facts) -> PreflightLine:
    if facts.prearm_ok is None:
        return line("pre-arm check", None, "the autopilot does not say whether it would arm")
    if facts.prearm_ok:
        return line("pre-arm check", True, "the autopilot would arm")
    return line("pre-arm check", False, "; ".join(facts.prearm_texts) or "the autopilot would not arm")


def storage_line(free_bytes: int | None) -> PreflightLine:
    """Whether there is room for an hour's alerts; None is "cannot be read"."""
    if free_bytes is None:
        return line("storage", False, "the disk for records cannot be read")
    words = f"{free_bytes / 1e9:.1f} GB free, {LEAST_FREE_BYTES / 1e9:.1f} GB are needed"
    return line("storage", free_bytes >= LEAST_FREE_BYTES, words)


def sight_lines(seeing: Seeing, model_name: str | None) -> list[PreflightLine]:
    """Whether it sees, and with what."""
    return [
        line("camera", seeing.state is not SeeingState.BLIND, seeing.reason or "sees"),
        line("detector", model_name is not None, model_name or "no model is loaded yet"),
    ]


def _plan(plan: PlanFacts, fence_aboard: bool | None) -> list[PreflightLine]:
    plan_words = {
        True: "the plan aboard is the plan shown",
        False: "the plan aboard is not the plan shown",
        None: "the plan aboard could not be read yet",
    }
    fence_words = {
        True: "the plan's fence is aboard",
        False: "the fence aboard is not the plan's",
        None: "the fence aboard could not be read yet",
    }
    fence = (
        line("fence", None, "the plan has none: nothing keeps the vehicle in its area")
        if plan.fence is None
        else line("fence", fence_aboard, fence_words[fence_aboard])
    )
    more = f" (and {len(plan.problems) - 1} more)" if len(plan.problems) > 1 else ""
    return [
        line("plan aboard", False if plan.trouble else plan.aboard, plan.trouble or plan_words[plan.aboard]),
        fence,
        line(
            "plan is safe",
            not plan.problems,
            plan.problems[0][:180] + more if plan.problems else plan.checked_by,
        ),
    ]


def _battery(facts: Facts) -> PreflightLine:
    if facts.battery_percent is None:
        return line("battery", None, "the autopilot does not say how full it is")
    usable_s = (facts.battery_percent - facts.reserve_percent) / 100 * facts.endurance_s
    words = (
        f"{facts.battery_percent:.0f} % is {max(0.0, usable_s) / 60:.1f} min above the reserve of "
        f"{facts.reserve_percent:.0f} %"
    )
    if facts.plan is None:
        return line("battery", usable_s > 0, words)
    takes_s = facts.plan.flight_time_s
    return line("battery", usable_s >= takes_s, f"{words}; the patrol takes {takes_s / 60:.1f} min")


def _clock(facts: Facts) -> PreflightLine:
    if not facts.clock_synchronised:
        return line("clock", False, "the autopilot's clock is not known: frames cannot be placed")
    if not facts.utc_known:
        return line("clock", None, "no GNSS time yet: alerts carry this computer's")
    return line("clock", True, "the autopilot's clock is known, and GNSS time")


class Preflight:
    """Gathers the facts. One for each agent."""

    def __init__(
        self,
        vehicle: Vehicle,
        *,
        seeing: Callable[[float], Seeing],
        model_name: Callable[[], str | None],
        data_dir: Path,
        endurance_s: float,
        reserve_percent: float,
    ) -> None:
        self._vehicle = vehicle
        self._seeing = seeing
        self._model_name = model_name
        self._data_dir = data_dir
        self._endurance_s = endurance_s
        self._reserve_percent = reserve_percent
        self._parameters: dict[str, float | None] = {}
        self._fence_aboard: bool | None = None
        self._asked_s = float("-inf")

    def ask_anew(self) -> None:
        """Parameters or fence may have changed: the next ``lines`` reads them again."""
        self._asked_s = float("-inf")

    async def lines(self, plan: PlanFacts | None, now_s: float) -> list[PreflightLine]:
        """All of them, as of now (monotonic). Without a plan the lines about it are left out."""
        telemetry = self._vehicle.telemetry
        if telemetry.linked and now_s - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = now_s
            await self._ask(None if plan is None else plan.fence)
        autopilot = telemetry.autopilot
        failsafes: Sequence[Finding] = (
            [Finding("failsafes", None, "this autopilot is not known")]
            if autopilot is None
            else autopilot.judge(self._parameters, self._vehicle.ground_stations)
        )
        battery = telemetry.battery_percent
        return judge(
            Facts(
                linked=telemetry.linked,
                position_ok=telemetry.position_ok,
                heading_deg=telemetry.heading_deg,
                satellites=telemetry.satellites,
                failsafes=failsafes,
                plan=plan,
                fence_aboard=self._fence_aboard,
                battery_percent=battery,
                endurance_s=self._endurance_s,
                reserve_percent=self._reserve_percent,
                free_bytes=free_bytes(self._data_dir),
                seeing=self._seeing(now_s),
                model_name=self._model_name(),
                clock_synchronised=self._vehicle.clock.synchronised,
                utc_known=telemetry.utc_at(0.0) is not None,
                prearm_ok=telemetry.prearm_ok,
                prearm_texts=self._prearm_texts(now_s),
                vehicle_alarms=self._vehicle.alarms,
            )
        )

    async def _ask(self, fence: Fence | None) -> None:
        autopilot = self._vehicle.telemetry.autopilot
        try:
            if autopilot is not None:
                self._parameters = await self._vehicle.parameters.read_all(autopilot.safety_parameters)
            if fence is not None:
                self._fence_aboard = await self._vehicle.fence.verify(fence.items())
        except EmberwatchError:
            # What could not be read is not known, whatever it was before; it is asked for again.
            self._parameters, self._fence_aboard = {}, None
            self._asked_s = float("-inf")

    def _prearm_texts(self, now_s: float) -> tuple[str, ...]:
        lately = (
            text.text.removeprefix(PREARM)
            for text in self._vehicle.telemetry.status_texts
            if text.text.startswith(PREARM) and now_s - text.received_s < PREARM_FRESH_S
        )
        return tuple(dict.fromkeys(lately))


def free_bytes(folder: Path) -> int | None:
    """On the disk that holds the folder; None where it cannot be read."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
