"""Far ends of a link with real descriptors: a TCP server that vanishes and returns, and a serial cable."""

from __future__ import annotations

import asyncio
import os
import tty
from pathlib import Path
from typing import Self


class Server:
    """A TCP server on loopback that can be taken away in the middle of everything, and be put back."""

    def __init__(self) -> None:
        self.port = 0
        self.received = bytearray()
        self.connections = 0
        self.reads = True
        self.greeting = b""
        self.hangs_up = False
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.vanish()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()
            await asyncio.sleep(0)

    def send(self, data: bytes) -> None:
        self._writers[-1].write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        writer.write(self.greeting)
        if self.hangs_up:
            writer.close()
            return
        while True:
            if not self.reads:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                return
            try:
                data = await reader.read(4096)
            except ConnectionError:
                return
            if not data:
                return
            self.received += data


class Cable:
    """A pseudo-terminal whose near end is reached by a name, as udev gives one: pulled out and put back it is
    another device under the same name."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.received = bytearray()
        self._far: int | None = None
        self._near: int | None = None
        self._waiting = b""
        self.plug_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pull_out()

    @property
    def url(self) -> str:
        return f"serial:{self.name}:921600"

    def plug_in(self) -> None:
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        os.set_blocking(self._far, False)
        self.name.symlink_to(os.ttyname(self._near))

    def pull_out(self) -> None:
        if self._far is not None and self._near is not None:
            self.deafen()
            os.close(self._near)
            os.close(self._far)
            self.name.unlink()
            self._far = self._near = None

    def listen(self) -> None:
        """Take what comes from now on; until then it piles up, as at a busy autopilot."""
        assert self._far is not None
        asyncio.get_running_loop().add_reader(self._far, self._take)

    def deafen(self) -> None:
        assert self._far is not None
        asyncio.get_running_loop().remove_reader(self._far)

    def send(self, data: bytes) -> None:
        assert self._far is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._far, view) :]

    def _take(self) -> None:
        assert self._far is not None
        try:
            self.received += os.read(self._far, 65536)
        except OSError:  # the near end is not open now
            return
