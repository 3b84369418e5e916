"""What every transport is, and how those that can break come back."""

from __future__ import annotations

import abc
import asyncio
import errno
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from flight.errors import EmberwatchError

log = logging.getLogger(__name__)

Address: TypeAlias = tuple[Any, ...]
Receive: TypeAlias = Callable[[bytes, Address], None]

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
# An order must not arrive long after it was given: an end that takes nothing for this long loses what waits.
STUCK_S = 5.0


class LinkError(EmberwatchError):
    """The link to the autopilot cannot be opened as it was asked for."""

    @property
    def is_taken(self) -> bool:
        """Another program has the address."""
        return isinstance(self.__cause__, OSError) and self.__cause__.errno == errno.EADDRINUSE


class Transport(abc.ABC):
    """Carries bytes both ways. ``backed_up`` while it takes no more for now."""

    backed_up = False

    @property
    @abc.abstractmethod
    def connected(self) -> bool:
        """Whether bytes can go out (of UDP: whether the socket is open)."""

    @abc.abstractmethod
    async def open(self, receive: Receive, broken: Callable[[], None]) -> None:
        """Begin; ``receive`` gets what comes, ``broken`` hears that a stream ended in the middle. Raises
        LinkError for what only a person can mend."""

    @abc.abstractmethod
    def close(self) -> None:
        """End. Nothing is received afterwards."""

    @abc.abstractmethod
    def send(self, data: bytes, to: Address | None) -> bool:
        """Hand over bytes whole, or not at all and say False."""

    @property
    def answers_its_caller(self) -> bool:
        """Whether bytes go to the address that the vehicle was last heard from."""
        return False

    @property
    def is_wired(self) -> bool:
        """Whether this is a cable between two computers aboard."""
        return False

    @property
    def local_port(self) -> int:
        raise LinkError("this link has no port of its own")


class Stream(Transport):
    """A stream that is opened again, with growing pauses, whenever it breaks; its loss and its return are
    logged once each. It is back only when it brings bytes: an end that takes us in and hangs up again, as a
    port with a client already does, is neither hammered nor logged about."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._receive: Receive | None = None
        self._broken: Callable[[], None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._complained = False
        self._bore_bytes = False
        self._stuck: asyncio.TimerHandle | None = None

    async def open(self, receive: Receive, broken: Callable[[], None]) -> None:
        self._receive, self._broken = receive, broken
        self._keeper = asyncio.create_task(self._keep(), name=f"link {self._name}")

    def close(self) -> None:
        self._receive = None
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        self._disconnect()
        self.drained()

    @abc.abstractmethod
    async def _connect(self) -> None:
        """Once; raises when it cannot be had now."""

    @abc.abstractmethod
    def _disconnect(self) -> None:
        """Drop what is open, if anything is."""

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            error = await self._one_connection()
            if self._bore_bytes:
                pause_s = FIRST_PAUSE_S
            self._complain(error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _one_connection(self) -> Exception | None:
        """From its opening to its end; what went wrong if it did not open."""
        self._lost.clear()
        self.drained()
        self._bore_bytes = False
        try:
            await self._connect()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the vehicle flies on: try again
            self._disconnect()
            return error
        if not self._complained:
            log.info("%s is open", self._name)
        await self._lost.wait()
        self._disconnect()
        if self._broken is not None:
            self._broken()
        return None

    def _complain(self, error: Exception | None) -> None:
        if not self._complained:
            self._complained = True
            why = "lost" if error is None else f"not there ({str(error) or type(error).__name__})"
            log.warning("%s is %s; it is tried again until it is there", self._name, why)

    # --- called by the asyncio protocol below -----------------------------------------------------

    def came(self, data: bytes) -> None:
        """Bytes came."""
        self._bore_bytes = True
        if self._complained:
            self._complained = False
            log.info("%s is back", self._name)
        if self._receive is not None:
            self._receive(data, (self._name,))

    def filled(self) -> None:
        """No more is taken for now."""
        self.backed_up = True
        if self._stuck is None:
            self._stuck = asyncio.get_running_loop().call_later(STUCK_S, self.ended)

    def drained(self) -> None:
        """It takes bytes again."""
        self.backed_up = False
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def ended(self) -> None:
        """The other end, or the device, is gone."""
        self._lost.set()


class StreamProtocol(asyncio.Protocol):
    """Joins an asyncio stream to a ``Stream``."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def data_received(self, data: bytes) -> None:
        self._stream.came(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._stream.ended()

    def pause_writing(self) -> None:
        self._stream.filled()

    def resume_writing(self) -> None:
        self._stream.drained()


def on_network(url: str, place: str, *, hint: str, lowest_port: int = 1) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; raises LinkError that names the mistake."""
    host, _, port_text = place.rpartition(":")
    if not host:
        raise LinkError(f"the link {url!r} lacks a host or a port", hint=hint)
    if not (port_text.isascii() and port_text.isdigit() and lowest_port <= int(port_text) <= 65535):
        raise LinkError(f"{port_text!r} in the link {url!r} is not a port number", hint=hint)
    return host.strip("[]"), int(port_text)
