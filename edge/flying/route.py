"""Where a person may send the vehicle, and by which way: all of it checked before anything is sent.

A way is straight where that keeps every rule; else over the top of the ground between, where the ceiling
allows it; else around a fire. A circle around a place is flown whole, or the largest part of it that keeps
every rule, to and fro. The rules are those of looking again (``clearance``, ``flight.envelope``). Pure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.flying.clearance import PATH_STEP_M, Clearance, Fire, Place, Wind, direction
from edge.flying.standoff import Here, StandOff
from flight.envelope import Envelope
from flight.errors import EmberwatchError
from flight.local_frame import LocalFrame
from flight.plans.fence import distance_m
from flight.terrain import Terrain

STRAIGHT_UP_M = 1.0  # of a way that only changes the height
OVER_M = 2.0  # above the lowest height that the ground allows
FIRES_TRIED = 4
STARTS_TRIED = 6
STEP_M, LEAST_STEPS, MOST_STEPS = 25.0, 16, 48
LEAST_RADIUS_M = 15.0
LEAST_ARC_DEG = 60.0


class NoRouteError(EmberwatchError):
    """It may not be sent there; the words say which rule forbids it."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circle around a place, or a part of it, clockwise as seen from above."""

    points: tuple[Place, ...]
    closed: bool
    """Whether from the last point it goes on to the first; else it is flown to and fro."""
    arc_deg: float
    why: str = ""
    """What forbids the rest of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to keep clear of."""

    envelope: Envelope
    terrain: Terrain | None
    wind: Wind | None
    stand_off_m: float
    fires: Sequence[Fire]

    def ground_m(self, lat_deg: float, lon_deg: float) -> float:
        """Above the sea; home's height where no terrain model is loaded. Raises NoRouteError."""
        if self.terrain is not None:
            height_m = float(self.terrain.height_amsl_m(np.array([lat_deg]), np.array([lon_deg]))[0])
            if math.isnan(height_m):
                raise NoRouteError("it is beyond the terrain model")
            return height_m
        return self.home_m

    @property
    def home_m(self) -> float:
        """Home's height above the sea. Raises NoRouteError."""
        if self.envelope.home is None:
            raise NoRouteError("the autopilot's home is not known")
        return self.envelope.home.alt_amsl_m

    def objection(self, start: Place, end: Place) -> str:
        """Why it may not fly straight from one place to another; empty where it may."""
        objection = self.envelope.objection(*end)
        if objection or distance_m(*start[:2], *end[:2]) < STRAIGHT_UP_M:
            return objection  # nothing on the ground comes nearer when only the height changes
        return self._clearance(start).objection(start, end)

    def route(self, here: Place, there: Place) -> tuple[Place, ...]:
        """The places to fly over, ``there`` the last. Raises NoRouteError."""
        objection = self.envelope.objection(*there) or self.objection(here, there)
        if not objection:
            return (there,)
        if not self.envelope.objection(*there):
            for way in self._detours(here, there):
                if all(not self.objection(*leg) for leg in itertools.pairwise((here, *way))):
                    return way
        raise NoRouteError(objection)

    def circuit(self, middle: Place, radius_m: float, alt_amsl_m: float) -> Circuit:
        """Around a place at one height. Raises NoRouteError."""
        if radius_m < LEAST_RADIUS_M:
            raise NoRouteError(
                f"a circle of {radius_m:.0f} m is too small: {LEAST_RADIUS_M:.0f} m is the least"
            )
        steps = max(LEAST_STEPS, min(MOST_STEPS, math.ceil(2 * math.pi * radius_m / STEP_M)))
        frame = LocalFrame(*middle)
        points = []
        for step in range(steps):
            east_m, north_m = radius_m * direction(360.0 * step / steps)
            lat_deg, lon_deg, _ = frame.to_geodetic(np.array([east_m]), np.array([north_m]), np.zeros(1))
            points.append((float(lat_deg[0]), float(lon_deg[0]), alt_amsl_m))
        whys = [self.envelope.objection(*point) for point in points]
        legs = [
            whys[step] or self.objection(points[step], points[(step + 1) % steps]) for step in range(steps)
        ]
        if not any(legs):
            return Circuit(tuple(points), True, 360.0)
        why = next(why for why in legs if why)
        first, count = _longest_run([not why for why in legs])
        first, count = first + 1, count - 2  # it turns there, and overshoots
        arc_deg = 360.0 * count / steps
        if arc_deg < LEAST_ARC_DEG:
            raise NoRouteError(f"too little of the circle may be flown: {why}")
        arc = tuple(points[(first + step) % steps] for step in range(count + 1))
        return Circuit(arc, False, arc_deg, why)

    def onto(self, here: Place, circuit: Circuit) -> tuple[int, tuple[Place, ...]]:
        """To the point of a circuit that is best reached, its number and the way. Raises NoRouteError."""
        near = sorted(
            range(len(circuit.points)), key=lambda number: distance_m(*here[:2], *circuit.points[number][:2])
        )
        refused: NoRouteError | None = None
        for number in near[:STARTS_TRIED]:
            try:
                return number, self.route(here, circuit.points[number])
            except NoRouteError as error:
                refused = refused or error
        raise refused or NoRouteError("the circle has no points")

    def landing_objection(self, here: Place) -> str:
        """Why it may not come down where it is, as far as anybody knows; empty where it may."""
        fence = self.envelope.fence
        breach = "" if fence is None else fence.objection(*here[:2])
        if breach:
            return breach
        clearance = self._clearance(here)
        at = clearance.metres(*here[:2])
        if clearance.is_near_another(at):
            return "a fire is too near"
        return "the smoke of a fire is there" if clearance.in_smoke(at) else ""

    # --- inside -----------------------------------------------------------------------------------

    def _clearance(self, middle: Place) -> Clearance:
        return Clearance(
            None, self.envelope, self.terrain, self.wind, self.stand_off_m, self.fires, middle=middle
        )

    def _detours(self, here: Place, there: Place) -> Iterator[tuple[Place, ...]]:
        over_m = self._over_m(here, there)
        if over_m is not None:
            yield (*here[:2], over_m), (*there[:2], over_m), there
        floor_m = max(here[2], there[2])
        by_distance = sorted(self.fires, key=lambda fire: distance_m(*here[:2], fire.lat_deg, fire.lon_deg))
        for fire in by_distance[:FIRES_TRIED]:
            others = [other for other in self.fires if other is not fire]
            clearance = Clearance(fire, self.envelope, self.terrain, self.wind, self.stand_off_m, others)
            way = StandOff(clearance).way(Here(*here, floor_amsl_m=floor_m), there)
            if way is not None:
                yield tuple(way)

    def _over_m(self, here: Place, there: Place) -> float | None:
        """The height from which the ground between is far enough below; None where it is not known."""
        if self.terrain is None:
            return None
        steps = max(
            2, math.ceil(distance_m(*here[:2], *there[:2]) / min(PATH_STEP_M, self.terrain.resolution_m))
        )
        parts = np.linspace(0.0, 1.0, steps + 1)
        ground_m = self.terrain.height_amsl_m(
            here[0] + parts * (there[0] - here[0]), here[1] + parts * (there[1] - here[1])
        )
        if np.isnan(ground_m).any():
            return None
        least_m = float(ground_m.max()) + self.envelope.least_height_agl_m + OVER_M
        return max(here[2], there[2], least_m)


def _longest_run(clear: Sequence[bool]) -> tuple[int, int]:
    """Of a ring: where the longest run of what is clear begins, and how long it is. Not all of it is."""
    count = len(clear)
    best, length, first = (0, 0), 0, 0
    begin = next(number for number in range(count) if not clear[number])
    for step in range(1, count + 1):
        number = (begin + step) % count
        if not clear[number]:
            length = 0
            continue
        if not length:
            first = number
        length += 1
        if length > best[1]:
            best = (first, length)
    return best
