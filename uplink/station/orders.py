"""The orders of people on their way to drones. Pure: told the time, monotonic seconds.

An order is repeated to its drone until the drone tells a result. One that the drone did not fetch in time
is void, because a start that comes a minute late surprises everybody; only a stand-down waits longer. What
takes something away overtakes what it takes away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from uplink.messages import Order, OrderKind, OrderResult
from uplink.station.answers import LoggedOrder, OrderFate

EXPIRES_S = 15.0
STAND_DOWN_EXPIRES_S = 600.0
LATEST = 50
_ACTS = frozenset({OrderKind.START, OrderKind.RESUME, OrderKind.LOOK_AGAIN})
OVERTAKES: dict[OrderKind, frozenset[OrderKind]] = {
    OrderKind.STAND_DOWN: frozenset(OrderKind) - {OrderKind.STAND_DOWN, OrderKind.REVOKE},
    OrderKind.REVOKE: _ACTS | {OrderKind.GRANT},
    OrderKind.PAUSE: _ACTS,
    OrderKind.NO_LOOK: frozenset({OrderKind.LOOK_AGAIN}),
}
UNDER_WAY = frozenset({OrderFate.WAITING, OrderFate.ACCEPTED})
_AFTER_STAND_DOWN = frozenset({OrderKind.STAND_DOWN, OrderKind.REVOKE})


@dataclass(slots=True)
class _Entry:
    order: LoggedOrder
    expires_s: float


class OrderBook:
    """All orders that are not settled, and the latest that are."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}  # by id, the oldest first

    @property
    def latest(self) -> list[LoggedOrder]:
        """The oldest first."""
        return [entry.order for entry in self._entries.values()]

    def objection(self, drone_id: str, kind: OrderKind) -> str:
        """Why no such order can be given now; empty when it can."""
        if kind in _AFTER_STAND_DOWN:
            return ""
        standing_down = any(order.kind is OrderKind.STAND_DOWN for order in self._waiting(drone_id))
        return "a stand-down is on its way to this drone" if standing_down else ""

    def give(self, order: Order, now_s: float) -> list[LoggedOrder]:
        """Takes an order in; what is new comes back, it and those that it overtakes.

        The same order while one like it waits is that one: nothing new.
        """
        changed = []
        for other in self._waiting(order.drone_id):
            if (other.kind, other.alert_id) == (order.kind, order.alert_id):
                return []
            same_alert = order.kind is not OrderKind.NO_LOOK or other.alert_id == order.alert_id
            if other.kind in OVERTAKES.get(order.kind, frozenset()) and same_alert:
                reason = f"overtaken by {order.kind.value}"
                changed.append(self._settle(other, OrderFate.OVERTAKEN, reason))
        logged = LoggedOrder.model_validate(order.model_dump())
        wait_s = STAND_DOWN_EXPIRES_S if order.kind is OrderKind.STAND_DOWN else EXPIRES_S
        self._entries[str(order.id)] = _Entry(logged, now_s + wait_s)
        self._forget()
        return [*changed, logged]

    def waiting_for(self, drone_id: str, now_s: float) -> list[Order]:
        """What the drone is to be told now: stand-down and revoke first."""
        names = set(Order.model_fields)
        orders = [
            Order.model_validate(entry.order.model_dump(include=names))
            for entry in self._entries.values()
            if entry.order.drone_id == drone_id
            and entry.order.fate is OrderFate.WAITING
            and now_s < entry.expires_s
        ]
        return sorted(orders, key=lambda order: order.kind not in _AFTER_STAND_DOWN)[:16]

    def heard(self, drone_id: str, results: Iterable[OrderResult]) -> list[LoggedOrder]:
        """The drone tells what became of orders; what is new comes back."""
        changed = []
        for result in results:
            entry = self._entries.get(str(result.order_id))
            fate = OrderFate(result.state.value)
            if (
                entry is None
                or entry.order.drone_id != drone_id
                or entry.order.fate in (OrderFate.DONE, OrderFate.REFUSED)
                or (entry.order.fate, entry.order.reason) == (fate, result.reason)
            ):
                continue  # a drone repeats its results in every state
            # Also one that had expired here: the drone had it after all, and the log says what happened.
            changed.append(self._settle(entry.order, fate, result.reason))
        return changed

    def expire(self, now_s: float) -> list[LoggedOrder]:
        """What nobody fetched in time; what is new comes back."""
        late = [
            entry.order
            for entry in self._entries.values()
            if entry.order.fate is OrderFate.WAITING and now_s >= entry.expires_s
        ]
        return [self._settle(order, OrderFate.EXPIRED, "the drone did not answer in time") for order in late]

    def restore(self, order: LoggedOrder, remaining_s: float, now_s: float) -> None:
        """An order from before the station was started again."""
        self._entries[str(order.id)] = _Entry(order, now_s + remaining_s)

    def _waiting(self, drone_id: str) -> list[LoggedOrder]:
        return [
            entry.order
            for entry in self._entries.values()
            if entry.order.drone_id == drone_id and entry.order.fate is OrderFate.WAITING
        ]

    def _settle(self, order: LoggedOrder, fate: OrderFate, reason: str) -> LoggedOrder:
        settled = order.model_copy(update={"fate": fate, "reason": reason})
        self._entries[str(order.id)].order = settled
        return settled

    def _forget(self) -> None:
        for key in [key for key, entry in self._entries.items() if entry.order.fate not in UNDER_WAY]:
            if len(self._entries) <= LATEST:
                return
            del self._entries[key]
        # Accepted and never done: they may go. What waits for its drone never does.
        for key in [key for key, entry in self._entries.items() if entry.order.fate is OrderFate.ACCEPTED]:
            if len(self._entries) <= 4 * LATEST:
                return
            del self._entries[key]
