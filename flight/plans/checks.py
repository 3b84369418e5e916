"""Is a plan safe to fly: what is wrong, where, and by how much.

The line between two items is sampled, because a ridge lies between them more often than at them; fences are
met exactly. What the plan does not say (a failsafe's way home, wires and masts, the wind) is not judged.
Pure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyproj
from numpy.typing import NDArray

from flight.plans.flight_time import flight_time_s
from flight.plans.items import FLOWN_TO, Command
from flight.plans.path import Leg, legs, sampled
from flight.plans.plan import Plan
from flight.terrain import Terrain

FloatArray = NDArray[np.float64]

NEAR_HOME_M = 30.0  # it starts and lands there: low over the ground is right
CIRCLE_CORNERS = 12
FLAT_WORDS = "taken as flat at home's height without a terrain model"
MOST_DIGITS = 2
DEFAULT_CIRCLE_M = 10.0  # ArduCopter's CIRCLE_RADIUS, where LOITER_TURNS says none
_LAST_NAV = 95  # MAV_CMD_NAV_LAST: numbers below move the vehicle
_STAYS = frozenset({Command.NAV_RETURN_TO_LAUNCH, Command.NAV_DELAY})

_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan may ask for. ``endurance_s`` is what may be planned with, the reserve taken off."""

    ceiling_home_m: float = 120.0
    least_height_agl_m: float = 20.0
    range_m: float = 3000.0
    endurance_s: float = 1125.0
    fence_margin_m: float = 0.0

    def stricter(self, other: Limits) -> Limits:
        """What both allow."""
        return Limits(
            ceiling_home_m=min(self.ceiling_home_m, other.ceiling_home_m),
            least_height_agl_m=max(self.least_height_agl_m, other.least_height_agl_m),
            range_m=min(self.range_m, other.range_m),
            endurance_s=min(self.endurance_s, other.endurance_s),
            fence_margin_m=max(self.fence_margin_m, other.fence_margin_m),
        )


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
        if self.lat_deg is None or self.lon_deg is None:
            return self.what if self.item is None else f"item {self.item}: {self.what}"
        place = f"({self.lat_deg:.6f}, {self.lon_deg:.6f})"
        return f"{place}: {self.what}" if self.item is None else f"item {self.item} {place}: {self.what}"


def check(
    plan: Plan, terrain: Terrain | None, limits: Limits, *, home_amsl_m: float | None = None
) -> list[Problem]:
    """Everything wrong with a plan, at its worst place on each leg. Empty: it is safe as far as is known.

    ``home_amsl_m`` is how high home really is; left out, it is as ``home_height_m`` has it.
    """
    home_m = home_height_m(plan, terrain) if home_amsl_m is None else home_amsl_m
    real_m = _ground_at_home_m(plan, terrain) if home_amsl_m is None else home_amsl_m
    problems = [*_shape(plan), *_home(plan, real_m, limits), *_rally(plan, terrain, limits, home_m)]
    done: set[tuple[object, ...]] = set()
    for leg in legs(plan, terrain, home_amsl_m=home_m):
        way = (leg.item.seq, leg.start)
        if way not in done:  # a jump flies the same legs again
            done.add(way)
            for part in (leg, *_circle(leg)):
                problems += _leg(plan, part, terrain, limits, home_m)
    takes_s = flight_time_s(plan, terrain)
    if takes_s > limits.endurance_s:
        takes, allowed = told_apart(takes_s / 60, limits.endurance_s / 60, digits=1)
        what = f"it takes {takes} min, and the battery allows {allowed} min"
        problems.append(Problem(None, None, None, what))
    return list(dict.fromkeys(problems))


def checked_by(plan: Plan, terrain: Terrain | None, limits: Limits) -> str:
    """What ``check`` held a plan against, in words: no more than there was."""
    fence = "no fence" if plan.fence is None else "fence"
    ground = FLAT_WORDS if terrain is None else f"on {terrain.name}"
    return (
        f"{fence}, ceiling {limits.ceiling_home_m:g} m above home, range {limits.range_m:g} m, "
        f"{limits.endurance_s / 60:.1f} min of battery; the ground at least {limits.least_height_agl_m:g} m "
        f"below, {ground}"
    )


