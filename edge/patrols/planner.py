"""Plans a patrol file: strips for its camera over its ground, at heights that follow the terrain, split into
flights that the battery allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from shapely.geometry import LineString, MultiPolygon
from shapely.geometry import Polygon as Shape

from edge.optics import Camera
from flight.local_frame import LocalFrame
from flight.plans.fence import Circle, Fence, Polygon, RallyPoint
from flight.plans.flight_time import flight_time_s
from flight.plans.items import MissionItem, gimbal_pitch, ground_speed, return_to_launch, takeoff, waypoint
from flight.plans.patrol_file import CircleZone, PatrolFile
from flight.plans.plan import Home, Plan, PlanError
from flight.plans.profile import follow
from flight.plans.survey import Metres, NoWayError, Strip, Ways, ordered, strips
from flight.terrain import Terrain

NO_FLY_MARGIN_M = 10.0
FENCE_MARGIN_M = 5.0


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
    half_v_rad = math.atan(camera.height_px / 2 / camera.fy_px)
    nearest_rad = down_rad + half_v_rad
    return Swath(
        height_agl_m=height_m,
        width_m=2 * slant_m * math.tan(math.radians(camera.hfov_deg / 2)),
        ground_sampling_cm=100 * slant_m * pixel_rad,
        lead_m=max(0.0, height_m / math.tan(nearest_rad)) if nearest_rad < math.pi / 2 else 0.0,
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
        assert patrol.home is not None  # noqa: S101 - the file was checked
        self._patrol = patrol
        self._terrain = terrain
        self._home = Home(*patrol.home, self._home_alt_m(patrol, terrain))
        self._frame = LocalFrame(*patrol.home, self._home.alt_amsl_m)
        self._swath = swath_of(patrol, Camera.load(patrol.camera))
        self._fence = fence_of(patrol)
        self._ways = Ways(self._allowed())

    @staticmethod
    def _home_alt_m(patrol: PatrolFile, terrain: Terrain | None) -> float:
        if patrol.home_alt_amsl_m is not None:
            return patrol.home_alt_amsl_m
        if terrain is None or patrol.home is None:
            raise PlanError(
                f"the patrol {patrol.name} needs a terrain model, or home_alt_amsl_m",
                hint="Give one with --dem, or as [agent.terrain] dem.",
            )
        lat_deg, lon_deg = patrol.home
        height_m = float(terrain.height_amsl_m(np.array([lat_deg]), np.array([lon_deg]))[0])
        if math.isnan(height_m):
            raise PlanError(f"the home of the patrol {patrol.name} is beyond the terrain model")
        return height_m

    def _metres(self, places: Sequence[tuple[float, float]]) -> list[Metres]:
        lat_deg, lon_deg = np.array(places).T
        east_m, north_m, _ = self._frame.from_geodetic(
            lat_deg, lon_deg, np.full(lat_deg.size, self._frame.alt_m)
        )
        return list(zip(east_m.tolist(), north_m.tolist(), strict=True))

    def _no_fly(self) -> Iterator[Shape]:
        for zone in self._patrol.no_fly:
            if isinstance(zone, CircleZone):
                [center] = self._metres([zone.center])
                yield LineString([center, center]).buffer(zone.radius_m + NO_FLY_MARGIN_M)
            else:
                yield Shape(self._metres(zone)).buffer(NO_FLY_MARGIN_M, join_style="mitre")

    def _allowed(self) -> Shape | MultiPolygon | None:
        zones = list(self._no_fly())
        if self._patrol.fence is None and not zones:
            return None
        if self._patrol.fence is not None:
            allowed = Shape(self._metres(self._patrol.fence)).buffer(-FENCE_MARGIN_M, join_style="mitre")
        else:  # as far as anybody may go
            allowed = Shape([(-1e5, -1e5), (1e5, -1e5), (1e5, 1e5), (-1e5, 1e5)])
        for zone in zones:
            allowed = allowed.difference(zone)
        if not allowed.covers(LineString([(0, 0), (0, 0.01)])):
            raise PlanError(
                f"the home of the patrol {self._patrol.name} is outside its fence, or in a no-fly zone"
            )
        return allowed

    def flights(self) -> list[Plan]:
        """Greedy: each flight takes as many parts, in their order, as the battery allows."""
        legs = self._legs()
        flights: list[Plan] = []
        while legs:
            best: tuple[Plan, int] | None = None
            for count in range(1, len(legs) + 1):
                plan = self._plan(legs[:count], len(flights) + 1)
                if flight_time_s(plan, self._terrain) > self._usable_s:
                    break
                best = plan, count
            if best is None:
                takes_min = flight_time_s(self._plan(legs[:1], 1), self._terrain) / 60
                raise PlanError(
                    f"one strip of the patrol {self._patrol.name} takes {takes_min:.1f} min there and "
                    f"back, and the battery allows {self._usable_s / 60:.1f} min",
                    hint="Take off nearer to it, or cut the area in two.",
                )
            flights.append(best[0])
            legs = legs[best[1] :]
        if len(flights) == 1:
            return [self._renamed(flights[0], self._patrol.name)]
        return flights

    @property
    def _usable_s(self) -> float:
        return self._patrol.endurance_s * (1 - self._patrol.reserve_percent / 100)

    def _renamed(self, plan: Plan, name: str) -> Plan:
        return Plan(name, plan.items, plan.home, plan.sha256, plan.fence, plan.rally)

    def _legs(self) -> list[list[Metres]]:
        """Parts that are flown whole: strips, or points."""
        patrol = self._patrol
        if patrol.points is not None:
            places = self._metres(patrol.points)
            for place in places:
                if not self._ways.is_allowed(place):
                    raise PlanError(
                        f"a point of the patrol {patrol.name} is outside its fence, or in a no-fly zone"
                    )
            return [[place] for place in places]
        found = self._strips()
        try:
            return [[strip.start, strip.end] for _, strip in ordered(found, (0.0, 0.0), self._ways)]
        except NoWayError as error:
            raise PlanError(f"the patrol {patrol.name}: {error}") from error

    def _strips(self) -> list[Strip]:
        patrol, swath = self._patrol, self._swath
        spacing_m = swath.width_m * (1 - patrol.side_overlap)
        if patrol.corridor is not None:
            area = LineString(self._metres(patrol.corridor.line)).buffer(
                patrol.corridor.width_m / 2, cap_style="flat", join_style="mitre"
            )
        else:
            assert patrol.area is not None  # noqa: S101 - the file says one
            area = Shape(self._metres(patrol.area))
            if not area.is_valid:
                raise PlanError(f"the area of the patrol {patrol.name} crosses itself")
        for zone in self._no_fly():
            area = area.difference(zone)
        if area.is_empty:
            raise PlanError(f"no-fly zones cover all of the area of the patrol {patrol.name}")
        allowed = [self._clipped(strip) for strip in strips(area, spacing_m, patrol.direction_deg)]
        return [part for parts in allowed for part in parts]

    def _clipped(self, strip: Strip) -> list[Strip]:
        """A strip begun early enough for a camera that looks ahead, as far as that is allowed."""
        length_m = math.dist(strip.start, strip.end)
        lead = self._swath.lead_m / length_m if length_m else 0.0
        east_m, north_m = (strip.end[i] - strip.start[i] for i in (0, 1))
        early = (strip.start[0] - lead * east_m, strip.start[1] - lead * north_m)
        late = (strip.end[0] + lead * east_m, strip.end[1] + lead * north_m)
        allowed = self._ways.inside(early, late)
        return [Strip(*part) for part in allowed]

    def _plan(self, parts: Sequence[Sequence[Metres]], number: int) -> Plan:
        patrol = self._patrol
        route: list[Metres] = [(0.0, 0.0)]
        looked_at: set[int] = set()
        try:
            for part in parts:
                route += self._ways.way(route[-1], part[0])
                looked_at.add(len(route) - 1)
                route += part[1:]
            route += self._ways.way(route[-1], (0.0, 0.0))[:-1]
            points = follow(route, self._frame, self._terrain, self._swath.height_agl_m)
        except NoWayError as error:
            raise PlanError(f"the patrol {patrol.name}: {error}") from error
        except ValueError as error:
            raise PlanError(f"the patrol {patrol.name}: {error}", hint="Use a larger one.") from error
        heights_m = [height_m - self._home.alt_amsl_m for _, height_m in points]
        steps: list[MissionItem] = [
            takeoff(round(heights_m[0], 2)),
            ground_speed(patrol.speed_m_s),
            gimbal_pitch(patrol.gimbal_pitch_deg),
        ]
        holds = {route[i] for i in looked_at} if patrol.points is not None else set()
        for (place, _), height_m in zip(points[1:], heights_m[1:], strict=True):
            lat_deg, lon_deg, _ = self._frame.to_geodetic(
                np.array([place[0]]), np.array([place[1]]), np.zeros(1)
            )
            hold_s = patrol.hold_s if place in holds else 0.0
            steps.append(waypoint(float(lat_deg[0]), float(lon_deg[0]), round(height_m, 2), hold_s=hold_s))
        steps.append(return_to_launch())
        return Plan.build(
            f"{patrol.name} {number}",
            self._home,
            steps,
            fence=self._fence,
            rally=tuple(RallyPoint(*point) for point in patrol.rally),
        )
