"""Missions, fences and rally points to and from the autopilot: upload, download, verify.

The protocol's rules live in ``flight.transfer``; here they meet the link. A transfer that fails starts again
whole, five times at most. The three are plans of their own (flight rule 24), one ``Missions`` each; only
messages of our vehicle, to us, about that plan count (flight rule 22).

Item 0 of a mission is home in every list here. An autopilot that does not count home (PX4) is given the list
without it, and what it gives back gets the plan's own home again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

from flight.arbiter import Arbiter, Control, NotInControl
from flight.errors import EmberwatchError
from flight.link import AUTOPILOT_COMPONENT, Link, Message, mavlink
from flight.plans.items import HAS_POSITION, OF_A_FENCE, PLAIN_FRAME, Command, MissionItem, home_item
from flight.telemetry import Telemetry
from flight.transfer import (
    Download,
    Outcome,
    Outgoing,
    SendAck,
    SendCount,
    SendItem,
    SendItemRequest,
    SendListRequest,
    TransferPatience,
    Upload,
)

log = logging.getLogger(__name__)

ATTEMPTS = 5
PAUSE_S = 1.0
MAX_ITEMS = 65535
_TICK_S = 0.1
_REPLIES = (
    "MISSION_ACK",
    "MISSION_COUNT",
    "MISSION_ITEM_INT",
    "MISSION_REQUEST",  # ArduPilot still asks in this old form
    "MISSION_REQUEST_INT",
)


class MissionError(EmberwatchError):
    """A mission could not be brought aboard or read back."""


class Kind(Enum):
    """Which of the three plans; values are MAV_MISSION_TYPE."""

    MISSION = mavlink.MAV_MISSION_TYPE_MISSION
    FENCE = mavlink.MAV_MISSION_TYPE_FENCE
    RALLY = mavlink.MAV_MISSION_TYPE_RALLY

    @property
    def words(self) -> str:
        return {"MISSION": "mission", "FENCE": "fence", "RALLY": "list of rally points"}[self.name]


def fingerprint(items: Sequence[MissionItem]) -> str:
    """SHA-256 of what rule 23 compares, lengths in whole metres; home is left out.

    ``verify`` gives a copy that is the same the plan's own fingerprint: an autopilot cuts heights off at the
    centimetre, which may round to another metre.
    """
    digest = hashlib.sha256()
    for item in items:
        if item.seq == 0 and item.command == Command.NAV_WAYPOINT:
            continue
        words = [item.seq, item.command]
        if item.command in HAS_POSITION:
            words += [PLAIN_FRAME.get(item.frame, item.frame), item.lat_e7, item.lon_e7, _whole(item.alt_m)]
        if item.command in OF_A_FENCE:
            words.append(_whole(item.params[0]))
        digest.update(repr([int(word) for word in words]).encode())
    return digest.hexdigest()


def _whole(length_m: float) -> int:
    return round(length_m) if math.isfinite(length_m) else 0


class Missions:
    """One of the three plans aboard one vehicle. One transfer runs at a time."""

    def __init__(
        self,
        link: Link,
        telemetry: Telemetry,
        arbiter: Arbiter,
        *,
        kind: Kind = Kind.MISSION,
        lock: asyncio.Lock | None = None,
        patience: TransferPatience | None = None,
        pause_s: float = PAUSE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._telemetry = telemetry
        self._arbiter = arbiter
        self._kind = kind
        self.aboard_sha256: str | None = None
        """Of what was aboard when it was last read or written (``fingerprint``)."""
        self._patience = patience or TransferPatience()
        self._pause_s = pause_s
        self._now = now
        self._lock = lock or asyncio.Lock()  # an autopilot serves one transfer at a time

    async def upload(self, items: Sequence[MissionItem]) -> None:
        """Replace the plan aboard by these items (of a mission, item 0 is home). None clears it.

        While the vehicle is armed this needs a grant; disarmed it changes nothing that flies, and only
        ``read_only`` forbids it. Raises NotInControl, or MissionError where the autopilot refuses an item or
        five attempts failed; then what is aboard is not known, and ``download`` tells.
        """
        if len(items) > MAX_ITEMS or [item.seq for item in items] != list(range(len(items))):
            raise MissionError("a plan's items are numbered from 0")
        if self._kind is Kind.MISSION and not items:
            raise MissionError("a mission needs at least its home item")
        async with self._lock:
            self.aboard_sha256 = None
            for attempt in range(1, ATTEMPTS + 1):
                self._permit()
                upload = Upload(self._for_wire(items), self._patience)
                await self._run(upload)
                if upload.outcome is Outcome.REFUSED:
                    raise MissionError(
                        f"the autopilot refuses the {self._kind.words} at item {upload.latest}: "
                        f"{_result_name(upload.result)}",
                        hint="Correct that item in the plan.",
                    )
                if upload.outcome is Outcome.DONE or (
                    upload.outcome is Outcome.UNSETTLED and await self._is_aboard(items)
                ):
                    log.info("%s uploaded: %d items", self._kind.words, len(items))
                    self.aboard_sha256 = fingerprint(items)
                    return
                log.info(
                    "%s upload, attempt %d of %d, ended after %d of %d items%s",
                    self._kind.words,
                    attempt,
                    ATTEMPTS,
                    upload.progress,
                    len(items),
                    f" ({_result_name(upload.result)})" if upload.result is not None else "",
                )
                await asyncio.sleep(self._pause_s)
            raise MissionError(
                f"the {self._kind.words} could not be uploaded in {ATTEMPTS} attempts",
                hint="Check the link; another ground station may be uploading too.",
            )

    async def download(self) -> list[MissionItem]:
        """Read the plan aboard; empty when there is none. Raises MissionError after five attempts."""
        async with self._lock:
            return await self._download()

    async def verify(self, items: Sequence[MissionItem]) -> bool:
        """Whether the plan aboard is this one, read back item by item (``MissionItem.same_as``)."""
        same = _same(items, await self.download())
        if same:
            self.aboard_sha256 = fingerprint(items)  # not that of heights a centimetre off
        return same

    def _permit(self) -> None:
        if self._link.system_id is None or not self._telemetry.linked:
            raise MissionError("there is no autopilot to talk to", hint="Wait for its heartbeat.")
        self._may_change()

    def _may_go_on(self, transfer: Upload | Download) -> None:
        """A pilot who takes over, or arms, in the middle of an upload ends it: the autopilot drops what it
        has of it after 8 s of silence."""
        if isinstance(transfer, Upload):
            self._may_change()

    def _may_change(self) -> None:
        if self._arbiter.control == Control.READ_ONLY.value:
            raise NotInControl(
                f"a {self._kind.words} cannot be uploaded (read only): {self._arbiter.reason}",
                hint="Set read_only = false to let the agent bring plans aboard.",
            )
        if self._telemetry.armed:
            self._arbiter.tick(self._now())
            self._arbiter.require()

    async def _is_aboard(self, items: Sequence[MissionItem]) -> bool:
        return _same(items, await self._download())

    async def _download(self) -> list[MissionItem]:
        for attempt in range(1, ATTEMPTS + 1):
            if self._link.system_id is None:
                raise MissionError("there is no autopilot to talk to", hint="Wait for its heartbeat.")
            download = Download(self._patience)
            await self._run(download)
            if download.outcome is Outcome.DONE:
                items = self._from_wire(download.items)
                self.aboard_sha256 = fingerprint(items)
                return items
            log.info("%s download, attempt %d of %d, failed", self._kind.words, attempt, ATTEMPTS)
            await asyncio.sleep(self._pause_s)
        raise MissionError(
            f"the {self._kind.words} aboard could not be read in {ATTEMPTS} attempts", hint="Check the link."
        )

    async def _run(self, transfer: Upload | Download) -> None:
        with self._link.expect(*_REPLIES, where=self._is_ours) as inbox:
            await self._link.caught_up()
            self._may_go_on(transfer)
            self._send(transfer.start(self._now()))
            while transfer.outcome is None:
                message = await inbox.next(min(_TICK_S, self._patience.retry_s))
                self._may_go_on(transfer)
                if message is not None:
                    self._send(_take(transfer, message, self._now()))
                self._send(transfer.tick(self._now()))

    def _is_ours(self, message: Message) -> bool:
        return bool(
            message.mission_type == self._kind.value
            and message.target_system == self._link.system_id
            and message.target_component == self._link.component_id
        )

    def _send(self, outgoing: list[Outgoing]) -> None:
        for out in outgoing:
            self._link.send(_message(out, self._link.system_id, self._kind.value))

    @property
    def _adds_home(self) -> bool:
        """Whether home is an item of our lists only."""
        autopilot = self._telemetry.autopilot
        return self._kind is Kind.MISSION and autopilot is not None and not autopilot.first_item_is_home

    def _for_wire(self, items: Sequence[MissionItem]) -> Sequence[MissionItem]:
        autopilot = self._telemetry.autopilot
        if autopilot is not None:
            items = [autopilot.for_wire(item) for item in items]
        if not self._adds_home:
            return items
        return [replace(_renumbered(item, -1), seq=item.seq - 1) for item in items[1:]]

    def _from_wire(self, items: list[MissionItem]) -> list[MissionItem]:
        if not self._adds_home or not items:
            return items
        home = self._telemetry.home
        first = (
            home_item(0.0, 0.0, 0.0)
            if home is None
            else home_item(home.lat_deg, home.lon_deg, home.alt_amsl_m)
        )
        return [first, *(replace(_renumbered(item, 1), seq=item.seq + 1) for item in items)]


def _take(transfer: Upload | Download, message: Message, now_s: float) -> list[Outgoing]:
    name = message.get_type()
    if name == "MISSION_ACK":
        transfer.acknowledged(message.type)
        return []
    if isinstance(transfer, Upload):
        return transfer.asked(message.seq, now_s) if name.startswith("MISSION_REQUEST") else []
    if name == "MISSION_COUNT":
        return transfer.counted(message.count, now_s)
    if name == "MISSION_ITEM_INT":
        return transfer.received(_item(message), now_s)
    return []


def _item(message: Message) -> MissionItem:
    return MissionItem(
        message.seq,
        message.command,
        message.frame,
        (message.param1, message.param2, message.param3, message.param4),
        message.x,
        message.y,
        message.z,
        bool(message.autocontinue),
    )


def _renumbered(item: MissionItem, shift: int) -> MissionItem:
    """A jump's target is the number of an item, too."""
    if item.command != Command.DO_JUMP:
        return item
    return replace(item, params=(item.params[0] + shift, *item.params[1:]))


