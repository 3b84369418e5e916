"""A patrol as it would be flown, with all that is known of it before: for the verbs that check and draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.config.file import LimitsSection
from edge.geometry.optics import Camera
from edge.patrols.foreseen import Foreseen, foresee
from edge.patrols.limits import limits_of
from edge.patrols.load import flights_of, read_any_plan, read_patrol_file
from edge.patrols.planner import Swath, swath_of
from edge.patrols.site import Site
from flight.local_frame import LocalFrame
from flight.plans.checks import Limits, Problem, check, home_height_m
from flight.plans.fence import distance_m
from flight.plans.flight_time import flight_time_s
from flight.plans.path import legs, sampled
from flight.plans.patrol_file import PatrolFile
from flight.plans.plan import Plan
from flight.terrain import Terrain

CRUISE_FROM_HOME_M = 30.0  # nearer, it climbs and lands


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one flight. Heights above ground are those of the way, without climb and landing; None where no
    terrain says them."""

    length_m: float
    time_s: float
    highest_home_m: float
    lowest_agl_m: float | None
    highest_agl_m: float | None


@dataclass(frozen=True, slots=True)
class Planned:
    """``patrol`` None: the file is a ready-made plan. ``site`` and ``swath`` None: nothing was planned."""

    name: str
    flights: tuple[Plan, ...]
    patrol: PatrolFile | None = None
    site: Site | None = None
    swath: Swath | None = None
    terrain: Terrain | None = None

    @classmethod
    def load(cls, path: Path, terrain: Terrain | None) -> Planned:
        """Read any kind of patrol and plan what is not planned yet. Raises PlanError, CameraProfileError."""
        if path.suffix.lower() != ".toml":
            plan = read_any_plan(path)
            return cls(plan.name, (plan,), terrain=terrain)
        patrol = read_patrol_file(path)
        flights = flights_of(path, patrol, terrain)
        if patrol.plan is not None:
            return cls(patrol.name, flights, patrol, terrain=terrain)
        return cls(
            patrol.name,
            flights,
            patrol,
            Site(patrol, terrain),
            swath_of(patrol, Camera.load(patrol.camera)),
            terrain,
        )

    def figures(self, plan: Plan) -> Figures:
        """Of one of its flights."""
        home_m = home_height_m(plan, self.terrain)
        frame = LocalFrame(plan.home.lat_deg, plan.home.lon_deg, home_m)
        length_m, heights_m, above_m = 0.0, [0.0], []
        for leg in legs(plan, self.terrain, home_amsl_m=home_m):
            length_m += distance_m(*leg.start[:2], *leg.end[:2])
            lat_deg, lon_deg, alt_m, ground_m = sampled(leg, self.terrain)
            heights_m.append(float(alt_m.max()) - home_m)
            if ground_m is None or leg.is_climb:
                continue
            away_m = np.hypot(*frame.from_geodetic(lat_deg, lon_deg, alt_m)[:2])
            above_m += (alt_m - ground_m)[(away_m > CRUISE_FROM_HOME_M) & np.isfinite(ground_m)].tolist()
        return Figures(
            length_m,
            flight_time_s(plan, self.terrain),
            max(heights_m),
            min(above_m, default=None),
            max(above_m, default=None),
        )

    def foreseen(self) -> Foreseen | None:
        """What it will see of its area; None where it has none."""
        if self.site is None or self.swath is None or self.patrol is None:
            return None
        camera = Camera.load(self.patrol.camera)
        pitch_deg = self.patrol.gimbal_pitch_deg
        return foresee(self.site, self.flights, camera, self.swath, pitch_deg, self.terrain)

    def limits(self, section: LimitsSection | None) -> Limits:
        """What it may ask for: of the patrol's own limits and a configuration's, always the stricter."""
        usual = Limits()
        own = usual if self.patrol is None else limits_of(self.patrol)
        if section is None:
            return replace(own, range_m=usual.range_m)
        return limits_of(section) if self.patrol is None else limits_of(section).stricter(own)

    def problems(self, limits: Limits) -> list[tuple[Plan, Problem]]:
        """Everything that is unsafe, flight by flight."""
        return [(plan, problem) for plan in self.flights for problem in check(plan, self.terrain, limits)]
