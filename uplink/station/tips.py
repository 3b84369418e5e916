"""Tips of a running station: they come in, a drone is sent there, and what it finds comes back to them.

An order to look at a tip's place is an order like any other (``control``); here it is only remembered which
tip it is for. What is not final is kept in memory as well, so that no alert waits for a search of the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid6

from uplink.errors import StoreError, UnknownNameError
from uplink.messages import Alert, OrderKind, Position
from uplink.station import tip_life
from uplink.station.answers import LoggedOrder, OrderFate, OrderPlace
from uplink.station.control import Control
from uplink.station.live import LiveHub
from uplink.station.store.deeds import TipDeed
from uplink.station.store.orders import OrderLog
from uplink.station.store.tips import PlacedAlert, TipStore
from uplink.station.tip_answers import FINAL, Tip, TipFeature, TipNear, TipState, TipStep
from uplink.station.tip_circle import TipCircle, circle_of

log = logging.getLogger(__name__)

MOST_OPEN = 500
TICK_S = 5.0
NEAR_M = 250.0
NEAR_AGE_S = 86_400.0
MOST_NEAR = 3
_STEPPED: dict[TipStep, TipDeed] = {
    TipStep.CLOSE: "tip.closed",
    TipStep.DISMISS: "tip.dismissed",
    TipStep.REOPEN: "tip.reopened",
}
_DONE: dict[OrderFate, TipDeed] = {OrderFate.DONE: "tip.looked_at"}


class Tips:
    """Of one station."""

    def __init__(
        self,
        store: TipStore,
        orders: OrderLog,
        control: Control,
        live: LiveHub,
        *,
        clock: Callable[[], float],
        expires_s: float,
    ) -> None:
        self._store = store
        self._orders = orders
        self._control = control
        self._live = live
        self._clock = clock
        self._expires = timedelta(seconds=expires_s)
        self._known: dict[UUID, Tip] = {}  # that are not final
        self._sending = asyncio.Lock()
        self._settled: asyncio.Queue[LoggedOrder] = asyncio.Queue()
        control.on_order.append(self._ordered)

    async def start(self) -> None:
        """What was open when the station stopped, and what became meanwhile of orders on their way."""
        self._known = {tip.id: tip for tip in await self.with_near(await self._store.unfinished())}
        for tip in list(self._known.values()):
            if tip.state is TipState.TAKEN and tip.look is not None:
                order = await self._orders.get(tip.look.order_id)
                if order is not None:
                    await self._settle(order)

    @property
    def unfinished(self) -> list[Tip]:
        """What somebody may still do something about, the newest first, with what each was near to when
        it changed last or something new came near."""
        return sorted(self._known.values(), key=lambda tip: (tip.received_at, tip.id), reverse=True)

    async def told(self, feature: TipFeature, who: str) -> tuple[Tip | None, str]:
        """Another system tells of a place: the tip, and whether it is `new`, `updated` or the `same`; none
        and `too many` where there is no room. Raises NotACircleError."""
        circle, said, now = circle_of(feature), feature.properties, self._now()
        tip = Tip(
            id=uuid6.uuid7(),
            source=said.source,
            external_id=said.external_id,
            kind=said.kind,
            text=said.text,
            observed_at=said.observed_at,
            place=Position(lat_deg=circle.lat_deg, lon_deg=circle.lon_deg),
            radius_m=circle.radius_m,
            told_by=who,
            received_at=now,
            updated_at=now,
            expires_at=now + self._expires,
            state=TipState.OPEN,
            state_at=now,
            state_by=who,
        )
        kept, what = await self._store.put(tip, tip_life.told_again, most_open=MOST_OPEN)
        if kept is None:
            return None, what
        if what != "same":
            log.info("tip of %s, %s: %s", who, tip.source, what)
            await self._tell(kept)
        [answer] = await self.with_near([kept])
        return answer, what

    async def get(self, tip_id: UUID) -> Tip:
        """Raises UnknownNameError."""
        tip = self._known.get(tip_id) or await self._store.get(tip_id)
        if tip is None:
            raise UnknownNameError(f"there is no tip {tip_id}")
        return tip

    async def send(self, tip_id: UUID, drone_id: str, who: str) -> LoggedOrder:
        """Order a drone to look there. It goes even where the disk cannot take down that it does; then the
        tip stays open. Raises UnknownNameError, TipRefusedError."""
        async with self._sending:
            tip = await self.get(tip_id)
            tip_life.refuse_sending(tip)
            there = OrderPlace(place=tip.place, radius_m=tip.radius_m, tip_id=tip.id)
            order = await self._control.give(drone_id, OrderKind.LOOK_AT, who, None, there=there)
            try:
                await self._change(tip_id, lambda known: tip_life.taken(known, order), "tip.taken", who)
            except StoreError as reason:
                log.error("it is not written down that a drone looks at a tip: %s", reason)  # noqa: TRY400
        return order

    async def step(self, tip_id: UUID, step: TipStep, who: str, reason: str) -> Tip:
        """What a person does with it. Raises UnknownNameError, TipRefusedError."""
        now = self._now()
        async with self._sending:  # an order that is just given has its tip
            tip = await self._change(
                tip_id,
                lambda known: tip_life.stepped(known, step, who, now, reason, now + self._expires),
                _STEPPED[step],
                who,
            )
        [answer] = await self.with_near([tip])
        return answer

    async def alert_came(self, alert: Alert, *, is_first: bool) -> None:
        """An alert is new, or is another one now: link it to the tip that its drone was sent for, and tell
        the pages of tips that it is near to."""
        finder = f"drone {alert.drone_id}"
        for tip in list(self._known.values()):
            try:
                if alert.id not in tip.alert_ids and tip_life.found_by(tip, alert):
                    await self._change(
                        tip.id, lambda known: tip_life.with_alerts(known, [alert.id]), "tip.linked", finder
                    )
                elif is_first and alert.position is not None and _is_near(tip, alert.position):
                    await self._tell(tip)
            except StoreError as reason:  # the alert itself is kept, and the drone names it in its result
                log.error("an alert is not linked to a tip: %s", reason)  # noqa: TRY400

    async def with_near(self, tips: Sequence[Tip]) -> list[Tip]:
        """With the alerts that each is near to."""
        if not tips:
            return []
        placed = await self._store.alerts_since(self._clock() - NEAR_AGE_S)
        return [tip.model_copy(update={"near": _nearest(tip, placed)}) for tip in tips]

    async def run(self) -> None:
        """Take in what becomes of orders, and let tips expire, for ever."""
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    order = await self._settled.get()
            except TimeoutError:
                await self._expire()
                continue
            try:
                await self._settle(order)
            except StoreError:
                self._settled.put_nowait(order)
                raise

    # --- inside -----------------------------------------------------------------------------------

    def _ordered(self, order: LoggedOrder) -> None:
        if order.tip_id is not None:
            self._settled.put_nowait(order)

    async def _settle(self, order: LoggedOrder) -> None:
        assert order.tip_id is not None  # noqa: S101 - others are not taken in
        async with self._sending:  # what ends quickly may end before it is known to have begun
            now = self._now()
            with contextlib.suppress(UnknownNameError):
                await self._change(
                    order.tip_id,
                    lambda known: tip_life.settled(known, order, now),
                    _DONE.get(order.fate, "tip.not_looked_at"),
                    f"drone {order.drone_id}",
                )

    async def _expire(self) -> None:
        now = self._now()
        for tip in [tip for tip in self._known.values() if tip_life.expired(tip, now) is not tip]:
            await self._change(
                tip.id, lambda known: tip_life.expired(known, now), "tip.expired", tip_life.STATION
            )

    async def _change(self, tip_id: UUID, step: Callable[[Tip], Tip], what: TipDeed, who: str) -> Tip:
        """Raises UnknownNameError, and what the step raises."""
        changed = await self._store.change(tip_id, step, what=what, who=who, now_s=self._clock())
        if changed is None:
            raise UnknownNameError(f"there is no tip {tip_id}")
        tip, is_news = changed
        if is_news:
            log.info("%s by %s: %s", what, who, tip_id)
            await self._tell(tip)
        return tip

    async def _tell(self, tip: Tip) -> None:
        with contextlib.suppress(StoreError):
            [tip] = await self.with_near([tip])
        if tip.state in FINAL:
            self._known.pop(tip.id, None)
        else:
            self._known[tip.id] = tip
        self._live.publish("tip", str(tip.id), tip)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _circle(tip: Tip) -> TipCircle:
    return TipCircle(tip.place.lat_deg, tip.place.lon_deg, tip.radius_m)


def _is_near(tip: Tip, at: Position) -> bool:
    return _circle(tip).distance_m(at.lat_deg, at.lon_deg) <= tip.radius_m + NEAR_M


def _nearest(tip: Tip, alerts: Iterable[PlacedAlert]) -> list[TipNear]:
    circle = _circle(tip)
    away = [(circle.distance_m(alert.lat_deg, alert.lon_deg), alert) for alert in alerts]
    near = sorted((pair for pair in away if pair[0] <= tip.radius_m + NEAR_M), key=lambda pair: pair[0])
    return [
        TipNear(
            alert_id=alert.alert_id,
            incident_id=alert.incident_id,
            label="smoke" if alert.label == "smoke" else "fire",
            distance_m=distance_m,
        )
        for distance_m, alert in near[:MOST_NEAR]
    ]
