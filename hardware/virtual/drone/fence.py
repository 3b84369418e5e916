"""The fence (``AC_Fence.cpp``, ``AC_PolyFence_loader.cpp``, ``ArduCopter/fence.cpp``).

Three fences in one, by the bits of FENCE_TYPE: a ceiling above home, a circle around home, and the zones of
the uploaded plan. A breach is announced, answered with FENCE_ACTION, and not answered again before it is
over, or 20 m farther out; after any change of mode it is left alone for ten seconds: a pilot may fly home.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely

from flight.link import mavlink
from flight.plans.fence import Circle, Fence, FenceError, Zone
from flight.plans.items import OF_A_FENCE, Command, Frame, MissionItem
from hardware.virtual.drone.guidance import Point
from hardware.virtual.drone.mission_server import Say
from hardware.virtual.drone.parameters import Parameters
from hardware.virtual.frame import LocalFrame

CEILING, CIRCLE, ZONES = 1, 2, 4
NAMES = {CEILING: "Max Alt", CIRCLE: "Circle", ZONES: "Polygon"}
BACKUP_M = 20.0  # so much farther out a breach is a new one
RECOVERY_S = 10.0
MOST_VERTICES = 255
POLYGONS = frozenset({Command.NAV_FENCE_POLYGON_VERTEX_INCLUSION, Command.NAV_FENCE_POLYGON_VERTEX_EXCLUSION})
CIRCLES = frozenset({Command.NAV_FENCE_CIRCLE_INCLUSION, Command.NAV_FENCE_CIRCLE_EXCLUSION})
FRAMES = frozenset({Frame.GLOBAL, Frame.GLOBAL_RELATIVE_ALT, Frame.GLOBAL_TERRAIN_ALT})


class FenceStore:
    """The zones aboard. An upload becomes the fence as a whole or not at all."""

    kind: int = mavlink.MAV_MISSION_TYPE_FENCE
    name = "Fence"
    most = 84  # what the storage of common boards holds

    def __init__(self, parameters: Parameters, say: Say) -> None:
        self.items: list[MissionItem] = []
        self.zones = Fence()
        self._parameters = parameters
        self._say = say
        self._new: list[MissionItem] = []

    def begin(self, count: int) -> None:  # noqa: ARG002
        self._new = []

    def put(self, item: MissionItem) -> int | None:
        if item.frame not in FRAMES:
            return int(mavlink.MAV_MISSION_UNSUPPORTED_FRAME)
        if item.command not in OF_A_FENCE:
            return int(mavlink.MAV_MISSION_UNSUPPORTED)
        if item.command in POLYGONS and item.params[0] > MOST_VERTICES:
            return int(mavlink.MAV_MISSION_INVALID_PARAM1)
        size = item.params[0] if item.command in POLYGONS | CIRCLES and math.isfinite(item.params[0]) else 0.0
        size = float(int(size)) if item.command in POLYGONS else size
        place = (item.lat_e7, item.lon_e7, 0.0)
        kept = MissionItem(item.seq, item.command, Frame.GLOBAL, (size, 0.0, 0.0, 0.0), *place, False)
        self._new.append(kept)
        return None

    def finish(self) -> int:
        fault = _fault(self._new)
        if fault:
            self._say(fault, mavlink.MAV_SEVERITY_WARNING)
            self._say("Fence validation failed", mavlink.MAV_SEVERITY_WARNING)
            return int(mavlink.MAV_MISSION_ERROR)
        try:
            self.zones = Fence.from_items(self._new)
        except FenceError as error:  # such as a polygon that crosses itself, which ArduPilot would take
            self._say(str(error)[:50], mavlink.MAV_SEVERITY_WARNING)
            return int(mavlink.MAV_MISSION_ERROR)
        self.items = self._new
        corners = sum(item.command in POLYGONS | CIRCLES for item in self.items)
        self._parameters.set("FENCE_TOTAL", corners + 2 if corners >= 3 else 0)
        self._say("Fence Indexed OK", mavlink.MAV_SEVERITY_DEBUG)
        return int(mavlink.MAV_MISSION_ACCEPTED)

    def clear(self) -> bool:
        self._new = []
        return self.finish() == int(mavlink.MAV_MISSION_ACCEPTED)

    def item(self, seq: int) -> MissionItem:
        return self.items[seq]

    def beyond(self, seq: int) -> int:
        past_the_end = seq > len(self.items)
        return int(mavlink.MAV_MISSION_INVALID_SEQUENCE if past_the_end else mavlink.MAV_MISSION_ERROR)


class FenceWatch:
    """Looks where the vehicle is; ``check`` returns what has just been breached."""

    def __init__(self, store: FenceStore, parameters: Parameters, frame: LocalFrame, say: Say) -> None:
        self.breached = 0  # of the bits above
        self.breach_count = 0
        self.breach_s = 0.0
        self.distance_m = 0.0  # outside the newest breach
        self._store = store
        self._parameters = parameters
        self._frame = frame
        self._say = say
        self._backup_m: dict[int, float] = {}
        self._recovering_until_s = -math.inf
        self._drawn: Fence | None = None
        self._inclusions: list[shapely.Polygon] = []
        self._exclusions: list[shapely.Polygon] = []

    @property
    def is_on(self) -> bool:
        return self._parameters["FENCE_ENABLE"] > 0

    @property
    def enabled(self) -> int:
        """The bits of those that are on and there."""
        if not self.is_on:
            return 0
        there = CEILING | CIRCLE | (ZONES if self._store.items else 0)
        return int(self._parameters["FENCE_TYPE"]) & there

    def outside(self, target: Point, home: Point | None) -> bool:
        """Whether a place is outside (``check_destination_within_fence``); ``up_m`` above sea level."""
        fences = self.enabled
        for kind in (CEILING, CIRCLE):
            if fences & kind and self._out_m(kind, target, home) > 0.0:
                return True
        return bool(fences & ZONES) and self._zone_broken(target)

    def ceiling_m(self) -> float | None:
        """Above home: the highest that RTL climbs; None without a ceiling."""
        if not self.enabled & CEILING:
            return None
        return self._parameters["FENCE_ALT_MAX"] - self._parameters["FENCE_MARGIN"]

    def arming_fault(self, where: Point, home: Point | None, *, position_ok: bool) -> str | None:
        """Why it would not arm now."""
        parameters = self._parameters
        if not self.is_on:
            return None
        kinds = int(parameters["FENCE_TYPE"])
        if not self.enabled:
            return "Fences enabled, but none selected"
        if kinds & (CIRCLE | ZONES) and (home is None or not position_ok):
            return "Fence requires position"
        if kinds & ZONES and any(
            isinstance(zone, Circle) and zone.radius_m < parameters["FENCE_MARGIN"]
            for zone in self._store.zones.inclusions
        ):
            return "Polygon fence margin is less than inclusion circle radius"
        if parameters["FENCE_RADIUS"] < 0:
            return "Invalid Circle FENCE_RADIUS value"
        if parameters["FENCE_RADIUS"] < parameters["FENCE_MARGIN"]:
            return "Circle FENCE_MARGIN is less than FENCE_RADIUS"
        if parameters["FENCE_ALT_MAX"] < 0:
            return "Invalid FENCE_ALT_MAX value"
        broken = self._look(where, home)
        return f"Vehicle breaching {fence_names(broken)}" if broken else None

    def mode_changed(self, now_s: float) -> None:
        """Somebody or something takes the vehicle back: leave it alone for a while."""
        if self.breached and self._parameters["FENCE_ACTION"] != 0:
            self._recovering_until_s = now_s + RECOVERY_S
            self._say("Manual recovery started", mavlink.MAV_SEVERITY_INFO)

    def check(self, where: Point, home: Point | None, now_s: float) -> int:
        """What is newly breached; bits."""
        fresh = 0
        broken = self._look(where, home) if self.is_on else 0
        for kind in (CEILING, CIRCLE, ZONES):
            if not broken & kind:
                self._backup_m.pop(kind, None)
                continue
            out_m = self._out_m(kind, where, home)
            again = kind != ZONES and out_m >= self._backup_m.get(kind, math.inf)
            if not self.breached & kind or again:
                fresh |= kind
                self._backup_m[kind] = out_m + BACKUP_M
                self.breach_count += 1
        if fresh and not self.breached:
            self.breach_s = now_s
        self.breached = broken
        if now_s < self._recovering_until_s:
            return 0
        self.distance_m = max(
            (self._out_m(kind, where, home) for kind in (CEILING, CIRCLE) if fresh & kind), default=0
        )
        return fresh

    def _look(self, where: Point, home: Point | None) -> int:
        fences, broken = self.enabled, 0
        for kind in (CEILING, CIRCLE):
            if fences & kind and home is not None and self._out_m(kind, where, home) >= 0.0:
                broken |= kind
        if fences & ZONES and self._zone_broken(where):
            broken |= ZONES
        return broken

    def _out_m(self, kind: int, where: Point, home: Point | None) -> float:
        if home is None or kind == ZONES:
            return 0.0
        if kind == CEILING:
            return where.up_m - home.up_m - self._parameters["FENCE_ALT_MAX"]
        return _away_m(where, home) - self._parameters["FENCE_RADIUS"]

    def _zone_broken(self, where: Point) -> bool:
        zones = self._store.zones
        if zones is not self._drawn:  # fifty times a second: drawn once for each fence that comes aboard
            self._drawn = zones
            self._inclusions = [self._draw(zone) for zone in zones.inclusions]
            self._exclusions = [self._draw(zone) for zone in zones.exclusions]
        here = where.east_m, where.north_m
        return not all(shapely.contains_xy(zone, *here) for zone in self._inclusions) or any(
            shapely.contains_xy(zone, *here) for zone in self._exclusions
        )

    def _draw(self, zone: Zone) -> shapely.Polygon:
        """On the plane that the vehicle flies over."""
        if isinstance(zone, Circle):
            east_m, north_m = self._frame.to_local(zone.lat_deg, zone.lon_deg)
            shape = shapely.Point(float(east_m), float(north_m)).buffer(zone.radius_m, quad_segs=32)
        else:
            lat_deg, lon_deg = np.array(zone.vertices).T
            shape = shapely.Polygon(list(zip(*self._frame.to_local(lat_deg, lon_deg), strict=True)))
        shapely.prepare(shape)
        return shape


def fence_names(kinds: int) -> str:
    """As ArduPilot writes them: "Max Alt and Circle fences"."""
    names = [name for kind, name in NAMES.items() if kinds & kind]
    listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return f"{listed} fence" + ("s" if len(names) > 1 else "")


def _away_m(a: Point, b: Point) -> float:
    return math.hypot(a.north_m - b.north_m, a.east_m - b.east_m)


def _fault(items: Sequence[MissionItem]) -> str:
    """What ``validate_fence`` has against these items."""
    expected, wanted, left = 0, 0, 0
    for item in items:
        size = item.params[0]
        if item.command in POLYGONS:
            if size < 3:
                return f"Invalid vertex count ({size:.0f})"
            if left == 0:
                expected, wanted, left = item.command, int(size), int(size)
            elif item.command != expected:
                return "Received incorrect vertex type"
            elif size != wanted:
                return f"Unexpected vertex count want={wanted} got={size:.0f}"
            left -= 1
        elif left:
            return "Received incorrect type"
        elif item.command in CIRCLES and not size > 0:
            return "Non-positive circle radius"
        if abs(item.lat_e7) > 900_000_000 or abs(item.lon_e7) > 1_800_000_000:
            return "Bad lat or lon"
    return "Incorrect item count" if left else ""
