"""Who is in control: whether the agent may command the vehicle now.

::

                    grant (link up, mode unchanged for 5 s, no veto, no failsafe)
      HANDS OFF ──────────────────────────────────────────▶ GRANTED
          ▲                                                    │
          └────────────────────────────────────────────────────┘
        a mode that we did not ask for · the pilot's veto · a failsafe · disarmed · restarted · revoked

      READ ONLY is for good: nothing leads out of it.

The pilot wins, always: any change of mode that we did not command is the pilot (or the autopilot's own
failsafe) taking over, and only a new grant gives control back (flight rules 8 to 10). A grant comes from a
person or from what a person configured, never from here. After a request of our own, heartbeats that still
show the old mode are stale for up to 3 s; once the new mode was seen, the old one again is a take-over. So is
the old one after more than 3 s where the autopilot had accepted the new one: somebody changed it back between
two heartbeats. A gap in the link ends every request: what shows after it may be anybody's doing.

The veto is a switch on the pilot's radio (flight rule 13). It fails closed: where one is configured, a radio
that is not heard counts as a veto.

Pure: every call is told the time. Modes are names.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from flight.errors import EmberwatchError
from flight.listeners import Listeners

log = logging.getLogger(__name__)

STABLE_S = 5.0
STALE_HEARTBEATS_S = 3.0
LINK_LOST_S = 5.0
RC_STALE_S = 2.0
_SWITCH = "the pilot's switch"
_IN_FAILSAFE = "the autopilot is in a failsafe"
FAILSAFE_TEXT_S = 5.0  # a text this old may still say why the vehicle is in a failsafe


class Control(Enum):
    """Values are the words that people see."""

    HANDS_OFF = "hands off"
    GRANTED = "granted"
    READ_ONLY = "read only"


class NotInControl(EmberwatchError):  # noqa: N818 - a state of affairs, named as what it is
    """The agent may not command the vehicle now."""


@dataclass(frozen=True, slots=True)
class RcSwitches:
    """The pilot's switches. Channels count from 1; None: there is no such switch."""

    veto_channel: int | None = None
    grant_channel: int | None = None
    threshold_us: int = 1700

    @property
    def any(self) -> bool:
        return self.veto_channel is not None or self.grant_channel is not None

    def is_on(self, channel: int, channels_us: Sequence[int]) -> bool | None:
        """Whether the switch is on; None where the radio does not carry its channel."""
        if channel > len(channels_us) or channels_us[channel - 1] in (0, 0xFFFF):
            return None
        return channels_us[channel - 1] > self.threshold_us


@dataclass(frozen=True, slots=True)
class _Request:
    """A mode that we asked for and that the heartbeat does not show yet."""

    mode: str
    at_s: float
    accepted: bool = False
    then: str = ""
    """What the autopilot itself goes on to when that mode is over."""
    overtaken: str = ""
    """What we had asked for just before, and may still see first."""


