"""The flight deck: patrol, look again, orders, traffic and coverage of one vehicle, put together.

Wiring only. Rules are in the parts: who may command in ``flight.arbiter``, when to look again in
``edge.flying.response``, what is safe in ``flight.envelope``, where a patrol stands in
``edge.flying.progress``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from edge.config import AgentConfig
from edge.coverage import Coverage
from edge.files import write_whole
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.look_again import LookAgain
from edge.flying.orders import OrderDesk
from edge.preflight import PlanFacts, Preflight, failed
from edge.watch import Watch
from flight.arbiter import NotInControl
from flight.envelope import Envelope
from flight.errors import EmberwatchError
from flight.plans.checks import Limits, check
from flight.plans.flight_time import flight_time_s
from flight.terrain import Terrain
from flight.traffic import Traffic, TrafficWarning, Volume
from flight.vehicle import Vehicle
from uplink.errors import OutboxError
from uplink.messages import Order, OrderKind, PatrolPhase, PatrolRoute, PreflightLine
from uplink.outbox import Outbox

log = logging.getLogger(__name__)

TICK_S = 0.2
PREFLIGHT_PERIOD_S = 2.0
RECORD_PERIOD_S = 15.0
UNATTENDED_PERIOD_S = 1.0
WARN_AGAIN_S = 15.0


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
    ) -> None:
        self._config = config
        self._vehicle = vehicle
        self._watch = watch
        self._outbox = outbox
        self._terrain = terrain
        self.flight = flight
        self.coverage = Coverage()
        self.look_again = None if flight is None else LookAgain(config, vehicle, flight, terrain)
        self.traffic: list[TrafficWarning] = []
        self.preflight: list[PreflightLine] = []
        self.next_start: datetime | None = None
        self._started_at: datetime | None = None
        self._held_back = ""
        self._coverage_percent: float | None = None
        self._warned_s: dict[str, float] = {}
        volume = config.traffic
        self._traffic = Traffic(Volume(volume.radius_m, volume.height_m, volume.within_s))
        self._preflight = Preflight(
            vehicle,
            seeing=watch.health.state,
            model_name=lambda: watch.provenance.model_name if watch.provenance else None,
            data_dir=config.data_dir,
            endurance_s=config.limits.endurance_s,
            reserve_percent=config.limits.reserve_percent,
        )
        self.desk = OrderDesk(
            {
                OrderKind.GRANT: self._grant,
                OrderKind.REVOKE: self._revoke,
                OrderKind.START: self._start,
                OrderKind.PAUSE: self._pause,
                OrderKind.RESUME: self._resume,
                OrderKind.STAND_DOWN: self._stand_down,
                OrderKind.LOOK_AGAIN: self._approve,
                OrderKind.NO_LOOK: self._decline,
            }
        )
        vehicle.link.subscribe(self._traffic.handle, "ADSB_VEHICLE")
        watch.on_look.append(self.coverage.look)
        if self.look_again is not None:
            watch.on_change.append(self.look_again.changed)

    @property
    def coverage_percent(self) -> float | None:
        """How much of the patrol's area was seen; worked out every so often."""
        return self._coverage_percent

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.desk.run(), name="orders")
            tasks.create_task(self._watch_over(), name="flight deck")
            tasks.create_task(self._check(), name="preflight")
            tasks.create_task(self._record(), name="coverage")
            if self.flight is not None:
                tasks.create_task(self._fly(self.flight), name="patrol")

    # --- orders -----------------------------------------------------------------------------------

    async def _grant(self, order: Order) -> None:
        now_s = time.monotonic()
        if not self._vehicle.arbiter.grant(now_s, order.by):
            raise NotInControl(self._vehicle.arbiter.objection(now_s))

    async def _revoke(self, order: Order) -> None:
        self._vehicle.arbiter.revoke(f"{order.by} took it back")

    async def _start(self, _order: Order) -> None:
        flight = self._patrol()
        self._vehicle.arbiter.require()
        self._preflight.ask_anew()
        await self._check_once()
        bad = failed(self.preflight, unattended=False)
        if bad:
            raise PatrolError("preflight: " + "; ".join(f"{line.name}: {line.detail}" for line in bad[:3]))
        await self._take_off(flight)

    async def _pause(self, _order: Order) -> None:
        if self.look_again is not None:
            self.look_again.drop()
        await self._patrol().pause()

    async def _resume(self, _order: Order) -> None:
        if self.look_again is not None:
            self.look_again.drop()
        await self._patrol().resume()

    async def _stand_down(self, order: Order) -> None:
        if self.look_again is not None:
            self.look_again.drop()
        if not self._vehicle.telemetry.armed:
            self._held_back = f"stand down by {order.by}"
            return
        try:
            await self._vehicle.commands.return_home()
        except NotInControl:
            self._vehicle.tell(f"Stand down ordered by {order.by}: return")
            raise
        finally:
            self._held_back = f"stand down by {order.by}"

    async def _approve(self, order: Order) -> None:
        if self.look_again is None:
            raise PatrolError("no patrol is flown")
        await self.look_again.approve(order.alert_id)

    async def _decline(self, order: Order) -> None:
        if self.look_again is None:
            raise PatrolError("no patrol is flown")
        await self.look_again.decline(order.alert_id)

    def _patrol(self) -> PatrolFlight:
        if self.flight is None:
            raise PatrolError("this drone has no patrol", hint="Name one: [agent.patrol] file = …")
        return self.flight

    # --- the patrol -------------------------------------------------------------------------------

    async def _fly(self, flight: PatrolFlight) -> None:
        """Bring the patrol aboard, and start it where it says so, the site allows it and all is well."""
        await flight.bring_aboard()
        await self._show(flight)
        unattended = flight.patrol.unattended and self._config.patrol.unattended
        if not unattended:
            log.info("the patrol %s waits for a person to start it", flight.patrol.name)
        while True:
            await asyncio.sleep(UNATTENDED_PERIOD_S)
            if flight.progress.aboard is None and not self._vehicle.telemetry.armed:
                await flight.bring_aboard()  # the next flight of several, or the link was bad
                await self._show(flight)
            self.next_start = self._due(flight)
            if unattended and self._may_start(flight):
                await self._start_unattended(flight)

    def _due(self, flight: PatrolFlight) -> datetime | None:
        """When the next pass is to start; None when there is none or it is flown now."""
        if self._vehicle.telemetry.armed:
            return None
        record, schedule, now = flight.progress.record, flight.patrol.schedule, datetime.now(UTC)
        if schedule is None:
            return None if record.done else now
        passes = record.pass_number if record.done else record.pass_number - 1
        return schedule.next_start(self._started_at, passes, now)

    def _may_start(self, flight: PatrolFlight) -> bool:
        due = self.next_start
        if self._held_back or due is None or due > datetime.now(UTC) + timedelta(seconds=1):
            return False
        if flight.phase is PatrolPhase.INTERRUPTED:
            return False  # somebody, or a failsafe, ended it: a person decides how it goes on
        return not failed(self.preflight, unattended=True) and bool(self.preflight)

    async def _start_unattended(self, flight: PatrolFlight) -> None:
        arbiter = self._vehicle.arbiter
        if self._vehicle.telemetry.armed or not arbiter.grant(time.monotonic(), "its own patrol, unattended"):
            return
        try:
            await self._take_off(flight)
        except EmberwatchError as error:
            log.warning("the patrol does not start: %s", error)
            self._held_back = error.message
            arbiter.revoke("the patrol did not start")

    async def _take_off(self, flight: PatrolFlight) -> None:
        self._set_envelope()
        self._started_at = datetime.now(UTC)
        self._held_back = ""
        await flight.start()

    def _set_envelope(self) -> None:
        limits = self._config.limits
        self._vehicle.commands.envelope = Envelope(
            home=self._vehicle.telemetry.home,
            fence=None if self.flight is None else self.flight.progress.plan.fence,
            terrain=self._terrain,
            least_height_agl_m=limits.least_height_agl_m,
            ceiling_home_m=limits.ceiling_home_m,
            range_m=limits.range_m,
        )

    async def _show(self, flight: PatrolFlight) -> None:
        """Tell the station what is to be flown."""
        plan = flight.progress.plan
        try:
            route = PatrolRoute(
                drone_id=self._config.drone.id,
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
        while True:
            if self.flight is not None:
                await self.flight.hear()
            if self.look_again is not None and self.desk.idle:
                self._set_envelope()
                await self.look_again.step()
            self._look_out()
            await asyncio.sleep(TICK_S)

    def _look_out(self) -> None:
        """For other aircraft: the station hears of them with the state, the pilot by a line of text."""
        position, now_s = self._vehicle.telemetry.position, time.monotonic()
        self.traffic = [] if position is None else self._traffic.warnings(position, now_s)
        for warning in self.traffic:
            if now_s - self._warned_s.get(warning.icao, float("-inf")) >= WARN_AGAIN_S:
                self._warned_s[warning.icao] = now_s
                log.warning("traffic: %s", warning.words())
                self._vehicle.tell(warning.short())
        self._warned_s = {icao: s for icao, s in self._warned_s.items() if now_s - s < 10 * WARN_AGAIN_S}

    async def _check(self) -> None:
        while True:
            if self._vehicle.telemetry.armed is False:
                await self._check_once()
            await asyncio.sleep(PREFLIGHT_PERIOD_S)

    async def _check_once(self) -> None:
        self.preflight = await self._preflight.lines(self._plan_facts(), time.monotonic())

    def _plan_facts(self) -> PlanFacts | None:
        if self.flight is None:
            return None
        plan, limits = self.flight.progress.part, self._config.limits
        home = self._vehicle.telemetry.home
        problems = check(
            plan,
            self._terrain,
            Limits(
                ceiling_home_m=limits.ceiling_home_m,
                least_height_agl_m=limits.least_height_agl_m,
                range_m=limits.range_m,
                endurance_s=limits.endurance_s * (1 - limits.reserve_percent / 100),
            ),
            home_amsl_m=None if home is None else home.alt_amsl_m,
        )
        return PlanFacts(
            aboard=self.flight.progress.aboard,
            problems=[problem.words for problem in problems],
            flight_time_s=flight_time_s(plan),
            fence=plan.fence,
        )

    async def _record(self) -> None:
        """Keep the coverage on the disk while there is something new."""
        path, kept_m2 = self._config.data_dir / "coverage.geojson", 0.0
        while True:
            await asyncio.sleep(RECORD_PERIOD_S)
            seen_m2 = self.coverage.seen_m2
            if seen_m2 == kept_m2:
                continue
            if self.flight is not None and self.flight.patrol.area:
                self._coverage_percent = self.coverage.percent_of(self.flight.patrol.area)
            try:
                document = await asyncio.to_thread(self.coverage.to_geojson)
                await asyncio.to_thread(write_whole, path, document)
                kept_m2 = seen_m2
            except OSError as error:
                log.warning("the coverage is not kept: %s", error)
