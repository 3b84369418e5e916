"""The orders of people on their way to drones. Pure: told the time, monotonic seconds.

An order is sent on the drone's link at once, and again on the next link if that one broke before the drone
told a result. One that it did not answer in time is void, here and on the drone, because a start that comes a
minute late surprises everybody; only a stand-down waits longer. What takes something away overtakes what it
takes away.

An order is for the run of the agent that was heard when it was given, or else for the first one heard after.
When another run is heard it is lost: it may have been carried out, and must not be again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from uplink.messages import Order, OrderKind, OrderResult
from uplink.station.answers import LoggedOrder, OrderFate

EXPIRES_S = 15.0
STAND_DOWN_EXPIRES_S = 600.0
LATEST = 50
_SENDS = frozenset({OrderKind.GO_TO, OrderKind.ORBIT, OrderKind.CHANGE_HEIGHT, OrderKind.LOOK_AT})
_ACTS = _SENDS | {OrderKind.START, OrderKind.RESUME, OrderKind.LOOK_AGAIN}
OVERTAKES: dict[OrderKind, frozenset[OrderKind]] = {
    OrderKind.STAND_DOWN: frozenset(OrderKind) - {OrderKind.STAND_DOWN, OrderKind.REVOKE},
    OrderKind.REVOKE: _ACTS | {OrderKind.GRANT, OrderKind.LOAD_PATROL},
    OrderKind.PAUSE: _ACTS,
    OrderKind.NO_LOOK: frozenset({OrderKind.LOOK_AGAIN}),
    OrderKind.HOLD: _ACTS | {OrderKind.PAUSE},
    OrderKind.RETURN: _ACTS | {OrderKind.PAUSE, OrderKind.HOLD},
    OrderKind.LAND: _ACTS | {OrderKind.PAUSE, OrderKind.HOLD},
    OrderKind.GO_TO: _SENDS,
    OrderKind.ORBIT: _SENDS,
    OrderKind.CHANGE_HEIGHT: _SENDS,
}
_ABOUT = (
    "drone_id",
    "kind",
    "alert_id",
    "place",
    "radius_m",
    "height_m",
    "height_above",
    "only_check",
    "tip_id",
    "patrol",
)
UNDER_WAY = frozenset({OrderFate.WAITING, OrderFate.ACCEPTED})
STARTED_ANEW = "the drone's agent started anew: whether this was done is not known"
_AFTER_STAND_DOWN = frozenset({OrderKind.STAND_DOWN, OrderKind.REVOKE})


@dataclass(slots=True)
class _Entry:
    order: LoggedOrder
    expires_s: float
    sent_on: int = 0
    """The number of the link that it went out on last."""


@dataclass(frozen=True, slots=True)
class DroneClock:
    """A link, by its number, and how far the clock of the drone on it is ahead of ours.

    What the drone said took a while to come, so its clock is further on than we think, never less: an order
    is void early, not late.
    """

    link: int
    ahead_s: float

    def drone_now_s(self, now_s: float) -> float:
        """What the drone's clock shows, at least."""
        return now_s + self.ahead_s


