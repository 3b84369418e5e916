"""Flies a patrol: brings it aboard, starts it, pauses and resumes it.

Every method is an order of a person, or of a patrol that the site lets fly unattended, and raises the error
that says why it could not be done; then the vehicle is as it was, or where a pilot finds it by its mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edge.files import write_whole
from edge.flying.progress import Heard, Progress, Record, Task
from edge.patrols.patrol import FlyablePatrol
from flight.commands import CommandError
from flight.errors import EmberwatchError
from flight.plans.fence import rally_items
from flight.plans.resume import setup_before
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase as Phase

log = logging.getLogger(__name__)

FIRST_HEIGHT_M = 10.0  # ArduCopter starts a mission in the air; the plan's own take-off goes on from here
ARM_SHOWS_S = 4.0  # an order to arm that was sent may still be carried out for so long
_TICK_S = 0.1


class PatrolError(EmberwatchError):
    """The patrol cannot do that now."""


class PatrolFlight:
    """One patrol on one vehicle."""

    def __init__(
        self,
        vehicle: Vehicle,
        patrol: FlyablePatrol,
        record_file: Path,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vehicle = vehicle
        self._record_file = record_file
        self._now = now
        self.patrol = patrol
        try:
            self.progress = Progress.of(patrol.flights, _read(record_file))
        except PatrolError as error:
            log.warning("%s", error)
            self.progress = Progress.of(patrol.flights, None)
            self.progress.hold_back(error.message)  # it may have been that nothing starts by itself
        self.phase = Phase.READY
        self.trouble = ""
        """Why the plan is not aboard, in plain words."""
        self._kept: Record | None = self.progress.record
        self._keeping_failed = False
        self._bringing = asyncio.Lock()
        self.retired = False
        """Another patrol has taken its place: it brings nothing aboard any more."""
        self._arm_sent_s = float("-inf")

    def hear(self) -> Phase:
        """Take in how the vehicle is. Call a few times a second."""
        telemetry = self._vehicle.telemetry
        autopilot = telemetry.autopilot
        if autopilot is None or telemetry.armed is None:
            return self.phase
        heard = Heard(
            armed=telemetry.armed,
            mode=telemetry.mode,
            mission_mode=autopilot.mission_mode,
            return_modes=(autopilot.return_mode, autopilot.smart_return_mode),
            guided_modes=(autopilot.guided_mode, autopilot.orbit_mode),
            mission_item=telemetry.mission_item,
        )
        self.phase = self.progress.hear(heard, self.utc() or datetime.now(UTC))
        return self.phase

    def utc(self) -> datetime | None:
        """As the autopilot has it from the satellites; this computer may have no clock. None before a fix."""
        boot_s = self._vehicle.clock.boot_at(self._now())
        return None if boot_s is None else self._vehicle.utc_at(boot_s)

    async def keep(self) -> None:
        """Put the progress on the disk, if it has changed. A card that hangs holds up nobody else."""
        record = self.progress.record
        if record == self._kept:
            return
        try:
            await asyncio.to_thread(write_whole, self._record_file, record.model_dump_json(indent=1).encode())
        except OSError as error:
            if not self._keeping_failed:
                log.warning("the patrol's progress is not kept: %s", error)
            self._keeping_failed = True
        else:
            self._kept, self._keeping_failed = record, False

    async def bring_aboard(self) -> bool:
        """Fence, rally points and mission, in this order, unless the autopilot holds them already.

        An armed vehicle keeps what it flies: then it is only compared. What goes wrong is logged and leaves
        the agent watching, which it can do without a plan.
        """
        async with self._bringing:
            if self.retired:
                return False
            part, before = self.progress.part, self.trouble
            try:
                aboard: bool | None = await self._bring_aboard()
            except EmberwatchError as error:
                self.trouble = error.message
                if self.trouble != before:
                    log.warning("the plan %s is not aboard: %s", part.name, error)
                aboard = None
            else:
                self.trouble = ""
            if part is self.progress.part:
                self.progress.aboard = aboard
            return aboard is True

    @contextlib.asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Meanwhile it brings nothing aboard; and then does so anew, if it is not retired."""
        async with self._bringing:
            try:
                yield
            finally:
                self.progress.aboard = None

    async def _bring_aboard(self) -> bool:
        plan, vehicle = self.progress.part, self._vehicle
        parts = [(vehicle.missions, plan.items, "mission")]
        if plan.rally:
            parts.insert(0, (vehicle.rally, rally_items(plan.rally), "rally points"))
        if plan.fence is not None:
            parts.insert(0, (vehicle.fence, plan.fence.items(), "fence"))
        for store, items, what in parts:
            if await store.verify(items):
                continue
            if vehicle.telemetry.armed:
                log.warning("the vehicle is armed and its %s is not that of %s", what, plan.name)
                return False
            await store.upload(items)
            if not await store.verify(items):
                log.error("the %s aboard is not that of %s, though it was uploaded", what, plan.name)
                return False
        log.info("the plan %s is aboard and verified", plan.name)
        return True

    async def prepare(self) -> None:
        """Bring aboard what ``start`` is to fly: the next flight, or what is left of an interrupted one."""
        if self._is_armed():
            raise PatrolError(
                "the vehicle is armed already", hint="Its pilot flies it, or resume the patrol."
            )
        if self.progress.record.done:
            self.progress.next_pass()
        self.progress.take_up()
        if not await self.bring_aboard():
            raise PatrolError(f"the plan is not aboard: {self.trouble or 'the autopilot keeps another one'}")

    async def start(self) -> None:
        """Arm, take off and fly what was prepared. Needs a grant."""
        vehicle = self._vehicle
        commands, autopilot = vehicle.commands, vehicle.autopilot
        vehicle.arbiter.require()
        if self.progress.aboard is not True:
            raise PatrolError("the plan is not aboard")
        await commands.set_mode(autopilot.guided_mode)
        if self._is_armed():
            vehicle.arbiter.revoke("somebody else armed the vehicle")
            raise PatrolError("somebody else armed the vehicle just now")
        self._arm_sent_s = self._now()
        await commands.arm()
        await commands.takeoff(FIRST_HEIGHT_M)
        await commands.set_mode(autopilot.mission_mode)
        log.info("the patrol %s has started", self.patrol.name)

    def _is_armed(self) -> bool:
        return bool(self._vehicle.telemetry.armed)

    async def arming_is_settled(self) -> None:
        """Return once an order to arm that is on its way has shown, or cannot be carried out any more."""
        while not self._is_armed() and self._now() - self._arm_sent_s < ARM_SHOWS_S:  # noqa: ASYNC110 - the time is passed in
            await asyncio.sleep(_TICK_S)

    async def pause(self) -> None:
        """Stay in the air where it is. Needs a grant."""
        if self.phase not in (Phase.FLYING, Phase.RETURNING, Phase.LOOKING_AGAIN):
            raise PatrolError(f"there is nothing to pause: the patrol is {self.phase.value}")
        before, self.progress.task = self.progress.task, Task.PAUSE
        try:
            await self._vehicle.commands.hold()
        except EmberwatchError:
            self.progress.task = before
            raise

    async def resume(self) -> None:
        """Go on in the air from the item flown to. Needs a grant.

        Camera, gimbal and speed are set again as the plan has them there (flight rule 26).
        """
        vehicle = self._vehicle
        telemetry, commands = vehicle.telemetry, vehicle.commands
        vehicle.arbiter.require()
        if not self._is_armed() or telemetry.landed:
            raise PatrolError("the vehicle is not in the air")
        if self.progress.aboard is not True and not await self.bring_aboard():
            raise PatrolError("the plan aboard is not this patrol's")
        item = telemetry.mission_item
        if item is None:
            raise PatrolError("the autopilot does not say which item it flies to")
        await commands.continue_mission()
        with contextlib.suppress(CommandError):  # there may be no gimbal; it flies on all the same
            await commands.look_ahead()
        with contextlib.suppress(CommandError):
            await commands.release_gimbal()
        await commands.replay(setup_before(self.progress.part.items, item))


def _read(record_file: Path) -> Record | None:
    try:
        return Record.model_validate_json(record_file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise PatrolError("its kept progress cannot be read: it begins anew") from error
