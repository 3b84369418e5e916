"""How far people are with an incident. Pure: a life, a step, the station's time, and the life afterwards.

            acknowledge            dispatch
    new ────────────────▶ acknowledged ─────▶ dispatched
     │  dispatch                │                 │
     ├──────────────────────────┼────────────────▶│
     │                          │                 │ ◀─ dispatch of one more unit
     │        resolve, false alarm (with a reason)│
     ▼                          ▼                 ▼
    resolved | false alarm ──── reopen (with a reason) ───▶ acknowledged, by who reopens it

Both clocks run from when the station could first tell somebody: people can only be late against what they
could know. When the fire was seen stands beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

from uplink.errors import NotPossibleError
from uplink.station.incident import MOST_UNITS, IncidentState
from uplink.station.incident_answers import StepKind

NEEDS_REASON = frozenset({StepKind.RESOLVE, StepKind.FALSE_ALARM, StepKind.REOPEN, StepKind.NOTE})
OPEN = (IncidentState.NEW, IncidentState.ACKNOWLEDGED, IncidentState.DISPATCHED)
# How far: an open one of two that join is the joined one, so that nothing that burns is closed by a join.
_FAR = {state: rank for rank, state in enumerate((IncidentState.FALSE_ALARM, IncidentState.RESOLVED, *OPEN))}


@dataclass(frozen=True, slots=True)
class Met:
    """When a target was met, and by whom."""

    at_s: float
    who: str


@dataclass(frozen=True, slots=True)
class Life:
    """Times are the station's, in seconds since 1970. ``told`` are the levels that were told of a missed
    target, by target, the highest last; ``related`` is the incident before it in the same place."""

    reported_s: float
    clock_s: float
    """The clocks run from here: when it was reported, or opened again."""
    state: IncidentState = IncidentState.NEW
    version: int = 1
    acknowledged: Met | None = None
    dispatched: Met | None = None
    confirmed_by: str | None = None
    closed_s: float | None = None
    closed_because: str | None = None
    told: dict[str, str] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    """Who was sent, the first one first."""
    related: str | None = None

    def to_json(self) -> str:
        """For the database."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Life:
        """What ``to_json`` gave."""
        raw = json.loads(text)
        for name in ("acknowledged", "dispatched"):
            raw[name] = None if raw[name] is None else Met(**raw[name])
        return cls(**raw | {"state": IncidentState(raw["state"]), "units": tuple(raw.get("units", ()))})


class StepRefusedError(NotPossibleError):
    """The step does not follow from the state; the text says why."""


def begin(now_s: float, related: str | None = None) -> Life:
    """A new incident; ``now_s`` is when its first alert reached the station."""
    return Life(reported_s=now_s, clock_s=now_s, related=related)


def step(life: Life, kind: StepKind, *, who: str, reason: str, now_s: float, unit: str = "") -> Life:
    """The life after the step; ``unit`` is who is sent. Raises ``StepRefusedError``."""
    if kind in NEEDS_REASON and not reason.strip():
        raise StepRefusedError(f"{kind} needs a reason")
    state, met = life.state, Met(now_s, who)
    match kind:
        case StepKind.NOTE:
            return life
        case StepKind.ACKNOWLEDGE if state is IncidentState.NEW:
            after = replace(life, state=IncidentState.ACKNOWLEDGED, acknowledged=met)
        case StepKind.DISPATCH if state in (IncidentState.NEW, IncidentState.ACKNOWLEDGED):
            # Who sends somebody has seen it.
            after = replace(
                life,
                state=IncidentState.DISPATCHED,
                acknowledged=life.acknowledged or met,
                dispatched=met,
                units=(unit,) if unit else (),
            )
        case StepKind.DISPATCH if state is IncidentState.DISPATCHED and unit:
            if unit in life.units:
                raise StepRefusedError(f"{unit} is on the way already")
            if len(life.units) >= MOST_UNITS:
                raise StepRefusedError(
                    f"more than {MOST_UNITS} units have no dispatch of their own: note them"
                )
            after = replace(life, units=(*life.units, unit))
        case StepKind.CONFIRM if state is not IncidentState.FALSE_ALARM and life.confirmed_by is None:
            after = replace(life, confirmed_by=who)
        case StepKind.RESOLVE if not state.is_closed:
            after = replace(
                life,
                state=IncidentState.RESOLVED,
                acknowledged=life.acknowledged or met,  # who closes it has seen it
                closed_s=now_s,
                closed_because=reason,
            )
        case StepKind.FALSE_ALARM if not state.is_closed:
            after = replace(
                life,
                state=IncidentState.FALSE_ALARM,
                acknowledged=life.acknowledged or met,
                closed_s=now_s,
                closed_because=reason,
                confirmed_by=None,
            )
        case StepKind.REOPEN if state.is_closed:
            after = replace(
                life,
                state=IncidentState.ACKNOWLEDGED,
                clock_s=now_s,
                acknowledged=met,
                dispatched=None,
                units=(),
                closed_s=None,
                closed_because=None,
                told={},
            )
        case StepKind.CONFIRM if life.confirmed_by is not None:
            raise StepRefusedError(f"{life.confirmed_by} has confirmed it already")
        case _:
            raise StepRefusedError(f"an incident that is {state} has no step {kind}")
    return replace(after, version=life.version + 1)


def join(lives: Iterable[Life]) -> Life:
    """Incidents that turn out to be one. Nothing that a person did is lost by it: an open one beats a closed
    one, the furthest of the open ones is how far they are, the first to have acknowledged has acknowledged,
    and what was told of a missed target stays told."""
    every = sorted(lives, key=lambda life: (life.reported_s, life.clock_s))
    if len(every) == 1:
        return every[0]
    furthest = max(every, key=lambda life: (_FAR[life.state], -life.clock_s))
    alive = [life for life in every if life.state.is_closed == furthest.state.is_closed]
    return replace(
        furthest,
        reported_s=every[0].reported_s,
        clock_s=min(life.clock_s for life in alive),
        version=max(life.version for life in every) + 1,
        acknowledged=_first(life.acknowledged for life in alive),
        dispatched=_first(life.dispatched for life in alive),
        confirmed_by=next((life.confirmed_by for life in alive if life.confirmed_by), None),
        told={target: level for life in alive for target, level in life.told.items()},
        units=tuple(dict.fromkeys(unit for life in alive for unit in life.units))[:MOST_UNITS],
        related=next((life.related for life in every if life.related), None),
    )


def _first(met: Iterable[Met | None]) -> Met | None:
    return min((one for one in met if one is not None), key=lambda one: one.at_s, default=None)
