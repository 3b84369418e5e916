"""The mission protocol as two state machines: ``Upload`` and ``Download``.

Pure: each call takes an event and the time and returns what to send. One object is one attempt; the caller
starts a new one where an attempt ends in ``Outcome.AGAIN`` (flight rules 21, 22 and "restarts whole").
Protocol: https://mavlink.io/en/services/mission.html

Upload::

    start ─▶ COUNT, and again each retry_s until the vehicle asks for the first item
          ─▶ items only as answers; the same question gets the same answer again
          ─▶ ACK accepted                      DONE
             ACK refused for good              REFUSED
             ACK cancelled or denied, silence  AGAIN
             all items given, and no clear ACK UNSETTLED: read back what is aboard

Download::

    start ─▶ LIST, and again each retry_s until COUNT; then each item asked for until it comes; ACK; DONE
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from flight.link import mavlink
from flight.plans.items import MissionItem


class Outcome(Enum):
    """How an attempt ended."""

    DONE = "done"
    REFUSED = "the autopilot refuses this mission"
    AGAIN = "the attempt failed; another may not"
    UNSETTLED = "all was given and no acknowledgement came"


@dataclass(frozen=True, slots=True)
class TransferPatience:
    """How long a transfer waits. ArduPilot asks again each second and gives up after 8 s of silence."""

    retry_s: float = 0.8
    tries: int = 12
    silence_s: float = 8.0
    ack_s: float = 3.0


@dataclass(frozen=True, slots=True)
class SendCount:
    count: int


@dataclass(frozen=True, slots=True)
class SendItem:
    item: MissionItem


@dataclass(frozen=True, slots=True)
class SendListRequest:
    pass


@dataclass(frozen=True, slots=True)
class SendItemRequest:
    seq: int


@dataclass(frozen=True, slots=True)
class SendAck:
    pass


Outgoing = SendCount | SendItem | SendListRequest | SendItemRequest | SendAck

# ArduPilot's ERROR is "not now", its DENIED "somebody else is uploading".
_TRY_AGAIN = frozenset(
    {mavlink.MAV_MISSION_OPERATION_CANCELLED, mavlink.MAV_MISSION_DENIED, mavlink.MAV_MISSION_ERROR}
)


class Upload:
    """One attempt to put a mission aboard."""

    def __init__(self, items: Sequence[MissionItem], patience: TransferPatience) -> None:
        self._items = items
        self._patience = patience
        self._given: set[int] = set()
        self._counts_sent = 0
        self._sent_s = 0.0
        self._heard_s = 0.0
        self.latest: int | None = None
        self.result: int | None = None
        self.outcome: Outcome | None = None

    @property
    def progress(self) -> int:
        """How many items were given."""
        return len(self._given)

    def start(self, now_s: float) -> list[Outgoing]:
        self._sent_s = now_s
        self._counts_sent += 1
        return [SendCount(len(self._items))]

    def asked(self, seq: int, now_s: float) -> list[Outgoing]:
        """The vehicle asks for an item."""
        if self.outcome is not None or not 0 <= seq < len(self._items):
            return []
        self._heard_s = now_s
        self._given.add(seq)
        self.latest = seq
        return [SendItem(self._items[seq])]

    def acknowledged(self, result: int) -> None:
        """The vehicle says how it went; nothing is sent for that."""
        all_given = len(self._given) == len(self._items)
        if self.outcome is not None or result == mavlink.MAV_MISSION_INVALID_SEQUENCE:
            return  # it got an item twice and asks on for the one it lacks
        if result == mavlink.MAV_MISSION_OPERATION_CANCELLED and not self._given:
            return  # the end of an earlier transfer
        if result == mavlink.MAV_MISSION_ACCEPTED:
            if all_given:  # otherwise it belongs to an earlier transfer
                self.outcome = Outcome.DONE
        elif result == mavlink.MAV_MISSION_ERROR and all_given:
            self.outcome = Outcome.UNSETTLED  # the last item came twice, and the first one ended the transfer
        else:
            self.result = result
            self.outcome = Outcome.AGAIN if result in _TRY_AGAIN else Outcome.REFUSED

    def tick(self, now_s: float) -> list[Outgoing]:
        """Nothing came for a while."""
        if self.outcome is not None:
            return []
        if not self._given:
            if now_s - self._sent_s < self._patience.retry_s:
                return []
            if self._counts_sent >= self._patience.tries:
                self.outcome = Outcome.AGAIN
                return []
            return self.start(now_s)
        silence_s = now_s - self._heard_s
        if len(self._given) == len(self._items):
            if silence_s >= self._patience.ack_s:
                self.outcome = Outcome.UNSETTLED
        elif silence_s >= self._patience.silence_s:
            self.outcome = Outcome.AGAIN
        return []


class Download:
    """One attempt to read the mission aboard."""

    def __init__(self, patience: TransferPatience) -> None:
        self._patience = patience
        self._count: int | None = None
        self._tries = 0
        self._sent_s = 0.0
        self.items: list[MissionItem] = []
        self.result: int | None = None
        self.outcome: Outcome | None = None

    def start(self, now_s: float) -> list[Outgoing]:
        return self._ask(now_s)

    def counted(self, count: int, now_s: float) -> list[Outgoing]:
        """The vehicle says how many items there are."""
        if self.outcome is not None or count == self._count:
            return []
        if self._count is not None:
            self.outcome = Outcome.AGAIN  # it became another mission while we read
            return []
        self._count = count
        return self._next(now_s)

    def received(self, item: MissionItem, now_s: float) -> list[Outgoing]:
        """The vehicle sends an item; only the one we asked for is taken."""
        if self.outcome is not None or self._count is None or item.seq != len(self.items):
            return []
        self.items.append(item)
        return self._next(now_s)

    def acknowledged(self, result: int) -> None:
        """The vehicle ends the transfer; it does so only to refuse."""
        harmless = (mavlink.MAV_MISSION_ACCEPTED, mavlink.MAV_MISSION_INVALID_SEQUENCE)
        if self.outcome is None and result not in harmless:
            self.result = result
            self.outcome = Outcome.AGAIN

    def tick(self, now_s: float) -> list[Outgoing]:
        """Nothing came for a while."""
        if self.outcome is not None or now_s - self._sent_s < self._patience.retry_s:
            return []
        if self._tries >= self._patience.tries:
            self.outcome = Outcome.AGAIN
            return []
        return self._ask(now_s)

    def _next(self, now_s: float) -> list[Outgoing]:
        self._tries = 0
        if len(self.items) == self._count:
            self.outcome = Outcome.DONE
            return [SendAck()]
        return self._ask(now_s)

    def _ask(self, now_s: float) -> list[Outgoing]:
        self._tries += 1
        self._sent_s = now_s
        return [SendListRequest() if self._count is None else SendItemRequest(len(self.items))]
