"""From a patrol's file to what is flown."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from edge.config.errors import explain, explain_syntax
from edge.patrols.limits import limits_of
from edge.patrols.patrol import FlyablePatrol, OnDetection, Schedule
from edge.patrols.planner import plan_flights
from flight.plans.patrol_file import PatrolFile
from flight.plans.plan import Plan, PlanError
from flight.plans.qgc import read_plan
from flight.plans.wpl import is_wpl, read_wpl
from flight.terrain import Terrain
from uplink.messages import PatrolRef

_ON_DETECTION: dict[str, OnDetection] = {"look again": "automatic", "ask": "ask", "off": "off"}


def load_patrol(path: Path, terrain: Terrain | None) -> FlyablePatrol:
    """Read a ``.plan``, a ``.waypoints`` or a patrol file (``.toml``), and plan what is not planned yet.

    Raises PlanError; of a patrol file with a line for each mistake.
    """
    if path.suffix.lower() != ".toml":
        plan = read_any_plan(path)
        return FlyablePatrol(plan.name, (plan,))
    patrol = read_patrol_file(path)
    return flyable(patrol, flights_of(path, patrol, terrain))


def flyable(patrol: PatrolFile, flights: tuple[Plan, ...], *, sent: PatrolRef | None = None) -> FlyablePatrol:
    """A patrol with the flights that were made of it."""
    repeat = patrol.repeat
    return FlyablePatrol(
        name=patrol.name,
        flights=flights,
        unattended=patrol.unattended,
        on_detection=_ON_DETECTION[patrol.on_detection],
        schedule=None
        if repeat is None
        else Schedule(repeat.every_min, tuple(sorted(repeat.daily_utc)), repeat.times),
        area=patrol.area or (),
        limits=limits_of(patrol),
        sent=sent,
    )


def read_patrol_file(path: Path) -> PatrolFile:
    """Read and check; raises PlanError with a line for each mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanError(f"the patrol {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"the patrol {path} is not UTF-8 text") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path}: {explain_syntax(error)}") from error
    try:
        return PatrolFile.model_validate(table, context={"base_dir": path.resolve().parent})
    except ValidationError as error:
        problems = explain(text, error, PatrolFile)
        raise PlanError("\n".join(f"{path}: {problem}" for problem in problems)) from error


def flights_of(path: Path, patrol: PatrolFile, terrain: Terrain | None) -> tuple[Plan, ...]:
    """The ready-made plan that a patrol file names, or those made of it. Raises PlanError that names the
    file."""
    if patrol.plan is not None:
        return (read_any_plan(patrol.plan),)
    try:
        return tuple(plan_flights(patrol, terrain))
    except PlanError as error:
        raise PlanError(f"{path}: {error.message}", hint=error.hint) from error


def read_any_plan(path: Path) -> Plan:
    """Read a ``.plan`` or a ``.waypoints``, told apart by what is in them. Raises PlanError."""
    return read_wpl(path) if is_wpl(path) else read_plan(path)
