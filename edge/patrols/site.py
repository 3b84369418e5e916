"""The ground of a patrol on a plane: what is to be seen, and where one may fly."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from shapely.geometry import LineString, MultiPolygon, Point
from shapely.geometry import Polygon as Shape
from shapely.validation import explain_validity

from flight.envelope import FENCE_MARGIN_M
from flight.local_frame import LocalFrame
from flight.plans.patrol_file import CircleZone, PatrolFile
from flight.plans.plan import Home, PlanError
from flight.plans.survey import Metres
from flight.terrain import Terrain

NO_FLY_MARGIN_M = 10.0
KEPT_FROM_FENCE_M = FENCE_MARGIN_M + 1.0  # a plan's degrees are rounded, and its curves have corners
FAR_M = 1e5  # as far as anybody may go without a fence


class Site:
    """Metres east and north of a patrol's home. Raises PlanError for what cannot be flown at all."""

    def __init__(self, patrol: PatrolFile, terrain: Terrain | None) -> None:
        assert patrol.home is not None  # noqa: S101 - the file was checked
        self._patrol = patrol
        self.home = Home(*patrol.home, _home_alt_m(patrol, terrain))
        self.frame = LocalFrame(*patrol.home, self.home.alt_amsl_m)
        self.zones = [self._zone(zone) for zone in patrol.no_fly]
        """The no-fly zones as they are, without margin."""
        self.fence = None if patrol.fence is None else self._shape("fence", patrol.fence)
        self.area = self._area()
        """What is to be seen, no-fly zones and all; None for points."""
        self.allowed = self._allowed()
        """Where one may fly and get to from home, with margins; None: anywhere."""

    def metres(self, places: Sequence[tuple[float, float]]) -> list[Metres]:
        """Of (lat, lon), degrees."""
        lat_deg, lon_deg = np.array(places, np.float64).T
        at_home_m = np.full(lat_deg.size, self.frame.alt_m)
        east_m, north_m, _ = self.frame.from_geodetic(lat_deg, lon_deg, at_home_m)
        return list(zip(east_m.tolist(), north_m.tolist(), strict=True))

    def degrees(self, places: Sequence[Metres]) -> list[tuple[float, float]]:
        """(lat, lon) of places on the plane."""
        east_m, north_m = np.array(places, np.float64).T
        lat_deg, lon_deg, _ = self.frame.to_geodetic(east_m, north_m, np.zeros(east_m.size))
        return list(zip(lat_deg.tolist(), lon_deg.tolist(), strict=True))

    @property
    def to_see(self) -> Shape | MultiPolygon | None:
        """The area without what lies in no-fly zones and their margin; None for points."""
        area = self.area
        if area is None:
            return None
        for zone in self._kept_clear():
            area = area.difference(zone)
        if area.is_empty:
            raise PlanError(f"no-fly zones cover all of the area of the patrol {self._patrol.name}")
        return area

    def _kept_clear(self) -> list[Shape]:
        return [zone.buffer(NO_FLY_MARGIN_M, join_style="mitre") for zone in self.zones]

    def _zone(self, zone: Sequence[tuple[float, float]] | CircleZone) -> Shape:
        if isinstance(zone, CircleZone):
            return Point(self.metres([zone.center])[0]).buffer(zone.radius_m)
        return self._shape("no-fly zone", zone)

    def _shape(self, what: str, ring: Sequence[tuple[float, float]]) -> Shape:
        shape = Shape(self.metres(ring))
        if not shape.is_valid:
            raise PlanError(
                f"the {what} of the patrol {self._patrol.name} crosses itself{self._where(shape)}",
                hint="Move its corners so that no two sides cross.",
            )
        return shape

    def _where(self, shape: Shape) -> str:
        """The place that is wrong with a shape, in words."""
        place = re.search(r"\[(\S+) (\S+)\]", explain_validity(shape))
        if place is None:
            return ""
        [(lat_deg, lon_deg)] = self.degrees([(float(place[1]), float(place[2]))])
        return f" near {lat_deg:.6f}, {lon_deg:.6f}"

    def _area(self) -> Shape | MultiPolygon | None:
        patrol = self._patrol
        if patrol.corridor is not None:
            line = LineString(self.metres(patrol.corridor.line))
            return line.buffer(patrol.corridor.width_m / 2, cap_style="flat", join_style="mitre")
        return None if patrol.area is None else self._shape("area", patrol.area)

    def _allowed(self) -> Shape | None:
        zones = self._kept_clear()
        if self.fence is None and not zones:
            return None
        if self.fence is not None:
            allowed = self.fence.buffer(-KEPT_FROM_FENCE_M, join_style="mitre")
        else:
            allowed = Shape([(-FAR_M, -FAR_M), (FAR_M, -FAR_M), (FAR_M, FAR_M), (-FAR_M, FAR_M)])
        for zone in zones:
            allowed = allowed.difference(zone)
        home = Point(0.0, 0.0)
        for part in getattr(allowed, "geoms", [allowed]):
            if part.covers(home):
                return part
        raise PlanError(
            f"the home of the patrol {self._patrol.name} is outside its fence, or in a no-fly zone",
            hint=f"{KEPT_FROM_FENCE_M:g} m from the fence and {NO_FLY_MARGIN_M:g} m from a zone are kept.",
        )


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
