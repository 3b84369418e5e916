"""Who is told, and when, that people are late with an incident. Pure.

Two targets: somebody has seen it, and somebody is on the way. When one is missed its levels are told one
after the other, each ``after_s`` after the target, for as long as it stays unmet. What has become due while
the station was down is told once, at the highest level that is due, and not as a burst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from uplink.station.incident import IncidentState
from uplink.station.incident_life import Life
from uplink.station.incident_rules import TARGETS, IncidentRules, TargetName


@dataclass(frozen=True, slots=True)
class Escalation:
    """A level is to be told now; ``life`` is the life that remembers it."""

    target: TargetName
    level: str
    life: Life


def unmet(life: Life) -> tuple[TargetName, ...]:
    """The targets whose clocks still run."""
    match life.state:
        case IncidentState.NEW:
            return TARGETS
        case IncidentState.ACKNOWLEDGED:
            return ("dispatch",)
        case _:
            return ()


def escalate(life: Life, rules: IncidentRules, now_s: float) -> Escalation | None:
    """What is to be told now, if anything; one level at most, for all targets together."""
    reached: dict[TargetName, int] = {}
    for target in unmet(life):
        late_s = now_s - life.clock_s - rules.seconds_for(target)
        due = sum(late_s >= level.after_s for level in rules.levels)
        if due - 1 > rules.rank(life.told.get(target)):
            reached[target] = due - 1
    if not reached:
        return None
    target = max(reached, key=lambda name: (reached[name], name == "acknowledge"))
    told = {name: rules.levels[rank].name for name, rank in reached.items()}
    return Escalation(target, told[target], replace(life, told=life.told | told))


def next_due_s(life: Life, rules: IncidentRules) -> float | None:
    """When there will be something to tell, if nobody does anything before."""
    due = [
        life.clock_s + rules.seconds_for(target) + rules.levels[rank].after_s
        for target in unmet(life)
        if (rank := rules.rank(life.told.get(target)) + 1) < len(rules.levels)
    ]
    return min(due, default=None)
