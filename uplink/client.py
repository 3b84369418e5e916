"""Delivers the outbox to the station, for ever, and tells it how the drone is.

Two tasks share one link: the *courier* empties the outbox (patrol, then alerts, then their media), the
*reporter* sends the newest state and takes orders from the answers to it. When the station is out of
reach both wait for the same retry. An
item that fails by itself is postponed alone, so that it holds up nothing behind it; only an answer that
no repetition can change moves it to the dead letters.

Retry times are in memory and on the monotonic clock: jumps of the wall clock do not matter, and
everything is due at once after a restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable
from enum import Enum
from uuid import uuid4

import httpx

from uplink.backoff import Backoff
from uplink.clock import elapsed_s
from uplink.errors import OutboxError, UplinkError
from uplink.link import StationLink
from uplink.messages import DroneState, Order, PatrolRoute
from uplink.orders import OrderIntake
from uplink.outbox import Outbox, OutboxItem

log = logging.getLogger(__name__)

STATE_INTERVAL_S = 0.5
LINK_BACKOFF = Backoff(first_s=0.5, max_s=30.0)
ITEM_BACKOFF = Backoff(first_s=1.0, max_s=300.0)
REQUEST_TIMEOUT = httpx.Timeout(10.0, connect=5.0)  # of each read, write and wait
WHOLE_REQUEST_TIMEOUT_S = 120.0  # of all of them together: 5 MB of picture at 0.4 Mbit/s


REFUSED_FOR_GOOD = frozenset({409, 413, 415, 422})  # another's alert, too large, no JPEG, not our schema


class Verdict(Enum):
    """What an answer means for the thing that was sent."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # never again: dead letter
    LATER = "later"  # this thing by itself, after a while
    OUT_OF_REACH = "out of reach"  # nothing else would fare better now


