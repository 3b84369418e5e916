"""What a station's configuration says of incidents: how long people may take, who is told when they take
longer, and when a closed incident is over for good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

TargetName = Literal["acknowledge", "dispatch"]
TARGETS: tuple[TargetName, ...] = ("acknowledge", "dispatch")


@dataclass(frozen=True, slots=True)
class Level:
    """As in team, district, city. ``after_s`` counts from the missed target."""

    name: str
    after_s: float


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """Seconds for both targets, and the levels from the lowest to the highest. What is confirmed later than
    ``reburn_s`` after an incident was closed is another one."""

    acknowledge_s: float = 180.0
    dispatch_s: float = 900.0
    reburn_s: float = 1800.0
    levels: tuple[Level, ...] = (Level("team", 0.0), Level("district", 300.0), Level("city", 900.0))

    def seconds_for(self, target: TargetName) -> float:
        """From when the station could first tell somebody."""
        return self.acknowledge_s if target == "acknowledge" else self.dispatch_s

    def rank(self, level: str | None) -> int:
        """Where a level stands; −1 for none, and for one that is no longer configured."""
        return next((i for i, one in enumerate(self.levels) if one.name == level), -1)

    def highest(self, names: Iterable[str]) -> str | None:
        """The highest of these levels."""
        return max(names, key=self.rank, default=None)
