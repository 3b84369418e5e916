"""Which of all who send heartbeats is our vehicle.

Gimbals, ADS-B receivers, cameras and ground stations send heartbeats too. The vehicle is component 1
with an autopilot (flight rule 3). Pure: every call is told the time.
"""

from __future__ import annotations

import logging

from flight.link import AUTOPILOT_COMPONENT, mavlink

log = logging.getLogger(__name__)

TWO_HEARD_WITHIN_S = 3.0


class Identity:
    """Finds the vehicle by its heartbeat: the configured system, or else the first one heard."""

    def __init__(self, system_id: int | None = None) -> None:
        self.system_id = system_id
        self.ground_stations: set[int] = set()
        self._heard_s: dict[int, float] = {}
        self._warned = False

    def heartbeat(
        self, system_id: int, component_id: int, vehicle_type: int, autopilot: int, now_s: float
    ) -> bool:
        """Take one heartbeat of anybody; whether it is our vehicle's."""
        if vehicle_type == mavlink.MAV_TYPE_GCS:
            self.ground_stations.add(system_id)
        if component_id != AUTOPILOT_COMPONENT or autopilot == mavlink.MAV_AUTOPILOT_INVALID:
            return False
        if self.system_id is None:
            self.system_id = system_id
        self._heard_s[system_id] = now_s
        others = self.others(now_s)
        if others and not self._warned:
            log.error("there is a second autopilot, system %s; we stay with %s", others[0], self.system_id)
        self._warned = bool(others)
        return system_id == self.system_id

    def others(self, now_s: float) -> list[int]:
        """Systems of further autopilots on this link, heard in the last 3 s."""
        return sorted(
            system_id
            for system_id, heard_s in self._heard_s.items()
            if system_id != self.system_id and now_s - heard_s <= TWO_HEARD_WITHIN_S
        )
