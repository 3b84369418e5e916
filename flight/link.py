"""The one MAVLink link to a vehicle: a transport of our own, the codec, and who gets which message.

pymavlink's own connections are not used: its TCP layer ignores partial sends, its reconnect sleeps and its
time-outs use the wall clock (flight rule 30). Everything runs on one event loop; nothing here blocks, and
nothing queues without a bound.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from flight.codec import Codec, Message, mavlink
from flight.listeners import Listeners
from flight.signing import Signing, Verdict
from flight.transports import Address, Endpoint, LinkError, transport_of

__all__ = ["AUTOPILOT_COMPONENT", "Codec", "Endpoint", "Inbox", "Link", "LinkError", "Message", "mavlink"]

log = logging.getLogger(__name__)

Subscriber: TypeAlias = Callable[[Message, float], None]

AUTOPILOT_COMPONENT = 1

_PEERS = 8
_INBOX = 256
_SENDERS = 256
_TELL_TIME_S = 1.0
_QUIET_TURNS = 2  # a turn of the event loop runs what was ready before it reads
_MOST_TURNS = 1000


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
    refused: Counter[Verdict] = field(default_factory=Counter)  # on a signed link
    senders: dict[tuple[int, int], _Sender] = field(default_factory=dict)


class Link:
    """One link to one vehicle; ``url`` as in ``flight.transports``.

    It is silent until ``speak_as`` says which system it belongs to (flight rule 2). A listening link
    answers the address that the vehicle was last heard from. With ``signing``, what it sends is signed, and
    what is not signed with the same key is refused and counted (flight rules 27, 28).
    """

    def __init__(
        self,
        url: str,
        *,
        component_id: int = 191,
        signing: Signing | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self.component_id = component_id
        self.system_id: int | None = None
        self.counts = LinkCounts()
        self._transport = transport_of(url)
        self._signing = signing
        self._now = now
        self._encoder = Codec(signing=signing)
        self._decoders: dict[Address, Codec] = {}
        self._bad_data_of_forgotten = 0
        self.on_packet: Listeners[[bytes, float]] = Listeners("packets")
        """Called with each message as it went over the line, and when: ours, and all that came, refused ones
        too."""
        self._subscribers: dict[str, list[Subscriber]] = {}
        self._peer: Address | None = None
        self._chunks = 0
        self._told_time_s = float("-inf")

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def open(self) -> None:
        """Open the transport; raises LinkError when the port is busy or the host is not there.

        A TCP or serial link opens even when nobody answers yet, and goes on trying."""
        await self._transport.open(self.receive, self._forget_decoders)

    def close(self) -> None:
        self._transport.close()

    @property
    def connected(self) -> bool:
        """Whether bytes can go out."""
        return self._transport.connected

    @property
    def signing(self) -> Signing | None:
        """What it signs with."""
        return self._signing

    @property
    def is_wired(self) -> bool:
        """Whether this is a cable between autopilot and companion."""
        return self._transport.is_wired

    @property
    def local_port(self) -> int:
        """The UDP port this link's socket has; the link must be open."""
        return self._transport.local_port

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
        self._encoder = Codec(system_id, self.component_id, self._signing)

    def from_vehicle(self, message: Message) -> bool:
        """Whether this message comes from the autopilot of our own system."""
        return _source(message) == (self.system_id, AUTOPILOT_COMPONENT)

    def send(self, message: Message) -> bool:
        """Hand one message to the socket; False (and counted) when it could not be taken."""
        if self.system_id is None:
            return False
        data = self._encoder.encode(message)
        sent = self._send(data)
        if sent:
            self.on_packet.tell(data, self._now())
        return sent

    def knock(self) -> None:
        """Show a peer our address while we do not yet know who we are: one byte, no message. A simulator's or
        router's TCP port may wait for it as well."""
        if not self._transport.answers_its_caller:
            self._send(b"\0")

    def _send(self, data: bytes) -> bool:
        sent = self._transport.send(data, self._peer)
        if sent:
            self.counts.sent += 1
        else:
            self.counts.unsent += 1
        return sent

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

    async def caught_up(self) -> None:
        """Return once everything that had arrived was read and handed on.

        Where this program stood still for a while, the pilot's change of mode may wait in the socket behind
        hundreds of other messages: an order must not overtake it.
        """
        quiet = 0
        for _ in range(_MOST_TURNS):
            before = self._chunks
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._chunks == before else 0
            if quiet > _QUIET_TURNS:
                return

    def sign_with(self, signing: Signing | None) -> None:
        """From now on sign with this key, and refuse what is not signed with it; None: no signing."""
        self._signing = signing
        if self.system_id is not None:
            self.speak_as(self.system_id)

    def receive(self, data: bytes, address: Address) -> None:
        """Take some bytes: decode, check, count, and hand each message to whoever asked for its type."""
        received_s = self._now()
        self._chunks += 1
        for message in self._decoder(address).decode(data):
            if self.on_packet:
                self.on_packet.tell(bytes(message.get_msgbuf()), received_s)
            if self._signing is not None and not self._is_genuine(message, self._signing, address):
                continue
            self.counts.received += 1
            name = message.get_type()
            if name.startswith("UNKNOWN"):
                self.counts.unknown += 1
                self._count(message, is_known=False)
            elif self._signing is not None and name == "RADIO_STATUS":
                self._dispatch(message, received_s)  # it needs no signature, so it moves nothing of ours
            elif _source(message) == (self.system_id, self.component_id):
                self._heard_ourselves()
            else:
                self._count(message)
                if self._transport.answers_its_caller and (
                    self.system_id is None or self.from_vehicle(message)
                ):
                    self._peer = address
                self._dispatch(message, received_s)

    def _count(self, message: Message, *, is_known: bool = True) -> None:
        """What is unknown has no checksum that we could check: it may be noise, so it adds no sender."""
        system_id, component_id, sequence = _origin(message)
        sender = self.counts.senders.get((system_id, component_id))
        if sender is None:
            if not is_known or len(self.counts.senders) >= _SENDERS:
                return
            sender = self.counts.senders[system_id, component_id] = _Sender()
        sender.heard(sequence)

    def _is_genuine(self, message: Message, signing: Signing, address: Address) -> bool:
        verdict = signing.verdict(bytes(message.get_msgbuf()))
        if verdict is Verdict.GENUINE:
            return True
        self.counts.refused[verdict] += 1
        if self.counts.refused[verdict] == 1:
            log.warning("a packet on %s was refused: %s; more are only counted", self.url, verdict.value)
        if verdict is Verdict.STALE:
            self._tell_time(message, signing, address)
        return False

    def _tell_time(self, message: Message, signing: Signing, address: Address) -> None:
        """An autopilot that was off for long and sees no satellites signs with the past: it would never be
        heard. It takes the time from any packet signed with its key, so it gets one that changes nothing."""
        system_id, component_id, _sequence = _origin(message)
        if component_id == AUTOPILOT_COMPONENT and self._now() - self._told_time_s >= _TELL_TIME_S:
            self._told_time_s = self._now()
            told = Codec(system_id, self.component_id, signing).encode(mavlink.MAVLink_timesync_message(0, 0))
            if self._transport.send(told, address):
                self.on_packet.tell(told, self._now())

    def _forget_decoders(self) -> None:
        """A stream broke in the middle of a message: what comes next begins anew."""
        self._bad_data_of_forgotten += sum(codec.bad_data for codec in self._decoders.values())
        self._decoders.clear()

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
