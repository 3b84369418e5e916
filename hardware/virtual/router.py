"""A router between autopilot, companion and pilot, as mavlink-router is one, with a pilot's station on it.

Bytes of the vehicle go to the companion and to the station, those of each of these to the vehicle and to the
other. The station is a virtual pilot's: it says once a second that it is there (real heartbeats of a real,
if virtual, ground station; flight rule 7), and does what its owner tells it to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from flight.link import Codec, mavlink
from flight.signing import Signing

STATION_SYSTEM, STATION_COMPONENT = 255, 190

Line = Callable[[bytes], Iterable[bytes]]
"""What arrives, and in which pieces, of a datagram that was sent."""


def _whole(datagram: bytes) -> Iterable[bytes]:
    return (datagram,)


class Router:
    """Open it with ``async with``. The vehicle sends to ``vehicle_port``; the companion listens on
    ``companion_port``. ``to_companion`` and ``from_companion`` may lose datagrams."""

    def __init__(
        self,
        companion_port: int,
        *,
        companion_host: str = "127.0.0.1",
        vehicle_port: int = 0,
        heartbeat_period_s: float = 1.0,
        to_companion: Line = _whole,
        from_companion: Line = _whole,
    ) -> None:
        self._companion_at = (companion_host, companion_port)
        self._vehicle_port = vehicle_port
        self._period_s = heartbeat_period_s
        self.to_companion = to_companion
        self.from_companion = from_companion
        self.beats = True
        """Whether the station says that it is there."""
        self.on_message: list[Callable[[Any], None]] = []
        """Called with every message that the station hears: the vehicle's and the companion's."""
        self._codecs = {"vehicle": Codec(), "companion": Codec()}
        self._encoder = Codec(STATION_SYSTEM, STATION_COMPONENT)
        self._vehicle: asyncio.DatagramTransport | None = None
        self._companion: asyncio.DatagramTransport | None = None
        self._vehicle_address: Any = None
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Router:
        loop = asyncio.get_running_loop()
        self._vehicle, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._from_vehicle), local_addr=("127.0.0.1", self._vehicle_port)
        )
        self._companion, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._from_companion), remote_addr=self._companion_at
        )
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        for side in (self._vehicle, self._companion):
            if side is not None:
                side.close()

    @property
    def vehicle_port(self) -> int:
        """Where the vehicle is to send to; the router must be open."""
        assert self._vehicle is not None  # noqa: S101 - it is open
        port: int = self._vehicle.get_extra_info("sockname")[1]
        return port

    def sign_with(self, signing: Signing | None) -> None:
        """From now on the station signs what it says, as the vehicle's other links do."""
        self._encoder = Codec(STATION_SYSTEM, STATION_COMPONENT, signing)

    def forge(self, data: bytes, *, to_vehicle: bool = False) -> None:
        """Somebody else on the line sends these bytes, to the companion or to the vehicle."""
        (self._to_vehicle if to_vehicle else self._to_companion)(data)

    def say(self, message: Any) -> None:
        """The station sends a message to everybody."""
        data = self._encoder.encode(message)
        self._to_vehicle(data)
        self._to_companion(data)

    async def _beat(self) -> None:
        while True:
            if self.beats:
                self.say(
                    mavlink.MAVLink_heartbeat_message(
                        mavlink.MAV_TYPE_GCS, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, mavlink.MAV_STATE_ACTIVE, 3
                    )
                )
            await asyncio.sleep(self._period_s)

    def _from_vehicle(self, data: bytes, address: Any) -> None:
        self._vehicle_address = address
        self._hear("vehicle", data)
        self._to_companion(data)

    def _from_companion(self, data: bytes, _address: Any) -> None:
        for piece in self.from_companion(data):
            self._hear("companion", piece)
            self._to_vehicle(piece)

    def _hear(self, side: str, data: bytes) -> None:
        if self.on_message:
            for message in self._codecs[side].decode(data):
                for hear in self.on_message:
                    hear(message)

    def _to_vehicle(self, data: bytes) -> None:
        if self._vehicle is not None and self._vehicle_address is not None:
            self._vehicle.sendto(data, self._vehicle_address)

    def _to_companion(self, data: bytes) -> None:
        if self._companion is not None:
            for piece in self.to_companion(data):
                self._companion.sendto(piece)


class _Side(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Any], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there yet."""
