"""How a tip goes on: from open to closed, as pure steps. Each gives the tip as it is afterwards.

::

    open ──send──▶ taken ──the drone was there──▶ looked at ──▶ closed | dismissed
     ▲ ▲             │ refused, not fetched, lost      │
     │ └─────────────┘        └──────── send ◀─────────┘
     └── reopened, or news of one that expired        whoever is left alone too long: expired
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from uplink.errors import NotPossibleError
from uplink.messages import Alert, Order
from uplink.station.answers import LoggedOrder, OrderFate
from uplink.station.tip_answers import FINAL, Tip, TipLook, TipState, TipStep
from uplink.station.tip_circle import TipCircle

STATION = "station"
MOST_ALERTS = 64
CLOCKS = timedelta(seconds=30)  # a drone's clock and ours may differ by so much
_TOLD = ("kind", "text", "observed_at", "place", "radius_m")
_NO_RESULT = {
    OrderFate.EXPIRED: "the drone did not answer in time",
    OrderFate.OVERTAKEN: "another order was given",
    OrderFate.LOST: "the drone's agent started anew",
}


class TipRefusedError(NotPossibleError):
    """A tip cannot go that way as it stands."""


def told_again(known: Tip, news: Tip) -> Tip:
    """The same tip with what its system says now; the same object where that is nothing new. What people
    decided stays; one that expired is open again."""
    if all(getattr(known, name) == getattr(news, name) for name in _TOLD):
        return known
    changes = {name: getattr(news, name) for name in _TOLD}
    changes |= {"told_by": news.told_by, "updated_at": news.updated_at, "expires_at": news.expires_at}
    tip = known.model_copy(update=changes)
    if known.state is TipState.EXPIRED:
        tip = _in(tip, TipState.OPEN, news.told_by, news.updated_at, "there is news of it")
    return tip


def refuse_sending(tip: Tip) -> None:
    """Raises TipRefusedError where no drone can be sent there now."""
    if tip.state is TipState.TAKEN and tip.look is not None:
        raise TipRefusedError(f"{tip.look.drone_id} is on its way there")
    if tip.state in FINAL:
        raise TipRefusedError(f"this tip is {tip.state.value}")


def taken(tip: Tip, order: Order) -> Tip:
    """A drone was sent there. Raises TipRefusedError."""
    refuse_sending(tip)
    assert order.place is not None and order.radius_m is not None  # noqa: S101, PT018 - as the station gave it
    look = TipLook(
        drone_id=order.drone_id,
        order_id=order.id,
        by=order.by,
        at=order.at,
        place=order.place,
        radius_m=order.radius_m,
    )
    tip = tip.model_copy(update={"look": look})
    return _in(tip, TipState.TAKEN, order.by, order.at, "")


def settled(tip: Tip, order: LoggedOrder, now: datetime) -> Tip:
    """What became of its order; the same object where that says nothing about the tip."""
    is_its_own = tip.look is not None and tip.look.order_id == order.id
    if (
        not is_its_own
        or tip.state is not TipState.TAKEN
        or order.fate in (OrderFate.WAITING, OrderFate.ACCEPTED)
    ):
        return tip
    assert tip.look is not None  # noqa: S101
    result = order.reason or _NO_RESULT.get(order.fate, "")
    look = tip.look.model_copy(update={"ended_at": now, "result": result})
    tip = with_alerts(tip.model_copy(update={"look": look}), order.alert_ids)
    state = TipState.LOOKED_AT if order.fate is OrderFate.DONE else TipState.OPEN
    return _in(tip, state, f"drone {order.drone_id}", now, result)


def with_alerts(tip: Tip, alert_ids: Iterable[UUID]) -> Tip:
    """With these linked to it; the same object where all of them are."""
    every = list(dict.fromkeys([*tip.alert_ids, *alert_ids]))[:MOST_ALERTS]
    return tip if every == tip.alert_ids else tip.model_copy(update={"alert_ids": every})


def found_by(tip: Tip, alert: Alert) -> bool:
    """Whether the drone that was sent there has confirmed this alert in its circle while it looked."""
    look, at = tip.look, alert.position
    if look is None or at is None or look.drone_id != alert.drone_id:
        return False
    if tip.state is not TipState.TAKEN and look.ended_at is None:
        return False
    if alert.confirmed_at < look.at - CLOCKS:
        return False
    if look.ended_at is not None and alert.confirmed_at > look.ended_at + CLOCKS:
        return False
    circle = TipCircle(look.place.lat_deg, look.place.lon_deg, look.radius_m)
    error_m = 0.0 if alert.ellipse is None else alert.ellipse.semi_major_m
    return circle.distance_m(at.lat_deg, at.lon_deg) <= circle.radius_m + error_m


def stepped(tip: Tip, step: TipStep, who: str, now: datetime, reason: str, expires_at: datetime) -> Tip:
    """What a person does with it. Raises TipRefusedError."""
    match step:
        case TipStep.REOPEN:
            if tip.state not in FINAL:
                raise TipRefusedError(f"this tip is {tip.state.value}")
            tip = tip.model_copy(update={"expires_at": expires_at})
            return _in(tip, TipState.OPEN, who, now, reason)
        case TipStep.CLOSE | TipStep.DISMISS:
            state = TipState.CLOSED if step is TipStep.CLOSE else TipState.DISMISSED
            if tip.state in FINAL:
                raise TipRefusedError(f"this tip is {tip.state.value}")
            return _in(tip, state, who, now, reason)


def expired(tip: Tip, now: datetime) -> Tip:
    """Nobody did anything with it for too long; the same object while its time is not up."""
    if tip.state not in (TipState.OPEN, TipState.LOOKED_AT) or now < tip.expires_at:
        return tip
    return _in(tip, TipState.EXPIRED, STATION, now, "its time was up")


def _in(tip: Tip, state: TipState, who: str, at: datetime, reason: str) -> Tip:
    changes = {"state": state, "state_by": who, "state_at": at, "reason": reason}
    return tip.model_copy(update=changes)
