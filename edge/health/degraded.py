"""What makes the agent see worse than it was set up to, while it sees. Reasons come and go with hysteresis.

Pure: told the instant (monotonic seconds) and how things stand. None of this is ever a reason to call a blind
agent seeing; ``edge.health.seeing`` puts the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from uplink.messages import DegradedKind as Kind


@dataclass(frozen=True, slots=True)
class Limit:
    """A reason begins once its level has been beyond ``begins`` for ``after_s``, and ends once it has been
    back behind ``ends`` for ``back_s``. Which way is worse follows from the two."""

    begins: float
    ends: float
    after_s: float = 0.0
    back_s: float = 5.0

    def is_bad(self, level: float, *, lasts: bool) -> bool:
        """``lasts``: the reason has begun, and the stricter limit holds."""
        bound = self.ends if lasts else self.begins
        return level > bound if self.begins > self.ends else level < bound


_YES = Limit(0.5, 0.4, after_s=1.0, back_s=10.0)
LIMITS: Mapping[Kind, Limit] = {
    Kind.SLOW: Limit(0.5, 0.7, after_s=10.0),  # of the frames a second that were configured
    Kind.COVERED: Limit(0.15, 0.08, after_s=10.0),  # of the picture
    Kind.COLOUR: _YES,
    Kind.THERMAL: _YES,
    Kind.RESTARTED: Limit(0.5, 0.4, back_s=0.0),
    Kind.TELEMETRY: Limit(2.5, 1.0),  # seconds
    Kind.UPLOAD: Limit(60.0, 10.0),  # seconds
    Kind.HOT: Limit(85.0, 78.0, after_s=5.0),  # °C
    Kind.THROTTLED: _YES,
    Kind.SUPPLY: _YES,
    Kind.MEMORY: Limit(200.0, 300.0, after_s=5.0),  # MB that are free
    Kind.OWN_MEMORY: Limit(1000.0, 900.0, after_s=10.0),  # MB
    Kind.DISK: Limit(200.0, 300.0),  # MB that are free
    Kind.CLOCK: Limit(30.0, 10.0, after_s=5.0),  # seconds
    Kind.SENSORS: Limit(30.0, 15.0),  # seconds since what is known of the computer was read
}


@dataclass(frozen=True, slots=True)
class Reason:
    """``value`` in the unit that its words name; ``since_s`` is when it began."""

    kind: Kind
    value: float
    since_s: float

    @property
    def words(self) -> str:
        """What it is and what to do: short enough for a pilot's station, behind a word of ours."""
        return _WORDS[self.kind].format(self.value)


# 40 characters at most, and such as every ground station can show.
_WORDS = {
    Kind.SLOW: "{:.1f} frames/s: too few, ease its load",
    Kind.COVERED: "{:.0f} % of view covered: look at the lens",
    Kind.COLOUR: "colour camera blind: thermal sees",
    Kind.THERMAL: "thermal camera blind: colour sees",
    Kind.RESTARTED: "vision restarted ({:.0f} in 10 min): see log",
    Kind.TELEMETRY: "autopilot silent {:.0f} s: check its cable",
    Kind.UPLOAD: "station silent {:.0f} s: alerts wait",
    Kind.HOT: "processor {:.0f} C: land, give it air",
    Kind.THROTTLED: "processor slowed: check heat, supply",
    Kind.SUPPLY: "voltage too low: check its supply",
    Kind.MEMORY: "{:.0f} MB memory left: end other programs",
    Kind.OWN_MEMORY: "agent takes {:.0f} MB: restart when landed",
    Kind.DISK: "{:.0f} MB disk left: make room",
    Kind.CLOCK: "computer's clock wrong: set its time sync",
    Kind.SENSORS: "computer unreadable {:.0f} s: disk hangs?",
}


@dataclass(frozen=True, slots=True)
class Symptom:
    """How one thing stands: what is judged, and what is shown of it."""

    level: float
    value: float


class _Gate:
    """One reason's coming and going."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._turning_s: float | None = None
        self._value = 0.0
        self.since_s: float | None = None

    def judge(self, symptom: Symptom | None, now_s: float) -> float | None:
        """The value to show while the reason lasts. What cannot be told is no reason to begin or to go on."""
        lasts = self.since_s is not None
        bad = symptom is not None and self._limit.is_bad(symptom.level, lasts=lasts)
        if bad == lasts:
            self._turning_s = None
        else:
            self._turning_s = now_s if self._turning_s is None else self._turning_s
            if now_s - self._turning_s >= (self._limit.after_s if bad else self._limit.back_s):
                self.since_s = now_s if bad else None
                self._turning_s = None
        if bad and symptom is not None:
            self._value = symptom.value
        return None if self.since_s is None else self._value


class Degraded:
    """All reasons of one agent."""

    def __init__(self) -> None:
        self._gates = {kind: _Gate(limit) for kind, limit in LIMITS.items()}

    def judge(self, symptoms: Mapping[Kind, Symptom], now_s: float) -> tuple[Reason, ...]:
        """Those that hold at ``now_s``, in the order in which they are listed. A kind that is left out could
        not be told."""
        reasons = []
        for kind, gate in self._gates.items():
            value = gate.judge(symptoms.get(kind), now_s)
            if value is not None and gate.since_s is not None:
                reasons.append(Reason(kind, value, gate.since_s))
        return tuple(reasons)
