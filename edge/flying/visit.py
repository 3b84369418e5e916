"""One look at a place that a person asked for: what it has shown, and how its order ends.

``done`` says what was found and how much of the circle was in view; it is never said of ground that nobody
saw that nothing burns there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from edge.flying.circle_view import CircleView
from edge.flying.clearance import Fire
from edge.flying.orders import Ending
from edge.hotspots.hotspot import Look
from flight.plans.fence import Circle, distance_m
from uplink.messages import Order, OrderState

MOST_FOUND = 8
HALF = 0.5


@dataclass(frozen=True, slots=True)
class _Found:
    from_middle_m: float
    alerted: bool


class Visit:
    """Of one order. ``ended`` is its end, once there is one."""

    def __init__(self, order: Order, circle: Circle) -> None:
        self.id = order.id
        self.tip_id = order.tip_id
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._circle = circle
        self._view = CircleView(circle)
        self._found: dict[UUID, _Found] = {}

    def look(self, look: Look) -> None:
        """A frame was looked at."""
        if not self.ended.done():
            self._view.look(look)

    def burns(self, hotspot_id: UUID, fire: Fire, *, alerted: bool) -> None:
        """A fire is confirmed, or its estimate is another one. ``alerted``: people are told of it. One that
        goes out again has been found all the same."""
        away_m = distance_m(self._circle.lat_deg, self._circle.lon_deg, fire.lat_deg, fire.lon_deg)
        if away_m <= self._circle.radius_m + fire.radius_m:
            self._found[hotspot_id] = _Found(away_m, alerted)
        else:
            self._found.pop(hotspot_id, None)

    def looked(self, why: str) -> None:
        """It was there; ``why`` says what else ended it than that it has looked enough."""
        share, alerts = self._view.share, self._alerts
        enough = share > 0 if not why else share >= HALF
        if alerts or enough:
            self._end(OrderState.DONE, why)
        elif share > 0:
            self._end(OrderState.REFUSED, why)
        else:
            reason = f"no picture showed the place{why and f' ({why})'}: nothing can be said of it"
            self.ended.set_result(Ending(OrderState.REFUSED, reason))

    def dropped(self, why: str) -> None:
        """It was not, or somebody else decides now."""
        if self._alerts or self._view.share > 0:
            self._end(OrderState.REFUSED, why)
        else:
            self.ended.set_result(Ending(OrderState.REFUSED, why))

    @property
    def _alerts(self) -> list[UUID]:
        """The nearest to the middle first."""
        alerted = [key for key, found in self._found.items() if found.alerted]
        return sorted(alerted, key=lambda key: self._found[key].from_middle_m)

    def _end(self, state: OrderState, why: str) -> None:
        alerts = self._alerts
        quiet = len(self._found) - len(alerts)
        if alerts:
            nearest_m = self._found[alerts[0]].from_middle_m
            several = f"{len(alerts)} alerts, the nearest" if len(alerts) > 1 else "1 alert,"
            words = [f"{several} {nearest_m:.0f} m from the middle"]
        else:
            words = ["nothing seen"]
        if quiet:
            words.append(f"{quiet} in ignore zones")
        words.append(f"{100 * self._view.share:.0f} % of the circle was in view")
        if why:
            words.append(why)
        self.ended.set_result(Ending(state, "; ".join(words), tuple(alerts[:MOST_FOUND])))
