"""Carries out the orders that take the vehicle somewhere: joins ``sent`` and ``route`` to vehicle and patrol.

One at a time; another such order, a pause, a resume, a return and a stand-down end it, and so does the pilot.
Where the vehicle has left its patrol is remembered, so that the patrol can be gone on with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

from edge.config.file import AgentConfig
from edge.flying.actions import (
    Action,
    Circle,
    ComeDown,
    FlyTo,
    LookAhead,
    LookAt,
    Resume,
    ReturnHome,
    Stay,
    Strand,
)
from edge.flying.around import POSITION_FRESH_S, fresh_wind
from edge.flying.clearance import Place
from edge.flying.endurance import CRUISE_M_S, battery_objection, home_s, length_m, way_s
from edge.flying.errand import Errand
from edge.flying.fires import Fires
from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.orders import Ending
from edge.flying.progress import Task
from edge.flying.route import Circuit, Surroundings
from edge.flying.sent import Aircraft, Journey, Sent
from edge.flying.standoff import SLACK_M
from flight.arbiter import Control, NotInControl
from flight.commands import CommandError
from flight.errors import EmberwatchError
from flight.plans.fence import distance_m
from flight.terrain import Terrain
from flight.vehicle import Vehicle
from uplink.messages import Order, OrderKind, PatrolPhase, Position, SentState

log = logging.getLogger(__name__)

MOVED_M = 30.0  # since a person confirmed where it lands
_ON_PATROL = (PatrolPhase.FLYING, PatrolPhase.PAUSED, PatrolPhase.LOOKING_AGAIN, PatrolPhase.RETURNING)


class Sender:
    """Of one vehicle, with or without a ``patrol``. ``onward``: where that goes on to."""

    def __init__(
        self,
        config: AgentConfig,
        vehicle: Vehicle,
        patrol: Callable[[], PatrolFlight | None],
        terrain: Terrain | None,
        fires: Fires,
        *,
        onward: Callable[[], Place | None] = lambda: None,
        battery_percent: Callable[[], float | None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vehicle = vehicle
        self._patrol = patrol
        self._terrain = terrain
        self._fires = fires
        self._onward = onward
        self._battery_percent = battery_percent
        self._now = now
        self._stand_off_m = config.response.stand_off_m
        self._reserve_percent = config.limits.reserve_percent
        self._endurance_s = config.limits.endurance_s
        self._smart_return = config.control.smart_return
        self._errand = Errand()
        self._sent: Sent | None = None
        self._ended: asyncio.Future[Ending] | None = None
        self._left: Place | None = None
        """Where the patrol was left, while it is."""
        vehicle.arbiter.on_change.append(self._control_changed)

    @property
    def is_away(self) -> bool:
        """Whether an order has taken the vehicle somewhere, or is about to."""
        return self._sent is not None

    @property
    def state(self) -> SentState | None:
        """For people; None where it is about nothing of that kind."""
        sent = self._sent
        if sent is None:
            return None
        journey = sent.journey
        end = journey.way[-1] if journey.way else None
        at = journey.middle if journey.middle is not None else end
        circuit = journey.circuit
        arc = "" if circuit is None or circuit.closed else _arc(circuit)
        return SentState(
            order_id=sent.order.id,
            kind=sent.order.kind,
            stage=sent.stage,
            place=None
            if at is None or end is None
            else Position(lat_deg=at[0], lon_deg=at[1], alt_amsl_m=end[2]),
            radius_m=None if circuit is None else journey.radius_m,
            detail="; ".join(filter(None, (arc, sent.note)))[:256],
        )

    # --- orders -----------------------------------------------------------------------------------

    def plan(self, order: Order) -> Journey:
        """What the order comes to, all of it checked. Raises what stands against it."""
        telemetry = self._vehicle.telemetry
        if not telemetry.armed or telemetry.landed:
            raise PatrolError("the vehicle is not in the air")
        here = self._here()
        if order.kind is OrderKind.RETURN:
            return Journey(here)
        if here is None:
            raise PatrolError("its position is not known")
        around = self._surroundings(SLACK_M)
        match order.kind:
            case OrderKind.HOLD:
                return Journey(here, (here,))
            case OrderKind.LAND:
                return self._plan_landing(order, here, around)
            case OrderKind.CHANGE_HEIGHT:
                journey = Journey(here, around.route(here, (*here[:2], self._alt_m(order, here, around))))
            case OrderKind.GO_TO:
                at = _place(order)
                journey = Journey(here, around.route(here, (*at, self._alt_m(order, at, around))))
            case OrderKind.ORBIT:
                journey = self._plan_orbit(order, here, around)
            case _:
                raise PatrolError("this drone cannot do that")
        objection = battery_objection(
            self._battery_percent(), self._need_percent(journey, around), self._reserve_percent
        )
        if objection:
            raise PatrolError(objection)
        return journey

    def forecast(self, journey: Journey) -> str:
        """What a journey will be, for who wants to know before."""
        way = journey.way if journey.here is None else (journey.here, *journey.way)
        words = [f"{length_m(way):.0f} m in about {journey.seconds:.0f} s"]
        circuit, percent = journey.circuit, self._battery_percent()
        if circuit is not None:
            words.append("the whole circle" if circuit.closed else _arc(circuit))
        if percent is not None:
            left = max(0.0, percent - 100 * journey.seconds / self._endurance_s)
            words.append(f"about {left:.0f} % of battery there")
        return "; ".join(words)

    def way_back(self) -> Journey | None:
        """Back to where the patrol was left, where it cannot be gone on with from here; None where it can.
        Raises NoRouteError where neither is safe."""
        here, onward = self._here(), self._onward()
        if self._left is None or here is None:
            return None
        around = self._surroundings()
        if onward is not None and not around.objection(here, onward):
            return None
        return Journey(here, around.route(here, self._left), resumes=True)

    async def begin(self, order: Order, journey: Journey) -> asyncio.Future[Ending]:
        """Send it. The future is how it ends. Raises what the vehicle answers instead."""
        self._vehicle.arbiter.require()
        self.drop(f"overtaken by {order.kind.value}", by_person=True)
        flight = self._patrol()
        task = None if flight is None else flight.progress.task
        if flight is not None and flight.phase in _ON_PATROL:
            if flight.phase is PatrolPhase.FLYING:
                self._left = journey.here
            flight.progress.task = Task.PAUSE
        sent = Sent(
            order,
            journey,
            self._now(),
            reserve_percent=self._reserve_percent,
            circles=self._vehicle.commands.has_orbit,
            objection=lambda start, end: self._surroundings().objection(start, end),
        )
        first, *others = sent.begin()
        try:
            await self._act(first)
        except BaseException:
            if flight is not None and task is not None and flight.phase is not PatrolPhase.LOOKING_AGAIN:
                flight.progress.task = task
            raise
        self._sent, self._ended = sent, asyncio.get_running_loop().create_future()
        ended = self._ended
        await self._do(others)
        self._conclude()
        return ended

    def drop(self, why: str, *, by_person: bool = False) -> None:
        """Another order has come, or somebody else decides: nothing more is sent, not even what is under
        way."""
        self._errand.break_off(why)
        if self._sent is not None:
            self._sent.drop(why, by_person=by_person)
        self._conclude()

    # --- time -------------------------------------------------------------------------------------

    async def step(self) -> None:
        """Do what is due. Call a few times a second."""
        flight = self._patrol()
        flies = flight is not None and flight.phase is PatrolPhase.FLYING
        if self._vehicle.telemetry.armed is False or (flies and self._sent is None):
            self._left = None
        arbiter = self._vehicle.arbiter
        if self._sent is None or self._errand.under_way:
            return
        if arbiter.control == Control.GRANTED.value and not arbiter.may_command:
            return  # the link is lost for now
        actions = self._sent.step(self._now(), self._aircraft())
        if actions:
            await self._errand.run(self._do(actions))
        self._conclude()

    # --- inside -----------------------------------------------------------------------------------

    def _plan_orbit(self, order: Order, here: Place, around: Surroundings) -> Journey:
        lat_deg, lon_deg = _place(order)
        if order.radius_m is None:
            raise PatrolError("the order names no radius")
        middle = (lat_deg, lon_deg, around.ground_m(lat_deg, lon_deg))
        circuit = around.circuit(middle, order.radius_m, self._alt_m(order, middle[:2], around))
        first, way = around.onto(here, circuit)
        return Journey(here, way, circuit, first, middle, order.radius_m)

    def _plan_landing(self, order: Order, here: Place, around: Surroundings) -> Journey:
        moved_m = distance_m(*here[:2], *_place(order))
        if moved_m > MOVED_M:
            raise PatrolError(f"it is {moved_m:.0f} m from where the landing was confirmed")
        objection = around.landing_objection(here)
        if objection:
            raise PatrolError(objection)
        return Journey(here)

    def _need_percent(self, journey: Journey, around: Surroundings) -> float:
        """Of the battery: for the way there, once around, and home from there."""
        home = around.envelope.home
        seconds = journey.seconds
        if journey.circuit is not None:
            seconds += way_s(journey.circuit.points)
        if home is not None:
            seconds += home_s(journey.way[-1], home, around.wind)
        return 100 * seconds / self._endurance_s

    def _alt_m(self, order: Order, at: tuple[float, float] | Place, around: Surroundings) -> float:
        """Above the sea. Raises PatrolError for an order that names no height."""
        if order.height_m is None or order.height_above is None:
            raise PatrolError("the order names no height")
        below_m = around.home_m if order.height_above == "home" else around.ground_m(at[0], at[1])
        return below_m + order.height_m

    def _surroundings(self, slack_m: float = 0.0) -> Surroundings:
        """``slack_m``: what is planned keeps so much farther off the fires than what is flown must."""
        return Surroundings(
            self._vehicle.commands.envelope,
            self._terrain,
            fresh_wind(self._vehicle, self._now()),
            self._stand_off_m + slack_m,
            list(self._fires.all),
        )

    def _here(self) -> Place | None:
        position = self._vehicle.telemetry.position_since(POSITION_FRESH_S)
        return None if position is None else (position.lat_deg, position.lon_deg, position.alt_amsl_m)

    def _aircraft(self) -> Aircraft:
        telemetry, here = self._vehicle.telemetry, self._here()
        home = telemetry.home
        return Aircraft(
            place=here,
            speed_m_s=telemetry.ground_speed_m_s or 0.0,
            battery_percent=self._battery_percent(),
            armed=bool(telemetry.armed),
            home_m=None
            if home is None or here is None
            else distance_m(*here[:2], home.lat_deg, home.lon_deg),
        )

    def _control_changed(self) -> None:
        arbiter, sent = self._vehicle.arbiter, self._sent
        if arbiter.may_command or sent is None:
            return
        if not self._vehicle.telemetry.armed:  # it may have landed as it was to
            sent.step(self._now(), self._aircraft())
        self.drop(f"out of the agent's hands: {arbiter.reason}")

    def _conclude(self) -> None:
        """Tell the end, once there is one."""
        sent, ended = self._sent, self._ended
        if sent is None:
            return
        if sent.ended is not None and ended is not None and not ended.done():
            ended.set_result(sent.ended)
            if sent.at_reserve:
                self._vehicle.tell("Battery at its reserve: bring it home")
        if sent.over:
            self._sent = self._ended = None

    async def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            try:
                await self._act(action)
            except NotInControl as error:
                if self._sent is not None:
                    self._sent.failed(error.message)
                return
            except EmberwatchError as error:
                log.warning("an order that took it somewhere: %s", error)
                if self._sent is not None:
                    self._sent.failed(error.message)
                return

    async def _act(self, action: Action) -> None:
        commands = self._vehicle.commands
        match action:
            case FlyTo(lat_deg, lon_deg, alt_amsl_m, take_over):
                await commands.reposition(lat_deg, lon_deg, alt_amsl_m, take_over=take_over)
            case Circle(lat_deg, lon_deg, alt_amsl_m, radius_m):
                await commands.orbit(lat_deg, lon_deg, alt_amsl_m, radius_m, CRUISE_M_S)
            case Stay(take_over):
                await commands.hold(take_over=take_over)
            case LookAt(lat_deg, lon_deg, alt_amsl_m):
                await self._point(commands.look_at(lat_deg, lon_deg, alt_amsl_m), "does not look there")
            case LookAhead():
                await self._point(commands.look_ahead(), "does not let go of its place")
            case Resume():
                flight = self._patrol()
                if flight is not None:
                    await flight.resume()
            case ReturnHome():
                await commands.return_home(smart=self._smart_return)
            case ComeDown():
                await commands.land()
            case Strand():
                pass
            case _:
                assert_never(action)

    async def _point(self, order: Awaitable[None], otherwise: str) -> None:
        """The camera. One that cannot be pointed keeps the vehicle from nothing."""
        try:
            await order
        except CommandError as error:
            log.warning("the camera %s: %s", otherwise, error)
            if self._sent is not None:
                self._sent.note = f"the camera {otherwise}: {error.message}"


def _place(order: Order) -> tuple[float, float]:
    """Raises PatrolError for an order that names none."""
    place = order.place
    if place is None:
        raise PatrolError("the order names no place")
    if place.datum != "WGS84":
        raise PatrolError("drones take WGS 84 positions only")
    return place.lat_deg, place.lon_deg


def _arc(circuit: Circuit) -> str:
    return f"an arc of {circuit.arc_deg:.0f}°, to and fro: {circuit.why}"
