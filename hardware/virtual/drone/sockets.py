"""The virtual drone's datagrams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from flight.link import Endpoint
from hardware.virtual.drone.config import VirtualDroneError


class Datagrams(asyncio.DatagramProtocol):
    """Hands what comes to a function. Nobody there yet is no error: the drone flies on."""

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        self._receive(data)


def send_to_all(transports: Iterable[asyncio.DatagramTransport], data: bytes) -> None:
    for transport in transports:
        transport.sendto(data)


async def open_socket(url: str, receive: Callable[[bytes], None]) -> asyncio.DatagramTransport:
    endpoint = Endpoint.parse(url)
    if endpoint.listens:
        raise VirtualDroneError(f"the virtual drone sends first: {url!r} must begin with udpout:")
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(receive), remote_addr=(endpoint.host, endpoint.port)
        )
    except OSError as error:
        raise VirtualDroneError(f"the virtual drone cannot send to {url}: {error}") from error
    return transport