def home_height_m(plan: Plan, terrain: Terrain | None) -> float:
    """How high home is, as far as plan and terrain know. A station that did not know writes 0."""
    said_m, ground_m = plan.home.alt_amsl_m, _ground_at_home_m(plan, terrain)
    return said_m if said_m or math.isnan(ground_m) else ground_m


def _ground_at_home_m(plan: Plan, terrain: Terrain | None) -> float:
    """Above sea level; NaN where it is not known."""
    if terrain is None:
        return math.nan
    return float(terrain.height_amsl_m(np.array([plan.home.lat_deg]), np.array([plan.home.lon_deg]))[0])


def _shape(plan: Plan) -> Iterator[Problem]:
    steps = plan.items[1:]
    first = next((item for item in steps if item.is_place), None)
    begin = next((item for item in steps if item.command == Command.NAV_TAKEOFF), None)
    end = next(
        (item for item in steps if item.command in (Command.NAV_RETURN_TO_LAUNCH, Command.NAV_LAND)), None
    )
    if first is None:
        yield Problem(None, None, None, "it flies nowhere")
    if begin is None:
        yield Problem(None, None, None, "it has no take-off")
    elif first is not None and first.seq < begin.seq:
        yield Problem(first.seq, None, None, f"it is flown to before the take-off, which is item {begin.seq}")
    if end is None:
        yield Problem(None, None, None, "it does not come home: it ends neither in a return nor in a landing")
    for item in steps:
        if item.command < _LAST_NAV and item.command not in FLOWN_TO | _STAYS:
            what = f"its command, {int(item.command)}, flies in a way that cannot be checked"
            yield Problem(item.seq, None, None, what)
        elif item.command == Command.NAV_LOITER_UNLIM:
            yield Problem(item.seq, None, None, "it stays there until the battery is empty")
        elif item.command == Command.DO_JUMP and item.params[1] < 0:
            yield Problem(item.seq, None, None, "it jumps back for ever: only the battery would end it")
        elif end is not None and item.seq > end.seq and item.is_place:
            yield Problem(item.seq, None, None, f"it comes after the way home, which is item {end.seq}")


def _home(plan: Plan, real_m: float, limits: Limits) -> Iterator[Problem]:
    """Heights above home that were worked out for another height of home mean something else. ``real_m`` NaN:
    nothing but the plan says how high it is."""
    said_m = plan.home.alt_amsl_m
    if said_m and abs(real_m - said_m) > limits.least_height_agl_m / 2:
        what = (
            f"home is at {real_m:.0f} m and the plan was made for {said_m:.0f} m: its heights mean something "
            "else here"
        )
        yield Problem(None, None, None, what)


def _rally(plan: Plan, terrain: Terrain | None, limits: Limits, home_m: float) -> Iterator[Problem]:
    """A failsafe flies to these, at their height."""
    for number, point in enumerate(plan.rally, start=1):
        place = (point.lat_deg, point.lon_deg)
        name = f"rally point {number}"
        away_m = float(_away_m(plan, *(np.array([each]) for each in place))[0])
        if away_m > limits.range_m:
            away, limit = told_apart(away_m, limits.range_m)
            what = f"{name} is {away} m from home; the limit is {limit} m"
            yield Problem(None, *place, what)
        if plan.fence is not None and (words := plan.fence.objection(*place)):
            yield Problem(None, *place, f"{name}: {words}")
        if terrain is not None:
            ground_m = float(terrain.height_amsl_m(*(np.array([each]) for each in place))[0])
            height_m = home_m + point.height_home_m - ground_m
            if height_m < 0:
                yield Problem(None, *place, f"{name} is {-height_m:.0f} m below the ground")


