"""A TAK server in miniature: takes streams in XML and protobuf, and negotiates which as a real one does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from xml.etree import ElementTree as ET

import takproto

OFFER = (
    b'<event version="2.0" uid="proto" type="t-x-takp-v" how="m-g" time="2026-07-01T12:00:00Z" '
    b'start="2026-07-01T12:00:00Z" stale="2026-07-01T12:01:00Z">'
    b'<point lat="0" lon="0" hae="0" ce="0" le="0"/><detail><TakControl>'
    b'<TakProtocolSupport version="1"/></TakControl></detail></event>'
)
ANSWER = OFFER.replace(b"t-x-takp-v", b"t-x-takp-r").replace(
    b'<TakProtocolSupport version="1"/>', b'<TakResponse status="%s"/>'
)
MAGIC = 0xBF


class TakServer:
    """``xml`` and ``protobuf`` are the events that came, by their way."""

    def __init__(self, *, offers: bool, agrees: bool) -> None:
        self.port = 0
        self.xml: list[ET.Element] = []
        self.protobuf: list[Any] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.talked_between = False
        self._offers, self._agrees = offers, agrees

    def uids(self, kind: str) -> list[str]:
        return [event.attrib["uid"] for event in self.xml if event.attrib["type"] == kind]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            # A server tells its clients of the others, at any time.
            writer.write(OFFER.replace(b"t-x-takp-v", b"a-f-G").replace(b"TakControl", b"remarks"))
            if self._offers:
                writer.write(OFFER)
            while (first := await reader.readexactly(1))[0] != MAGIC:
                event = ET.fromstring((first + await reader.readuntil(b"</event>")).strip())
                self.xml.append(event)
                if event.attrib["type"] == "t-x-takp-q":
                    await self._answer(reader, writer, event)
            await self._take_protobuf(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: ET.Element
    ) -> None:
        assert asked.attrib["uid"] == "proto"
        with suppress(TimeoutError):
            self.talked_between = bool((await asyncio.wait_for(reader.read(100), 0.2)).strip())
        writer.write(ANSWER % (b"true" if self._agrees else b"false"))

    async def _take_protobuf(self, reader: asyncio.StreamReader) -> None:
        while True:
            length, shift = 0, 0
            while True:
                byte = (await reader.readexactly(1))[0]
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            message = takproto.proto.TakMessage()
            message.ParseFromString(await reader.readexactly(length))
            self.protobuf.append(message.cotEvent)
            assert (await reader.readexactly(1))[0] == MAGIC


@asynccontextmanager
async def tak_server(
    *, offers: bool = False, agrees: bool = True, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[TakServer]:
    server = TakServer(offers=offers, agrees=agrees)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", port, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in server.connections:
            writer.close()
        await listener.wait_closed()
