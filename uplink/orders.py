"""Orders as they reach the drone: in the answers to its own states, each given on at most once.

The station repeats an order until it hears of a result, so repeats are the normal case and are dropped by
id. An agent that was started anew has forgotten the ids, so every order names the run of the agent that it is
for, and another run leaves it alone: nobody knows whether the earlier one had begun. Only a stand-down is for
every run; to be told twice to come home does no harm.

What comes late is worse than what is lost: an answer that took long may hold a start that its person
has given up on, so only a stand-down, a revoke and a pause are taken from it; anything still wanted comes
again with the next answer. What is no order (a captive portal's page, a newer station's word) is left alone
and said once.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from pydantic import ValidationError

from uplink.messages import Order, OrderKind

log = logging.getLogger(__name__)

FRESH_S = 5.0  # an answer that took longer than this holds yesterday's wishes
LATE_TOO = frozenset({OrderKind.REVOKE, OrderKind.PAUSE})  # they only take away, and may be needed most then
REMEMBERED = 512


class OrderIntake:
    """What one run of a drone's agent has been ordered already. On the event loop only."""

    def __init__(self, drone_id: str, run: UUID, on_order: Callable[[Order], None]) -> None:
        self._drone_id = drone_id
        self._run = run
        self._on_order = on_order
        self._known: OrderedDict[UUID, None] = OrderedDict()
        self._complained = False

    def take(self, body: bytes, took_s: float) -> None:
        """The station's answer to a state, and how long it took to come."""
        try:
            orders = json.loads(body)["orders"] if body else []
            if not isinstance(orders, list):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            self._complain("what answers the drone's states there gives no orders")
            return
        for one in orders:
            self._take_one(one, late=took_s > FRESH_S)

    def _take_one(self, said: object, *, late: bool) -> None:
        try:
            order = Order.model_validate(said, strict=False)
        except ValidationError as reason:
            self._complain(f"an order of the station is not understood: {reason.error_count()} problems")
            return
        if order.drone_id != self._drone_id:
            self._complain(f"the station sent an order for drone {order.drone_id} here")
            return
        void = order.run != self._run or (late and order.kind not in LATE_TOO)
        if order.id in self._known or (void and order.kind is not OrderKind.STAND_DOWN):
            return
        self._known[order.id] = None
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        log.info("order from %s: %s", order.by, order.kind)
        try:
            self._on_order(order)
        except Exception:
            log.exception("order %s could not be handed on", order.kind)

    def _complain(self, what: str) -> None:
        if not self._complained:
            log.error("%s", what)
        self._complained = True
