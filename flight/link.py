"""The one MAVLink link: a UDP socket of our own, the codec, and who gets which message.

This is the only module that imports pymavlink's dialect and touches its codec state. pymavlink's own
connections are not used: its TCP layer ignores partial sends and its time-outs use the wall clock
(flight rule 30). Everything runs on one event loop; nothing here blocks, and nothing queues without
a bound.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from flight.errors import EmberwatchError

# pymavlink reads this when it is imported, and speaks MAVLink 1 without it (flight rule 29).
os.environ["MAVLINK20"] = "1"

from pymavlink.dialects.v20 import ardupilotmega as mavlink

if mavlink.WIRE_PROTOCOL_VERSION != "2.0":
    raise ImportError("pymavlink was loaded for MAVLink 1; flight.link must be imported before it")

__all__ = ["AUTOPILOT_COMPONENT", "Codec", "Endpoint", "Inbox", "Link", "LinkError", "Message", "mavlink"]

log = logging.getLogger(__name__)

# pymavlink has no types: a message is whatever its dialect made, with the fields of its definition.
Message: TypeAlias = Any
Subscriber: TypeAlias = Callable[[Message, float], None]
Address: TypeAlias = tuple[Any, ...]

AUTOPILOT_COMPONENT = 1

# Small whichever way asyncio counts it (datagrams up to Python 3.11, bytes since): what cannot go out at
# once is better lost than late.
_SEND_BACKLOG = 16
_PEERS = 8
_INBOX = 256
_COMPACT_BYTES = 4096


class LinkError(EmberwatchError):
    """The link to the autopilot cannot be opened as it was asked for."""


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
        host, _, port_text = place.rpartition(":")
        if kind not in ("udpin", "udpout"):
            raise LinkError(f"the link {url!r} does not begin with udpin: or udpout:", hint=hint)
        if not host:
            raise LinkError(f"the link {url!r} lacks a host or a port", hint=hint)
        lowest = 0 if kind == "udpin" else 1  # listening on port 0 takes any free port
        if not (port_text.isascii() and port_text.isdigit() and lowest <= int(port_text) <= 65535):
            raise LinkError(f"{port_text!r} in the link {url!r} is not a port number", hint=hint)
        return cls(kind == "udpin", host.strip("[]"), int(port_text))


class Codec:
    """Bytes to messages and back, for one stream of bytes."""

    def __init__(self, system_id: int = 0, component_id: int = 0) -> None:
        self._mavlink: Any = mavlink.MAVLink(None, srcSystem=system_id, srcComponent=component_id)
        self._mavlink.robust_parsing = True
        self.bad_data = 0

    def encode(self, message: Message) -> bytes:
        """Pack one message with the next sequence number."""
        data: bytes = message.pack(self._mavlink)
        self._mavlink.seq = (self._mavlink.seq + 1) % 256
        return data

    def decode(self, data: bytes) -> list[Message]:
        """Whole messages in these bytes and what was left of the last; bad data is counted and left out."""
        parsed = self._mavlink.parse_buffer(data) or []
        # pymavlink drops what it has read only when nothing is left over, which may be never.
        if self._mavlink.buf_index > _COMPACT_BYTES:
            del self._mavlink.buf[: self._mavlink.buf_index]
            self._mavlink.buf_index = 0
        messages = [message for message in parsed if message.get_type() != "BAD_DATA"]
        self.bad_data += len(parsed) - len(messages)
        return messages


@dataclass(slots=True)
class _Sender:
    """What came from one (system, component), and what its sequence numbers say did not."""

    received: int = 0
    lost: int = 0
    sequence: int | None = None

    def heard(self, sequence: int) -> None:
        self.received += 1
        ahead = 1 if self.sequence is None else (sequence - self.sequence) % 256
        if ahead == 0:  # the same datagram again
            self.received -= 1
        elif ahead < 128:
            self.lost += ahead - 1
            self.sequence = sequence
        else:  # late: it had been counted as lost
            self.lost = max(0, self.lost - 1)


class Inbox:
    """Messages that somebody waits for; it is filled from the moment it exists, so none slips by."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message] = asyncio.Queue(_INBOX)

    def put(self, message: Message) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(message)

    async def next(self, timeout_s: float) -> Message | None:
        """The next message, or None when ``timeout_s`` passed without one."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                return await self._queue.get()
        except TimeoutError:
            return None


@dataclass(slots=True)
class LinkCounts:
    """What a link has carried so far."""

    sent: int = 0
    unsent: int = 0  # nobody to send to yet, or the socket's buffer was full
    received: int = 0
    unknown: int = 0  # message numbers that our dialect does not have
    impostors: int = 0  # messages of somebody else who uses our ids
    failures: int = 0  # subscribers that raised
    senders: dict[tuple[int, int], _Sender] = field(default_factory=dict)


class Link:
    """One UDP link to one vehicle.

    It is silent until ``speak_as`` says which system it belongs to (flight rule 2). A listening link
    answers the address that the vehicle was last heard from.
    """

    def __init__(
        self, url: str, *, component_id: int = 191, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = url
        self.component_id = component_id
        self.system_id: int | None = None
        self.counts = LinkCounts()
        self._endpoint = Endpoint.parse(url)
        self._now = now
        self._encoder = Codec()
        self._decoders: dict[Address, Codec] = {}
        self._bad_data_of_forgotten = 0
        self._subscribers: dict[str, list[Subscriber]] = {}
        self.backed_up = False  # the socket takes no more for now
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: Address | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def open(self) -> None:
        """Open the socket; raises LinkError when the port is busy or the host is not there."""
        place = (self._endpoint.host, self._endpoint.port)
        where: dict[str, Any] = {"local_addr" if self._endpoint.listens else "remote_addr": place}
        try:
            transport: Any
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Protocol(self), **where
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
            f"the link {self.url!r} cannot be opened: {error.strerror or error}",
            hint="Check the host and the port.",
        )

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    @property
    def local_port(self) -> int:
        """The port this link's socket has; the link must be open."""
        if self._transport is None:
            raise LinkError("the link is not open")
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    @property
    def bad_data(self) -> int:
        """Runs of bytes that were no MAVLink message."""
        return self._bad_data_of_forgotten + sum(codec.bad_data for codec in self._decoders.values())

    def loss(self, system_id: int, component_id: int) -> float:
        """The share of this sender's messages that never came, 0 to 1."""
        sender = self.counts.senders.get((system_id, component_id), _Sender())
        return sender.lost / max(1, sender.received + sender.lost)

    def speak_as(self, system_id: int) -> None:
        """From now on send, as our component of this vehicle."""
        self.system_id = system_id
        self._encoder = Codec(system_id, self.component_id)

    def from_vehicle(self, message: Message) -> bool:
        """Whether this message comes from the autopilot of our own system."""
        return _source(message) == (self.system_id, AUTOPILOT_COMPONENT)

    def send(self, message: Message) -> bool:
        """Hand one message to the socket; False (and counted) when it could not be taken."""
        return self.system_id is not None and self._send(self._encoder.encode(message))

    def knock(self) -> None:
        """Show an ``udpout`` peer our address while we do not yet know who we are: one byte, no message."""
        if not self._endpoint.listens:
            self._send(b"\0")

    def _send(self, data: bytes) -> bool:
        nobody = self._endpoint.listens and self._peer is None
        if self._transport is None or nobody or self.backed_up:
            self.counts.unsent += 1
            return False
        self._transport.sendto(data, self._peer)
        self.counts.sent += 1
        return True

    def subscribe(self, subscriber: Subscriber, *types: str) -> Callable[[], None]:
        """Call ``subscriber(message, received_at_s)`` for these message types; returns how to stop."""
        for name in types:
            self._subscribers.setdefault(name, []).append(subscriber)

        def stop() -> None:
            for name in types:
                self._subscribers[name].remove(subscriber)

        return stop

    @contextmanager
    def expect(self, *types: str, where: Callable[[Message], bool] | None = None) -> Iterator[Inbox]:
        """An inbox of the vehicle's messages of these types. Open it, then send the question."""
        inbox = Inbox()

        def keep(message: Message, _received_s: float) -> None:
            if self.from_vehicle(message) and (where is None or where(message)):
                inbox.put(message)

        stop = self.subscribe(keep, *types)
        try:
            yield inbox
        finally:
            stop()

    def receive(self, data: bytes, address: Address) -> None:
        """Take one datagram: decode, count, and hand each message to whoever asked for its type."""
        received_s = self._now()
        for message in self._decoder(address).decode(data):
            self.counts.received += 1
            system_id, component_id, sequence = _origin(message)
            source = (system_id, component_id)
            self.counts.senders.setdefault(source, _Sender()).heard(sequence)
            if message.get_type().startswith("UNKNOWN"):
                self.counts.unknown += 1
            elif source == (self.system_id, self.component_id):
                self._heard_ourselves()
            else:
                if self._endpoint.listens and (self.system_id is None or self.from_vehicle(message)):
                    self._peer = address
                self._dispatch(message, received_s)

    def _decoder(self, address: Address) -> Codec:
        codec = self._decoders.get(address)
        if codec is None:
            while len(self._decoders) >= _PEERS:
                oldest = next(iter(self._decoders))
                self._bad_data_of_forgotten += self._decoders.pop(oldest).bad_data
            codec = self._decoders[address] = Codec()
        return codec

    def _heard_ourselves(self) -> None:
        self.counts.impostors += 1
        if self.counts.impostors == 1:
            log.error(
                "another program speaks as system %s component %s, which is us",
                self.system_id,
                self.component_id,
            )

    def _dispatch(self, message: Message, received_s: float) -> None:
        for subscriber in tuple(self._subscribers.get(message.get_type(), ())):
            try:
                subscriber(message, received_s)
            except Exception:
                self.counts.failures += 1
                if self.counts.failures == 1:
                    log.exception("a subscriber failed on %s; later failures are only counted", message)


def _source(message: Message) -> tuple[int, int]:
    return message.get_srcSystem(), message.get_srcComponent()


def _origin(message: Message) -> tuple[int, int, int]:
    """System, component and sequence number; pymavlink leaves them out of messages it does not know."""
    if not message.get_type().startswith("UNKNOWN"):
        return *_source(message), message.get_seq()
    raw = message.get_msgbuf()
    first = 4 if raw[0] == mavlink.PROTOCOL_MARKER_V2 else 2
    return raw[first + 1], raw[first + 2], raw[first]


class _Protocol(asyncio.DatagramProtocol):
    """Joins asyncio's socket to a Link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._complained = False

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._complained = False
        self._link.receive(data, addr)

    def pause_writing(self) -> None:
        self._link.backed_up = True

    def resume_writing(self) -> None:
        self._link.backed_up = False

    def error_received(self, exc: Exception) -> None:
        # Nobody listens at the other end (yet); the age of its heartbeat is what counts.
        if not self._complained:
            self._complained = True
            log.warning("nobody answers on %s: %s", self._link.url, exc)
