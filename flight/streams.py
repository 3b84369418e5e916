"""Which messages we want, how often, and asking for them until they come.

ArduPilot streams nothing but its heartbeat until it is asked. Each message is asked for by
``SET_MESSAGE_INTERVAL`` with its acknowledgement; an autopilot that does not know that command gets the old
``REQUEST_DATA_STREAM`` (flight rule 33). An acknowledgement is not the message: what stays away is asked for
again, at growing intervals, because some (a gimbal's attitude, other aircraft) may not exist aboard.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flight.commands import CommandError, Commands, CommandUnsupportedError
from flight.link import AUTOPILOT_COMPONENT, Link, mavlink
from flight.telemetry import Telemetry

log = logging.getLogger(__name__)

WANTED_HZ: dict[str, float] = {
    "ATTITUDE": 25,
    "GIMBAL_DEVICE_ATTITUDE_STATUS": 25,
    "GLOBAL_POSITION_INT": 10,
    "MISSION_CURRENT": 2,
    "RC_CHANNELS": 2,  # the pilot's veto is stale after 2 s
    "GPS_RAW_INT": 2,
    "SYS_STATUS": 1,
    "BATTERY_STATUS": 0.5,
    "EXTENDED_SYS_STATE": 1,
    "WIND": 0.5,
    "SYSTEM_TIME": 1,
    "EKF_STATUS_REPORT": 1,
    "ADSB_VEHICLE": 5,  # one aircraft after another, where a receiver hears any
}
# Wanted once after each start of the link or of the autopilot.
WANTED_ONCE = ("AUTOPILOT_VERSION", "HOME_POSITION")

FIRST_PATIENCE_S = 3.0
LAST_PATIENCE_S = 60.0

# ArduPilot's old groups that carry the messages above, with a rate that serves all of the group.
_GROUPS_HZ = {
    mavlink.MAV_DATA_STREAM_EXTRA1: 25,
    mavlink.MAV_DATA_STREAM_POSITION: 10,
    mavlink.MAV_DATA_STREAM_EXTENDED_STATUS: 2,
    mavlink.MAV_DATA_STREAM_RC_CHANNELS: 2,
    mavlink.MAV_DATA_STREAM_EXTRA3: 2,
}


@dataclass(slots=True)
class _Wish:
    asked_s: float | None = None
    patience_s: float = FIRST_PATIENCE_S


class Streams:
    """Keeps the wanted messages coming."""

    def __init__(self, link: Link, telemetry: Telemetry, commands: Commands) -> None:
        self._link = link
        self._telemetry = telemetry
        self._commands = commands
        self._wishes: dict[str, _Wish] = {}
        self.start_over()

    def start_over(self) -> None:
        """Ask for everything again: the link is new, or the autopilot is."""
        self._wishes = {name: _Wish() for name in (*WANTED_HZ, *WANTED_ONCE)}

    def missing(self, now_s: float) -> list[str]:
        """The messages to ask for now."""
        return [name for name, wish in self._wishes.items() if self._is_missing(name, wish, now_s)]

    def _is_missing(self, name: str, wish: _Wish, now_s: float) -> bool:
        if wish.asked_s is None:
            return True
        heard_s = self._telemetry.heard_s(name)
        came = heard_s is not None and heard_s >= wish.asked_s
        if name in WANTED_ONCE:
            return not came and now_s - wish.asked_s >= wish.patience_s
        if came and heard_s is not None and now_s - heard_s < FIRST_PATIENCE_S:
            wish.patience_s = FIRST_PATIENCE_S
            return False
        return now_s - wish.asked_s >= wish.patience_s

    async def ask(self, now_s: float) -> None:
        """Ask once for each message that is missing. Refusals are no errors: it is asked for again later."""
        too_old = False
        for name in self.missing(now_s):
            wish = self._wishes[name]
            if wish.asked_s is not None:
                wish.patience_s = min(2 * wish.patience_s, LAST_PATIENCE_S)
            wish.asked_s = now_s
            try:
                if name in WANTED_ONCE:
                    await self._commands.request_message(name)
                else:
                    await self._commands.set_message_interval(name, WANTED_HZ[name])
            except CommandUnsupportedError:
                too_old = too_old or name not in WANTED_ONCE
            except CommandError as error:
                log.debug("%s: %s", name, error)
        if too_old:
            self._ask_the_old_way()

    def _ask_the_old_way(self) -> None:
        for group, rate_hz in _GROUPS_HZ.items():
            self._link.send(
                mavlink.MAVLink_request_data_stream_message(
                    self._link.system_id, AUTOPILOT_COMPONENT, group, rate_hz, 1
                )
            )
