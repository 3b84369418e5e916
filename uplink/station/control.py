"""Leases and orders of a running station: the pure parts, the clock, the log, and what pages are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid6

from uplink.errors import StoreError
from uplink.messages import DroneState, Order, OrderKind
from uplink.station.answers import LeaseState, LoggedOrder, OrderFate
from uplink.station.lease import ControlLease, Holder
from uplink.station.live import LiveHub
from uplink.station.operators import Operators, tag_of
from uplink.station.orders import STAND_DOWN_EXPIRES_S, OrderBook
from uplink.station.store.orders import OrderLog

log = logging.getLogger(__name__)

TICK_S = 0.5


class Control:
    """Everything between a person and a drone."""

    def __init__(
        self,
        operators: Operators,
        order_log: OrderLog,
        live: LiveHub,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.operators = operators
        self._log = order_log
        self._live = live
        self._clock = clock
        self._monotonic = monotonic
        self._leases: dict[str, ControlLease] = {}
        self._told: dict[str, tuple[Holder | None, Holder | None]] = {}
        self._book = OrderBook()
        self._unwritten: dict[UUID, LoggedOrder] = {}

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

    async def give(self, drone_id: str, kind: OrderKind, by: str, alert_id: UUID | None) -> LoggedOrder:
        """Takes an order in and writes it down. One that cannot be written yet goes all the same: a full
        disk may not keep a drone in the air."""
        order = Order(
            id=uuid6.uuid7(),
            drone_id=drone_id,
            kind=kind,
            by=by,
            at=datetime.fromtimestamp(self._clock(), UTC),
            alert_id=alert_id,
        )
        changed = self._book.give(order, self._monotonic())
        if not changed:
            return next(
                one
                for one in reversed(self._book.latest)
                if (one.drone_id, one.kind, one.alert_id) == (drone_id, kind, alert_id)
            )
        log.info("%s orders %s: %s", by, drone_id, kind)
        self._tell(changed)
        await self._write(changed)
        return changed[-1]

    def waiting_for(self, drone_id: str) -> list[Order]:
        """What the drone is to be told now."""
        return self._book.waiting_for(drone_id, self._monotonic())

    async def heard(self, state: DroneState) -> None:
        """The drone tells what became of orders, and whether its agent has started anew."""
        changed = self._book.heard(state.drone_id, state.orders)
        if state.run is not None:
            changed += self._book.heard_run(state.drone_id, state.run)
        self._tell(changed)
        await self._write(changed)

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
            await self._write(changed)
            await asyncio.sleep(TICK_S)

    def _tell(self, changed: list[LoggedOrder]) -> None:
        for order in changed:
            if order.fate is not OrderFate.WAITING:
                reason = f" ({order.reason})" if order.reason else ""
                log.info(
                    "%s's order to %s, %s: %s%s", order.by, order.drone_id, order.kind, order.fate, reason
                )
            self._live.publish("order", str(order.id), order)

    async def _write(self, changed: list[LoggedOrder]) -> None:
        """Writes these and what could not be written before."""
        was_well = not self._unwritten
        self._unwritten |= {order.id: order for order in changed}
        if not self._unwritten:
            return
        batch = list(self._unwritten.values())
        try:
            await self._log.write(batch, now_s=self._clock())
        except StoreError as reason:
            if was_well:
                log.error("the order log cannot be written, orders go on: %s", reason)  # noqa: TRY400
            return
        for order in batch:
            if self._unwritten.get(order.id) is order:
                del self._unwritten[order.id]
