"""How a look is to be: what the site allows, how long, how often, how much."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Of looking again. The values are the words of the configuration."""

    OFF = "off"
    ASK = "ask"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Rules:
    """How long, how often, how much."""

    mode: Mode = Mode.ASK
    views: int = 3
    look_s: float = 8.0
    longest_s: float = 180.0  # of a look again
    longest_at_s: float = 600.0  # of a look at a place that a person sent it to
    asked_s: float = 120.0  # an answer that takes longer is about another flight
    cool_down_s: float = 900.0
    reserve_percent: float = 25.0
    need_percent: float = 10.0  # above the reserve, to begin at all
    endurance_s: float = 1500.0  # of a full battery
    arrived_m: float = 6.0
    good_enough_m: float = 5.0  # the ellipse's larger semi-axis: nothing more to gain
    check_s: float = 2.0  # between two looks at whether the way is still safe
    retry_s: float = 5.0  # between two tries to go back, or to go on with the patrol
    lost_s: float = 10.0  # without a position nobody finds a way back


def least(site: Mode, patrol: Mode | None) -> Mode:
    """The more careful of what the site allows and what the patrol asks for."""
    order = (Mode.OFF, Mode.ASK, Mode.AUTOMATIC)
    return site if patrol is None else min(site, patrol, key=order.index)