def _circle(leg: Leg) -> Iterator[Leg]:
    """The circle that LOITER_TURNS flies around its place, as chords."""
    if leg.item.command != Command.NAV_LOITER_TURNS:
        return
    said_m = leg.item.params[2]
    radius_m = abs(said_m) if math.isfinite(said_m) and said_m else DEFAULT_CIRCLE_M
    lat_deg, lon_deg, height_m = leg.end
    outer_m = radius_m / math.cos(math.pi / CIRCLE_CORNERS)
    bearings_deg = np.linspace(0, 360, CIRCLE_CORNERS + 1)
    one = np.ones(len(bearings_deg))
    lon, lat, _ = _GEOD.fwd(lon_deg * one, lat_deg * one, bearings_deg, outer_m * one)
    corners = [(float(y), float(x), height_m) for y, x in zip(lat, lon, strict=True)]
    for start, end in itertools.pairwise(corners):
        yield replace(leg, start=start, end=end)


def _leg(plan: Plan, leg: Leg, terrain: Terrain | None, limits: Limits, home_m: float) -> Iterator[Problem]:
    lat_deg, lon_deg, alt_m, ground_m = sampled(leg, terrain)

    def problem(index: int, what: str) -> Problem:
        return Problem(leg.item.seq, round(float(lat_deg[index]), 6), round(float(lon_deg[index]), 6), what)

    height_home_m = alt_m - home_m
    top = int(np.argmax(height_home_m))
    if height_home_m[top] > limits.ceiling_home_m + 0.01:
        height, ceiling = told_apart(height_home_m[top], limits.ceiling_home_m)
        yield problem(top, f"{height} m above home; the ceiling is {ceiling} m")
    away_m = _away_m(plan, lat_deg, lon_deg)
    far = int(np.argmax(away_m))
    if away_m[far] > limits.range_m:
        away, limit = told_apart(away_m[far], limits.range_m)
        yield problem(far, f"{away} m from home; the limit is {limit} m")
    if not leg.is_climb:
        if ground_m is None:
            flat_m = np.full(len(alt_m), home_m)
            yield from _ground(flat_m, f", {FLAT_WORDS}", alt_m, away_m, limits, problem)
        else:
            yield from _ground(ground_m, "", alt_m, away_m, limits, problem)
    if plan.fence is not None:
        margin_m = limits.fence_margin_m
        for words, place in plan.fence.crossings(leg.start[:2], leg.end[:2], margin_m=margin_m):
            yield Problem(leg.item.seq, round(place[0], 6), round(place[1], 6), f"the way there: {words}")


def _ground(
    ground_m: FloatArray,
    known_by: str,
    alt_m: FloatArray,
    away_m: FloatArray,
    limits: Limits,
    problem: Callable[[int, str], Problem],
) -> Iterator[Problem]:
    unknown = np.isnan(ground_m)
    if unknown.any():
        yield problem(int(np.argmax(unknown)), "beyond the terrain model: the ground is not known there")
    height_m = np.where(unknown | (away_m < NEAR_HOME_M), np.inf, alt_m - ground_m)
    low = int(np.argmin(height_m))
    if height_m[low] < 0:
        yield problem(low, f"into the ground, by {-height_m[low]:.0f} m{known_by}")
    elif height_m[low] < limits.least_height_agl_m - 0.01:
        height, least = told_apart(height_m[low], limits.least_height_agl_m)
        yield problem(low, f"{height} m above the ground{known_by}; {least} m is the least")


def told_apart(value: float, limit: float, *, digits: int = 0) -> tuple[str, str]:
    """Both rounded, but not so far that what is beyond a limit looks like the limit."""
    if f"{value:.{digits}f}" == f"{limit:.{digits}f}" and digits < MOST_DIGITS:
        return told_apart(value, limit, digits=digits + 1)
    return f"{value:.{digits}f}", f"{limit:.{digits}f}"


def _away_m(plan: Plan, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
    """From home, over ground."""
    one = np.ones(len(lat_deg))
    _, _, away_m = _GEOD.inv(plan.home.lon_deg * one, plan.home.lat_deg * one, lon_deg, lat_deg)
    return np.asarray(away_m, np.float64)
