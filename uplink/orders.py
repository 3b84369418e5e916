"""Orders as they reach the drone: of its own station only, each given on at most once and none late.

An order must be signed by the station, for this drone, for this run of the agent, numbered higher than every
one taken before, and not void yet by the drone's own clock. The number of the latest is on the disk before an
order is given on. The station sends an order again, with a new number, when the link has broken before it
heard a result: such repeats are known by the order's id and change nothing. Only a stand-down is for every
run; to be told twice to come home does no harm.

What is refused is answered, with the reason, so that nobody waits for it; but what was taken is never
answered as refused, whoever sends it again. What is no order (a newer station's word) is left alone and said
once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError

from uplink.clock import elapsed_s
from uplink.messages import Order, OrderKind, OrderResult, OrderState, SignedOrder
from uplink.order_sequence import OrderSequence
from uplink.order_signing import StationPublicKey

log = logging.getLogger(__name__)

REMEMBERED = 512
REFUSALS_KEPT = 4
# They only take away: they are obeyed even where their number cannot be kept.
TAKE_AWAY = frozenset({OrderKind.STAND_DOWN, OrderKind.REVOKE, OrderKind.PAUSE, OrderKind.NO_LOOK})
NO_KEY = "this drone has no public key of its station: it takes no orders"
FORGED = "not signed by this drone's station"
OTHER_RUN = "for an earlier start of this drone's agent"
REPLAYED = "not newer than the latest order that this drone has taken"
LATE = "it came too late"
NOT_KEPT = "the drone's disk could not keep the order's number"


class OrderIntake:
    """What one run of a drone's agent takes, and what it has taken already. On the event loop only."""

    def __init__(
        self,
        drone_id: str,
        run: UUID,
        on_order: Callable[[Order], None],
        *,
        key: StationPublicKey | None,
        sequence: OrderSequence,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self._drone_id = drone_id
        self._run = run
        self._on_order = on_order
        self._key = key
        self._sequence = sequence
        self._clock = clock
        self._taken: OrderedDict[UUID, None] = OrderedDict()
        self._refusals: OrderedDict[UUID, OrderResult] = OrderedDict()
        self._said: set[str] = set()

    @property
    def objection(self) -> str:
        """What stands against every order; empty is nothing."""
        return "" if self._key is not None else NO_KEY

    @property
    def last_sequence(self) -> int:
        """Of the latest order taken."""
        return self._sequence.last

    @property
    def refusals(self) -> list[OrderResult]:
        """The latest orders that were not even given on, the newest last."""
        return list(self._refusals.values())

    async def take(self, signed: SignedOrder) -> None:
        """One order, as it came."""
        try:
            order = Order.model_validate_json(signed.order)
        except ValidationError as error:
            self._say("strange", f"an order of the station is not understood: {error.error_count()} problems")
            return
        if order.drone_id != self._drone_id:
            self._say("astray", f"the station sent an order for drone {order.drone_id} here")
            return
        if order.id in self._taken:
            return
        reason = self._against(order, signed) or await self._keep(order) or self._too_late(order)
        if reason:
            self._refuse(order, reason)
        else:
            self._give_on(order)

    def _against(self, order: Order, signed: SignedOrder) -> str:
        if self._key is None:
            return NO_KEY
        if not self._key.has_signed(signed):
            return FORGED
        if order.run != self._run and order.kind is not OrderKind.STAND_DOWN:
            return OTHER_RUN
        if order.sequence is None or order.sequence <= self._sequence.last:
            return REPLAYED
        return self._too_late(order)

    def _too_late(self, order: Order) -> str:
        return LATE if order.expires_s is None or self._clock() >= order.expires_s else ""

    async def _keep(self, order: Order) -> str:
        assert order.sequence is not None  # noqa: S101 (``_against`` has seen to it)
        try:
            await asyncio.to_thread(self._sequence.keep, order.sequence)
        except OSError as reason:
            self._say(NOT_KEPT, f"the number of an order could not be kept: {reason}")
            return "" if order.kind in TAKE_AWAY else NOT_KEPT
        return ""

    def _give_on(self, order: Order) -> None:
        self._taken[order.id] = None
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        self._refusals.pop(order.id, None)
        self._said.clear()
        try:
            self._on_order(order)
        except Exception:
            log.exception("order %s could not be handed on", order.kind)

    def _refuse(self, order: Order, reason: str) -> None:
        self._say(reason, f"an order is refused ({order.kind}, said to be from {order.by}): {reason}")
        self._refusals.pop(order.id, None)
        self._refusals[order.id] = OrderResult(
            order_id=order.id, kind=order.kind, state=OrderState.REFUSED, reason=reason, at=datetime.now(UTC)
        )
        while len(self._refusals) > REFUSALS_KEPT:
            self._refusals.popitem(last=False)

    def _say(self, topic: str, what: str) -> None:
        """Once, until an order is taken again: whoever forges orders shall not fill the disk."""
        if topic not in self._said:
            log.error("%s", what)
        self._said.add(topic)
