"""The plan protocol's autopilot side, as ArduPilot speaks it (``GCS_MAVLink/MissionItemProtocol.cpp``).

One server for each kind of plan: mission, fence, rally points. A pure state machine: a message and the time
go in, messages come out. What is worth knowing:

- it asks with the legacy ``MISSION_REQUEST``, repeats itself every second, and gives up after eight
  seconds of silence with ``OPERATION_CANCELLED``;
- an item that was not asked for is answered with ``INVALID_SEQUENCE`` and changes nothing;
- while one station uploads, another is denied; the one who uploads may begin again.

What becomes of the items is the business of the ``Store``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from flight.link import mavlink
from flight.plans.items import HAS_POSITION, PLAIN_FRAME, MissionItem

REPEAT_S = 1.0
GIVE_UP_S = 8.0

Say = Callable[[str, int], None]


class Store(Protocol):
    """Where the items of one kind of plan are kept. Results are of MAV_MISSION_RESULT."""

    kind: int  # MAV_MISSION_TYPE
    name: str  # as in "Mission upload timeout"
    most: int
    items: list[MissionItem]

    def begin(self, count: int) -> None:
        """An upload of so many items begins."""

    def put(self, item: MissionItem) -> int | None:
        """Take the item of this number; the result that refuses it, if any."""

    def finish(self) -> int:
        """The last item has come: the result for the whole upload."""

    def clear(self) -> bool:
        """Forget everything; False where that may not be."""

    def item(self, seq: int) -> MissionItem:
        """One item as it is read. Raises IndexError beyond the end."""

    def beyond(self, seq: int) -> int:
        """The result for reading this item, which is not there."""


class PlanServer:
    """Serves uploads and downloads of one store."""

    def __init__(self, store: Store, say: Say) -> None:
        self.store = store
        self._say = say
        self._uploader: tuple[int, int] | None = None
        self._next = 0
        self._count = 0
        self._heard_s = 0.0
        self._asked_s = 0.0
        self._warned: set[str] = set()

    @property
    def is_receiving(self) -> bool:
        return self._uploader is not None

    def tick(self, now_s: float) -> Iterable[Any]:
        """Repeat the question, or give the upload up."""
        if self._uploader is None:
            return
        if now_s - self._heard_s > GIVE_UP_S:
            uploader, self._uploader = self._uploader, None
            self._say(f"{self.store.name} upload timeout", mavlink.MAV_SEVERITY_WARNING)
            yield self._ack(uploader, mavlink.MAV_MISSION_OPERATION_CANCELLED)
        elif now_s - self._asked_s > REPEAT_S:
            yield self._ask(now_s)

    def handle(self, message: Any, now_s: float) -> Iterable[Any]:
        """Answer one message of the protocol."""
        sender = (message.get_srcSystem(), message.get_srcComponent())
        match message.get_type():
            case "MISSION_COUNT":
                yield from self._begin(message.count, sender, now_s)
            case "MISSION_ITEM_INT" | "MISSION_ITEM":
                if message.get_type() == "MISSION_ITEM":
                    self._warn_once("got MISSION_ITEM; GCS should send MISSION_ITEM_INT")
                yield from self._receive(message, sender, now_s)
            case "MISSION_REQUEST_LIST" | "MISSION_REQUEST_INT" | "MISSION_REQUEST" if self.is_receiving:
                yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
            case "MISSION_REQUEST_LIST":
                yield mavlink.MAVLink_mission_count_message(*sender, len(self.store.items), self.store.kind)
            case "MISSION_REQUEST_INT" | "MISSION_REQUEST":
                yield from self._tell(message, sender)
            case "MISSION_CLEAR_ALL":
                yield from self._clear(sender)

    def _clear(self, sender: tuple[int, int]) -> Iterable[Any]:
        if self._uploader not in (None, sender):
            # Denied for the upload, and then an error for the clearing.
            yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
            yield self._ack(sender, mavlink.MAV_MISSION_ERROR)
            return
        self._uploader = None
        done = self.store.clear()
        yield self._ack(sender, mavlink.MAV_MISSION_ACCEPTED if done else mavlink.MAV_MISSION_ERROR)

    def _begin(self, count: int, sender: tuple[int, int], now_s: float) -> Iterable[Any]:
        if self._uploader not in (None, sender):
            yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
            return
        self._uploader = None
        if count > self.store.most:
            self._say(f"Only {self.store.most} items are supported", mavlink.MAV_SEVERITY_WARNING)
            yield self._ack(sender, mavlink.MAV_MISSION_NO_SPACE)
            return
        self.store.begin(count)
        self._next, self._count = 0, count
        if count == 0:
            yield self._ack(sender, self.store.finish())
        else:
            self._uploader, self._heard_s = sender, now_s
            yield self._ask(now_s)

    def _receive(self, message: Any, sender: tuple[int, int], now_s: float) -> Iterable[Any]:
        if self._uploader is None:
            yield self._ack(sender, mavlink.MAV_MISSION_ERROR)
        elif message.seq != self._next:
            yield self._ack(sender, mavlink.MAV_MISSION_INVALID_SEQUENCE)
        elif sender != self._uploader:
            yield self._ack(sender, mavlink.MAV_MISSION_DENIED)
        else:
            fault = self.store.put(_as_item(message))
            if fault is not None:
                self._uploader = None
                yield self._ack(sender, fault)
                return
            self._heard_s = now_s
            self._next += 1
            if self._next < self._count:
                yield self._ask(now_s)
            else:
                result = self.store.finish()
                self._uploader = None
                yield self._ack(sender, result)

    def _tell(self, message: Any, sender: tuple[int, int]) -> Iterable[Any]:
        kind = self.store.kind
        try:
            item = self.store.item(message.seq)
        except IndexError:
            if kind == mavlink.MAV_MISSION_TYPE_MISSION:
                yield mavlink.MAVLink_mission_count_message(*sender, len(self.store.items), kind)
            yield self._ack(sender, self.store.beyond(message.seq))
            return
        head = (*sender, item.seq, item.frame, item.command, 0, int(item.autocontinue), *item.params)
        if message.get_type() == "MISSION_REQUEST_INT":
            place = (item.lat_e7, item.lon_e7, item.alt_m)
            yield mavlink.MAVLink_mission_item_int_message(*head, *place, kind)
        else:
            self._warn_once("got MISSION_REQUEST; use MISSION_REQUEST_INT!")
            scale = 1e-7 if item.command in HAS_POSITION else 1.0
            yield mavlink.MAVLink_mission_item_message(
                *head, item.lat_e7 * scale, item.lon_e7 * scale, item.alt_m, kind
            )

    def _ask(self, now_s: float) -> Any:
        self._asked_s = now_s
        assert self._uploader is not None  # noqa: S101  (only asked while somebody uploads)
        return mavlink.MAVLink_mission_request_message(*self._uploader, self._next, self.store.kind)

    def _ack(self, to: tuple[int, int], result: int) -> Any:
        return mavlink.MAVLink_mission_ack_message(*to, result, self.store.kind)

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._say(text, mavlink.MAV_SEVERITY_WARNING)


def _as_item(message: Any) -> MissionItem:
    scale = 1e7 if message.get_type() == "MISSION_ITEM" and message.command in HAS_POSITION else 1
    numbers = (message.x, message.y)
    lat, lon = (round(n * scale) if math.isfinite(n) else 2**31 - 1 for n in numbers)
    params = (message.param1, message.param2, message.param3, message.param4)
    frame = PLAIN_FRAME.get(message.frame, message.frame)
    return MissionItem(message.seq, message.command, frame, params, lat, lon, message.z)
