"""Plans a patrol file: strips for its camera over its ground, at heights that follow the terrain, split into
flights that the battery allows."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from edge.geometry.optics import Camera
from edge.patrols.site import Site
from flight.plans.checks import told_apart
from flight.plans.fence import Circle, Fence, Polygon, RallyPoint
from flight.plans.flight_time import flight_time_s
from flight.plans.items import MissionItem, gimbal_pitch, ground_speed, return_to_launch, takeoff, waypoint
from flight.plans.patrol_file import CircleZone, PatrolFile
from flight.plans.plan import Plan, PlanError
from flight.plans.profile import follow
from flight.plans.survey import Metres, NoWayError, Strip, TooManyStripsError, Ways, flyable, ordered
from flight.terrain import Terrain

MOST_FLIGHTS = 50


# Of a wider lens the outer ground is too slanted and too coarse to lay strips by; of a fisheye it never ends.
WIDEST_DEG = 120.0


@dataclass(frozen=True, slots=True)
class Swath:
    """What the camera sees across the way, and how high it flies for it."""

    height_agl_m: float
    width_m: float
    ground_sampling_cm: float
    lead_m: float
    """A strip is begun this much before the ground it is to see: the camera looks ahead."""


def swath_of(patrol: PatrolFile, camera: Camera) -> Swath:
    """Of a patrol's camera at its height, in the middle of the picture."""
    down_rad = math.radians(-patrol.gimbal_pitch_deg)
    pixel_rad = 1.0 / camera.fx_px
    if patrol.height_agl_m is not None:
        height_m = patrol.height_agl_m
    else:
        assert patrol.ground_sampling_cm is not None  # noqa: S101 - the file says one of the two
        height_m = patrol.ground_sampling_cm / 100 / pixel_rad * math.sin(down_rad)
    slant_m = height_m / math.sin(down_rad)
    return Swath(
        height_agl_m=height_m,
        width_m=2 * slant_m * math.tan(math.radians(min(camera.hfov_deg, WIDEST_DEG) / 2)),
        ground_sampling_cm=100 * slant_m * pixel_rad,
        lead_m=height_m / math.tan(down_rad),
    )


def plan_flights(patrol: PatrolFile, terrain: Terrain | None) -> list[Plan]:
    """The flights of a patrol that is not planned yet. Raises PlanError that says what cannot be flown."""
    return _Planner(patrol, terrain).flights()


def fence_of(patrol: PatrolFile) -> Fence | None:
    """The fence that goes aboard with it; None where the file names neither fence nor no-fly zone."""
    inclusions = (Polygon(tuple(patrol.fence)),) if patrol.fence else ()
    exclusions = tuple(
        Circle(*zone.center, zone.radius_m) if isinstance(zone, CircleZone) else Polygon(tuple(zone))
        for zone in patrol.no_fly
    )
    return Fence(inclusions, exclusions) if inclusions or exclusions else None


