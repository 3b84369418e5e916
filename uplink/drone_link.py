"""The drone's one line to its station: what it says of itself goes out, orders come in at once.

The drone opens a WebSocket and keeps it, so that it needs no open port and works behind NAT. Only the newest
state is ever sent, and only a few may be on their way unanswered: on a thin link states become rare, not old.
When the line breaks it is opened anew, for ever, with longer and longer waits; nothing on the drone waits for
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import ValidationError

from uplink.backoff import Backoff
from uplink.clock import elapsed_s
from uplink.link import StationLink
from uplink.messages import DroneState, Order, StationWord
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationPublicKey
from uplink.orders import OrderIntake
from uplink.station_socket import StationSocket, close_code, why_it_ended

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)

LINK_BACKOFF = Backoff(first_s=0.5, max_s=30.0)
ANSWER_TIMEOUT_S = 10.0
IN_FLIGHT = 4
REPLACED = 4001  # the station's close code: another agent has come with this drone's key
_ORDERS_TOLD = 12


class DroneLink:
    """One drone's line. ``run`` it in a task; cancel that task to stop.

    ``on_order`` is called on the event loop, once for each order that the station of ``station_key`` signed
    for this run of the agent; tell its result in the next states. ``on_back`` is, when the station is heard
    after it was not. ``on_watched`` is, when somebody watches the drone's pictures, with the seconds that
    this holds for. ``rng`` and ``clock`` (seconds since the computer's start) may be given for tests.
    Raises ``UplinkError`` for an address that is none.
    """

    def __init__(
        self,
        station_url: str,
        drone_id: str,
        key: str,
        *,
        on_order: Callable[[Order], None],
        on_back: Callable[[], None] | None = None,
        on_watched: Callable[[float], None] | None = None,
        station_key: StationPublicKey | None,
        sequence: OrderSequence,
        tls: ssl.SSLContext | None = None,
        backoff: Backoff = LINK_BACKOFF,
        rng: random.Random | None = None,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self._socket = StationSocket(station_url, drone_id, "link", key=key, tls=tls)
        self._clock = clock
        self._run = uuid4()
        self._intake = OrderIntake(
            drone_id, self._run, on_order, key=station_key, sequence=sequence, clock=clock
        )
        self._on_back = on_back
        self._on_watched = on_watched
        self._backoff = backoff
        self._link = StationLink(
            self._socket.url,
            backoff,
            rng or random.Random(),  # noqa: S311 (jitter, no secret)
            meanwhile="the drone goes on without orders",
        )
        self._state: DroneState | None = None
        self._given = asyncio.Event()
        self._heard = 0
        self._sent_s: dict[int, float] = {}  # of states on their way, when each went
        self._round_trip_s: float | None = None
        self._answered = asyncio.Event()
        self._refused = False
        self._silent = False
        self._logged: set[str] = set()

    @property
    def connected(self) -> bool:
        """Whether the station answers on the line."""
        return self._link.up is True

    def unheard_s(self) -> float | None:
        """Since the station answered on the line; None before it ever did."""
        heard_s = self._link.heard_s
        return None if heard_s is None else max(0.0, self._clock() - heard_s)

    def set_state(self, state: DroneState) -> None:
        """Gives the newest state; it replaces one not yet sent. Call it on the event loop."""
        self._state = state
        self._given.set()

    async def run(self) -> None:
        """Talks to the station until cancelled."""
        if self._intake.objection:
            log.warning("%s", self._intake.objection)
        while True:
            await asyncio.sleep(self._link.wait_s(self._clock()))
            try:
                await self._talk()
                reason = "it was closed"
            except Exception as error:
                if close_code(error) == REPLACED:
                    log.warning(
                        "another agent speaks for this drone at the station: is its key in use twice?"
                    )
                    await asyncio.sleep(self._backoff.max_s)
                reason = why_it_ended(error) or type(error).__name__
                # A mistake of ours costs the line, and the line is tried again: never the flight.
                if why_it_ended(error) is None and reason not in self._logged:
                    self._logged.add(reason)
                    log.exception("the link to the station failed")
            self._link.lost(self._clock(), "no answer" if self._silent else reason)
            self._silent = False

    async def _talk(self) -> None:
        """One line from its opening to its end."""
        async with self._socket.open() as socket:
            self._heard, self._sent_s, self._round_trip_s = 0, {}, None
            saying = asyncio.create_task(self._say_states(socket))
            saying.add_done_callback(lambda _: socket.transport.abort())
            try:
                async for text in socket:
                    await self._hear(text)
            finally:
                if not saying.done():
                    saying.cancel()
                (failed,) = await asyncio.gather(saying, return_exceptions=True)
                if isinstance(failed, Exception):
                    raise failed

    async def _say_states(self, socket: ClientConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        sent = 0
        if self._state is not None:
            self._given.set()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._given.wait()
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT_S):
                        while sent - self._heard >= IN_FLIGHT:
                            self._answered.clear()
                            await self._answered.wait()
                        self._given.clear()
                        sent += 1
                        self._sent_s[sent] = self._clock()
                        await socket.send(self._whole_state())
                except TimeoutError:
                    self._silent = True
                    return

    def _whole_state(self) -> str:
        """The newest state, with what only the line knows."""
        assert self._state is not None  # noqa: S101 (``set_state`` has given it)
        state, intake = self._state, self._intake
        orders = sorted([*intake.refusals, *state.orders], key=lambda result: result.at)
        change = {
            "run": self._run,
            "clock_s": self._clock(),
            "order_sequence": intake.last_sequence,
            "station_round_trip_s": self._round_trip_s,
            "objection": intake.objection or state.objection,
            "orders": orders[-_ORDERS_TOLD:],
        }
        return state.model_copy(update=change).model_dump_json()

    async def _hear(self, text: str | bytes) -> None:
        try:
            word = StationWord.model_validate_json(text)
        except ValidationError:
            if not self._refused:
                log.warning("what the station says on the link is not understood")
            self._refused = True
            return
        if self._link.reached(self._clock()) and self._on_back is not None:
            self._on_back()
        if word.heard is not None:
            self._heard = max(self._heard, word.heard)
            if (sent_s := self._sent_s.get(word.heard)) is not None:
                self._round_trip_s = max(0.0, self._clock() - sent_s)
            self._sent_s = {number: at_s for number, at_s in self._sent_s.items() if number > word.heard}
            self._answered.set()
            if word.refused and not self._refused:
                log.error("the station refuses the drone's state: %s", word.refused)
            self._refused = bool(word.refused)
        if word.watched_s is not None and self._on_watched is not None:
            self._on_watched(word.watched_s)
        if word.order is not None:
            await self._intake.take(word.order)
