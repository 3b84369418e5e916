"""Carries out what the response decides: joins ``response`` to hotspots, vehicle and patrol."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from uuid import UUID

from edge.config import AgentConfig
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.progress import Task
from edge.flying.response import (
    Action,
    FlyTo,
    LookAhead,
    LookAt,
    Mode,
    Phase,
    Place,
    Response,
    Resume,
    Rules,
    Situation,
    Target,
)
from edge.flying.standoff import Fire, Here, NoViewError, StandOff, View, Wind
from edge.hotspot import HotspotChange
from flight.arbiter import NotInControl
from flight.errors import EmberwatchError
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import PatrolPhase

log = logging.getLogger(__name__)

WIND_FRESH_S = 30.0


class LookAgain:
    """Of one vehicle on one patrol."""

    def __init__(
        self, config: AgentConfig, vehicle: Vehicle, flight: PatrolFlight, terrain: Terrain | None
    ) -> None:
        self._vehicle = vehicle
        self._flight = flight
        self._terrain = terrain
        self._stand_off_m = config.response.stand_off_m
        wish = flight.patrol.on_detection
        mode = least(Mode(config.response.look_again), None if wish is None else Mode(wish))
        self.response = Response(
            Rules(
                mode=mode,
                longest_s=config.response.longest_s,
                reserve_percent=config.limits.reserve_percent,
            ),
            self._find_views,
            self._find_way,
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
        self.response.confirmed(target, time.monotonic())

    async def approve(self, alert_id: UUID | None) -> None:
        """A person says yes. Raises PatrolError when nothing was asked, NotInControl without a grant."""
        self._vehicle.arbiter.require()
        if alert_id is None or not self.response.approve(alert_id):
            raise PatrolError("nobody asks to look at this again now")

    async def decline(self, alert_id: UUID | None) -> None:
        """A person says no."""
        if alert_id is None or not self.response.decline(alert_id, time.monotonic()):
            raise PatrolError("nobody asks to look at this again now")

    def drop(self) -> None:
        """Another order has come."""
        self.response.hands_off(time.monotonic())

    async def step(self) -> None:
        """Do what is due. Call a few times a second."""
        situation = self._situation()
        if situation is not None:
            await self._do(self.response.step(time.monotonic(), situation))

    def _control_changed(self) -> None:
        if not self._vehicle.arbiter.may_command:
            self.response.hands_off(time.monotonic())

    def _situation(self) -> Situation | None:
        telemetry = self._vehicle.telemetry
        position = telemetry.position
        if position is None or not telemetry.position_ok:
            return None
        return Situation(
            patrolling=self._flight.phase is PatrolPhase.FLYING,
            granted=self._vehicle.arbiter.may_command,
            lat_deg=position.lat_deg,
            lon_deg=position.lon_deg,
            alt_amsl_m=position.alt_amsl_m,
            battery_percent=telemetry.battery_percent,
        )

    async def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            try:
                await self._act(action)
            except NotInControl as error:
                log.info("look again is dropped: %s", error)
                self.response.hands_off(time.monotonic())
                return
            except EmberwatchError as error:
                log.warning("look again: %s", error)
                await self._do(self.response.failed(error.message, time.monotonic()))
                return

    async def _act(self, action: Action) -> None:
        commands = self._vehicle.commands
        match action:
            case FlyTo(lat_deg, lon_deg, alt_amsl_m, take_over):
                self._flight.progress.task = Task.LOOK_AGAIN
                await commands.reposition(lat_deg, lon_deg, alt_amsl_m, take_over=take_over)
            case LookAt(lat_deg, lon_deg, alt_amsl_m):
                await commands.look_at(lat_deg, lon_deg, alt_amsl_m)
            case LookAhead():
                await commands.look_ahead()
            case Resume():
                await commands.release_gimbal()
                await self._flight.resume()

    def _find_views(self, fire: Fire, count: int) -> Sequence[View]:
        return self._rules_around(fire).views(self._here(), count)

    def _find_way(self, fire: Fire, place: Place) -> Sequence[Place] | None:
        return self._rules_around(fire).way(self._here(), Here(*place))

    def _here(self) -> Here:
        position = self._vehicle.telemetry.position
        if position is None:
            raise NoViewError("the vehicle's position is not known")
        return Here(position.lat_deg, position.lon_deg, position.alt_amsl_m)

    def _rules_around(self, fire: Fire) -> StandOff:
        wind = self._vehicle.telemetry.wind
        is_fresh = wind is not None and time.monotonic() - wind.received_s < WIND_FRESH_S
        return StandOff(
            fire,
            self._vehicle.commands.envelope,
            self._terrain,
            Wind(wind.from_deg, wind.speed_m_s) if wind is not None and is_fresh else None,
            self._stand_off_m,
        )


def least(site: Mode, patrol: Mode | None) -> Mode:
    """The more careful of what the site allows and what the patrol asks for."""
    order = (Mode.OFF, Mode.ASK, Mode.AUTOMATIC)
    return site if patrol is None else min(site, patrol, key=order.index)
