"""Orders from the station: carried out one after another, each with a known end.

Revoke and stand down do not wait for their turn: what is under way is broken off for them. So it is for hold,
return and land, which break off all but those two. A check, which flies nothing, breaks off nothing. An order
that takes minutes holds up no other: its handler gives a future, and the order is accepted until that has its
end. An order that cannot be carried out is refused with the reason; nothing here ends the agent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from edge.flying.errand import Errand
from flight.errors import EmberwatchError
from uplink.messages import CHECKABLE, Order, OrderKind, OrderResult, OrderState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """Of an order that took its time: done or refused."""

    state: OrderState
    reason: str = ""
    alert_ids: tuple[UUID, ...] = ()


Handler = Callable[[Order], Awaitable["asyncio.Future[Ending] | None"]]

_FIRST = frozenset({OrderKind.REVOKE, OrderKind.STAND_DOWN})
_NEXT = frozenset({OrderKind.HOLD, OrderKind.RETURN, OrderKind.LAND})
MOST_WAITING = 8
RESULTS_KEPT = 8
REASON_LENGTH = 240


class OrderDesk:
    """Takes orders from ``take`` (on the event loop) and works on them in ``run``."""

    def __init__(self, handlers: Mapping[OrderKind, Handler]) -> None:
        self._handlers = handlers
        self._waiting: deque[Order] = deque()
        self._results: dict[str, OrderResult] = {}
        self._current = Errand()
        self._urgency = 0
        """Of the order under way, or of the latest."""
        self._wake = asyncio.Event()

    @property
    def results(self) -> list[OrderResult]:
        """What became of the latest orders, the newest last."""
        return list(self._results.values())

    @property
    def idle(self) -> bool:
        """Whether no order is under way or waiting."""
        return not self._current.under_way and not self._waiting

    def take(self, order: Order) -> None:
        """A new order. Each id comes once."""
        log.info("order from %s: %s", order.by, order.kind.value)
        if _urgency(order):
            self._overtake(order)
        elif len(self._waiting) >= MOST_WAITING:
            self._end(order, OrderState.REFUSED, "too many orders at once")
            return
        self._end(order, OrderState.ACCEPTED, "")
        if order.kind is OrderKind.STAND_DOWN:
            self._waiting.appendleft(order)  # before a revoke: it comes home, and then obeys no more
        else:
            self._waiting.append(order)
        self._wake.set()

    def tell(self, order: Order, what: str) -> None:
        """How far an order is that is under way."""
        self._end(order, OrderState.ACCEPTED, what)

    def _overtake(self, urgent: Order) -> None:
        """Break off what is under way and what waits, as far as it is less urgent."""
        why = f"overtaken by {urgent.kind.value}"
        for waiting in [order for order in self._waiting if _urgency(order) < _urgency(urgent)]:
            self._waiting.remove(waiting)
            self._end(waiting, OrderState.REFUSED, why)
        if self._urgency < _urgency(urgent):
            self._current.break_off(why)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._carry_out(self._waiting.popleft())

    async def _carry_out(self, order: Order) -> None:
        handler = self._handlers.get(order.kind)
        if handler is None or (order.only_check and order.kind not in CHECKABLE):
            self._end(order, OrderState.REFUSED, "this drone cannot do that")
            return
        self._urgency = _urgency(order)
        try:
            done = await self._current.run(self._run(handler, order))
        except EmberwatchError as error:
            self._end(order, OrderState.REFUSED, error.message)
        except Exception as error:
            log.exception("the order %s failed", order.kind.value)
            self._end(order, OrderState.REFUSED, f"it failed ({type(error).__name__})")
        else:
            if not done:
                self._end(order, OrderState.REFUSED, self._current.why or "broken off")

    async def _run(self, handler: Handler, order: Order) -> None:
        later = await handler(order)
        if later is None:
            self._end(order, OrderState.DONE, "")
        else:
            later.add_done_callback(partial(self._ended, order))

    def _ended(self, order: Order, later: asyncio.Future[Ending]) -> None:
        if not later.cancelled():
            ending = later.result()
            self._end(order, ending.state, ending.reason, ending.alert_ids)

    def _end(self, order: Order, state: OrderState, reason: str, alert_ids: tuple[UUID, ...] = ()) -> None:
        key = str(order.id)
        self._results.pop(key, None)
        self._results[key] = OrderResult(
            order_id=order.id,
            kind=order.kind,
            state=state,
            reason=reason[:REASON_LENGTH],
            alert_ids=list(alert_ids),
            at=datetime.now(UTC),
        )
        while len(self._results) > RESULTS_KEPT:
            del self._results[next(iter(self._results))]
        if state is not OrderState.ACCEPTED:
            log.info("order %s: %s%s", order.kind.value, state.value, f" ({reason})" if reason else "")


def _urgency(order: Order) -> int:
    if order.only_check:
        return 0
    return 2 if order.kind in _FIRST else int(order.kind in _NEXT)
