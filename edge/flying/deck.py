"""The flight deck: patrol, look again, orders, traffic and coverage of one vehicle, put together.

Wiring only. Rules are in the parts: who may command in ``flight.arbiter``, when to look again in
``edge.flying.response``, what is safe in ``flight.envelope``, where a patrol stands in
``edge.flying.progress``, when a flight may begin in ``edge.flying.launch``.

Nothing that goes wrong in here ends the agent: it is in the air, and its heartbeat and its watch go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from edge.config.file import AgentConfig
from edge.flying.endurance import BatteryUse
from edge.flying.fires import Fires
from edge.flying.flight import PatrolFlight
from edge.flying.launch import ITSELF, Launch
from edge.flying.look_again import LookAgain, fresh_battery_percent
from edge.flying.order_handlers import OrderHandlers
from edge.flying.orders import OrderDesk
from edge.flying.searched import Searched
from edge.flying.sender import Sender
from edge.hotspots.hotspot import HotspotChange, Look
from edge.patrols.depot import PatrolDepot
from edge.patrols.limits import limits_of
from edge.preflight import PlanFacts, Preflight
from edge.watch import Watch
from flight.envelope import Envelope
from flight.plans.checks import check, checked_by
from flight.plans.flight_time import flight_time_s
from flight.plans.plan import Plan
from flight.terrain import Terrain
from flight.traffic import Traffic, TrafficWarning, Volume
from flight.vehicle import Vehicle
from uplink.errors import OutboxError
from uplink.messages import PatrolRoute, PreflightLine
from uplink.outbox import Outbox

log = logging.getLogger(__name__)

TICK_S = 0.2
PREFLIGHT_PERIOD_S = 2.0
RECORD_PERIOD_S = 15.0
PATROL_PERIOD_S = 1.0
WARN_AGAIN_S = 15.0
FIRST_RETRY_S, LAST_RETRY_S = 2.0, 60.0
FAILURES_TOLD = 25  # in a row: then the pilot is told, and again after as many


class FlightDeck:
    """Everything that acts on, or watches over, the flight. ``run`` it once the autopilot was heard."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        flight: PatrolFlight | None,
        watch: Watch,
        outbox: Outbox,
        terrain: Terrain | None,
        *,
        depot: PatrolDepot | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.now = now
        self.vehicle = vehicle
        self._watch = watch
        self._outbox = outbox
        self.terrain = terrain
        self.depot = depot
        self.flight: PatrolFlight | None = None
        self.look_again: LookAgain | None = None
        self.launch: Launch | None = None
        self._limits = limits_of(config.limits)
        self.fires = Fires()
        self.battery_use = BatteryUse()
        self.sender = Sender(
            config,
            vehicle,
            lambda: self.flight,
            terrain,
            self.fires,
            onward=lambda: None if self.look_again is None else self.look_again.onward,
            battery_percent=lambda: fresh_battery_percent(vehicle, now()),
            now=now,
        )
        self.traffic: list[TrafficWarning] = []
        self.preflight: list[PreflightLine] = []
        self.searched = Searched(config.data_dir, flight)
        if flight is not None:
            self.take_up(flight)
        self._problems: tuple[tuple[str, float | None], list[str]] | None = None
        self._logged: set[str] = set()
        self._warned_s: dict[str, float] = {}
        volume = config.traffic
        self._traffic = Traffic(Volume(volume.radius_m, volume.height_m, volume.within_s))
        self.checks = Preflight(
            vehicle,
            seeing=watch.seeing,
            model_name=lambda: watch.provenance.model_name if watch.provenance else None,
            data_dir=config.data_dir,
            endurance_s=config.limits.endurance_s,
            reserve_percent=config.limits.reserve_percent,
        )
        self._orders = OrderHandlers(self)
        self.desk = OrderDesk(self._orders.by_kind)
        vehicle.link.subscribe(self._traffic.handle, "ADSB_VEHICLE")
        watch.on_look.append(self._looked)
        watch.on_change.append(self._hotspot_changed)
        watch.on_quiet.append(partial(self._hotspot_changed, answered=False))

    def take_up(self, flight: PatrolFlight) -> None:
        """This is the patrol from now on."""
        config, vehicle = self.config, self.vehicle
        look_again = LookAgain(
            config,
            vehicle,
            flight,
            self.terrain,
            self.fires,
            unattended=lambda: vehicle.arbiter.granted_by == ITSELF,
            now=self.now,
        )
        if self.look_again is not None:
            look_again.take_over(self.look_again)
        self.flight, self.look_again = flight, look_again
        self.launch = Launch(
            vehicle,
            flight,
            self._check_anew,
            lambda: self.preflight,
            unattended=config.patrol.unattended,
            now=self.now,
        )
        self._limits = flight.patrol.within(limits_of(config.limits))

    def _looked(self, look: Look) -> None:
        self.searched.coverage.look(look)
        if self.look_again is not None:
            self.look_again.look(look)

    def _hotspot_changed(self, change: HotspotChange, *, answered: bool = True) -> None:
        if self.look_again is None:
            self.fires.take(change, answered=answered)
        else:
            self.look_again.changed(change, answered=answered)

    @property
    def next_start(self) -> datetime | None:
        """When the next pass is due, where it is not held back."""
        return None if self.launch is None else self.launch.next_start

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.desk.run(), name="orders")
            tasks.create_task(self._again(self._watch_over, TICK_S), name="flight deck")
            tasks.create_task(self._again(self._look_again, TICK_S), name="look again")
            tasks.create_task(self._again(self._go_on, TICK_S), name="sent")
            tasks.create_task(self._again(self._check, PREFLIGHT_PERIOD_S), name="preflight")
            tasks.create_task(self._again(self._keep_searched, RECORD_PERIOD_S), name="coverage")
            tasks.create_task(self._again(self._keep_progress, PATROL_PERIOD_S), name="progress")
            tasks.create_task(self._again(self._begin_by_itself, PATROL_PERIOD_S), name="launch")
            tasks.create_task(self._keep_aboard(), name="plan aboard")

    async def _again(self, work: Callable[[], Awaitable[object]], period_s: float) -> None:
        """Do it, and again, whatever it runs into: one that fails must not take the others with it."""
        name, failures = getattr(work, "__name__", "a task"), 0
        while True:
            try:
                await work()
                failures = 0
            except Exception as error:  # noqa: BLE001 - flight, heartbeat and uplink outlive it
                self._log_once(name, error)
                failures += 1
                if failures % FAILURES_TOLD == 0:
                    self.vehicle.tell(f"Emberwatch fails: {name.strip('_').replace('_', ' ')}. Take over")
            await asyncio.sleep(period_s)

    def _log_once(self, what: str, error: Exception) -> None:
        kind = f"{what}: {type(error).__name__}"
        if kind not in self._logged:
            self._logged.add(kind)
            log.error("%s failed, and goes on", what, exc_info=error)

    # --- the patrol -------------------------------------------------------------------------------

    async def _keep_searched(self) -> None:
        await self.searched.keep()

    async def _keep_progress(self) -> None:
        if self.flight is not None:
            await self.flight.keep()

    async def _begin_by_itself(self) -> None:
        if self.launch is not None:
            await self.launch.by_itself()

    async def _keep_aboard(self) -> None:
        """The plan aboard, and known to be: the next flight of several, or the link was bad."""
        pause_s = FIRST_RETRY_S
        while True:
            flight = self.flight
            if flight is None:
                await asyncio.sleep(PATROL_PERIOD_S)
                continue
            aboard, armed = flight.progress.aboard, self.vehicle.telemetry.armed
            if aboard is True or (aboard is False and armed):
                pause_s = FIRST_RETRY_S
                await asyncio.sleep(PATROL_PERIOD_S)
                continue
            try:
                await flight.bring_aboard()
                self.checks.ask_anew()
                await self.show(flight)
            except Exception as error:  # noqa: BLE001 - as above
                self._log_once("bringing the plan aboard", error)
            if flight.progress.aboard is not True:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LAST_RETRY_S)

    def set_envelope(self) -> None:
        limits = self._limits
        self.vehicle.commands.envelope = Envelope(
            home=self.vehicle.telemetry.home,
            fence=None if self.flight is None else self.flight.progress.plan.fence,
            terrain=self.terrain,
            least_height_agl_m=limits.least_height_agl_m,
            ceiling_home_m=limits.ceiling_home_m,
            range_m=limits.range_m,
        )

    async def show(self, flight: PatrolFlight) -> None:
        """Tell the station what is to be flown."""
        plan = flight.progress.plan
        try:
            route = PatrolRoute(
                drone_id=self.config.drone.id,
                name=flight.patrol.name[:128],
                plan_sha256=plan.sha256,
                aboard=flight.progress.aboard is True,
                route=plan.route[:2000],
            )
            await asyncio.to_thread(self._outbox.put_patrol, route)
        except (OutboxError, ValidationError) as error:
            log.warning("the patrol is not shown at the station: %s", error)

    # --- watching over ----------------------------------------------------------------------------

    async def _watch_over(self) -> None:
        telemetry, now_s = self.vehicle.telemetry, self.now()
        self.battery_use.hear(
            now_s, armed=telemetry.armed, percent=fresh_battery_percent(self.vehicle, now_s)
        )
        if self.flight is not None and self.launch is not None:
            self.flight.hear()
            self.launch.watch()
            self.searched.watch()
        try:
            self._look_out()
        except Exception as error:  # noqa: BLE001 - as above
            self._log_once("traffic", error)

    async def _go_on(self) -> None:
        if self.desk.idle:
            self.set_envelope()
            await self.sender.step()

    async def _look_again(self) -> None:
        if self.vehicle.telemetry.armed is False:
            self._orders.standing_down = False
        if self.look_again is not None and self.desk.idle and not self._orders.standing_down:
            self.set_envelope()
            await self.look_again.step()

    def _look_out(self) -> None:
        """For other aircraft: the station hears of them with the state, the pilot by a line of text."""
        position, now_s = self.vehicle.telemetry.position, self.now()
        self.traffic = [] if position is None else self._traffic.warnings(position, now_s)
        for warning in self.traffic:
            if now_s - self._warned_s.get(warning.icao, float("-inf")) >= WARN_AGAIN_S:
                self._warned_s[warning.icao] = now_s
                log.warning("traffic: %s", warning.words())
                self.vehicle.tell(warning.short())
        self._warned_s = {icao: s for icao, s in self._warned_s.items() if now_s - s < 10 * WARN_AGAIN_S}

    async def _check(self) -> None:
        if self.vehicle.telemetry.armed is False:
            await self._check_once()

    async def _check_anew(self) -> Sequence[PreflightLine]:
        self.checks.ask_anew()
        await self._check_once()
        return self.preflight

    async def _check_once(self) -> None:
        facts = await self._plan_facts()
        lines = await self.checks.lines(facts, self.now())
        if self.launch is not None and self.launch.unattended and self.launch.held_back:
            why = f"only a person may start it: {self.launch.held_back}"
            lines.append(PreflightLine(name="starts by itself", passed=None, detail=why[:256]))
        self.preflight = lines

    async def _plan_facts(self) -> PlanFacts | None:
        if self.flight is None:
            return None
        plan, home = self.flight.progress.part, self.vehicle.telemetry.home
        home_amsl_m = None if home is None else home.alt_amsl_m
        if self._problems is None or self._problems[0] != (plan.sha256, home_amsl_m):
            # In a thread: a long plan with a fence takes a small computer longer than a heartbeat may wait.
            problems = await asyncio.to_thread(self._problems_of, plan, home_amsl_m)
            self._problems = (plan.sha256, home_amsl_m), problems
        return PlanFacts(
            aboard=self.flight.progress.aboard,
            trouble=self.flight.trouble,
            problems=self._problems[1],
            checked_by=checked_by(plan, self.terrain, self._limits),
            flight_time_s=flight_time_s(plan, self.terrain),
            fence=plan.fence,
        )

    def _problems_of(self, plan: Plan, home_amsl_m: float | None) -> list[str]:
        problems = check(plan, self.terrain, self._limits, home_amsl_m=home_amsl_m)
        return [problem.words for problem in problems]
