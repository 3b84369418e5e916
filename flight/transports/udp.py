"""UDP: listening, or sending first."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from flight.transports.transport import Address, LinkError, Receive, Transport, on_network

log = logging.getLogger(__name__)

# Small whichever way asyncio counts it (datagrams up to Python 3.11, bytes since).
_SEND_BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a link listens (``udpin``) or sends to (``udpout``)."""

    listens: bool
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``udpin:HOST:PORT`` or ``udpout:HOST:PORT``; raises LinkError that names the mistake."""
        hint = "Write udpin:127.0.0.1:14550 to listen, or udpout:192.168.0.10:14550 to send there first."
        kind, _, place = url.partition(":")
        if kind not in ("udpin", "udpout"):
            raise LinkError(f"the link {url!r} does not begin with udpin: or udpout:", hint=hint)
        listens = kind == "udpin"
        # Listening on port 0 takes any free one.
        return cls(listens, *on_network(url, place, hint=hint, lowest_port=0 if listens else 1))

    @property
    def url(self) -> str:
        return f"{'udpin' if self.listens else 'udpout'}:{self.host}:{self.port}"


class UdpTransport(Transport):
    """One UDP socket."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def answers_its_caller(self) -> bool:
        return self._endpoint.listens

    @property
    def local_port(self) -> int:
        if self._transport is None:
            raise LinkError("the link is not open")
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def open(self, receive: Receive, broken: Callable[[], None]) -> None:  # noqa: ARG002 - never broken
        place = (self._endpoint.host, self._endpoint.port)
        where: dict[str, Any] = {"local_addr" if self._endpoint.listens else "remote_addr": place}
        try:
            transport: Any
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Protocol(self, receive), **where
            )
        except OSError as error:
            raise self._cannot_open(error) from error
        transport.set_write_buffer_limits(high=_SEND_BACKLOG)
        self._transport = transport

    def _cannot_open(self, error: OSError) -> LinkError:
        host, port = self._endpoint.host, self._endpoint.port
        if error.errno == errno.EADDRINUSE:
            return LinkError(
                f"port {port} on {host} is in use by another program",
                hint="Stop that program, or give the link another port.",
            )
        if error.errno == errno.EADDRNOTAVAIL:
            return LinkError(
                f"{host} is not an address of this machine",
                hint="Listen on one of its own addresses, or on 0.0.0.0 for all of them.",
            )
        return LinkError(
            f"the link {self._endpoint.url!r} cannot be opened: {error.strerror or error}",
            hint="Check the host and the port.",
        )

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def send(self, data: bytes, to: Address | None) -> bool:
        if self._transport is None or self.backed_up or (self._endpoint.listens and to is None):
            return False
        self._transport.sendto(data, to)
        return True

    @property
    def name(self) -> str:
        return self._endpoint.url


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, transport: UdpTransport, receive: Receive) -> None:
        self._transport = transport
        self._receive = receive
        self._complained = False

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._complained = False
        self._receive(data, addr)

    def pause_writing(self) -> None:
        self._transport.backed_up = True

    def resume_writing(self) -> None:
        self._transport.backed_up = False

    def error_received(self, exc: Exception) -> None:
        # Nobody listens at the other end (yet); the age of its heartbeat is what counts.
        if not self._complained:
            self._complained = True
            log.warning("nobody answers on %s: %s", self._transport.name, exc)
