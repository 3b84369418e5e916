"""The autopilot's USB plug: a serial device that can be pulled out, before the virtual drone's UDP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Any

from flight.link import Codec

MOST_BYTES = 4096


class SerialLine(asyncio.DatagramProtocol):
    """Open it with ``async with``: from then on ``device`` is there, and leads to who sends to ``port``."""

    def __init__(self, device: Path, port: int) -> None:
        self.device = device
        self._port = port
        self._drone: asyncio.DatagramTransport | None = None
        self._drone_at: Any = None
        self._master: int | None = None
        self._slave: int | None = None
        self._codec = Codec()
        self.beats_s: list[float] = []
        """When heartbeats of the agent came (monotonic)."""
        self.texts: list[tuple[float, str]] = []
        """Beginnings of what it told the pilot, and when."""

    async def __aenter__(self) -> SerialLine:
        loop = asyncio.get_running_loop()
        self._drone, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", self._port)
        )
        self.plug_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pull_out()
        assert self._drone is not None
        self._drone.close()

    def plug_in(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._codec = Codec()
        asyncio.get_running_loop().add_reader(self._master, self._from_agent)
        self.device.symlink_to(os.ttyname(self._slave))

    def pull_out(self) -> None:
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self.device.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._drone_at = addr
        if self._master is not None:
            with contextlib.suppress(BlockingIOError, OSError):  # nobody reads: a full line drops
                os.write(self._master, data)

    def _from_agent(self) -> None:
        """Whole messages: what a router passes on must not be half of one."""
        assert self._master is not None
        try:
            data = os.read(self._master, MOST_BYTES)
        except OSError:
            return
        for message in self._codec.decode(data):
            if message.get_type() == "HEARTBEAT":
                self.beats_s.append(time.monotonic())
            elif message.get_type() == "STATUSTEXT" and message.chunk_seq == 0:
                self.texts.append((time.monotonic(), message.text))
            if self._drone is not None and self._drone_at is not None:
                self._drone.sendto(bytes(message.get_msgbuf()), self._drone_at)
