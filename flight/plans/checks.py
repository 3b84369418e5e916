"""Is a plan safe to fly: what is wrong, where, and by how much.

The line between two items is sampled, because a ridge or a corner of a no-fly zone lies between them more
often than at them. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.plans.fence import distance_m
from flight.plans.flight_time import flight_time_s
from flight.plans.items import Command
from flight.plans.path import Leg, legs
from flight.plans.plan import Plan
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

SAMPLE_M = 10.0
NEAR_HOME_M = 30.0  # it starts and lands there: low over the ground is right


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan may ask for. ``endurance_s`` is what may be planned with, the reserve taken off."""

    ceiling_home_m: float = 120.0
    least_height_agl_m: float = 20.0
    range_m: float = 3000.0
    endurance_s: float = 1125.0
    fence_margin_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``item`` None: with the plan as a whole."""

    item: int | None
    lat_deg: float | None
    lon_deg: float | None
    what: str

    @property
    def words(self) -> str:
        """One line for people."""
        if self.item is None or self.lat_deg is None or self.lon_deg is None:
            return self.what
        return f"on the way to item {self.item} ({self.lat_deg:.6f}, {self.lon_deg:.6f}): {self.what}"


def check(
    plan: Plan, terrain: Terrain | None, limits: Limits, *, home_amsl_m: float | None = None
) -> list[Problem]:
    """Everything wrong with a plan, at its worst place on each leg. Empty: it is safe as far as is known."""
    problems = list(_shape(plan))
    home_m = plan.home.alt_amsl_m if home_amsl_m is None else home_amsl_m
    if home_amsl_m is not None and abs(home_amsl_m - plan.home.alt_amsl_m) > limits.least_height_agl_m / 2:
        problems.append(
            Problem(
                None,
                None,
                None,
                f"home is at {home_amsl_m:.0f} m and the plan was made for {plan.home.alt_amsl_m:.0f} m: "
                "its heights mean something else here",
            )
        )
    for leg in legs(plan, terrain, home_amsl_m=home_amsl_m):
        problems += _leg(plan, leg, terrain, limits, home_m)
    takes_s = flight_time_s(plan, terrain)
    if takes_s > limits.endurance_s:
        problems.append(
            Problem(
                None,
                None,
                None,
                f"it takes {takes_s / 60:.1f} min, and the battery allows {limits.endurance_s / 60:.1f} min",
            )
        )
    return problems


def _shape(plan: Plan) -> Iterator[Problem]:
    commands = [item.command for item in plan.items[1:]]
    if not any(item.is_place for item in plan.items[1:]):
        yield Problem(None, None, None, "it flies nowhere")
    if Command.NAV_TAKEOFF not in commands:
        yield Problem(None, None, None, "it has no take-off")
    if not {Command.NAV_RETURN_TO_LAUNCH, Command.NAV_LAND} & set(commands):
        yield Problem(None, None, None, "it does not come home: it ends neither in a return nor in a landing")


def _leg(plan: Plan, leg: Leg, terrain: Terrain | None, limits: Limits, home_m: float) -> Iterator[Problem]:
    lat_deg, lon_deg, alt_m = _samples(leg)
    places = list(zip(lat_deg.tolist(), lon_deg.tolist(), strict=True))

    def problem(index: int, what: str) -> Problem:
        return Problem(leg.item.seq, *places[index], what)

    height_home_m = alt_m - home_m
    top = int(np.argmax(height_home_m))
    if height_home_m[top] > limits.ceiling_home_m + 0.01:
        yield problem(
            top, f"{height_home_m[top]:.0f} m above home; the ceiling is {limits.ceiling_home_m:.0f} m"
        )
    away_m = np.array([distance_m(plan.home.lat_deg, plan.home.lon_deg, *place) for place in places])
    far = int(np.argmax(away_m))
    if away_m[far] > limits.range_m:
        yield problem(far, f"{away_m[far]:.0f} m from home; the limit is {limits.range_m:.0f} m")
    if terrain is not None and not leg.is_climb:
        ground_m = terrain.height_amsl_m(lat_deg, lon_deg)
        unknown = np.isnan(ground_m)
        if unknown.any():
            yield problem(int(np.argmax(unknown)), "beyond the terrain model: the ground is not known there")
        height_m = np.where(unknown | (away_m < NEAR_HOME_M), np.inf, alt_m - ground_m)
        low = int(np.argmin(height_m))
        if height_m[low] < 0:
            yield problem(low, f"into the ground, by {-height_m[low]:.0f} m")
        elif height_m[low] < limits.least_height_agl_m:
            least_m = limits.least_height_agl_m
            yield problem(low, f"{height_m[low]:.0f} m above the ground; {least_m:.0f} m is the least")
    if plan.fence is not None:
        words = plan.fence.crossing(places[0], places[-1], margin_m=limits.fence_margin_m)
        if words:
            index = next(
                (
                    i
                    for i, place in enumerate(places)
                    if plan.fence.objection(*place, margin_m=limits.fence_margin_m)
                ),
                0,
            )
            detail = plan.fence.objection(*places[index], margin_m=limits.fence_margin_m)
            yield problem(index, words + (f": {detail}" if detail else ""))


def _samples(leg: Leg) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latitude, longitude and height along a leg."""
    length_m = distance_m(*leg.start[:2], *leg.end[:2])
    parts = np.linspace(0.0, 1.0, max(2, math.ceil(length_m / SAMPLE_M) + 1))
    start, end = np.array(leg.start), np.array(leg.end)
    points = start + parts[:, None] * (end - start)
    return points[:, 0], points[:, 1], points[:, 2]
