"""What a person asks of the vehicle, done: each order of the station has its handler here.

One comes after another (``edge.flying.orders``). What they act on is the deck's, and so is what it does by
itself meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from edge.flying.flight import PatrolError, PatrolFlight
from edge.flying.launch import Launch
from edge.flying.orders import Ending, Handler
from edge.flying.searched import Searched
from edge.patrols.depot import must_be_safe
from edge.patrols.limits import limits_of
from flight.arbiter import Control, NotInControl
from flight.commands import CommandError
from flight.errors import EmberwatchError
from uplink.messages import Order, OrderKind, OrderState, PatrolPhase

if TYPE_CHECKING:
    from edge.flying.deck import FlightDeck

STAND_DOWN_TRIES = 3
STAND_DOWN_PAUSE_S = 0.2
IN_THE_AIR = "the vehicle is armed: another patrol is taken on the ground only"
SENDS = (
    OrderKind.GO_TO,
    OrderKind.ORBIT,
    OrderKind.HOLD,
    OrderKind.CHANGE_HEIGHT,
    OrderKind.RETURN,
    OrderKind.LAND,
)
_ALSO_STANDING_DOWN = (OrderKind.HOLD, OrderKind.RETURN, OrderKind.LAND)


class OrderHandlers:
    """Of one deck."""

    def __init__(self, deck: FlightDeck) -> None:
        self._deck = deck
        self.standing_down = False
        """Ordered to, and not on the ground yet: nothing sends it anywhere but home."""

    @property
    def by_kind(self) -> Mapping[OrderKind, Handler]:
        """What the desk calls for each kind of order."""
        return {
            OrderKind.GRANT: self._grant,
            OrderKind.REVOKE: self._revoke,
            OrderKind.START: self._start,
            OrderKind.PAUSE: self._pause,
            OrderKind.RESUME: self._resume,
            OrderKind.STAND_DOWN: self._stand_down,
            OrderKind.LOOK_AGAIN: self._approve,
            OrderKind.NO_LOOK: self._decline,
            OrderKind.LOOK_AT: self._look_at,
            OrderKind.LOAD_PATROL: self._load_patrol,
            **dict.fromkeys(SENDS, self._send),
        }

    async def _grant(self, order: Order) -> None:
        now_s = self._deck.now()
        if not self._deck.vehicle.arbiter.grant(now_s, order.by):
            raise NotInControl(self._deck.vehicle.arbiter.objection(now_s))

    async def _revoke(self, order: Order) -> None:
        if self._deck.launch is not None:
            self._deck.launch.revoked(order.by)
        self._deck.vehicle.arbiter.revoke(f"{order.by} took it back")

    async def _start(self, _order: Order) -> None:
        self.standing_down = False
        self._deck.set_envelope()
        await self._launch().by_order()

    async def _pause(self, _order: Order) -> None:
        flight = self._patrol()
        if self._deck.sender.is_away and flight.phase is PatrolPhase.PAUSED:
            await self._deck.vehicle.commands.hold()
        else:
            async with self._out_of_look_again("the patrol was paused"):
                await flight.pause()
        self._deck.sender.drop("overtaken by pause", by_person=True)

    async def _resume(self, order: Order) -> asyncio.Future[Ending] | None:
        flight = self._patrol()
        self.standing_down = False
        if self._deck.vehicle.telemetry.armed:
            self._deck.vehicle.arbiter.require()
            self._deck.set_envelope()
            back = self._deck.sender.way_back()
            self._drop_look_again("the patrol was resumed")
            if back is not None:
                self._launch().taken_on()
                return await self._deck.sender.begin(order, back)
            self._deck.sender.drop("overtaken by resume", by_person=True)
            await flight.resume()
            self._launch().taken_on()
        elif flight.progress.interrupted:
            self._deck.set_envelope()
            await self._launch().by_order()
        else:
            raise PatrolError("there is nothing to resume: no flight was left in the middle")
        return None

    async def _send(self, order: Order) -> asyncio.Future[Ending]:
        """An order that takes it somewhere, or its check."""
        if self.standing_down and order.kind not in _ALSO_STANDING_DOWN:
            raise PatrolError("it stands down")
        self._deck.set_envelope()
        if order.only_check:
            told: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
            told.set_result(
                Ending(OrderState.DONE, self._deck.sender.forecast(self._deck.sender.plan(order)))
            )
            return told
        self._deck.vehicle.arbiter.require()
        journey = self._deck.sender.plan(order)
        async with self._out_of_look_again(f"overtaken by {order.kind.value}"):
            return await self._deck.sender.begin(order, journey)

    @contextlib.asynccontextmanager
    async def _out_of_look_again(self, why: str) -> AsyncIterator[None]:
        """End a look for an order. Where the order is refused, nobody would bring it back from there."""
        flight = self._deck.flight
        was_looking = flight is not None and flight.phase is PatrolPhase.LOOKING_AGAIN
        self._drop_look_again(why)
        try:
            yield
        except EmberwatchError:
            if flight is not None and was_looking:
                with contextlib.suppress(EmberwatchError):
                    await flight.resume()
            raise

    async def _stand_down(self, order: Order) -> None:
        self.standing_down = True  # no look again begins any more, whatever becomes of the order
        self._drop_look_again("stand down")
        self._deck.sender.drop("stand down", by_person=True)
        if self._deck.launch is not None:
            self._deck.launch.stand_down(order.by)
        if self._deck.flight is not None:
            await self._deck.flight.arming_is_settled()
        if not self._deck.vehicle.telemetry.armed:
            return
        try:
            await self._send_home()
        except EmberwatchError:
            self._deck.vehicle.tell(f"Stand down ordered by {order.by}: return")
            raise

    async def _send_home(self) -> None:
        """With more patience than any other order: it is the one that must not get lost. A gap in the link
        is waited out for as long as nobody else takes the vehicle."""
        left = STAND_DOWN_TRIES
        while self._deck.vehicle.telemetry.armed:
            try:
                await self._deck.vehicle.commands.return_home()
            except NotInControl:
                if self._deck.vehicle.arbiter.control != Control.GRANTED.value:
                    raise
                await asyncio.sleep(STAND_DOWN_PAUSE_S)
            except CommandError:
                left -= 1
                if not left:
                    raise
            else:
                return

    def _drop_look_again(self, why: str) -> None:
        if self._deck.look_again is not None:
            self._deck.look_again.drop(why)

    async def _approve(self, order: Order) -> None:
        if self._deck.look_again is None:
            raise PatrolError("no patrol is flown")
        await self._deck.look_again.approve(order.alert_id)

    async def _decline(self, order: Order) -> None:
        if self._deck.look_again is None:
            raise PatrolError("no patrol is flown")
        await self._deck.look_again.decline(order.alert_id)

    async def _look_at(self, order: Order) -> asyncio.Future[Ending]:
        if self._deck.look_again is None:
            raise PatrolError("no patrol is flown")
        if self.standing_down:
            raise PatrolError("it stands down")
        self._deck.set_envelope()
        return await self._deck.look_again.look_at(order)

    async def _load_patrol(self, order: Order) -> None:
        """The patrol of the station that the order names takes the place of the one that there is, once the
        autopilot holds it; else all is as it was."""
        deck, depot, vehicle = self._deck, self._deck.depot, self._deck.vehicle
        if order.patrol is None or depot is None:
            raise PatrolError("the order names no patrol, or there is no station to fetch it from")
        vehicle.arbiter.require()
        if vehicle.telemetry.armed:
            raise PatrolError(IN_THE_AIR)
        deck.desk.tell(order, "it is fetched from the station")
        patrol = await depot.fetch(order.patrol)
        deck.desk.tell(order, "it is checked")
        limits, home = patrol.within(limits_of(deck.config.limits)), vehicle.telemetry.home
        home_amsl_m = None if home is None else home.alt_amsl_m
        await asyncio.to_thread(must_be_safe, patrol, deck.terrain, limits, home_amsl_m)
        async with contextlib.AsyncExitStack() as held:
            if deck.launch is not None:
                await held.enter_async_context(deck.launch.at_rest())
            if deck.flight is not None:
                await held.enter_async_context(deck.flight.aside())
            if vehicle.telemetry.armed:
                raise PatrolError(IN_THE_AIR)
            vehicle.arbiter.require()
            deck.desk.tell(order, "it is uploaded to the autopilot, and read back")
            flight = PatrolFlight(vehicle, patrol, deck.config.data_dir / "patrol.json", now=deck.now)
            if not await flight.bring_aboard():
                why = flight.trouble or "the autopilot keeps another one"
                raise PatrolError(f"it could not be brought aboard, the patrol is as before: {why}")
            await depot.keep()
            if deck.flight is not None:
                deck.flight.retired = True
            deck.take_up(flight)
            deck.searched = Searched(deck.config.data_dir, flight)
        deck.checks.ask_anew()
        await deck.show(flight)

    def _patrol(self) -> PatrolFlight:
        if self._deck.flight is None:
            raise PatrolError(
                "this drone has no patrol",
                hint="Send it one from the station, or name one: [agent.patrol] file = …",
            )
        return self._deck.flight

    def _launch(self) -> Launch:
        self._patrol()
        assert self._deck.launch is not None  # noqa: S101 - there is one for each patrol
        return self._deck.launch