class Arbiter:
    """The one that every order to the vehicle has to ask."""

    def __init__(self, *, read_only: bool = False, rc: RcSwitches | None = None) -> None:
        self._state = Control.READ_ONLY if read_only else Control.HANDS_OFF
        self._reason = (
            "read_only is set in the configuration" if read_only else "nobody has given a grant yet"
        )
        self.granted_by = ""
        self.on_change: Listeners[[]] = Listeners("who is in control")
        self._rc = rc or RcSwitches()
        self._linked = False
        self._armed = False
        self._failsafe = False
        self._failsafe_s = float("-inf")
        self._heartbeat_s = float("-inf")
        self._warning: tuple[str, float] = ("", float("-inf"))
        self._mode: str | None = None
        self._mode_since_s = 0.0
        self._request: _Request | None = None
        self._then = ""
        self._veto = "the pilot's radio has not been heard yet" if self._rc.veto_channel else ""
        self._rc_heard_s: float | None = None
        self._grant_switch: bool | None = None

    @property
    def control(self) -> str:
        """``granted``, ``hands off`` or ``read only``."""
        return self._state.value

    @property
    def reason(self) -> str:
        """Why, in plain words."""
        if self._state is Control.GRANTED and not self._linked:
            return f"{self._reason}; the link is lost"
        return self._reason

    @property
    def veto(self) -> str:
        """What the pilot's switch has against commands, in plain words; empty when nothing."""
        return self._veto

    @property
    def may_command(self) -> bool:
        return self._state is Control.GRANTED and self._linked

    def require(self) -> None:
        """Raise NotInControl unless the agent may command the vehicle now."""
        if self.may_command:
            return
        hints = {
            Control.READ_ONLY: "Set read_only = false to let the agent command the vehicle.",
            Control.HANDS_OFF: "It needs a new grant.",
            Control.GRANTED: "Wait for the autopilot's heartbeat.",
        }
        raise NotInControl(
            f"the agent may not command the vehicle ({self.control}): {self.reason}", hint=hints[self._state]
        )

    def objection(self, now_s: float) -> str:
        """What stands against a grant now, in plain words; empty when nothing does."""
        if self._state is Control.READ_ONLY:
            return self._reason
        if not self._linked or self._mode is None:
            return "there is no heartbeat from the autopilot"
        if self._veto:
            return self._veto
        if self._failsafe:
            return _IN_FAILSAFE
        calm_s = now_s - self._failsafe_s
        if calm_s < STABLE_S:
            return f"the autopilot was in a failsafe {calm_s:.0f} s ago; {STABLE_S:.0f} s must pass without"
        stable_s = now_s - self._mode_since_s
        if stable_s < STABLE_S:
            return f"the mode became {self._mode} {stable_s:.0f} s ago and must last {STABLE_S:.0f} s"
        return ""

    def grant(self, now_s: float, by: str) -> bool:
        """A person gives control to the agent; False (see ``objection``) when that cannot be yet."""
        if self._state is Control.GRANTED:
            return True
        if self.objection(now_s):
            return False
        self.granted_by = by
        self._become(Control.GRANTED, f"granted by {by} in {self._mode}")
        return True

    def revoke(self, reason: str) -> None:
        """A person takes control back."""
        self._hands_off(reason)

    def mode_requested(self, mode: str, now_s: float, *, then: str = "") -> None:
        """We are about to ask for this mode; raises NotInControl when we may not. ``then`` is the mode that
        the autopilot goes on to by itself, where there is one (PX4 holds after a take-off)."""
        self.require()
        last = self._request
        fresh = last is not None and now_s - last.at_s <= STALE_HEARTBEATS_S
        overtaken = last.mode if last is not None and fresh and last.mode != mode else ""
        self._request = _Request(mode, now_s, then=then, overtaken=overtaken)

    def mode_accepted(self, now_s: float) -> None:
        """The autopilot has acknowledged the mode that we asked for: a heartbeat must show it now."""
        if self._request is not None:
            self._request = replace(self._request, at_s=now_s, accepted=True)

    def heartbeat(self, mode: str, armed: bool, now_s: float, *, failsafe: bool = False) -> None:
        """The vehicle's heartbeat, each one. ``failsafe``: its MAV_STATE is critical or worse."""
        if now_s - self._heartbeat_s >= LINK_LOST_S:
            self.link_lost()  # nobody noticed the gap: this program stood still
        before = self._mode
        if mode != before or not self._linked:
            self._mode_since_s = now_s
        self._mode = mode
        self._heartbeat_s = now_s
        self._linked = True
        disarmed = self._armed and not armed
        self._armed = armed
        failsafe_begins = failsafe and not self._failsafe
        self._failsafe = failsafe
        if failsafe:
            self._failsafe_s = now_s
        undone = ""
        if self._then and mode != before:
            if mode == self._then:
                before = mode
            self._then = ""
        if self._request is not None:
            if mode == self._request.mode:
                self._then = self._request.then
                self._request = None
                before = mode
            elif mode == self._request.overtaken and now_s - self._request.at_s <= STALE_HEARTBEATS_S:
                self._request = replace(self._request, overtaken="")
                before = mode
            elif mode == before and now_s - self._request.at_s > STALE_HEARTBEATS_S:
                if self._request.accepted:
                    undone = self._request.mode
                self._request = None  # it was not taken, or not left
        if failsafe_begins:
            self._hands_off(f"{_IN_FAILSAFE}{self._said(now_s)}")
        elif undone:
            self._hands_off(
                f"the autopilot took the mode {undone} and is in {mode}: somebody changed it back"
            )
        elif before is not None and mode != before:
            because = self._said(now_s) if failsafe else ""
            self._hands_off(
                f"the mode changed from {before} to {mode}, which the agent had not asked for{because}"
            )
        elif disarmed:
            self._hands_off("the vehicle was disarmed")

    def warned(self, text: str, now_s: float) -> None:
        """The autopilot has said something grave: it may be why a failsafe begins, or has just begun."""
        self._warning = (text, now_s)
        if self._failsafe and self._reason == _IN_FAILSAFE:
            self._hands_off(f"{_IN_FAILSAFE}{self._said(now_s)}")

    def _said(self, now_s: float) -> str:
        text, at_s = self._warning
        return f' ("{text}")' if text and now_s - at_s <= FAILSAFE_TEXT_S else ""

    def rc(self, channels_us: Sequence[int], now_s: float) -> None:
        """The pilot's sticks and switches, each time that they are heard; microseconds."""
        self._rc_heard_s = now_s
        if self._rc.veto_channel is not None:
            on = self._rc.is_on(self._rc.veto_channel, channels_us)
            self._set_veto(
                {
                    True: "the pilot's veto switch is on",
                    False: "",
                    None: f"the pilot's radio does not carry channel {self._rc.veto_channel}",
                }[on]
            )
        if self._rc.grant_channel is not None:
            before = self._grant_switch
            self._grant_switch = self._rc.is_on(self._rc.grant_channel, channels_us)
            if before is False and self._grant_switch:  # switched on, not found on
                self.grant(now_s, _SWITCH)
            elif self._grant_switch is False and (before or self.granted_by == _SWITCH):
                self._hands_off("the pilot's grant switch was turned off")

    def tick(self, now_s: float) -> None:
        """Time alone makes a silent radio a veto, and a silent autopilot one that is not there."""
        if now_s - self._heartbeat_s >= LINK_LOST_S:
            self.link_lost()
        heard_s = self._rc_heard_s
        if heard_s is not None and now_s - heard_s > RC_STALE_S:
            self._rc_heard_s = None
            self._grant_switch = None  # what it is when it comes back is found, not switched
            if self._rc.veto_channel is not None:
                self._set_veto("the pilot's radio is silent")

    def _set_veto(self, reason: str) -> None:
        self._veto = reason
        if reason:
            self._hands_off(reason)

    def link_lost(self) -> None:
        """No heartbeat any more. A grant outlives a gap; what changed meanwhile shows when it is over."""
        self._linked = False
        asked, self._request, self._then = self._request, None, ""
        if (
            asked is not None and asked.accepted
        ):  # whatever shows next, something was done that we did not see
            self._hands_off(f"the link was lost before the mode {asked.mode} showed")

    def rebooted(self) -> None:
        """The autopilot has started anew and knows nothing of what we asked for."""
        self._mode = None
        self._armed = False
        self._failsafe = False
        self._hands_off("the autopilot restarted")

    def _hands_off(self, reason: str) -> None:
        self._request = None
        self._then = ""
        if self._state is Control.GRANTED:
            self.granted_by = ""
            self._become(Control.HANDS_OFF, reason)
        elif self._state is Control.HANDS_OFF:
            self._reason = reason

    def _become(self, state: Control, reason: str) -> None:
        self._state = state
        self._reason = reason
        log.info("%s: %s", state.value, reason)
        self.on_change.tell()