def _message(out: Outgoing, system_id: int | None, kind: int) -> Message:
    target = (system_id, AUTOPILOT_COMPONENT)
    match out:
        case SendCount(count):
            return mavlink.MAVLink_mission_count_message(*target, count, kind)
        case SendListRequest():
            return mavlink.MAVLink_mission_request_list_message(*target, kind)
        case SendItemRequest(seq):
            return mavlink.MAVLink_mission_request_int_message(*target, seq, kind)
        case SendAck():
            return mavlink.MAVLink_mission_ack_message(*target, mavlink.MAV_MISSION_ACCEPTED, kind)
        case SendItem(item):
            place = (item.lat_e7, item.lon_e7, item.alt_m)
            flags = (0, int(item.autocontinue))
            return mavlink.MAVLink_mission_item_int_message(
                *target, item.seq, item.frame, item.command, *flags, *item.params, *place, kind
            )


def _same(planned: Sequence[MissionItem], aboard: Sequence[MissionItem]) -> bool:
    return len(planned) == len(aboard) and all(
        mine.same_as(theirs) for mine, theirs in zip(planned, aboard, strict=True)
    )


def _result_name(result: int | None) -> str:
    entry = mavlink.enums["MAV_MISSION_RESULT"].get(result)
    return str(entry.name).removeprefix("MAV_MISSION_") if entry else f"result {result}"
