"""Whether a flight may begin, and its beginning: by a person's order, or by itself where it may.

By itself a flight begins only where its patrol says ``unattended``, the site allows it, it is due, and every
line of a preflight made just then passes. It never does while hands may be near: after somebody else flew or
a flight of its own ended before its end, after a stand down, after a battery swap. Then a person starts it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from edge.flying.errand import Errand
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.progress import END_NOT_SEEN
from edge.preflight import failed
from flight.arbiter import Control
from flight.errors import EmberwatchError
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase, PreflightLine

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[Sequence[PreflightLine]]]

LEAST_DOWN_S = 120.0  # of standing on the ground between two flights that begin by themselves
ITSELF = "its own patrol, unattended"


class Launch:
    """Of one patrol on one vehicle. ``check`` makes a preflight with nothing in it remembered, ``latest`` is
    the one that is shown."""

    def __init__(
        self,
        vehicle: Vehicle,
        flight: PatrolFlight,
        check: Check,
        latest: Callable[[], Sequence[PreflightLine]],
        *,
        unattended: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vehicle = vehicle
        self._flight = flight
        self._check = check
        self._latest = latest
        self._now = now
        self._errand = Errand()
        self._one = asyncio.Lock()
        self._began_at: datetime | None = None
        self._down_s: float | None = float("-inf")
        """Since when it has stood on the ground; None while armed."""
        self.unattended = unattended and flight.patrol.unattended
        """Whether flights may begin by themselves at all."""
        self.next_start: datetime | None = None
        if not self.unattended:
            log.info("the patrol %s waits for a person to start it", flight.patrol.name)

    @property
    def held_back(self) -> str:
        """Why no flight begins by itself until a person starts one; empty where it may."""
        return self._flight.progress.record.held_back

    def watch(self) -> None:
        """Notice what holds flights back. Call a few times a second."""
        vehicle = self._vehicle
        if vehicle.telemetry.armed:
            self._down_s = None
        elif self._down_s is None:
            self._down_s = self._now()
        if self.held_back and self.held_back != END_NOT_SEEN:
            return
        if vehicle.telemetry.armed and vehicle.arbiter.control != Control.GRANTED.value:
            self._flight.progress.hold_back(f"it flew under other hands: {vehicle.arbiter.reason}")
        elif not vehicle.telemetry.armed and self._flight.phase is PatrolPhase.INTERRUPTED:
            self._flight.progress.hold_back("its flight ended before the end")

    def stand_down(self, by: str) -> None:
        """Nothing begins by itself any more, not even what is beginning now."""
        self._flight.progress.hold_back(f"stand down by {by}")
        self._errand.break_off("stand down")

    def revoked(self, by: str) -> None:
        """A person wants to have it in hand: the next flight is started by one."""
        self._flight.progress.hold_back(f"{by} took it back")

    def at_rest(self) -> asyncio.Lock:
        """Held, no flight is begun."""
        return self._one

    def taken_on(self) -> None:
        """A person has ordered a flight to go on: held back is only what comes after it, until its end."""
        self._flight.progress.hold_back(END_NOT_SEEN)

    async def by_order(self) -> None:
        """A person starts it, or what is left of it. Raises what keeps it on the ground."""
        self._vehicle.arbiter.require()
        async with self._one:
            await self._flight.prepare()
            bad = failed(await self._check(), unattended=False)
            if bad:
                raise PatrolError("preflight: " + _words(bad))
            await self._begin()

    async def by_itself(self) -> None:
        """Begin what is due and may begin. Call about once a second."""
        self.next_start = self._due()
        if self._may_begin():
            await self._errand.run(self._begin_by_itself())

    def _due(self) -> datetime | None:
        """When the next pass is to start; None when there is none, when it is flown, or held back."""
        flight = self._flight
        if self._vehicle.telemetry.armed or self.held_back:
            return None
        record, schedule, now = flight.progress.record, flight.patrol.schedule, flight.utc()
        if now is None:
            return None
        if schedule is None:
            return None if record.done else now
        passes = record.pass_number if record.done else record.pass_number - 1
        return schedule.next_start(self._began_at or record.finished_at, passes, now)

    def _may_begin(self) -> bool:
        due, now = self.next_start, self._flight.utc()
        return (
            self.unattended
            and due is not None
            and now is not None
            and due <= now + timedelta(seconds=1)
            and self._down_s is not None
            and self._now() - self._down_s >= LEAST_DOWN_S
            and self._vehicle.telemetry.armed is False
            and self._flight.phase in (PatrolPhase.READY, PatrolPhase.DONE)
            and self._flight.progress.record.flight == 0  # the battery for a later one was swapped by hand
            and not self._one.locked()
            and bool(self._latest())
            and not failed(self._latest(), unattended=True)
            and not self._vehicle.arbiter.objection(self._now())
        )

    async def _begin_by_itself(self) -> None:
        flight, arbiter = self._flight, self._vehicle.arbiter
        async with self._one:
            if flight.progress.record.done or flight.progress.aboard is not True:
                await self._bring_aboard()
            if flight.progress.aboard is not True:
                return
            bad = failed(await self._check(), unattended=True)
            if bad or self.held_back or not arbiter.grant(self._now(), ITSELF):
                return
            try:
                await self._begin()
            except Exception as error:
                log.warning("the patrol does not start: %s", error, exc_info=not _is_ours(error))
                flight.progress.hold_back(f"its start failed: {error}")
                await self._give_up()

    async def _bring_aboard(self) -> None:
        try:
            await self._flight.prepare()
        except EmberwatchError as error:
            log.debug("not yet: %s", error)

    async def _begin(self) -> None:
        """What is on the disk before it arms is what the next process finds, if this one dies in the air."""
        flight, before = self._flight, self.held_back
        flight.progress.hold_back(END_NOT_SEEN)
        await flight.keep()
        self._began_at = flight.utc()
        try:
            await flight.start()
        except Exception:
            await flight.arming_is_settled()
            if not self._vehicle.telemetry.armed:
                flight.progress.hold_back(before)
            raise

    async def _give_up(self) -> None:
        """Nobody watches an unattended vehicle hover: what got into the air comes home."""
        if self._vehicle.telemetry.armed:
            try:
                await self._vehicle.commands.return_home()
            except EmberwatchError as error:
                log.warning("it could not be sent home either: %s", error)
                self._vehicle.tell("Patrol failed at start: take over")
        self._vehicle.arbiter.revoke("the patrol did not start")


def _is_ours(error: Exception) -> bool:
    return isinstance(error, EmberwatchError)


def _words(bad: Sequence[PreflightLine]) -> str:
    return "; ".join(f"{line.name}: {line.detail}" for line in bad[:3])
