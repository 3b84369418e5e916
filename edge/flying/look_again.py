"""Carries out what the response decides: joins ``response`` to hotspots, vehicle and patrol."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import assert_never
from uuid import UUID

from edge.config import AgentConfig
from edge.flying.around import Around
from edge.flying.clearance import Fire
from edge.flying.errand import Errand
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.progress import Task
from edge.flying.response import (
    Action,
    FlyTo,
    LookAhead,
    LookAt,
    Mode,
    Phase,
    Response,
    Resume,
    Rules,
    Situation,
    Target,
)
from edge.hotspot import HotspotChange
from flight.arbiter import Control, NotInControl
from flight.commands import CommandError
from flight.errors import EmberwatchError
from flight.plans.items import Command
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase

log = logging.getLogger(__name__)


class LookAgain:
    """Of one vehicle on one patrol."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        flight: PatrolFlight,
        terrain: Terrain | None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vehicle = vehicle
        self._flight = flight
        self._now = now
        self._errand = Errand()
        wish = flight.patrol.on_detection
        mode = least(Mode(config.response.look_again), None if wish is None else Mode(wish))
        self.response = Response(
            Rules(
                mode=mode,
                views=config.response.views,
                look_s=config.response.look_s,
                longest_s=config.response.longest_s,
                reserve_percent=config.limits.reserve_percent,
            ),
            Around(vehicle, flight, terrain, config.response.stand_off_m, now=now),
        )
        vehicle.arbiter.on_change.append(self._control_changed)

    @property
    def flies(self) -> bool:
        """Whether the vehicle is on its way for it now."""
        return self.response.phase in (Phase.GOING, Phase.LOOKING, Phase.GOING_BACK)

    def changed(self, change: HotspotChange) -> None:
        """A hotspot has become something."""
        hotspot = change.hotspot
        if change.kind == "lost":
            self.response.lost(hotspot.id)
            return
        lat_deg, lon_deg, alt_amsl_m = hotspot.lat_deg, hotspot.lon_deg, hotspot.alt_amsl_m
        covariance_m2 = hotspot.covariance_m2
        if lat_deg is None or lon_deg is None or alt_amsl_m is None or covariance_m2 is None:
            return  # only a bearing is known: there is no place to look at
        target = Target(hotspot.id, Fire(lat_deg, lon_deg, alt_amsl_m, covariance_m2))
        self.response.confirmed(target, self._now())

    async def approve(self, alert_id: UUID | None) -> None:
        """A person says yes. Raises PatrolError when nothing was asked, NotInControl without a grant."""
        self._vehicle.arbiter.require()
        if alert_id is None or not self.response.approve(alert_id):
            raise PatrolError("nobody asks to look at this again now")

    async def decline(self, alert_id: UUID | None) -> None:
        """A person says no."""
        if alert_id is None or not self.response.decline(alert_id, self._now()):
            raise PatrolError("nobody asks to look at this again now")

    def drop(self, why: str) -> None:
        """Another order has come: nothing more is sent, not even what is under way."""
        self._errand.break_off(why)
        self.response.hands_off(self._now(), why)

    async def step(self) -> None:
        """Do what is due. Call a few times a second."""
        situation = self._situation()
        if situation is None or self._errand.under_way:
            return
        before = self.response.phase
        try:
            actions = self.response.step(self._now(), situation)
        except Exception as error:
            log.exception("look again")
            actions = self.response.failed(f"it failed ({type(error).__name__})", self._now())
        if actions:
            await self._errand.run(self._do(actions))
        elif before is Phase.RETURNING and self.response.phase is Phase.IDLE and not situation.on_mission:
            self._stay()

    def _stay(self) -> None:
        """The patrol could not be gone on with: the vehicle waits where it is, as if it had been paused."""
        self._flight.progress.task = Task.PAUSE
        log.error("the patrol was not resumed after a look again: the vehicle waits where it is")
        self._vehicle.tell("Patrol not resumed: vehicle holds, take over")

    def _control_changed(self) -> None:
        if not self._vehicle.arbiter.may_command:
            self.drop("the pilot took over")

    def _situation(self) -> Situation | None:
        """None while there is nothing to decide on: no position, or a grant whose link is lost for now."""
        telemetry, arbiter = self._vehicle.telemetry, self._vehicle.arbiter
        position = telemetry.position
        if position is None or not telemetry.position_ok:
            return None
        if arbiter.control == Control.GRANTED.value and not arbiter.may_command:
            return None
        phase = self._flight.phase
        return Situation(
            patrolling=phase is PatrolPhase.FLYING and not self._climbs,
            on_mission=phase in (PatrolPhase.FLYING, PatrolPhase.RETURNING),
            granted=arbiter.may_command,
            lat_deg=position.lat_deg,
            lon_deg=position.lon_deg,
            alt_amsl_m=position.alt_amsl_m,
            battery_percent=telemetry.battery_percent,
        )

    @property
    def _climbs(self) -> bool:
        progress = self._flight.progress
        return progress.plan.items[progress.record.item].command == Command.NAV_TAKEOFF

    async def _do(self, actions: Sequence[Action]) -> None:
        left = deque(actions)
        while left:
            try:
                await self._act(left.popleft())
            except NotInControl as error:
                if self._vehicle.arbiter.control != Control.GRANTED.value:
                    log.info("look again is dropped: %s", error)
                    self.response.hands_off(self._now())
                    return
                left = deque(self.response.failed(error.message, self._now()))
            except EmberwatchError as error:
                log.warning("look again: %s", error)
                left = deque(self.response.failed(error.message, self._now()))
            except Exception as error:
                log.exception("look again")
                left = deque(self.response.failed(f"it failed ({type(error).__name__})", self._now()))

    async def _act(self, action: Action) -> None:
        commands = self._vehicle.commands
        match action:
            case FlyTo(lat_deg, lon_deg, alt_amsl_m, take_over):
                self._flight.progress.task = Task.LOOK_AGAIN
                await commands.reposition(lat_deg, lon_deg, alt_amsl_m, take_over=take_over)
            case LookAt(lat_deg, lon_deg, alt_amsl_m):
                await commands.look_at(lat_deg, lon_deg, alt_amsl_m)
            case LookAhead():
                try:
                    await commands.look_ahead()
                except CommandError as error:
                    log.warning("the camera does not let go of the fire: %s", error)
            case Resume():
                await self._flight.resume()
            case _:
                assert_never(action)


def least(site: Mode, patrol: Mode | None) -> Mode:
    """The more careful of what the site allows and what the patrol asks for."""
    order = (Mode.OFF, Mode.ASK, Mode.AUTOMATIC)
    return site if patrol is None else min(site, patrol, key=order.index)
