"""Whether the station can be reached, and when to try again. Pure: ``now_s`` and events go in.

It says so once on loss and once on recovery, and nothing in between.
"""

from __future__ import annotations

import logging
import random

from uplink.backoff import Backoff

log = logging.getLogger(__name__)


class StationLink:
    """The drone's view of the link to one station. Times are seconds of one monotonic clock; ``meanwhile`` is
    what its loss means, for the log."""

    def __init__(
        self,
        station_url: str,
        backoff: Backoff,
        rng: random.Random,
        *,
        meanwhile: str = "alerts wait in the outbox",
    ) -> None:
        self.up: bool | None = None  # None until the first answer or failure
        self.heard_s: float | None = None
        """When the station answered last."""
        self._meanwhile = meanwhile
        self._station_url = station_url
        self._backoff = backoff
        self._rng = rng
        self._failures = 0
        self._lost_at_s = 0.0
        self._retry_at_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long to hold back before the next request; 0 when the link is not known to be down."""
        return 0.0 if self.up is not False else max(0.0, self._retry_at_s - now_s)

    def hurry(self) -> None:
        """Another way to the same station is open again: the next request need not be held back."""
        self._retry_at_s = 0.0

    def reached(self, now_s: float) -> bool:
        """The station answered. True if it was not up before: then what it forgot is sent again."""
        came_back = self.up is not True
        if self.up is False:
            log.info("station %s is back after %.0f s", self._station_url, now_s - self._lost_at_s)
        elif self.up is None:
            log.info("station %s reached", self._station_url)
        self.up, self.heard_s = True, now_s
        self._failures = 0
        return came_back

    def lost(self, now_s: float, reason: str, *, at_least_s: float = 0.0) -> None:
        """A request failed for a reason that would fail every other request as well.

        ``at_least_s`` is how long the station asked us to hold back.
        """
        if self.wait_s(now_s) > 0:
            return  # a request that was on its way when the link went down: the same loss
        if self.up is not False:
            log.warning("station %s is out of reach (%s): %s", self._station_url, reason, self._meanwhile)
            self._lost_at_s = now_s
        self.up = False
        self._failures += 1
        asked_s = at_least_s * self._rng.uniform(1.0, 1.2)  # it asked the other drones as well
        self._retry_at_s = now_s + max(asked_s, self._backoff.delay_s(self._failures, self._rng))
