"""What is flown: a mission with its home, its fence and its rally points.

``Plan.items`` is the list as ArduPilot wants it uploaded: item 0 is home (ArduPilot stores its own home
there, whatever is sent, but counts it), and the file's first item is item 1. This is also how QGroundControl
numbers ``doJumpId``, so jump targets and the current-item number mean the same here, there and on the map.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flight.errors import EmberwatchError
from flight.plans.fence import Fence, RallyPoint
from flight.plans.items import Command, MissionItem, home_item
from flight.plans.qgc_writer import to_bytes


class PlanError(EmberwatchError):
    """A plan file cannot be flown; the message names the file and the place in it."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where the planner expects the vehicle to start."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A mission file: ``items`` with home as item 0 (see above); ``sha256`` of the file's bytes.

    ``fence`` None: the file has none, and whatever is aboard stays there.
    """

    name: str
    items: tuple[MissionItem, ...]
    home: Home
    sha256: str
    fence: Fence | None = None
    rally: tuple[RallyPoint, ...] = ()

    @classmethod
    def build(
        cls,
        name: str,
        home: Home,
        steps: Iterable[MissionItem],
        *,
        fence: Fence | None = None,
        rally: tuple[RallyPoint, ...] = (),
    ) -> Plan:
        """A plan of these steps, numbered from 1; its hash is that of the file ``write_plan`` makes of it."""
        first = home_item(home.lat_deg, home.lon_deg, home.alt_amsl_m)
        items = (first, *(replace(step, seq=seq) for seq, step in enumerate(steps, start=1)))
        plan = cls(name, items, home, "", fence, rally)
        return replace(plan, sha256=hashlib.sha256(plan.to_bytes()).hexdigest())

    def to_bytes(self) -> bytes:
        """The file that QGroundControl opens."""
        place = (self.home.lat_deg, self.home.lon_deg, self.home.alt_amsl_m)
        return to_bytes(self.items, place, self.fence, self.rally)

    @property
    def route(self) -> list[tuple[float, float]]:
        """The line on the map: (lon, lat) from home over every place flown to, and home for a return."""
        line = [(self.home.lon_deg, self.home.lat_deg)]
        for item in self.items[1:]:
            if item.is_place:
                line.append((item.lon_deg, item.lat_deg))
            elif item.command == Command.NAV_RETURN_TO_LAUNCH:
                line.append(line[0])
        return line
