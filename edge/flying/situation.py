"""The flight as the response sees it: where the look is, what the vehicle is about, what is safe to fly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from edge.flying.clearance import Fire, Place
from edge.flying.standoff import View


class Phase(Enum):
    """Of a look. The values are the words that people see."""

    IDLE = "idle"
    ASKED = "asked"
    GOING = "going there"
    LOOKING = "looking"
    GOING_BACK = "going back"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True)
class Situation:
    """The flight now."""

    patrolling: bool
    """It flies its patrol, at the patrol's height: a look may begin."""
    on_mission: bool
    """It flies its mission, the climb and the way home included."""
    granted: bool
    place: Place | None
    """None while the position is not to be trusted."""
    battery_percent: float | None

    def battery_allows(self, percent: float) -> bool:
        """Whether there is more than this; not where nobody knows."""
        return self.battery_percent is not None and self.battery_percent > percent


class Ways(Protocol):
    """What is safe to fly around a fire and all others, from where the vehicle is now."""

    def views(self, fire: Fire, count: int) -> Sequence[View]:
        """Up to ``count`` views; raises NoViewError."""

    def way(self, fire: Fire, place: Place) -> Sequence[Place] | None:
        """The places to fly over to there, that one the last; None where there is no safe way."""

    def is_clear(self, fire: Fire, place: Place) -> bool:
        """Whether the straight way there is safe, and it is safe to be there."""

    def is_way_back(self, fire: Fire, track: Sequence[Place]) -> bool:
        """Whether the straight ways over these places are safe, as far as one got out of the last of them."""

    def is_onward_clear(self, fire: Fire) -> bool:
        """Whether the straight way to where the patrol goes on to is safe."""
