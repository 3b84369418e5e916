"""What the pilot's own ground station is told of the agent's sight, over MAVLink. Pure; who has no page of
ours open still must know that nobody looks for fire.

Texts: once when sight is lost, once when it is back, and once for each reason that sight is degraded. A
picture that comes and goes is told as one blindness: sight counts as back when it has lasted. What degrades a
blind agent is told when it sees again. A reason that comes and goes is told once in ``AGAIN_S``.

Values, for who has them on his screen or in his log: every few seconds, named as in ``values``.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.health.seeing import Seeing
from uplink.messages import AgentHealth, DegradedKind, SeeingState

# Every agent starts blind: it is given this long to open its eyes before that is news.
START_S = 20.0
BACK_S = 3.0
AGAIN_S = 300.0
VALUES_EVERY_S = 5.0

_SIGHT = {SeeingState.BLIND: 0, SeeingState.DEGRADED: 1, SeeingState.SEEING: 2}


@dataclass(frozen=True, slots=True)
class Told:
    """A line for the pilot; ``alarm``: blind, and not the end of it."""

    text: str
    alarm: bool


class PilotTold:
    """One agent's; it starts at ``started_s`` (monotonic seconds)."""

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._has_seen = False
        self._blind_since_s: float | None = None
        """Since when it is blind, as the pilot was told."""
        self._told_s: dict[DegradedKind, float] = {}
        """The reasons that were told, and when each held last."""
        self._values_due_s = started_s

    def news(self, seeing: Seeing, now_s: float) -> Told | None:
        """What to say now, if there is anything."""
        blind = seeing.state is SeeingState.BLIND
        self._has_seen |= not blind
        if blind and self._blind_since_s is None:
            if not self._has_seen and now_s - self._started_s < START_S:
                return None
            self._blind_since_s = seeing.since_s
            return Told(f"Blind: {seeing.reason}", alarm=True)
        if not blind and self._blind_since_s is not None and now_s - seeing.since_s >= BACK_S:
            lasted_s, self._blind_since_s = seeing.since_s - self._blind_since_s, None
            more = self._new_reason(seeing, now_s)
            return Told(
                f"Sees again; {more}" if more else f"Sees again, was blind for {lasted_s:.0f} s", False
            )
        if not blind and self._blind_since_s is None:
            new = self._new_reason(seeing, now_s)
            return Told(f"Degraded: {new}", alarm=False) if new else None
        return None

    def _new_reason(self, seeing: Seeing, now_s: float) -> str:
        """The words of one that has not been told; the others come in the next turns."""
        self._told_s = {kind: at_s for kind, at_s in self._told_s.items() if now_s - at_s < AGAIN_S}
        for reason in seeing.degraded:
            if reason.kind in self._told_s:
                self._told_s[reason.kind] = now_s
        new = next((reason for reason in seeing.degraded if reason.kind not in self._told_s), None)
        if new is None:
            return ""
        self._told_s[new.kind] = now_s
        return new.words

    def values(
        self, seeing: Seeing, health: AgentHealth, frames_per_s: float, alerts_waiting: int, now_s: float
    ) -> list[tuple[str, int | float]]:
        """NAMED_VALUE_INT and NAMED_VALUE_FLOAT that are due now.

        ``ew_sees`` (0 blind, 1 degraded, 2 sees), ``ew_queue`` (alerts that wait), ``ew_fps`` (frames looked
        at a second), ``ew_look_s`` (age of the last good look) and ``ew_cpu_C``."""
        if now_s < self._values_due_s:
            return []
        self._values_due_s = now_s + VALUES_EVERY_S
        values: list[tuple[str, int | float]] = [
            ("ew_sees", _SIGHT[seeing.state]),
            ("ew_queue", alerts_waiting),
            ("ew_fps", frames_per_s),
        ]
        if health.look_age_s is not None:
            values.append(("ew_look_s", health.look_age_s))
        if health.temperature_c is not None:
            values.append(("ew_cpu_C", health.temperature_c))
        return values
