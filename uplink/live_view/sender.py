"""The drone's way to send pictures while somebody watches: a WebSocket of its own beside the drone's line, so
that neither telemetry nor orders ever wait behind a picture.

The station says on the drone's line that somebody watches, again and again; when it does not any more, or
says so on closing, no more is sent. Over a metered link nothing is sent unless that is allowed, and who
watches reads why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from uplink.backoff import Backoff
from uplink.link import StationLink
from uplink.live_view.frame import pack_frame
from uplink.live_view.pace import ViewPace
from uplink.live_view.words import PickedPlace, ViewAsked, ViewFrame, ViewLine, ViewPick, ViewSaid
from uplink.station_socket import StationSocket, close_code, why_it_ended

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)

VIEW_BACKOFF = Backoff(first_s=0.5, max_s=10.0)
NOBODY = 4004  # the station's close code: nobody watches any more
ASK_AGAIN_S = 5.0  # whether pictures may be sent
PICTURE_S = 3.0
PICKS_PER_S = 20.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that was just taken. ``frame`` lacks what only the line knows."""

    frame: ViewFrame
    jpeg: bytes
    exposed_s: float
    """By ``time.monotonic``."""


class Pictures(Protocol):
    """What takes pictures, and knows where they were taken from."""

    async def take(self, height_px: int, quality: int, timeout_s: float) -> Taken | None:
        """One that was not taken before; None where none came in time."""

    def place(self, pick: ViewPick) -> PickedPlace:
        """Where a point of one of the latest pictures is on the ground, or why that cannot be told."""


class ViewSender:
    """``run`` it in a task. ``objection`` tells why nothing may be sent now; empty is nothing."""

    def __init__(
        self,
        station_url: str,
        drone_id: str,
        key: str,
        pictures: Pictures,
        *,
        objection: Callable[[], Awaitable[str]],
        most_kbit_s: float,
        tls: ssl.SSLContext | None = None,
        backoff: Backoff = VIEW_BACKOFF,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket = StationSocket(station_url, drone_id, "pictures", key=key, tls=tls)
        self._pictures = pictures
        self._objection = objection
        self._most_bytes_s = 125 * most_kbit_s
        self._clock = clock
        self._link = StationLink(
            self._socket.url,
            backoff,
            rng or random.Random(),  # noqa: S311 (jitter, no secret)
            meanwhile="who watches sees nothing",
        )
        self._watched_until_s = -1.0
        self._changed = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._picks_s: list[float] = []
        self._logged: set[str] = set()
        self.sent = 0

    @property
    def is_watched(self) -> bool:
        return self._clock() < self._watched_until_s

    def watched(self, for_s: float) -> None:
        """Somebody watches, for this long unless it is said again. Call it on the event loop."""
        before = self.is_watched
        self._watched_until_s = self._clock() + for_s
        if not before:
            self._changed.set()

    async def run(self) -> None:
        """Sends pictures whenever somebody watches, until cancelled."""
        while True:
            while not self.is_watched:
                self._changed.clear()
                await self._changed.wait()
                self._link.hurry()  # what failed for the one before is no reason to keep this one waiting
            await asyncio.sleep(self._link.wait_s(self._clock()))
            try:
                await self._send_while_watched()
                continue
            except Exception as error:
                if close_code(error) == NOBODY:
                    self._watched_until_s = -1.0
                    continue
                reason = why_it_ended(error) or type(error).__name__
                # Nobody sees pictures then; the flight and the drone's line know nothing of it.
                if why_it_ended(error) is None and reason not in self._logged:
                    self._logged.add(reason)
                    log.exception("pictures cannot be sent")
            self._link.lost(self._clock(), reason)

    async def _send_while_watched(self) -> None:
        async with self._socket.open() as socket:
            pace = ViewPace(self._most_bytes_s, self._clock())
            parts = [
                asyncio.create_task(part) for part in (self._show(socket, pace), self._hear(socket, pace))
            ]
            try:
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for part in parts:
                    part.cancel()
                outcomes = await asyncio.gather(*parts, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
            if outcomes[1] is None:
                raise ConnectionError("it was closed")

    async def _show(self, socket: ClientConnection, pace: ViewPace) -> None:
        """Pictures as they are due, until nobody watches."""
        objection, ask_s = None, self._clock()
        while self.is_watched:
            if self._clock() >= ask_s:
                ask_s = self._clock() + ASK_AGAIN_S
                before, objection = objection, await self._objection()
                if objection != before and (objection or before):
                    await socket.send(ViewSaid(refused=objection[:256]).model_dump_json())
            if objection:
                await asyncio.sleep(min(1.0, ASK_AGAIN_S))
                continue
            wait_s = pace.wait_s(self._clock())
            if wait_s is None or wait_s > 0:
                self._acknowledged.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(wait_s or pace.lost_after_s() / 4, 1.0)):
                        await self._acknowledged.wait()
                continue
            step = pace.step
            taken = await self._pictures.take(step.height_px, step.quality, PICTURE_S)
            if taken is not None:
                await self._send(socket, pace, taken)

    async def _send(self, socket: ClientConnection, pace: ViewPace, taken: Taken) -> None:
        now_s = self._clock()
        line = ViewLine(
            frames_per_s=round(pace.per_s, 2),
            quality=pace.step.quality,
            kbit_s=round(pace.bytes_s(now_s) / 125, 1),
            rtt_ms=None if pace.rtt_s is None else round(pace.rtt_s * 1e3, 1),
            least_rtt_ms=None if pace.least_rtt_s is None else round(pace.least_rtt_s * 1e3, 1),
        )
        told = {
            "line": line,
            "sent_ms": round(now_s * 1e3, 1),
            "age_ms": round(max(0.0, now_s - taken.exposed_s) * 1e3, 1),
        }
        frame = taken.frame.model_copy(update=told)
        data = pack_frame(frame, taken.jpeg)
        pace.sent(frame.frame, len(data), (frame.width_px, frame.height_px), now_s)
        self.sent += 1
        await socket.send(data)

    async def _hear(self, socket: ClientConnection, pace: ViewPace) -> None:
        async for text in socket:
            try:
                asked = ViewAsked.model_validate_json(text)
            except ValidationError:
                if "strange" not in self._logged:
                    log.warning("what the station says of pictures is not understood")
                self._logged.add("strange")
                continue
            self._link.reached(self._clock())
            if asked.ack is not None:
                pace.acknowledged(asked.ack, self._clock())
                self._acknowledged.set()
            if asked.pick is not None:
                await socket.send(ViewSaid(picked=self._place(asked.pick)).model_dump_json())

    def _place(self, pick: ViewPick) -> PickedPlace:
        """Not more of them than leaves time for flying."""
        now_s = self._clock()
        self._picks_s = [at_s for at_s in self._picks_s if now_s - at_s < 1.0]
        if len(self._picks_s) >= PICKS_PER_S:
            return PickedPlace(id=pick.id, frame=pick.frame, why="too many points are asked for at once")
        self._picks_s.append(now_s)
        return self._pictures.place(pick)
