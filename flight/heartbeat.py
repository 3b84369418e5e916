"""Our heartbeat, which stops when the agent does.

::

              feed()                      not fed for longer than limit_s
    SILENT ───────────▶ BEATING ─────────────────────────────────────────▶ SILENT

No thread sends it on its own: a heartbeat that goes on after the agent has hung tells the autopilot
that somebody is at home (flight rule 4). The agent's main loop feeds the watchdog; no food, no beat.
"""

from __future__ import annotations

import logging

from flight.link import Link, mavlink

log = logging.getLogger(__name__)

FED_LIMIT_S = 2.0
BEAT_PERIOD_S = 1.0


class HeartbeatWatchdog:
    """Says when a heartbeat is due. Pure: every call is told the time."""

    def __init__(self, *, limit_s: float = FED_LIMIT_S, period_s: float = BEAT_PERIOD_S) -> None:
        self._limit_s = limit_s
        self._period_s = period_s
        self._fed_at_s: float | None = None
        self._beat_at_s: float | None = None
        self._beating = False

    def feed(self, now_s: float) -> None:
        """The main loop is alive."""
        self._fed_at_s = now_s

    def alive(self, now_s: float) -> bool:
        """Whether it was fed within the limit."""
        return self._fed_at_s is not None and now_s - self._fed_at_s <= self._limit_s

    def due(self, now_s: float) -> bool:
        """Whether to send a heartbeat now; a True counts as sent."""
        alive = self.alive(now_s)
        if alive != self._beating:
            self._beating = alive
            if alive:
                log.info("heartbeat runs")
            else:
                log.error("heartbeat stopped: the main loop has been silent for %g s", self._limit_s)
        if not alive or (self._beat_at_s is not None and now_s - self._beat_at_s < self._period_s):
            return False
        self._beat_at_s = now_s
        return True


def send_heartbeat(link: Link) -> None:
    """One heartbeat of an onboard controller that is no autopilot (flight rule 1)."""
    link.send(
        mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_ONBOARD_CONTROLLER,
            mavlink.MAV_AUTOPILOT_INVALID,
            0,
            0,
            mavlink.MAV_STATE_ACTIVE,
            3,  # mavlink_version, the same in MAVLink 1 and 2
        )
    )
