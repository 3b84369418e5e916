"""Brings a patrol aboard and, where the site allows it, starts it. The pilot can take over at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from flight.errors import EmberwatchError
from flight.plans.qgc import Plan
from flight.vehicle import Vehicle
from uplink.messages import SeeingState

log = logging.getLogger(__name__)

CHECK_PERIOD_S = 0.5
FIRST_HEIGHT_M = 10.0  # ArduCopter starts a mission in the air; the plan's own take-off goes on from here


class Patrol:
    """One plan on one vehicle."""

    def __init__(self, vehicle: Vehicle, plan: Plan, *, unattended: bool) -> None:
        self._vehicle = vehicle
        self._plan = plan
        self._unattended = unattended

    async def bring_aboard(self) -> bool:
        """Upload the plan unless the autopilot holds it already; whether it was read back equal.

        An armed vehicle keeps what it flies: then the plan is only compared. What goes wrong is logged
        and leaves the agent watching, which it can do without a plan.
        """
        try:
            return await self._bring_aboard()
        except EmberwatchError as error:
            log.warning("the plan %s is not aboard: %s", self._plan.name, error)
            return False

    async def _bring_aboard(self) -> bool:
        if await self._vehicle.missions.verify(self._plan.items):
            log.info("the plan %s is aboard already", self._plan.name)
            return True
        if self._vehicle.telemetry.armed:
            log.warning(
                "the vehicle is armed and flies another plan than %s: nothing is uploaded", self._plan.name
            )
            return False
        await self._vehicle.missions.upload(self._plan.items)
        aboard = await self._vehicle.missions.verify(self._plan.items)
        if aboard:
            log.info("the plan %s is aboard and verified", self._plan.name)
        else:
            log.error("the plan aboard is not %s, though it was uploaded", self._plan.name)
        return aboard

    async def fly(self, seeing: Callable[[], SeeingState]) -> None:
        """Start the patrol when all is good; a pilot starts it where ``unattended`` is false.

        What goes wrong leaves the vehicle as it is and is logged: a pilot decides then.
        """
        if not self._unattended:
            log.info("the patrol is aboard: a pilot arms and starts it")
            return
        try:
            if await self._is_ready(seeing):
                await self._take_off()
        except EmberwatchError as error:
            log.warning("the patrol does not start: %s", error)
            self._vehicle.arbiter.revoke("the patrol did not start")

    async def _is_ready(self, seeing: Callable[[], SeeingState]) -> bool:
        """Wait until all is good, with a grant; False once somebody else has armed: it is their flight.

        That stays so when they have landed: people may be walking up to the vehicle.
        """
        vehicle = self._vehicle
        loop = asyncio.get_running_loop()
        while True:
            if vehicle.telemetry.armed:
                log.warning("the vehicle was armed by somebody else: the patrol is not started")
                return False
            good = vehicle.telemetry.position_ok and seeing() is SeeingState.SEEING
            if good and vehicle.arbiter.grant(loop.time()):
                return True
            await asyncio.sleep(CHECK_PERIOD_S)

    async def _take_off(self) -> None:
        commands = self._vehicle.commands
        await commands.set_mode("GUIDED")
        if self._vehicle.telemetry.armed:
            log.warning("somebody else armed just now: the patrol is not started")
            self._vehicle.arbiter.revoke("somebody else armed the vehicle")
            return
        await commands.arm()
        await commands.takeoff(FIRST_HEIGHT_M)
        await commands.set_mode("AUTO")
        log.info("the patrol %s has started", self._plan.name)