class OrderBook:
    """All orders that are not settled, and the latest that are."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}  # by id, the oldest first
        self._runs: dict[str, UUID] = {}  # of each drone's agent, the latest heard
        self._sequences: dict[str, int] = {}  # by drone, of the latest order sent

    @property
    def latest(self) -> list[LoggedOrder]:
        """The oldest first."""
        return [entry.order for entry in self._entries.values()]

    def objection(self, drone_id: str, kind: OrderKind, now_s: float) -> str:
        """Why no such order can be given now; empty when it can."""
        if kind in _AFTER_STAND_DOWN:
            return ""
        standing_down = any(one.kind is OrderKind.STAND_DOWN for one in self._waiting(drone_id, now_s))
        return "a stand-down is on its way to this drone" if standing_down else ""

    def give(self, order: Order, now_s: float) -> list[LoggedOrder]:
        """Takes an order in; what is new comes back, it and those that it overtakes.

        The same order while one like it waits is that one: nothing new.
        """
        changed = []
        for other in self._waiting(order.drone_id, now_s):
            if asks_the_same(other, order):
                return []
            if order.only_check or other.only_check:
                continue  # it flies nothing
            same_alert = order.kind is not OrderKind.NO_LOOK or other.alert_id == order.alert_id
            if other.kind in OVERTAKES.get(order.kind, frozenset()) and same_alert:
                reason = f"overtaken by {order.kind.value}"
                changed.append(self._settle(other, OrderFate.OVERTAKEN, reason))
        run = None if order.kind is OrderKind.STAND_DOWN else self._runs.get(order.drone_id)
        wait_s = STAND_DOWN_EXPIRES_S if order.kind is OrderKind.STAND_DOWN else EXPIRES_S
        logged = LoggedOrder.model_validate(order.model_dump() | {"run": run, "waits_s": wait_s})
        self._entries[str(order.id)] = _Entry(logged, now_s + wait_s)
        self._forget()
        return [*changed, logged]

    def send(self, drone_id: str, on: DroneClock, now_s: float, least_sequence: int) -> list[LoggedOrder]:
        """What that link was not given yet, numbered and dated for the drone: stand-down and revoke first.

        ``least_sequence`` is what the drone and the calendar ask for: numbers rise even where a backup of the
        station was put back.
        """
        unsent = [
            entry
            for entry in self._entries.values()
            if _waits(entry, drone_id, now_s)
            and entry.sent_on != on.link
            and (entry.order.run is not None or entry.order.kind is OrderKind.STAND_DOWN)
        ]
        unsent.sort(key=lambda entry: entry.order.kind not in _AFTER_STAND_DOWN)
        for entry in unsent:
            sequence = max(self._sequences.get(drone_id, 0) + 1, least_sequence)
            self._sequences[drone_id] = sequence
            entry.sent_on = on.link
            expires_s = on.drone_now_s(now_s) + entry.expires_s - now_s
            entry.order = entry.order.model_copy(update={"sequence": sequence, "expires_s": expires_s})
        return [entry.order for entry in unsent]

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
            order = entry.order.model_copy(update={"alert_ids": result.alert_ids})
            changed.append(self._settle(order, fate, result.reason))
        return changed

    def heard_run(self, drone_id: str, run: UUID) -> list[LoggedOrder]:
        """Which run of its agent the drone speaks for; what that changes comes back: orders that are lost
        with an earlier one, and a stand-down that one had only begun, which waits again."""
        self._runs[drone_id] = run
        changed = []
        for entry in self._entries.values():
            order = entry.order
            if order.drone_id != drone_id or order.fate not in UNDER_WAY:
                continue
            stands_down = order.kind is OrderKind.STAND_DOWN
            if order.run is None and not (stands_down and order.fate is OrderFate.WAITING):
                entry.order = order.model_copy(update={"run": run})
            elif order.run not in (None, run) and stands_down:
                changed.append(self._settle(order.model_copy(update={"run": None}), OrderFate.WAITING, ""))
            elif order.run not in (None, run):
                changed.append(self._settle(order, OrderFate.LOST, STARTED_ANEW))
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

    def _waiting(self, drone_id: str, now_s: float) -> list[LoggedOrder]:
        return [entry.order for entry in self._entries.values() if _waits(entry, drone_id, now_s)]

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


def _waits(entry: _Entry, drone_id: str, now_s: float) -> bool:
    """Not what has run out and is only not written off yet."""
    order = entry.order
    return order.drone_id == drone_id and order.fate is OrderFate.WAITING and now_s < entry.expires_s


def asks_the_same(one: Order, other: Order) -> bool:
    """Whether two orders to one drone are about the same thing."""
    return all(getattr(one, name) == getattr(other, name) for name in _ABOUT)