class _Planner:
    def __init__(self, patrol: PatrolFile, terrain: Terrain | None) -> None:
        self._patrol = patrol
        self._terrain = terrain
        self._site = Site(patrol, terrain)
        self._swath = swath_of(patrol, Camera.load(patrol.camera))
        self._fence = fence_of(patrol)
        self._ways = Ways(self._site.allowed)
        height_m, least_m = self._swath.height_agl_m, patrol.least_height_agl_m
        if height_m < least_m:
            raise PlanError(
                f"the patrol {patrol.name} is to be flown {height_m:.4g} m above the ground, and its "
                f"least_height_agl_m is {least_m:g} m"
            )

    def flights(self) -> list[Plan]:
        """Greedy: each flight takes as many parts, in their order, as the battery allows."""
        parts = self._parts()
        flights: list[Plan] = []
        while parts:
            if len(flights) == MOST_FLIGHTS:
                raise PlanError(
                    f"the patrol {self._patrol.name} takes more than {MOST_FLIGHTS} flights",
                    hint="Cut the area in two, or fly higher.",
                )
            # One more part never makes a flight shorter.
            count = bisect_right(range(1, len(parts) + 1), self._usable_s, key=partial(self._time_s, parts))
            if not count:
                raise self._too_long(parts[0])
            flights.append(self._plan(parts[:count], f"{self._patrol.name} {len(flights) + 1}"))
            parts = parts[count:]
        # A name's number says which of several; the hash is of what is flown, and no name is in it.
        return flights if len(flights) > 1 else [replace(flights[0], name=self._patrol.name)]

    @property
    def _usable_s(self) -> float:
        return self._patrol.endurance_s * (1 - self._patrol.reserve_percent / 100)

    def _time_s(self, parts: Sequence[Sequence[Metres]], count: int) -> float:
        """Of one flight over the first ``count`` parts."""
        return flight_time_s(self._plan(parts[:count], self._patrol.name), self._terrain)

    def _too_long(self, part: Sequence[Metres]) -> PlanError:
        takes, allowed = told_apart(self._time_s([part], 1) / 60, self._usable_s / 60, digits=1)
        what = "point" if self._patrol.points is not None else "strip"
        return PlanError(
            f"one {what} of the patrol {self._patrol.name} takes {takes} min there and back, and the "
            f"battery allows {allowed} min",
            hint="Take off nearer to it, or cut the area in two.",
        )

    def _parts(self) -> list[list[Metres]]:
        """What is flown whole: strips, each begun early enough for its camera, or points."""
        patrol = self._patrol
        if patrol.points is not None:
            places = self._site.metres(patrol.points)
            for (lat_deg, lon_deg), place in zip(patrol.points, places, strict=True):
                if not self._ways.is_allowed(place):
                    raise PlanError(
                        f"the point {lat_deg:.6f}, {lon_deg:.6f} of the patrol {patrol.name} is outside its "
                        "fence, in a no-fly zone, or cut off from home by one"
                    )
            return [[place] for place in places]
        to_see = self._site.to_see
        assert to_see is not None  # noqa: S101 - the file names an area, a corridor or points
        swath_m = self._swath.width_m
        spacing_m = swath_m * (1 - patrol.side_overlap)
        try:
            found = flyable(to_see, self._ways, swath_m, spacing_m, patrol.direction_deg)
        except TooManyStripsError as error:
            raise PlanError(
                f"the patrol {patrol.name} sees a strip of {swath_m:.3g} m at a time: {error}",
                hint="Fly higher, take less side_overlap, or cut the area in two.",
            ) from error
        if not found:
            raise PlanError(
                f"nothing of the area of the patrol {patrol.name} can be flown over: it is outside the "
                "fence, or cut off from home by no-fly zones"
            )
        try:
            return [self._begun_early(strip) for _, strip in ordered(found, (0.0, 0.0), self._ways)]
        except NoWayError as error:
            raise PlanError(f"the patrol {patrol.name}: {error}") from error

    def _begun_early(self, strip: Strip) -> list[Metres]:
        """A strip with room before it, as far as that is allowed: the camera looks ahead."""
        length_m = math.dist(strip.start, strip.end)
        lead = self._swath.lead_m / length_m if length_m else 0.0
        early = (
            strip.start[0] - lead * (strip.end[0] - strip.start[0]),
            strip.start[1] - lead * (strip.end[1] - strip.start[1]),
        )
        run_up = self._ways.inside(strip.start, early)
        begin = run_up[0][1] if run_up and math.dist(run_up[0][0], strip.start) < 1.0 else strip.start
        return [begin, strip.end]

    def _route(self, parts: Sequence[Sequence[Metres]]) -> tuple[list[Metres], set[int]]:
        """From home over all parts and home again, and which of its places are the parts' first."""
        route: list[Metres] = [(0.0, 0.0)]
        firsts: set[int] = set()
        for part in parts:
            route += self._ways.way(route[-1], part[0])
            firsts.add(len(route) - 1)
            route += part[1:]
        return route + self._ways.way(route[-1], (0.0, 0.0)), firsts

    def _plan(self, parts: Sequence[Sequence[Metres]], name: str) -> Plan:
        patrol, site = self._patrol, self._site
        try:
            route, firsts = self._route(parts)
            points = follow(route, site.frame, self._terrain, self._swath.height_agl_m)
        except NoWayError as error:
            raise PlanError(f"the patrol {patrol.name}: {error}") from error
        except ValueError as error:
            raise PlanError(f"the patrol {patrol.name}: {error}", hint="Use a larger one.") from error
        heights_m = [round(height_m - site.home.alt_amsl_m, 2) for _, height_m in points]
        steps: list[MissionItem] = [
            takeoff(heights_m[0]),
            ground_speed(patrol.speed_m_s),
            gimbal_pitch(patrol.gimbal_pitch_deg),
        ]
        holds = {route[i] for i in firsts} if patrol.points is not None else set()
        places = [place for place, _ in points]
        # It is flown all the way home, and returns only to land there: an autopilot's return is level.
        for place, (lat_deg, lon_deg), height_m in zip(
            places[1:], site.degrees(places[1:]), heights_m[1:], strict=True
        ):
            hold_s = patrol.hold_s if place in holds else 0.0
            steps.append(waypoint(lat_deg, lon_deg, height_m, hold_s=hold_s))
        steps.append(return_to_launch())
        rally = tuple(RallyPoint(*point) for point in patrol.rally)
        return Plan.build(name, site.home, steps, fence=self._fence, rally=rally)
