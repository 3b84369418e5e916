"""Tells a TAK server of drones and fires, for as long as the station runs.

The connection is made again whenever it breaks; nothing of the station waits for it. A stream begins in XML,
as TAK's protocol wants it, and goes on in protobuf where the configuration asks for it and the server offers
it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol
from xml.etree import ElementTree as ET

from uplink.backoff import Backoff
from uplink.errors import StationError, StoreError
from uplink.station.feeds.config import TakConfig
from uplink.station.feeds.cot import protocol_request_event
from uplink.station.feeds.tak_map import HeardDrone, TakMap
from uplink.station.incident import Incident

log = logging.getLogger(__name__)

EVERY_S = 1.0
TIMEOUT_S = 10.0
STANDS_S = 5.0  # a connection that is closed before that was none: a server may refuse after the handshake
BACKOFF = Backoff(first_s=1.0, max_s=60.0)
MOST_BYTES = 1_000_000  # of one event that a server sends: nothing of it is kept
END_OF_EVENT = b"</event>"


class Pipe(Protocol):
    """A way to the server, once there is one."""

    async def send(self, events: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


class TakFeed:
    """``tls`` is from ``tls_context``, for servers reached so; ``drones`` and ``fires`` say how it is
    now; ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        config: TakConfig,
        tls: ssl.SSLContext | None,
        *,
        drones: Callable[[], Iterable[HeardDrone]],
        fires: Callable[[], Awaitable[Sequence[Incident]]],
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._config = config
        self._tls = tls
        self._drones = drones
        self._fires = fires
        self._clock = clock
        self._rng = rng
        self._map = TakMap(config.stale_s)
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._serve()
            except (OSError, EOFError, TimeoutError, ssl.SSLError) as reason:
                self._failures += 1
                if self._failures == 1:
                    log.warning(
                        "TAK %s is not reached: %s; it is tried again", self._config.url, _why(reason)
                    )
            await asyncio.sleep(BACKOFF.delay_s(max(1, self._failures), self._rng))

    async def _serve(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            pipe = await self._connect()
        self._map.begin()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            while True:
                await self._tell(pipe)
                if self._failures and loop.time() - began_s >= STANDS_S:
                    log.info("TAK %s is reached again", self._config.url)
                    self._failures = 0
                await asyncio.sleep(EVERY_S)
        finally:
            pipe.close()

    async def _tell(self, pipe: Pipe) -> None:
        try:
            fires = await self._fires()
        except StoreError:
            return  # who keeps the store says so
        events = self._map.due(self._drones(), fires, self._clock())
        async with asyncio.timeout(TIMEOUT_S):
            await pipe.send(events)

    async def _connect(self) -> Pipe:
        host, port = self._config.address
        wants_protobuf = self._config.protocol == "protobuf"
        if self._config.scheme == "udp":
            return await Datagrams.open(host, port, protobuf=wants_protobuf)
        reader, writer = await asyncio.open_connection(
            host,
            port,
            ssl=self._tls,
            server_hostname=(self._config.server_name or host) if self._tls else None,
            limit=MOST_BYTES,
        )
        return Stream(reader, writer, clock=self._clock, wants_protobuf=wants_protobuf)


class Stream:
    """TCP or TLS. What the server sends is read, so that it can go on, and left aside."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        clock: Callable[[], float],
        wants_protobuf: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._wants_protobuf = wants_protobuf
        self._protobuf = False
        self._may_send = asyncio.Event()
        self._may_send.set()
        self._listening = asyncio.create_task(self._listen())

    async def send(self, events: Sequence[bytes]) -> None:
        """Raises ``OSError`` or ``EOFError`` when the server is gone, ``TimeoutError`` from without when it
        takes nothing."""
        if self._listening.done():
            self._listening.result()
            raise EOFError("the server has closed the connection")
        await self._may_send.wait()
        for event in events:
            self._writer.write(_as_protobuf(event, stream=True) if self._protobuf else event + b"\n")
        await self._writer.drain()

    def close(self) -> None:
        self._listening.cancel()
        self._writer.close()

    async def _listen(self) -> None:
        while self._wants_protobuf and not self._protobuf:
            try:
                event = await self._reader.readuntil(END_OF_EVENT)
            except asyncio.LimitOverrunError:
                break
            except asyncio.IncompleteReadError:
                return
            await self._negotiate(event)
        while await self._reader.read(65536):
            pass

    async def _negotiate(self, event: bytes) -> None:
        """From the request to its answer nothing else may be sent."""
        control = _control_of(event)
        if control is None:
            return
        uid, kind, root = control
        if kind == "t-x-takp-v" and self._may_send.is_set():
            offered = {each.get("version") for each in root.iter("TakProtocolSupport")}
            if "1" in offered:
                self._may_send.clear()
                self._writer.write(protocol_request_event(uid, now_s=self._clock()))
                await self._writer.drain()
        elif kind == "t-x-takp-r" and not self._may_send.is_set():
            answer = root.find(".//TakResponse")
            self._protobuf = answer is not None and answer.get("status") == "true"
            self._wants_protobuf = self._protobuf
            self._may_send.set()


class Datagrams:
    """UDP, to one address or to a multicast group: one event in each."""

    def __init__(self, transport: asyncio.DatagramTransport, *, protobuf: bool) -> None:
        self._transport = transport
        self._protobuf = protobuf

    @classmethod
    async def open(cls, host: str, port: int, *, protobuf: bool) -> Datagrams:
        """Raises ``OSError``. Multicast stays in the local network: that is the system's default."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(host, port)
        )
        return cls(transport, protobuf=protobuf)

    async def send(self, events: Sequence[bytes]) -> None:
        """Whether anybody listens nobody knows."""
        for event in events:
            self._transport.sendto(_as_protobuf(event, stream=False) if self._protobuf else event)

    def close(self) -> None:
        self._transport.close()


def tls_context(config: TakConfig) -> ssl.SSLContext:
    """Raises ``StationError`` where the certificates cannot be used."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.cert_file is not None:
            context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as reason:
        raise StationError(
            f"the certificates for TAK cannot be used: {reason}",
            hint="ca_file, cert_file and key_file of [station.tak] are PEM files that this user can read.",
        ) from None
    return context


def _as_protobuf(event: bytes, *, stream: bool) -> bytes:
    from takproto import TAKProtoVer, xml2proto

    return bytes(xml2proto(event.decode(), TAKProtoVer.STREAM if stream else TAKProtoVer.MESH))


def _control_of(event: bytes) -> tuple[str, str, ET.Element] | None:
    """Uid, type and root of an event about the protocol itself; None of all others."""
    if b"TakControl" not in event:
        return None
    try:
        root = ET.fromstring(event[event.index(b"<event") :])  # noqa: S314 (expat bounds what entities grow to)
    except (ET.ParseError, ValueError):
        return None
    return root.get("uid", ""), root.get("type", ""), root


def _why(reason: BaseException) -> str:
    return str(reason) or type(reason).__name__
