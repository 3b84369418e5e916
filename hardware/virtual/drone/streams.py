"""Which messages flow by themselves, and how often.

As with ArduCopter 4.6 on a port nobody has configured, only HEARTBEAT does until somebody sets an
interval (flight rule 33).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flight.link import mavlink

HEARTBEAT_S = 1.0
SHORTEST_S = 0.001
LONGEST_S = 60.0


class Streams:
    """Sends each message when it is due. ``reports`` makes them; a report may have nothing to say yet."""

    def __init__(self, reports: Mapping[int, Callable[[], Any | None]]) -> None:
        self._reports = reports
        self._interval_s: dict[int, float] = {}
        self._due_s: dict[int, float] = {}
        self.set_interval(mavlink.MAVLINK_MSG_ID_HEARTBEAT, HEARTBEAT_S * 1e6, 0.0)

    def set_interval(self, message_id: int, interval_us: float, now_s: float) -> bool:
        """MAV_CMD_SET_MESSAGE_INTERVAL: -1 stops, 0 is the default. False for what cannot be."""
        if message_id not in self._reports or interval_us < -1:
            return False
        if interval_us == 0:
            interval_us = HEARTBEAT_S * 1e6 if message_id == mavlink.MAVLINK_MSG_ID_HEARTBEAT else -1.0
        if interval_us < 0:
            self._interval_s.pop(message_id, None)
            self._due_s.pop(message_id, None)
        else:
            self._interval_s[message_id] = min(LONGEST_S, max(SHORTEST_S, interval_us / 1e6))
            self._due_s[message_id] = now_s
        return True

    def has(self, message_id: int) -> bool:
        """Whether this autopilot has the message."""
        return message_id in self._reports

    def interval_us(self, message_id: int) -> int:
        """As MESSAGE_INTERVAL tells it: 0 for a message it does not have, -1 for one that does not flow."""
        if message_id not in self._reports:
            return 0
        interval_s = self._interval_s.get(message_id)
        return -1 if interval_s is None else round(interval_s * 1e6)

    def report(self, message_id: int) -> list[Any]:
        """It now; nothing where there is no such message or nothing to say, and of traffic several."""
        make = self._reports.get(message_id)
        made = None if make is None else make()
        if isinstance(made, list):
            return made
        return [] if made is None else [made]

    def due(self, now_s: float) -> Iterator[Any]:
        """What is to be sent at this time."""
        for message_id, interval_s in self._interval_s.items():
            due_s = self._due_s[message_id]
            if now_s + 1e-9 < due_s:
                continue
            # On from when it was due, so that the rate is right; but never in arrears.
            self._due_s[message_id] = due_s + interval_s if due_s + interval_s > now_s else now_s
            yield from self.report(message_id)
