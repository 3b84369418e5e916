"""The lines that drones have opened to the station: one for each drone, the newest wins. On the event loop
only.
"""

from __future__ import annotations

import asyncio
import itertools
import logging

from uplink.messages import DroneState
from uplink.station.orders import DroneClock

log = logging.getLogger(__name__)

KEY_GONE = 4003  # close codes; the drone knows the second as ``uplink.drone_link.REPLACED``
REPLACED = 4001


class OpenLink:
    """One open line. ``number`` tells it from the drone's earlier ones."""

    def __init__(self, drone_id: str, number: int) -> None:
        self.drone_id = drone_id
        self.number = number
        self.has_orders = asyncio.Event()
        self.is_watched = asyncio.Event()
        """Somebody has begun to watch what the drone sees."""
        self.ended = asyncio.Event()
        self.end_code = 0
        self.end_reason = ""
        self.clock: DroneClock | None = None
        """None until the drone has said what its clock shows."""
        self.drone_sequence = 0

    def heard(self, state: DroneState, now_s: float) -> None:
        """The drone spoke just now."""
        self.drone_sequence = max(self.drone_sequence, state.order_sequence)
        if state.clock_s is None:
            return
        if self.clock is None:
            self.has_orders.set()  # what waited for it can be sent from now on
        self.clock = DroneClock(self.number, state.clock_s - now_s)

    def end(self, code: int, reason: str) -> None:
        """Whoever serves it is to close it."""
        self.end_code, self.end_reason = code, reason
        self.ended.set()


class DroneLinks:
    """Those that are open now."""

    def __init__(self) -> None:
        self._links: dict[str, OpenLink] = {}
        self._numbers = itertools.count(1)

    def open(self, drone_id: str) -> OpenLink:
        """A drone has connected; ``close`` it at its end. One that it had is ended."""
        earlier = self._links.get(drone_id)
        if earlier is not None:
            earlier.end(REPLACED, "this drone has connected anew")
        link = self._links[drone_id] = OpenLink(drone_id, next(self._numbers))
        return link

    def close(self, link: OpenLink) -> None:
        """It is no more."""
        if self._links.get(link.drone_id) is link:
            del self._links[link.drone_id]

    def has_orders(self, drone_id: str) -> None:
        """There may be something to send to this drone."""
        link = self._links.get(drone_id)
        if link is not None:
            link.has_orders.set()

    def is_open(self, drone_id: str) -> bool:
        """Whether this drone can be told something."""
        return drone_id in self._links

    def is_watched(self, drone_id: str) -> None:
        """Somebody has begun to watch this drone."""
        link = self._links.get(drone_id)
        if link is not None:
            link.is_watched.set()

    def shut_out(self, drone_id: str) -> None:
        """The drone's key is no longer taken."""
        link = self._links.get(drone_id)
        if link is not None:
            link.end(KEY_GONE, "the drone's key is no longer taken")
