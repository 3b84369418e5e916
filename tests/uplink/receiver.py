"""A small HTTP server on loopback that answers as told and remembers what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Answers with ``statuses`` in turn, then with the last of them again and again."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    extra_headers: str = ""
    body: bytes = b""
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers: dict[str, str] = {}
            for line in head[1:]:
                name, _, value = line.partition(": ")
                if name:
                    headers[name.lower()] = value
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            self.received.append(Received(method, path, headers, body))
            self.arrived.set()
            writer.write(
                f"HTTP/1.1 {status} As told\r\nContent-Length: {len(self.body)}\r\n{self.extra_headers}"
                "Connection: close\r\n\r\n".encode()
                + self.body
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(*statuses: int, extra_headers: str = "", body: bytes = b"") -> AsyncIterator[Receiver]:
    receiver = Receiver(statuses=list(statuses or (200,)), extra_headers=extra_headers, body=body)
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"http://127.0.0.1:{port}/hook/token-in-path"
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
