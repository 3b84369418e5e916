"""What the pilot's own ground station is told of the agent's sight, over MAVLink: once when it is lost, once
when it is back. Pure; who has no page of ours open still must know that nobody looks for fire.

A picture that comes and goes is told as one blindness: sight counts as back when it has lasted.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.health import Seeing
from uplink.messages import SeeingState

# Every agent starts blind: it is given this long to open its eyes before that is news.
START_S = 20.0
BACK_S = 3.0


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
            return Told(f"Sees again, was blind for {lasted_s:.0f} s", alarm=False)
        return None