def judge(status: int) -> Verdict:
    """The verdict on an HTTP status.

    A key that the station does not know (401) and a proxy without a station behind it (502-504)
    concern every request alike. Only what the station itself says of a body is final; every other 4xx
    (a host name or a path that is not ours, a proxy's refusal) can be put right and may not cost an alert.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status < 400 or status in (401, 429, 502, 503, 504):
        return Verdict.OUT_OF_REACH
    return Verdict.REFUSED if status in REFUSED_FOR_GOOD else Verdict.LATER


class UplinkClient:
    """One drone's client. ``run`` it in a task; cancel that task to stop.

    ``on_order`` is called on the event loop, once for each order; tell its result in the next states. One
    client is one run of the agent: orders that an earlier one was given are not for it.
    ``rng`` and ``clock`` (monotonic seconds) may be given for tests. Raises ``UplinkError`` for an
    address that is none.
    """

    def __init__(
        self,
        station_url: str,
        drone_id: str,
        key: str,
        outbox: Outbox,
        *,
        on_order: Callable[[Order], None] | None = None,
        link_backoff: Backoff = LINK_BACKOFF,
        item_backoff: Backoff = ITEM_BACKOFF,
        state_interval_s: float = STATE_INTERVAL_S,
        rng: random.Random | None = None,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self._base_url = _checked(station_url)
        self._drone_id = drone_id
        self._headers = {"Authorization": f"Bearer {key}"}
        self._outbox = outbox
        self._item_backoff = item_backoff
        self._state_interval_s = state_interval_s
        self._rng = rng or random.Random()  # noqa: S311 (jitter, no secret)
        self._clock = clock
        self._run = uuid4()
        self._intake = OrderIntake(drone_id, self._run, on_order) if on_order else None
        self._link = StationLink(station_url, link_backoff, self._rng)
        self._work = asyncio.Event()
        self._state: DroneState | None = None
        self._state_given = asyncio.Event()
        self._state_refused = False
        self._patrol_settled: PatrolRoute | None = None  # what the station has, or has refused
        self._failures: dict[str, int] = {}
        self._postponed: dict[str, float] = {}  # key of an item -> when it may go again
        self._in_vain: set[str] = set()  # keys tried since the link went down: others have their turn first

    @property
    def connected(self) -> bool:
        """Whether the last request was answered."""
        return self._link.up is True

    def set_state(self, state: DroneState) -> None:
        """Gives the newest state; it replaces one not yet sent. Call it on the event loop."""
        self._state = state.model_copy(update={"run": self._run})
        self._state_given.set()

    async def run(self) -> None:
        """Delivers until cancelled. What is not delivered then stays in the outbox."""
        # httpx logs every request at INFO; we say loss and recovery only.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        loop = asyncio.get_running_loop()

        def something_was_put() -> None:
            loop.call_soon_threadsafe(self._work.set)

        unsubscribe = self._outbox.subscribe(something_was_put)
        try:
            async with (
                httpx.AsyncClient(
                    base_url=self._base_url,
                    headers=self._headers,
                    timeout=REQUEST_TIMEOUT,
                    follow_redirects=False,
                    trust_env=False,  # a proxy or netrc of the environment has no say on the drone's link
                ) as http,
                asyncio.TaskGroup() as tasks,
            ):
                tasks.create_task(self._courier(http))
                tasks.create_task(self._reporter(http))
        finally:
            unsubscribe()

    # --- the courier ------------------------------------------------------------------------------

    async def _courier(self, http: httpx.AsyncClient) -> None:
        outbox_is_well = True
        while True:
            self._work.clear()
            await asyncio.sleep(self._link.wait_s(self._clock()))
            # Once per round, so that what is skipped and what is waited for are the same.
            now_s = self._clock()
            self._postponed = {key: until_s for key, until_s in self._postponed.items() if until_s > now_s}
            if await self._deliver_patrol(http):
                continue
            try:
                item = await asyncio.to_thread(self._outbox.next_item, self._postponed.keys() | self._in_vain)
                if item is not None:
                    await self._deliver(http, item)
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

    async def _deliver_patrol(self, http: httpx.AsyncClient) -> bool:
        """True if a request was made: then the link is looked at again before the next one."""
        patrol = self._outbox.patrol()
        if (
            patrol is None
            or patrol == self._patrol_settled
            or "patrol" in self._postponed.keys() | self._in_vain
        ):
            return False
        was_down = self._link.up is False
        verdict, reason, _ = await self._put(
            http, f"/drones/{self._drone_id}/patrol", patrol.model_dump_json().encode()
        )
        if verdict is Verdict.DELIVERED:
            self._settle("patrol")
            self._patrol_settled = patrol
        elif verdict is Verdict.REFUSED:
            log.error("the station refuses patrol %r: %s", patrol.name, reason)
            self._settle("patrol")
            self._patrol_settled = patrol
        else:
            self._try_again("patrol", "patrol", reason, blame=verdict is Verdict.LATER or not was_down)
        return True

    async def _deliver(self, http: httpx.AsyncClient, item: OutboxItem) -> None:
        path, content_type = (
            (f"/alerts/{item.key}", "application/json")
            if item.kind == "alert"
            else (f"/media/{item.key}", "image/jpeg")
        )
        was_down = self._link.up is False
        verdict, reason, _ = await self._put(
            http, path, item.body, content_type=content_type, receipt_for=item
        )
        if verdict is Verdict.DELIVERED:
            await asyncio.to_thread(self._outbox.mark_sent, item)
            self._settle(item.key)
        elif verdict is Verdict.REFUSED:
            log.error("the station refuses %s %s: %s (dead letter)", item.kind, item.key, reason)
            await asyncio.to_thread(self._outbox.mark_refused, item, reason)
            self._settle(item.key)
        else:
            blame = verdict is Verdict.LATER or not was_down
            self._try_again(item.key, f"{item.kind} {item.key}", reason, blame=blame)

    def _try_again(self, key: str, what: str, reason: str, *, blame: bool) -> None:
        """What failed goes again later, and after the others.

        It is to blame if it failed by itself, or if the link was well until it was sent: it may be what
        breaks the link. Then it is postponed, longer each time. What failed while the link was down
        anyway only lets the others probe it first, and is free again as soon as the link is.
        """
        if not blame:
            self._in_vain.add(key)
            return
        self._failures[key] = failures = self._failures.get(key, 0) + 1
        if failures == 1 and self._link.up:
            log.warning("the station does not take %s now: %s; it will be sent again", what, reason)
        self._postponed[key] = self._clock() + self._item_backoff.delay_s(failures, self._rng)

    def _settle(self, key: str) -> None:
        self._failures.pop(key, None)
        self._postponed.pop(key, None)

    async def _wait_for_work(self) -> None:
        """Until something is put, the link comes back, or something postponed is due."""
        due_s = min(self._postponed.values(), default=None)
        try:
            async with asyncio.timeout(None if due_s is None else max(0.0, due_s - self._clock())):
                await self._work.wait()
        except TimeoutError:
            pass

    # --- the reporter -----------------------------------------------------------------------------

    async def _reporter(self, http: httpx.AsyncClient) -> None:
        while True:
            await self._state_given.wait()
            await asyncio.sleep(self._link.wait_s(self._clock()))
            self._state_given.clear()
            state, self._state = self._state, None
            if state is not None:
                await self._report(http, state)
            await asyncio.sleep(self._state_interval_s)

    async def _report(self, http: httpx.AsyncClient, state: DroneState) -> None:
        asked_s = self._clock()
        verdict, reason, answer = await self._put(
            http, f"/drones/{self._drone_id}/state", state.model_dump_json().encode()
        )
        if verdict is Verdict.DELIVERED and self._intake:
            self._intake.take(answer, self._clock() - asked_s)
        refused = verdict in (Verdict.REFUSED, Verdict.LATER)
        if refused and not self._state_refused:
            log.error("the station refuses the drone's state: %s", reason)
        self._state_refused = refused
        if verdict is Verdict.OUT_OF_REACH and self._state is None:
            # Not delivered and nothing newer yet: it is still the newest, and it probes the link.
            self.set_state(state)

    # --- one request ------------------------------------------------------------------------------

    async def _put(
        self,
        http: httpx.AsyncClient,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/json",
        receipt_for: OutboxItem | None = None,
    ) -> tuple[Verdict, str, bytes]:
        """Sends, judges the answer, and tells the link. Returns the verdict, its reason in words, and the
        body of the answer."""
        try:
            async with asyncio.timeout(WHOLE_REQUEST_TIMEOUT_S):
                answer = await http.put(
                    f"/api/v1{path}", content=body, headers={"Content-Type": content_type}
                )
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            self._link.lost(self._clock(), reason)
            return Verdict.OUT_OF_REACH, reason, b""
        verdict = judge(answer.status_code)
        reason = f"HTTP {answer.status_code}{_detail(answer)}"
        if verdict is Verdict.DELIVERED and receipt_for is not None and not _is_receipt(answer, receipt_for):
            # A captive portal says 200 to everything.
            verdict, reason = Verdict.OUT_OF_REACH, "what answers there is not an Emberwatch station"
        if verdict is Verdict.OUT_OF_REACH:
            self._link.lost(self._clock(), reason)
        elif self._link.reached(self._clock()):
            self._in_vain.clear()
            self._patrol_settled = None  # a station that was away may have lost it
            self._work.set()
        return verdict, reason, answer.content


def _checked(station_url: str) -> str:
    try:
        url = httpx.URL(station_url)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise UplinkError(
            f"the station's address is not usable: {station_url!r}",
            hint="Give it as in http://192.168.1.10:8420",
        )
    return station_url.rstrip("/")


def _is_receipt(answer: httpx.Response, item: OutboxItem) -> bool:
    """Whether the answer names the thing sent, in at least the revision sent."""
    try:
        receipt = answer.json()
    except ValueError:
        return False
    if not isinstance(receipt, dict):
        return False
    if item.kind == "media":
        return bool(receipt.get("sha256") == item.key)
    revision = receipt.get("revision")
    return receipt.get("id") == item.key and isinstance(revision, int) and revision >= item.revision


def _detail(answer: httpx.Response) -> str:
    """The station's own words on a refusal, in short; nothing when there are none."""
    if answer.is_success:
        return ""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {detail if isinstance(detail, str) else json.dumps(detail)}"[:300]
