"""A TCP client: to a simulator, a serial server or a router."""

from __future__ import annotations

import asyncio
import socket

from flight.transports.transport import Address, Stream, StreamProtocol

CONNECT_S = 5.0
# Where nothing is acknowledged for this long the kernel drops the connection and what waits in it, instead of
# delivering it up to a quarter of an hour later.
UNHEARD_MS = 5000
# More than this waiting, here and as much again in the kernel, means that the other end has stopped reading.
MOST_WAITING_BYTES = 4096


class TcpTransport(Stream):
    """Connects to one host and port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"tcp:{host}:{port}")
        self._host, self._port = host, port
        self._transport: asyncio.Transport | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_S):
            transport, _ = await loop.create_connection(lambda: StreamProtocol(self), self._host, self._port)
        self._transport = transport
        transport.set_write_buffer_limits(high=MOST_WAITING_BYTES)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_WAITING_BYTES)

    def _disconnect(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def send(self, data: bytes, to: Address | None) -> bool:  # noqa: ARG002 - there is one other end
        if not self.connected or self.backed_up:
            return False
        assert self._transport is not None  # noqa: S101 - it is connected
        self._transport.write(data)
        return True
