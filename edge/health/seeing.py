"""Whether the agent would see a fire if there was one. Blind is an alarm, never "no fire".

``seeing``, ``degraded`` (reasons) or ``blind`` (since, reason): what only degrades it never hides that it is
blind.

A pure state machine: events carry their instant (monotonic seconds), and ``state`` answers for ``now``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.health.degraded import Reason
from edge.vision.flaw import Flaw
from uplink.messages import SeeingState

STALE_FLOOR_S = 5.0
STALE_PERIODS = 3.0
BLANK_CONTRAST = 2.0  # grey levels (standard deviation): a lens cap, a dead sensor, fog on the glass


@dataclass(frozen=True, slots=True)
class Seeing:
    """What to tell the world. ``reason`` is of being blind; ``since_s`` is since when it is blind, or is not.
    ``degraded`` is what else is wrong, also while it is blind."""

    state: SeeingState
    reason: str
    since_s: float
    degraded: tuple[Reason, ...] = ()

    def with_degraded(self, reasons: tuple[Reason, ...]) -> Seeing:
        """The same, with what else is wrong. A blind one stays blind."""
        state = SeeingState.DEGRADED if reasons and self.state is SeeingState.SEEING else self.state
        return replace(self, state=state, degraded=reasons)

    @property
    def words(self) -> str:
        """All of it in one line."""
        why = "; ".join(part for part in (self.reason, *(reason.words for reason in self.degraded)) if part)
        return f"{self.state.value}: {why}" if why else self.state.value


class Health:
    """Judges sight by the age of the last frame that was looked at and could be placed."""

    def __init__(self, started_s: float, frame_period_s: float, still_s: float | None = None) -> None:
        """``still_s``: how long the same picture may stay, where that is longer than any frame may take."""
        self._stale_s = max(STALE_FLOOR_S, STALE_PERIODS * frame_period_s)
        self._still_s = max(self._stale_s, still_s or 0.0)
        self._exposed_s: float | None = None
        self._fingerprint: int | None = None
        self.picture_is_old = False
        """The latest frame is the very picture that came before, or stands still while the camera moves."""
        self._changed_s = started_s
        self._contrast = 0.0
        self._flaw = Flaw.NONE
        self._sound_s = started_s  # the exposure of the latest frame without a flaw
        self._pose_trouble = "no pose yet"
        self._pose_good_s: float | None = None
        self._started_s = started_s
        self._ended = False
        self._failure = ""
        self._proved_s: float | None = None
        self._latest = Seeing(SeeingState.BLIND, "no frame has been looked at yet", started_s)

    def frame_looked_at(
        self,
        exposed_s: float,
        fingerprint: int,
        contrast: float,
        flaw: Flaw = Flaw.NONE,
        *,
        stuck: bool = False,
    ) -> bool:
        """The detector has been over a frame that was exposed at ``exposed_s``. False when the frame proves
        nothing about the ground: it is blank or flawed, or the very picture that came before. ``stuck``: it
        all but is, though the camera has moved."""
        self.picture_is_old = stuck or fingerprint == self._fingerprint
        self._fingerprint = fingerprint
        if not self.picture_is_old:
            self._changed_s = exposed_s
        if not flaw:
            self._sound_s = exposed_s
        self._exposed_s, self._contrast, self._flaw = exposed_s, contrast, flaw
        self._failure = ""
        proves = not self.picture_is_old and not flaw and contrast >= BLANK_CONTRAST
        if proves:
            self._proved_s = exposed_s
        return proves

    def look_age_s(self, now_s: float) -> float | None:
        """Since the exposure of the latest frame that was looked at and proves something of the ground."""
        return None if self._proved_s is None else max(0.0, now_s - self._proved_s)

    def pose_age_s(self, now_s: float) -> float | None:
        """Since the exposure of the latest frame that could be placed."""
        return None if self._pose_good_s is None else max(0.0, now_s - self._pose_good_s)

    def frozen_for_s(self, now_s: float) -> float:
        """For how long the picture has been called frozen; 0 while it is not, or no frames come at all."""
        if self._exposed_s is None or now_s - self._exposed_s > self._stale_s:
            return 0.0
        return max(0.0, self._exposed_s - self._changed_s - self._still_s)

    def pose_found(self, exposed_s: float) -> None:
        self._pose_good_s = exposed_s

    def pose_missing(self, reason: str) -> None:
        self._pose_trouble = reason

    def vision_failed(self, reason: str) -> None:
        """Why nothing is looked at, until the next frame is."""
        self._failure = reason

    def camera_ended(self) -> None:
        self._ended = True

    def state(self, now_s: float) -> Seeing:
        """The judgement at ``now_s``; its ``since_s`` stays put while the state does."""
        trouble = self._trouble(now_s)
        state = SeeingState.BLIND if trouble else SeeingState.SEEING
        if (state, trouble) != (self._latest.state, self._latest.reason):
            since_s = self._latest.since_s if state == self._latest.state else now_s
            self._latest = Seeing(state, trouble, since_s)
        return self._latest

    def _trouble(self, now_s: float) -> str:
        if self._ended:
            return "the camera has ended"
        if self._exposed_s is None:
            return self._failure or "no frame has been looked at yet"
        if now_s - self._exposed_s > self._stale_s:
            return self._failure or "no fresh frame is looked at"
        # A dark lens is told at once. One frame into the sun, or in a turn, is none to raise an alarm for.
        if self._flaw and (self._flaw is Flaw.BLACK or self._exposed_s - self._sound_s > self._stale_s):
            return self._flaw.value
        if self._contrast < BLANK_CONTRAST:
            return "the picture is blank: covered lens?"
        if self._exposed_s - self._changed_s > self._still_s:
            return "the picture is frozen"
        if self._pose_good_s is None or now_s - self._pose_good_s > self._stale_s:
            return f"frames cannot be placed: {self._pose_trouble}"
        return ""
