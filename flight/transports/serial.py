"""A serial port: the autopilot's telemetry port, wired to this computer.

pyserial opens the port and sets it up; from then on its file descriptor is on the event loop, so that a port
that is slow, or pulled out, holds up nobody.
"""

from __future__ import annotations

import asyncio
import os
import termios
from contextlib import ExitStack, suppress
from typing import Self

import serial

from flight.transports.transport import Address, LinkError, Stream, StreamProtocol

MOST_WAITING_BYTES = 4096  # half a second at 57,600 baud is 3 kB


class SerialTransport(Stream):
    """Opens one device, and again when it comes back."""

    def __init__(self, device: str, baud: int) -> None:
        super().__init__(f"serial:{device}:{baud}")
        self._device, self._baud = device, baud
        self._port: serial.Serial | None = None
        self._reader: asyncio.ReadTransport | None = None
        self._writer: asyncio.WriteTransport | None = None

    @classmethod
    def parse(cls, url: str, *, hint: str) -> Self:
        """Read ``serial:DEVICE:BAUD``; raises LinkError that names the mistake."""
        device, _, baud = url.partition(":")[2].rpartition(":")
        if not device:
            raise LinkError(f"the link {url!r} lacks a device or a speed", hint=hint)
        if not (baud.isascii() and baud.isdigit() and int(baud) > 0):
            raise LinkError(f"{baud!r} in the link {url!r} is no speed in baud", hint=hint)
        return cls(device, int(baud))

    @property
    def is_wired(self) -> bool:
        return True

    @property
    def connected(self) -> bool:
        return self._writer is not None and not self._writer.is_closing()

    async def _connect(self) -> None:
        self._port = serial.Serial(self._device, self._baud, timeout=0, exclusive=True)
        loop = asyncio.get_running_loop()
        # Each side closes a descriptor of its own.
        with ExitStack() as unless_connected:
            reading, writing = (
                unless_connected.enter_context(os.fdopen(os.dup(self._port.fileno()), mode, buffering=0))
                for mode in ("rb", "wb")
            )
            self._reader, _ = await loop.connect_read_pipe(lambda: StreamProtocol(self), reading)
            self._writer, _ = await loop.connect_write_pipe(lambda: StreamProtocol(self), writing)
            self._writer.set_write_buffer_limits(high=MOST_WAITING_BYTES)
            unless_connected.pop_all()

    def _disconnect(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        if self._port is not None:
            if self.backed_up:  # closing would wait for what the other end does not take
                with suppress(OSError, termios.error):
                    self._port.reset_output_buffer()
            self._port.close()
            self._port = None

    def send(self, data: bytes, to: Address | None) -> bool:  # noqa: ARG002 - there is one other end
        if not self.connected or self.backed_up:
            return False
        assert self._writer is not None  # noqa: S101 - it is connected
        self._writer.write(data)
        return True
