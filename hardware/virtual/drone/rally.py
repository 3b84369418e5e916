"""Rally points (``AP_Rally.cpp``): other places than home to return to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from flight.link import mavlink
from flight.plans.items import Command, Frame, MissionItem
from hardware.virtual.drone.guidance import Point
from hardware.virtual.drone.maneuvers import Place
from hardware.virtual.drone.parameters import Parameters

FRAMES = frozenset({Frame.GLOBAL, Frame.GLOBAL_RELATIVE_ALT, Frame.GLOBAL_TERRAIN_ALT})
HIGHEST_M = 32767.0


class RallyStore:
    """The rally points aboard: stored as they come, at whole metres."""

    kind: int = mavlink.MAV_MISSION_TYPE_RALLY
    name = "Rally"
    most = 20

    def __init__(self, parameters: Parameters) -> None:
        self.items: list[MissionItem] = []
        self._parameters = parameters

    def begin(self, count: int) -> None:
        del self.items[count:]
        self._count()

    def put(self, item: MissionItem) -> int | None:
        result: int | None = None
        if item.command != Command.NAV_RALLY_POINT:
            result = mavlink.MAV_MISSION_UNSUPPORTED
        elif abs(item.lat_e7) > 900_000_000:
            result = mavlink.MAV_MISSION_INVALID_PARAM5_X
        elif abs(item.lon_e7) > 1_800_000_000:
            result = mavlink.MAV_MISSION_INVALID_PARAM6_Y
        elif not abs(item.alt_m) <= HIGHEST_M:
            result = mavlink.MAV_MISSION_INVALID_PARAM7
        elif item.frame not in FRAMES:
            result = mavlink.MAV_MISSION_UNSUPPORTED_FRAME
        if result is None:
            kept = replace(
                item, params=(0.0, 0.0, 0.0, 0.0), alt_m=float(int(item.alt_m)), autocontinue=False
            )
            self.items[item.seq : item.seq + 1] = [kept]
            self._count()
        return result

    def finish(self) -> int:
        return int(mavlink.MAV_MISSION_ACCEPTED)

    def clear(self) -> bool:
        self.items.clear()
        self._count()
        return True

    def item(self, seq: int) -> MissionItem:
        return self.items[seq]

    def beyond(self, seq: int) -> int:  # noqa: ARG002
        return int(mavlink.MAV_MISSION_INVALID_SEQUENCE)

    def _count(self) -> None:
        self._parameters.set("RALLY_TOTAL", len(self.items))

    def best(
        self,
        here: Point,
        home: Point,
        place_of: Callable[[MissionItem], Place],
        outside: Callable[[Point], bool],
    ) -> Point:
        """Where RTL goes: the nearest rally point inside the fence, if it is nearer than home."""
        points = [place_of(item).point for item in self.items if (item.lat_e7, item.lon_e7) != (0, 0)]
        inside = [point for point in points if not outside(point)]
        if not inside:
            return home
        nearest = min(inside, key=lambda point: _away_m(here, point))
        limit_m = 1000.0 * self._parameters["RALLY_LIMIT_KM"]
        if 0 < limit_m < _away_m(here, nearest):
            return home
        if self._parameters["RALLY_INCL_HOME"] and _away_m(here, nearest) >= _away_m(here, home):
            return home
        return nearest


def _away_m(a: Point, b: Point) -> float:
    return math.hypot(a.north_m - b.north_m, a.east_m - b.east_m)
