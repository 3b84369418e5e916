"""Carries out what the response decides: joins ``response`` to hotspots, orders, vehicle and patrol."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from edge.config.file import AgentConfig
from edge.flying.actions import FlyTo, LookAction, LookAhead, LookAt, Resume, Strand
from edge.flying.around import POSITION_FRESH_S, Around
from edge.flying.clearance import Place
from edge.flying.errand import Errand
from edge.flying.fires import Fires
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.progress import Task
from edge.flying.response import Response
from edge.flying.rules import Mode, Rules, least
from edge.flying.situation import Situation
from edge.flying.visits import Visits
from edge.hotspots.hotspot import HotspotChange, Look
from flight.arbiter import Control, NotInControl
from flight.commands import CommandError
from flight.errors import EmberwatchError
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import Order, PatrolPhase

if TYPE_CHECKING:
    from edge.flying.orders import Ending

log = logging.getLogger(__name__)

BATTERY_FRESH_S = 10.0
RETRY_S = 5.0


class LookAgain:
    """Of one vehicle on one patrol."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        flight: PatrolFlight,
        terrain: Terrain | None,
        fires: Fires,
        *,
        unattended: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``unattended``: whether nobody watches the flight of now."""
        self._vehicle = vehicle
        self._flight = flight
        self._unattended = unattended
        self._now = now
        self._errand = Errand()
        self._fires = fires
        self._is_stranded = False
        self._tried_home_s = float("-inf")
        self._reserve_percent = config.limits.reserve_percent
        self._around = Around(
            vehicle, flight, terrain, config.response.stand_off_m, lambda: fires.all, now=now
        )
        wish = flight.patrol.on_detection
        mode = least(Mode(config.response.look_again), None if wish is None else Mode(wish))
        rules = Rules(
            mode=mode,
            views=config.response.views,
            look_s=config.response.look_s,
            longest_s=config.response.longest_s,
            longest_at_s=config.response.look_at_longest_s,
            reserve_percent=config.limits.reserve_percent,
            endurance_s=config.limits.endurance_s,
        )
        self.response = Response(rules, self._around)
        self.visits = Visits(config, flight, terrain, self._around, self.response, rules, now=now)
        vehicle.arbiter.on_change.append(self._control_changed)

    def take_over(self, before: LookAgain) -> None:
        """Another patrol is flown from now on, with the same fires; ``before`` hears no more of anything."""
        before._vehicle.arbiter.on_change.remove(before._control_changed)
        before.drop("another patrol is flown")

    def changed(self, change: HotspotChange, *, answered: bool = True) -> None:
        """A hotspot has become something. Each that is confirmed is kept clear of, looked at or not; one that
        is not ``answered`` is never looked at."""
        hotspot_id = change.hotspot.id
        was_known = hotspot_id in self._fires
        fire = self._fires.take(change, answered=answered)
        if change.kind == "lost":
            self.response.lost(hotspot_id)
        if fire is None:
            return
        if not was_known:
            self.response.check_now()
        self.visits.burns(hotspot_id, fire, alerted=answered)
        if answered:
            self.response.confirmed(hotspot_id, fire, self._now())

    def look(self, look: Look) -> None:
        """A frame was looked at."""
        self.visits.look(look)

    @property
    def onward(self) -> Place | None:
        """Where the patrol goes on to; None where nobody knows."""
        return self._around.onward

    async def look_at(self, order: Order) -> asyncio.Future[Ending]:
        """A person names a place: go and look. The future is how it ends. Raises PatrolError for what stands
        against it, NotInControl without a grant."""
        self._vehicle.arbiter.require()
        situation = self._situation()
        if situation is None or self._is_stranded:
            raise PatrolError("it cannot be sent anywhere now")
        return self.visits.begin(order, situation, self._fires.told)

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
        self._is_stranded = False
        self.response.hands_off(self._now(), why)
        self.visits.conclude()

    async def step(self) -> None:
        """Do what is due. Call a few times a second."""
        try:
            await self._step()
        finally:
            self.visits.conclude()

    async def _step(self) -> None:
        if self._vehicle.telemetry.armed is False:
            self.response.landed(self._now())
        situation = self._situation()
        if situation is None or self._errand.under_way:
            return
        if self._is_stranded:
            await self._come_home(situation)
            return
        try:
            actions = self.response.step(self._now(), situation)
        except Exception as error:
            log.exception("look again")
            actions = self.response.failed(f"it failed ({type(error).__name__})", self._now())
        if actions:
            await self._errand.run(self._do(actions))

    def _strand(self) -> None:
        """The patrol cannot be gone on with: the vehicle waits where it is, as if it had been paused, or
        where nobody watches it, comes home."""
        self._flight.progress.task = Task.PAUSE
        self._is_stranded = self._unattended()
        self._tried_home_s = float("-inf")
        what = "comes home" if self._is_stranded else "waits where it is"
        log.error("no patrol after a look again (%s): the vehicle %s", self.response.reason, what)
        self._vehicle.tell(
            "Patrol not resumed: vehicle returns"
            if self._is_stranded
            else "Patrol not resumed: vehicle holds, take over"
        )

    async def _come_home(self, situation: Situation) -> None:
        """By a way that is clear of the fires; once the battery has reached its reserve, by any: it is what
        the autopilot's own failsafe would do later, with less of it."""
        if self._flight.phase not in (PatrolPhase.PAUSED, PatrolPhase.LOOKING_AGAIN):
            self._is_stranded = False
            return
        percent, now_s = situation.battery_percent, self._now()
        if now_s - self._tried_home_s < RETRY_S:
            return
        self._tried_home_s = now_s
        may_wait = situation.place is not None and percent is not None and percent > self._reserve_percent
        if may_wait and not self._around.is_home_clear():
            return
        await self._errand.run(self._return_home())

    async def _return_home(self) -> None:
        try:
            await self._vehicle.commands.return_home()
        except EmberwatchError as error:
            log.warning("it could not be sent home: %s", error)
            self._vehicle.tell("Return was refused: take over")

    def _control_changed(self) -> None:
        if not self._vehicle.arbiter.may_command:
            self.drop("the pilot took over")

    def _situation(self) -> Situation | None:
        """None while nothing can be decided: a grant whose link is lost for now."""
        telemetry, arbiter = self._vehicle.telemetry, self._vehicle.arbiter
        if arbiter.control == Control.GRANTED.value and not arbiter.may_command:
            return None
        phase, position = self._flight.phase, telemetry.position_since(POSITION_FRESH_S)
        # The phase may be a moment older than the mode.
        is_guided = telemetry.autopilot is not None and telemetry.mode == telemetry.autopilot.guided_mode
        is_flying = phase is PatrolPhase.FLYING and not is_guided
        return Situation(
            patrolling=is_flying and self.response.may_begin and self._around.is_on_patrol,
            on_mission=is_flying or phase is PatrolPhase.RETURNING,
            granted=arbiter.may_command,
            place=None if position is None else (position.lat_deg, position.lon_deg, position.alt_amsl_m),
            battery_percent=fresh_battery_percent(self._vehicle, self._now()),
        )

    async def _do(self, actions: Sequence[LookAction]) -> None:
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

    async def _act(self, action: LookAction) -> None:
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
            case Strand():
                self._strand()
            case _:
                assert_never(action)


def fresh_battery_percent(vehicle: Vehicle, now_s: float) -> float | None:
    """None as well where the autopilot has not said it for a while."""
    heard_s = vehicle.telemetry.heard_s("SYS_STATUS")
    is_fresh = heard_s is not None and now_s - heard_s <= BATTERY_FRESH_S
    return vehicle.telemetry.battery_percent if is_fresh else None
