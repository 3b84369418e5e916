"""A bad link on loopback: it delays requests, cuts some at a random byte, and is down now and then.

It speaks just enough HTTP/1.1 to know where a request begins and ends. What it counts is what it carried: the
bytes of a request that were cut off behind the cut never left the drone. A connection that becomes a
WebSocket is carried as bytes from then on; all of them share what a thin line carries, one way and the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK_BYTES = 16 * 1024
PIECE_BYTES = 1400  # of what is carried as bytes
HEAD_LIMIT_BYTES = 64 * 1024


@dataclass(slots=True)
class Carried:
    """A request as far as it came. ``status`` is of an answer that reached the drone whole."""

    method: str
    path: str
    size_bytes: int
    body_bytes: int = 0
    status: int | None = None


class ThinLine:
    """So many bytes a second, one after another, each so late."""

    def __init__(self, bytes_s: float, delay_s: float) -> None:
        self.bytes_s = bytes_s
        self.delay_s = delay_s
        self.carried_bytes = 0
        self._free_s = 0.0
        self._turn = asyncio.Lock()

    async def carry(self, data: bytes, to: asyncio.StreamWriter) -> None:
        """Returns when the line is free for more; the bytes arrive ``delay_s`` later."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            now_s = loop.time()
            self._free_s = max(now_s, self._free_s) + len(data) / self.bytes_s
            await asyncio.sleep(self._free_s - now_s)
            self.carried_bytes += len(data)
        loop.call_later(self.delay_s, _write, to, data)


def _write(to: asyncio.StreamWriter, data: bytes) -> None:
    if not to.transport.is_closing():
        to.write(data)


@dataclass(slots=True)
class FaultProxy:
    """Between a drone and the station at a port of loopback."""

    station_port: int
    rng: random.Random
    delay_s: tuple[float, float] = (0.0, 0.0)
    cut_share: float = 0.0
    up: ThinLine = field(default_factory=lambda: ThinLine(math.inf, 0.0))
    """What WebSockets have from the drone to the station."""
    down: ThinLine = field(default_factory=lambda: ThinLine(math.inf, 0.0))
    url: str = ""
    carried: list[Carried] = field(default_factory=list)
    cuts: int = 0
    outages: int = 0
    _is_down: bool = False
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def media_bytes(self) -> int:
        """Of the pictures' own bytes, all that was carried, repeats included."""
        return sum(one.body_bytes for one in self.carried if one.path.startswith("/api/v1/media/"))

    async def outage(self, duration_s: float) -> None:
        """Breaks every line, and takes no new one for a while."""
        self.take_down()
        await asyncio.sleep(duration_s)
        self.bring_up()

    def take_down(self) -> None:
        """Breaks every line, and takes no new one."""
        self.outages += 1
        self._is_down = True
        for line in list(self._lines):
            line.transport.abort()

    def bring_up(self) -> None:
        """It works again."""
        self._is_down = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the drone's."""
        if self._is_down:
            writer.transport.abort()
            return
        self._lines.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._pass_on(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled by ``end``: asyncio's streams make a traceback of what is not caught
        finally:
            self._lines.discard(writer)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False where the line was cut."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        one = Carried(method, path, _length(head))
        self.carried.append(one)
        await asyncio.sleep(self.rng.uniform(*self.delay_s))
        cut_request_at, cut_answer = None, False
        if self.rng.random() < self.cut_share:
            self.cuts += 1
            # A third of the cuts meet the answer: the station has it, and the drone does not know.
            cut_answer = self.rng.random() < 1 / 3
            if not cut_answer:
                cut_request_at = self.rng.randrange(len(head) + one.size_bytes)
        station, to_station = await asyncio.open_connection("127.0.0.1", self.station_port)
        try:
            if b"\r\nupgrade: websocket" in head.lower():
                to_station.write(head)
                await self._carry_socket(reader, writer, station, to_station)
                return False
            if not await self._carry_request(one, head, reader, to_station, cut_request_at):
                return False
            return await self._carry_answer(one, station, writer, cut_answer)
        finally:
            to_station.close()
            with contextlib.suppress(OSError):
                await to_station.wait_closed()

    async def _carry_socket(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        station: asyncio.StreamReader,
        to_station: asyncio.StreamWriter,
    ) -> None:
        """Bytes both ways, until one side has no more."""

        async def pump(come: asyncio.StreamReader, go: asyncio.StreamWriter, line: ThinLine) -> None:
            while data := await come.read(PIECE_BYTES):
                await line.carry(data, go)
            await asyncio.sleep(line.delay_s)

        pumps = [
            asyncio.create_task(pump(reader, to_station, self.up)),
            asyncio.create_task(pump(station, writer, self.down)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in pumps:
                one.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _carry_request(
        self,
        one: Carried,
        head: bytes,
        reader: asyncio.StreamReader,
        to_station: asyncio.StreamWriter,
        cut_at: int | None,
    ) -> bool:
        allowed = len(head) + one.size_bytes if cut_at is None else cut_at
        to_station.write(head[:allowed])
        allowed -= len(head)
        while one.body_bytes < min(one.size_bytes, max(allowed, 0)):
            wanted = min(CHUNK_BYTES, min(one.size_bytes, allowed) - one.body_bytes)
            chunk = await reader.read(wanted)
            if not chunk:
                return False
            one.body_bytes += len(chunk)
            to_station.write(chunk)
            await to_station.drain()
        return cut_at is None

    async def _carry_answer(
        self, one: Carried, station: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: bool
    ) -> bool:
        head = await station.readuntil(b"\r\n\r\n")
        body = b"" if one.method == "HEAD" else await station.readexactly(_length(head))
        answer = head + body
        if cut:
            writer.write(answer[: self.rng.randrange(len(answer))])
            await writer.drain()
            return False
        writer.write(answer)
        await writer.drain()
        one.status = int(head.split(b" ", 2)[1])
        return True

    async def end(self) -> None:
        """Breaks every line for good."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@asynccontextmanager
async def bad_link(proxy: FaultProxy) -> AsyncIterator[FaultProxy]:
    """The proxy while it listens; its ``url`` is the drone's address of the station."""
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=HEAD_LIMIT_BYTES)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
