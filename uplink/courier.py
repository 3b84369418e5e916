"""Empties the outbox: the patrol and what else the station shows of the drone, then alerts, then their media,
one request at a time.

An item that fails by itself is postponed alone, so that it holds up nothing behind it; only an answer that no
repetition can change moves it to the dead letters. Pictures travel in pieces, and after each piece an alert
has its turn.

Retry times are in memory and on the monotonic clock: jumps of the wall clock do not matter, and
everything is due at once after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping

import httpx

from uplink.backoff import Backoff
from uplink.errors import OutboxError
from uplink.link import StationLink
from uplink.media_upload import MediaUpload
from uplink.messages import Message
from uplink.metering import Metering
from uplink.outbox import Outbox, OutboxItem
from uplink.station_requests import Reply, StationRequests
from uplink.verdict import Verdict

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0  # at what was put by no call of ours: a person at the command line, another link
PATROL, SEARCHED = "patrol", "searched"
_JSON = {"Content-Type": "application/json"}


class Courier:
    """``clock`` gives monotonic seconds. ``metering`` says what may go over the link that there is. ``shown``
    is what the station shows of the drone beside its patrol, by the last part of its path: the newest."""

    def __init__(
        self,
        drone_id: str,
        outbox: Outbox,
        http: httpx.AsyncClient,
        link: StationLink,
        metering: Metering,
        *,
        shown: Mapping[str, Message],
        item_backoff: Backoff,
        rng: random.Random,
        clock: Callable[[], float],
    ) -> None:
        self._drone_id = drone_id
        self._shown = shown
        self._outbox = outbox
        self._link = link
        self._metering = metering
        self._item_backoff = item_backoff
        self._rng = rng
        self._clock = clock
        self._requests = StationRequests(http, link, clock, self._station_is_back)
        self._upload = MediaUpload(self._requests)
        self._work = asyncio.Event()
        self._hurried = asyncio.Event()
        self._shown_there: dict[str, Message] = {}  # what the station has, or has refused
        self._failures: dict[str, int] = {}
        self._postponed: dict[str, float] = {}  # key of an item -> when it may go again
        self._in_vain: set[str] = set()  # keys tried since the link went down: others have their turn first
        self._media_may_go_at_s = 0.0

    def wake(self) -> None:
        """Something was put. Call it on the event loop."""
        self._work.set()

    def hurry(self) -> None:
        """The station was heard another way, after a loss. Call it on the event loop."""
        self._link.hurry()
        self._station_is_back()
        self._hurried.set()

    async def run(self) -> None:
        """Delivers until cancelled. What is not delivered then stays in the outbox."""
        outbox_is_well = True
        while True:
            self._work.clear()
            await self._hold_back()
            # Once per round, so that what is skipped and what is waited for are the same.
            now_s = self._clock()
            self._postponed = {key: until_s for key, until_s in self._postponed.items() if until_s > now_s}
            if await self._deliver_shown():
                continue
            try:
                item = await self._next_item(now_s)
                if item is not None:
                    await self._deliver(item)
                elif self._in_vain:
                    self._in_vain.clear()  # everything had its turn: begin again
                    continue
            except OutboxError as reason:
                if outbox_is_well:
                    log.error("%s", reason)  # noqa: TRY400 (its one line is the whole story)
                outbox_is_well = False
                await asyncio.sleep(self._item_backoff.first_s)
                continue
            outbox_is_well = True
            if item is None:
                await self._wait_for_work()

    async def _hold_back(self) -> None:
        wait_s = self._link.wait_s(self._clock())
        if wait_s <= 0:
            return
        self._hurried.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._hurried.wait()
        except TimeoutError:
            pass

    async def _next_item(self, now_s: float) -> OutboxItem | None:
        largest_bytes = 0 if now_s < self._media_may_go_at_s else await self._metering.largest_media_bytes()
        return await asyncio.to_thread(
            self._outbox.next_item,
            self._postponed.keys() | self._in_vain,
            largest_media_bytes=largest_bytes,
        )

    async def _deliver_shown(self) -> bool:
        """True if a request was made: then the link is looked at again before the next one."""
        for what, message in self._to_show():
            if message == self._shown_there.get(what) or what in self._postponed.keys() | self._in_vain:
                continue
            was_down = self._link.up is False
            reply = await self._requests.send(
                "PUT", f"/drones/{self._drone_id}/{what}", message.model_dump_json().encode(), headers=_JSON
            )
            if reply.verdict in (Verdict.DELIVERED, Verdict.REFUSED):
                if reply.verdict is Verdict.REFUSED:
                    log.error("the station refuses the drone's %s: %s", what, reply.reason)
                self._settle(what)
                self._shown_there[what] = message
            else:
                self._try_again(what, f"the drone's {what}", reply, was_down=was_down)
            return True
        return False

    def _to_show(self) -> Iterator[tuple[str, Message]]:
        patrol = self._outbox.patrol()
        if patrol is not None:
            yield PATROL, patrol
        for what, message in self._shown.items():
            if what != SEARCHED or not self._outbox.waiting():  # an alert waits for none of its kilobytes
                yield what, message

    async def _deliver(self, item: OutboxItem) -> None:
        was_down = self._link.up is False
        if item.kind == "alert":
            reply = await self._requests.send(
                "PUT",
                f"/alerts/{item.key}",
                item.body,
                headers=_JSON,
                is_receipt=lambda answer: _is_receipt(answer, item),
            )
        else:
            reply = await self._upload.step(item)
        if reply.verdict is Verdict.DELIVERED:
            await asyncio.to_thread(self._outbox.mark_sent, item)
            self._settle(item.key)
        elif reply.verdict is Verdict.REFUSED:
            log.error("the station refuses %s %s: %s (dead letter)", item.kind, item.key, reply.reason)
            await asyncio.to_thread(self._outbox.mark_refused, item, reply.reason)
            self._settle(item.key)
        elif reply.verdict is not Verdict.PARTLY:
            self._try_again(item.key, f"{item.kind} {item.key}", reply, was_down=was_down)
            await asyncio.to_thread(self._outbox.mark_failed, item, reply.reason)

    def _try_again(self, key: str, what: str, reply: Reply, *, was_down: bool) -> None:
        """What failed goes again later, and after the others.

        It is to blame if it failed by itself, or if the link was well until it was sent: it may be what
        breaks the link. Then it is postponed, longer each time. What failed while the link was down
        anyway only lets the others probe it first, and is free again as soon as the link is.
        """
        now_s = self._clock()
        if reply.verdict is Verdict.TOO_OFTEN:
            wait_s = max(reply.retry_after_s, self._item_backoff.delay_s(1, self._rng))
            self._media_may_go_at_s = now_s + wait_s
            return
        if reply.verdict is Verdict.OUT_OF_REACH and was_down:
            self._in_vain.add(key)
            return
        self._failures[key] = failures = self._failures.get(key, 0) + 1
        if failures == 1 and self._link.up:
            log.warning("the station does not take %s now: %s; it will be sent again", what, reply.reason)
        wait_s = max(reply.retry_after_s, self._item_backoff.delay_s(failures, self._rng))
        self._postponed[key] = now_s + wait_s

    def _settle(self, key: str) -> None:
        self._failures.pop(key, None)
        self._postponed.pop(key, None)

    def _station_is_back(self) -> None:
        self._in_vain.clear()
        self._shown_there.clear()  # a station that was away may have lost it
        self._work.set()

    async def _wait_for_work(self) -> None:
        """Until something is put, the link comes back, something postponed is due, or it is time to look."""
        now_s = self._clock()
        due_s = min([*self._postponed.values(), now_s + LOOK_EVERY_S])
        if self._media_may_go_at_s > now_s:
            due_s = min(due_s, self._media_may_go_at_s)
        try:
            async with asyncio.timeout(max(0.0, due_s - now_s)):
                await self._work.wait()
        except TimeoutError:
            pass


def _is_receipt(answer: httpx.Response, item: OutboxItem) -> bool:
    """Whether the answer names the alert sent, in at least the revision sent."""
    try:
        receipt = answer.json()
    except ValueError:
        return False
    if not isinstance(receipt, dict):
        return False
    revision = receipt.get("revision")
    return receipt.get("id") == item.key and isinstance(revision, int) and revision >= item.revision
