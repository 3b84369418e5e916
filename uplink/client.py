"""The drone's way to the station for what must not be lost: a link, and the courier that empties the outbox.

What the drone says of itself, and is ordered, goes another way (``uplink.drone_link``).
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable

from uplink.backoff import Backoff
from uplink.clock import elapsed_s
from uplink.courier import Courier
from uplink.ground import DroneGround, SearchedGround
from uplink.link import StationLink
from uplink.messages import Message
from uplink.metering import Metering, unmetered
from uplink.outbox import Outbox
from uplink.station_requests import checked, station_http

LINK_BACKOFF = Backoff(first_s=0.5, max_s=30.0)
ITEM_BACKOFF = Backoff(first_s=1.0, max_s=300.0)


class UplinkClient:
    """One drone's client. ``run`` it in a task; cancel that task to stop.

    ``rng`` and ``clock`` (monotonic seconds) may be given for tests. Raises ``UplinkError`` for an
    address that is none.
    """

    def __init__(
        self,
        station_url: str,
        drone_id: str,
        key: str,
        outbox: Outbox,
        *,
        metering: Metering | None = None,
        tls: ssl.SSLContext | None = None,
        link_backoff: Backoff = LINK_BACKOFF,
        item_backoff: Backoff = ITEM_BACKOFF,
        rng: random.Random | None = None,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self._station_url = checked(station_url)
        self._drone_id = drone_id
        self._key = key
        self._outbox = outbox
        self._metering = metering or unmetered()
        self._tls = tls
        self._item_backoff = item_backoff
        self._rng = rng or random.Random()  # noqa: S311 (jitter, no secret)
        self._clock = clock
        self._link = StationLink(self._station_url, link_backoff, self._rng)
        self._courier: Courier | None = None
        self._shown: dict[str, Message] = {}

    @property
    def connected(self) -> bool:
        """Whether the last request was answered."""
        return self._link.up is True

    @property
    def metered(self) -> bool:
        """Whether larger pictures wait for a better link."""
        return self._metering.metered

    def show(self, ground: DroneGround | SearchedGround) -> None:
        """Tells the station, when there is a link and unless it has it already; it replaces the one before.
        Call it on the event loop."""
        self._shown["searched" if isinstance(ground, SearchedGround) else "ground"] = ground
        if self._courier is not None:
            self._courier.wake()

    def station_is_heard(self) -> None:
        """It was heard another way, after a loss: nothing waits any longer, and it is told again what it
        shows of the drone. Call it on the event loop."""
        if self._courier is not None:
            self._courier.hurry()

    async def run(self) -> None:
        """Delivers until cancelled. What is not delivered then stays in the outbox."""
        # httpx logs every request at INFO; we say loss and recovery only.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        loop = asyncio.get_running_loop()
        async with station_http(self._station_url, self._key, self._tls) as http:
            self._courier = courier = Courier(
                self._drone_id,
                self._outbox,
                http,
                self._link,
                self._metering,
                shown=self._shown,
                item_backoff=self._item_backoff,
                rng=self._rng,
                clock=self._clock,
            )

            def something_was_put() -> None:
                loop.call_soon_threadsafe(courier.wake)

            unsubscribe = self._outbox.subscribe(something_was_put)
            try:
                await courier.run()
            finally:
                unsubscribe()
