"""Leases and orders of a running station: the pure parts, the clock, the log, and what pages are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

import uuid6

from uplink.errors import StoreError
from uplink.messages import DroneState, Order, OrderKind, PatrolRef, SignedOrder
from uplink.order_signing import StationKey
from uplink.station.answers import LeaseState, LoggedOrder, OrderFate, OrderPlace
from uplink.station.drone_links import DroneLinks, OpenLink
from uplink.station.lease import ControlLease
from uplink.station.live import LiveHub
from uplink.station.orders import STAND_DOWN_EXPIRES_S, OrderBook, asks_the_same
from uplink.station.people import Person, tag_of
from uplink.station.store.deeds import OrderDeed, deed_of_fate
from uplink.station.store.orders import OrderChange, OrderLog

log = logging.getLogger(__name__)

TICK_S = 0.5
LOG_FIRST_S = (
    0.5  # an order waits for its log this long, and no longer: a slow disk keeps no drone in the air
)
UNWRITTEN_MOST = 10_000
STATION = "station"


class Control:
    """Everything between a person and a drone."""

    def __init__(
        self,
        order_log: OrderLog,
        live: LiveHub,
        links: DroneLinks,
        key: StationKey,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._log = order_log
        self._live = live
        self.links = links
        self._key = key
        self._clock = clock
        self._monotonic = monotonic
        self._leases: dict[str, ControlLease] = {}
        self._told: dict[str, tuple[Person | None, Person | None]] = {}
        self._book = OrderBook()
        self._unwritten: list[OrderChange] = []
        self._writing: set[asyncio.Task[None]] = set()
        self.on_order: list[Callable[[LoggedOrder], None]] = []
        """Called with each order that is given, and each whose fate is another one."""
        self._log_is_well = True

    # --- leases -----------------------------------------------------------------------------------

    @property
    def leases(self) -> list[LeaseState]:
        """Of every drone that ever had one."""
        return [self.lease_state(drone_id) for drone_id in sorted(self._leases)]

    def lease(self, drone_id: str) -> ControlLease:
        """The lease of one drone; call ``tell_lease`` after a change."""
        return self._leases.setdefault(drone_id, ControlLease())

    def lease_state(self, drone_id: str) -> LeaseState:
        """As it is now."""
        lease, now_s = self.lease(drone_id), self._monotonic()
        holder, asking = lease.holder(now_s), lease.asking(now_s)
        return LeaseState(
            drone_id=drone_id,
            holder=holder.name if holder else None,
            holder_tag=tag_of(holder.session) if holder else None,
            expires_in_s=lease.remaining_s(now_s),
            asking=asking.name if asking else None,
            asking_tag=tag_of(asking.session) if asking else None,
        )

    def tell_lease(self, drone_id: str) -> LeaseState:
        """Tells the pages if somebody else holds it or asks for it now."""
        lease, now_s = self.lease(drone_id), self._monotonic()
        state = self.lease_state(drone_id)
        people = lease.holder(now_s), lease.asking(now_s)
        if people != self._told.get(drone_id):
            self._told[drone_id] = people
            self._live.publish("lease", drone_id, state)
        return state

    def now_s(self) -> float:
        """Seconds of the monotonic clock, for leases."""
        return self._monotonic()

    # --- orders -----------------------------------------------------------------------------------

    @property
    def orders(self) -> list[LoggedOrder]:
        """The latest, the oldest first."""
        return self._book.latest

    def objection(self, drone_id: str, kind: OrderKind) -> str:
        """Why no such order can be given now; empty when it can."""
        return self._book.objection(drone_id, kind, self._monotonic())

    @property
    def key(self) -> StationKey:
        """What orders are signed with, and evidence packages."""
        return self._key

    @property
    def public_key(self) -> str:
        """What drones know the station's orders by."""
        return self._key.public

    async def give(
        self,
        drone_id: str,
        kind: OrderKind,
        by: str,
        alert_id: UUID | None,
        *,
        there: OrderPlace | None = None,
        patrol: PatrolRef | None = None,
    ) -> LoggedOrder:
        """Takes an order in, writes it down and sends it. One that cannot be written yet goes all the same: a
        full disk may not keep a drone in the air."""
        (order,) = await self.give_each([drone_id], kind, by, alert_id, there=there, patrol=patrol)
        return order

    async def give_each(
        self,
        drone_ids: Iterable[str],
        kind: OrderKind,
        by: str,
        alert_id: UUID | None = None,
        *,
        there: OrderPlace | None = None,
        patrol: PatrolRef | None = None,
    ) -> list[LoggedOrder]:
        """The same order to several drones."""
        given, changed = [], []
        for drone_id in drone_ids:
            order = Order(
                id=uuid6.uuid7(),
                drone_id=drone_id,
                kind=kind,
                by=by,
                at=datetime.fromtimestamp(self._clock(), UTC),
                alert_id=alert_id,
                patrol=patrol,
                **({} if there is None else there.model_dump()),
            )
            changes = self._book.give(order, self._monotonic())
            if changes:
                log.info("%s orders %s: %s", by, drone_id, kind)
            given.append(changes[-1] if changes else self._like(order))
            changed += changes
        self._tell(changed)
        writing = asyncio.create_task(self._write(self._changes(changed, by, waiting="order.given")))
        try:
            await asyncio.wait({writing}, timeout=LOG_FIRST_S)
        finally:
            for order in given:
                self.links.has_orders(order.drone_id)
        await writing
        return given

    def _like(self, order: Order) -> LoggedOrder:
        """The one that waits already."""
        return next(one for one in reversed(self._book.latest) if asks_the_same(one, order))

    async def heard(self, link: OpenLink, state: DroneState) -> None:
        """The drone tells what became of orders, and whether its agent has started anew."""
        link.heard(state, self._monotonic())
        changed = self._book.heard(state.drone_id, state.orders)
        lost = [] if state.run is None else self._book.heard_run(state.drone_id, state.run)
        if changed or lost:
            self._tell(changed + lost)
            who = f"drone {state.drone_id}"
            await self._write([*self._changes(changed, who), *self._changes(lost, STATION)])

    def send(self, link: OpenLink) -> list[SignedOrder]:
        """What this link was not given yet, signed; ``write_sent`` afterwards."""
        if link.clock is None:
            return []
        calendar_ms = int(self._clock() * 1000)
        least = max(calendar_ms, link.drone_sequence + 1)
        orders = self._book.send(link.drone_id, link.clock, self._monotonic(), least)
        now_s = self._clock()
        self._unwritten.extend(OrderChange(order, "order.sent", STATION, now_s) for order in orders)
        return [self._key.sign(order) for order in orders]

    async def write_sent(self) -> None:
        """Writes down what was sent."""
        await self._write([])

    async def restore(self) -> None:
        """What was on its way when the station stopped: stand-downs are still wanted, the rest is void. What
        a drone had begun is kept, so that its end is logged."""
        for order in await self._log.unsettled():
            age_s = self._clock() - order.at.timestamp()
            remaining_s = STAND_DOWN_EXPIRES_S - age_s if order.kind is OrderKind.STAND_DOWN else 0.0
            self._book.restore(order, min(remaining_s, STAND_DOWN_EXPIRES_S), self._monotonic())

    async def run(self) -> None:
        """Lets leases and orders run out, for ever."""
        while True:
            for drone_id in list(self._leases):
                self.tell_lease(drone_id)
            changed = self._book.expire(self._monotonic())
            self._tell(changed)
            await self._write(self._changes(changed, STATION))
            await asyncio.sleep(TICK_S)

    async def finish(self) -> None:
        """At the end: what is still to be written."""
        await self._write([])
        await asyncio.gather(*self._writing)

    def _tell(self, changed: list[LoggedOrder]) -> None:
        for order in changed:
            if order.fate is not OrderFate.WAITING:
                reason = f" ({order.reason})" if order.reason else ""
                log.info(
                    "%s's order to %s, %s: %s%s", order.by, order.drone_id, order.kind, order.fate, reason
                )
            self._live.publish("order", str(order.id), order)
            for hear in self.on_order:
                hear(order)

    def _changes(
        self, changed: list[LoggedOrder], who: str, *, waiting: OrderDeed = "order.waits again"
    ) -> list[OrderChange]:
        now_s = self._clock()
        return [OrderChange(order, deed_of_fate(order.fate, waiting), who, now_s) for order in changed]

    async def _write(self, changes: list[OrderChange]) -> None:
        """Writes these and what could not be written before, to the end even if who waits for it gives up."""
        batch, self._unwritten = [*self._unwritten, *changes], []
        if not batch:
            return
        writing = asyncio.create_task(self._write_batch(batch))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        await asyncio.shield(writing)

    async def _write_batch(self, batch: list[OrderChange]) -> None:
        try:
            await self._log.write(batch)
        except StoreError as reason:
            if self._log_is_well:
                log.error("the order log cannot be written, orders go on: %s", reason)  # noqa: TRY400
            self._log_is_well = False
            self._unwritten = [*batch, *self._unwritten][-UNWRITTEN_MOST:]
        else:
            self._log_is_well = True
