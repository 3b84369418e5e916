"""Flies a patrol: brings it aboard, starts it, pauses and resumes it, sends it home.

Every method is an order of a person, or of a patrol that the site lets fly unattended, and raises the error
that says why it could not be done; then the vehicle is as it was, or where a pilot finds it by its mode.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edge.files import write_whole
from edge.flying.progress import Heard, Progress, Record, Task
from edge.patrols.patrol import FlyablePatrol
from flight.arbiter import NotInControl
from flight.errors import EmberwatchError
from flight.plans.fence import rally_items
from flight.plans.resume import setup_before
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase as Phase

log = logging.getLogger(__name__)

FIRST_HEIGHT_M = 10.0  # ArduCopter starts a mission in the air; the plan's own take-off goes on from here


class PatrolError(EmberwatchError):
    """The patrol cannot do that now."""


class PatrolFlight:
    """One patrol on one vehicle."""

    def __init__(self, vehicle: Vehicle, patrol: FlyablePatrol, record_file: Path) -> None:
        self._vehicle = vehicle
        self._record_file = record_file
        self.patrol = patrol
        self.progress = Progress.of(patrol.flights, _read(record_file))
        self.phase = Phase.READY
        self._kept: Record | None = self.progress.record

    async def hear(self) -> Phase:
        """Take in how the vehicle is, and keep what changed. Call a few times a second."""
        telemetry = self._vehicle.telemetry
        autopilot = telemetry.autopilot
        if autopilot is None or telemetry.armed is None:
            return self.phase
        heard = Heard(
            armed=telemetry.armed,
            mode=telemetry.mode,
            mission_mode=autopilot.mission_mode,
            return_mode=autopilot.return_mode,
            guided_mode=autopilot.guided_mode,
            mission_item=telemetry.mission_item,
        )
        self.phase = self.progress.hear(heard, datetime.now(UTC))
        if self.progress.record != self._kept:
            self._kept = self.progress.record
            data = self._kept.model_dump_json(indent=1).encode()
            try:
                await asyncio.to_thread(write_whole, self._record_file, data)
            except OSError as error:
                log.warning("the patrol's progress is not kept: %s", error)
        return self.phase

    async def bring_aboard(self) -> bool:
        """Fence, rally points and mission, in this order, unless the autopilot holds them already.

        An armed vehicle keeps what it flies: then it is only compared. What goes wrong is logged and leaves
        the agent watching, which it can do without a plan.
        """
        plan = self.progress.part
        try:
            self.progress.aboard = await self._bring_aboard()
        except EmberwatchError as error:
            log.warning("the plan %s is not aboard: %s", plan.name, error)
            self.progress.aboard = None
        return self.progress.aboard is True

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

    async def start(self) -> None:
        """Arm, take off and fly: the next flight, or what is left of an interrupted one. Needs a grant."""
        vehicle = self._vehicle
        vehicle.arbiter.require()
        if self._is_armed():
            raise PatrolError(
                "the vehicle is armed already", hint="Its pilot flies it, or resume the patrol."
            )
        if self.progress.record.done:
            self.progress.next_pass()
        self.progress.take_up()
        if not await self.bring_aboard():
            raise PatrolError("the plan is not aboard", hint="The agent's log says why.")
        autopilot = vehicle.autopilot
        commands = vehicle.commands
        await commands.set_mode(autopilot.guided_mode)
        if self._is_armed():
            vehicle.arbiter.revoke("somebody else armed the vehicle")
            raise PatrolError("somebody else armed the vehicle just now")
        await commands.arm()
        await commands.takeoff(FIRST_HEIGHT_M)
        await commands.set_mode(autopilot.mission_mode)
        log.info("the patrol %s has started", self.patrol.name)

    def _is_armed(self) -> bool:
        return bool(self._vehicle.telemetry.armed)

    async def pause(self) -> None:
        """Stay in the air where it is. Needs a grant."""
        if self.phase not in (Phase.FLYING, Phase.RETURNING, Phase.LOOKING_AGAIN):
            raise PatrolError(f"there is nothing to pause: the patrol is {self.phase.value}")
        self.progress.task = Task.PAUSE
        try:
            await self._vehicle.commands.hold()
        except EmberwatchError:
            self.progress.task = Task.NOTHING
            raise

    async def resume(self) -> None:
        """Go on: in the air from the item flown to, on the ground with what is left of the flight.

        Camera, gimbal and speed are set again as the plan has them there (flight rule 26).
        """
        vehicle = self._vehicle
        vehicle.arbiter.require()
        if not vehicle.telemetry.armed:
            if not self.progress.interrupted:
                raise PatrolError("there is nothing to resume: no flight was left in the middle")
            await self.start()
            return
        if self.progress.aboard is not True and not await self.bring_aboard():
            raise PatrolError("the plan aboard is not this patrol's")
        item = vehicle.telemetry.mission_item
        if item is None:
            raise NotInControl("the autopilot does not say which item it flies to")
        commands = vehicle.commands
        await commands.continue_mission()
        await commands.replay(setup_before(self.progress.part.items, item))

    async def stand_down(self) -> None:
        """Come home now. Needs a grant: without one a pilot flies, and decides."""
        if not self._vehicle.telemetry.armed:
            return
        await self._vehicle.commands.return_home()


def _read(record_file: Path) -> Record | None:
    try:
        return Record.model_validate_json(record_file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("the patrol's kept progress cannot be read: it begins anew (%s)", error)
        return None
