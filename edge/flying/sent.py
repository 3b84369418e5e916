"""An order that takes the vehicle somewhere, apart from its patrol: where it is with it, and how it ends.

::

    GOING ──at the last place──▶ THERE: it stays, the order is done    go to, change height, hold, resume
      └──────at the circle─────▶ CIRCLING: until another order         orbit
    RETURNING, LANDING ──on the ground──▶ over                         return, land

    in any of them: another order, the pilot, a failed command ─▶ over, and nothing more is sent

Pure: told the time and the vehicle, it returns what is to be done. What it sends is places, one after
another, never a stream: whenever the companion dies the vehicle flies to the latest and stays there. Every
few seconds it is looked whether the way still keeps every rule; where it does not, or the battery has reached
its reserve, the vehicle stays where it is and the order ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.flying.actions import Action, Circle, ComeDown, FlyTo, LookAhead, LookAt, Resume, ReturnHome, Stay
from edge.flying.clearance import Place
from edge.flying.endurance import way_s
from edge.flying.orders import Ending
from edge.flying.route import Circuit
from flight.plans.fence import distance_m
from uplink.messages import Order, OrderKind, OrderState, SentStage

ARRIVED_M, ARRIVED_HEIGHT_M = 5.0, 2.0
STILL_M_S, STILL_S = 1.0, 1.5
SETTLED_S = 10.0  # then it counts as there, in a gust that never lets it stand
CHECK_S = 2.0
PATIENCE, PATIENCE_S = 3.0, 60.0  # of what the way was reckoned to take, and more
LEAD = 0.4  # of a step of a circle: so far before a point it is sent on, and need not stop there


@dataclass(frozen=True, slots=True)
class Journey:
    """What an order comes to: the places to fly over, and what then."""

    here: Place | None
    """Where it began; None where nobody knew."""
    way: tuple[Place, ...] = ()
    circuit: Circuit | None = None
    first: int = 0
    """The point of the circuit that the way leads to."""
    middle: Place | None = None
    """Of the circuit, on the ground."""
    radius_m: float = 0.0
    resumes: bool = False
    """The patrol goes on at the end of the way."""

    @property
    def seconds(self) -> float:
        return 0.0 if self.here is None else way_s((self.here, *self.way))


@dataclass(frozen=True, slots=True)
class Aircraft:
    """The vehicle now. ``place`` None while its position is not to be trusted."""

    place: Place | None
    speed_m_s: float
    battery_percent: float | None
    armed: bool
    home_m: float | None = None
    """How far from home, over ground."""


class Sent:
    """Of one order."""

    def __init__(
        self,
        order: Order,
        journey: Journey,
        now_s: float,
        *,
        reserve_percent: float,
        circles: bool = False,
        objection: Callable[[Place, Place], str] = lambda _start, _end: "",
    ) -> None:
        """``circles``: the autopilot flies circles by itself. ``objection``: why it may not fly straight from
        one place to another."""
        self.order = order
        self.journey = journey
        self.stage = {OrderKind.RETURN: SentStage.RETURNING, OrderKind.LAND: SentStage.LANDING}.get(
            order.kind, SentStage.GOING
        )
        self.ended: Ending | None = None
        self.at_reserve = False
        """Whether the battery ended it."""
        self.note = ""
        """What there is to say of it, beside its end."""
        self._reserve_percent = reserve_percent
        self._circles = circles
        self._objection = objection
        self._way = list(journey.way)
        self._begun_s = self._checked_s = now_s
        self._near_s: float | None = None
        self._moved_s = now_s
        self._number, self._turn, self._steps = journey.first, 1, 0

    @property
    def rounds(self) -> float:
        """Of the circle, flown so far."""
        circuit = self.journey.circuit
        if circuit is None or self._steps == 0:
            return 0.0
        return self._steps * circuit.arc_deg / 360.0 / max(1, len(circuit.points) - (not circuit.closed))

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done for it."""
        return self.ended is not None and self.stage is not SentStage.THERE

    def begin(self) -> list[Action]:
        """What is to be done first."""
        if self.order.kind is OrderKind.RETURN:
            return [ReturnHome(), LookAhead()]
        if self.order.kind is OrderKind.LAND:
            return [ComeDown(), LookAhead()]
        if self.order.kind is OrderKind.HOLD:
            return [Stay(take_over=True), LookAhead()]
        middle = self.journey.middle
        return [FlyTo(*self._way[0], take_over=True), LookAhead() if middle is None else LookAt(*middle)]

    def step(self, now_s: float, aircraft: Aircraft) -> list[Action]:
        """What is to be done now. Call a few times a second."""
        if self.over:
            return []
        match self.stage:
            case SentStage.GOING:
                return self._go(now_s, aircraft)
            case SentStage.CIRCLING:
                return self._circle(now_s, aircraft)
            case SentStage.RETURNING | SentStage.LANDING if not aircraft.armed:
                self._end(OrderState.DONE, _down(self.order.kind, aircraft))
        return []

    def drop(self, why: str, *, by_person: bool = False) -> None:
        """Another order has come (``by_person``), or somebody else decides: nothing more is sent."""
        if self.stage is SentStage.CIRCLING:
            flown = f"{self.rounds:.1f} rounds flown; {why}"
            self._end(OrderState.DONE if by_person else OrderState.REFUSED, flown)
        else:
            self._end(OrderState.REFUSED, why)
        if self.stage is SentStage.THERE:
            self.stage = SentStage.GOING  # it does not stay any more

    def failed(self, why: str) -> None:
        """An action could not be done."""
        self._end(OrderState.REFUSED, why)

    # --- inside -----------------------------------------------------------------------------------

    def _go(self, now_s: float, aircraft: Aircraft) -> list[Action]:
        here = aircraft.place
        if here is None:
            return []
        if stop := self._stop(now_s, aircraft, here):
            return stop
        if now_s - self._begun_s > PATIENCE * self.journey.seconds + PATIENCE_S:
            left_m = distance_m(*here[:2], *self._way[-1][:2])
            return self._stay(f"it did not get there in time: {left_m:.0f} m are left")
        there = self._way[0]
        level_m, rise_m = distance_m(*here[:2], *there[:2]), abs(there[2] - here[2])
        if level_m > ARRIVED_M or rise_m > ARRIVED_HEIGHT_M:
            self._near_s = None
            return []
        if len(self._way) > 1:
            self._way.pop(0)
            return [FlyTo(*self._way[0], take_over=False)]
        circuit = self.journey.circuit
        if circuit is not None:
            return self._begin_circle(circuit)
        if self._near_s is None:
            self._near_s = self._moved_s = now_s
        if aircraft.speed_m_s > STILL_M_S:
            self._moved_s = now_s  # it may stand for a moment, where it turns round
        if now_s - self._moved_s < STILL_S and now_s - self._near_s < SETTLED_S:
            return []
        if self.journey.resumes:
            self._end(OrderState.DONE, "back at the patrol")
            return [Resume()]
        self.stage = SentStage.THERE
        words = "it stands" if self.order.kind is OrderKind.HOLD else f"there, {level_m:.0f} m from the place"
        self._end(OrderState.DONE, words)
        return []

    def _begin_circle(self, circuit: Circuit) -> list[Action]:
        self.stage = SentStage.CIRCLING
        middle = self.journey.middle
        assert middle is not None  # noqa: S101 - a circuit has one
        if self._circles and circuit.closed:
            alt_m = circuit.points[0][2]
            return [Circle(middle[0], middle[1], alt_m, self.journey.radius_m)]
        return [self._next_point(circuit)]

    def _circle(self, now_s: float, aircraft: Aircraft) -> list[Action]:
        here, circuit = aircraft.place, self.journey.circuit
        if here is None or circuit is None:
            return []
        if stop := self._stop(now_s, aircraft, here):
            return stop
        if self._orbits:
            return []
        there, step_m = (
            circuit.points[self._number],
            distance_m(*circuit.points[0][:2], *circuit.points[1][:2]),
        )
        if distance_m(*here[:2], *there[:2]) > max(ARRIVED_M, LEAD * step_m):
            return []
        self._steps += 1
        return [self._next_point(circuit)]

    def _next_point(self, circuit: Circuit) -> FlyTo:
        count = len(circuit.points)
        if circuit.closed:
            self._number = (self._number + 1) % count
        else:
            if not 0 <= self._number + self._turn < count:
                self._turn = -self._turn
            self._number += self._turn
        return FlyTo(*circuit.points[self._number], take_over=False)

    def _stop(self, now_s: float, aircraft: Aircraft, here: Place) -> list[Action]:
        """What ends it on its way."""
        if self.order.kind is OrderKind.HOLD:
            return []  # it stops, come what may
        percent = aircraft.battery_percent
        if percent is not None and percent <= self._reserve_percent:
            self.at_reserve = True
            return self._stay(f"the battery has reached its reserve of {self._reserve_percent:.0f} %")
        if now_s - self._checked_s < CHECK_S:
            return []
        self._checked_s = now_s
        if why := next(filter(None, (self._objection(*leg) for leg in self._legs(here))), ""):
            return self._stay(f"the way is not clear any more: {why}")
        return []

    def _legs(self, here: Place) -> list[tuple[Place, Place]]:
        """What it flies now."""
        circuit = self.journey.circuit
        if self.stage is not SentStage.CIRCLING or circuit is None:
            return [(here, self._way[0])]
        if not self._orbits:
            return [(here, circuit.points[self._number])]
        return list(zip(circuit.points, (*circuit.points[1:], circuit.points[0]), strict=True))

    def _stay(self, why: str) -> list[Action]:
        """Where it is. The mode is left alone, which may be the pilot's by now; but an orbit is a mode that
        we asked for, and it would go on with it."""
        flown = f"{self.rounds:.1f} rounds flown; " if self.stage is SentStage.CIRCLING else ""
        self._end(OrderState.REFUSED, f"{flown}{why}; it holds where it is")
        return [Stay(take_over=self._orbits)]

    @property
    def _orbits(self) -> bool:
        """Whether the autopilot flies a circle by itself now."""
        circuit = self.journey.circuit
        return self._circles and self.stage is SentStage.CIRCLING and circuit is not None and circuit.closed

    def _end(self, state: OrderState, reason: str) -> None:
        if self.ended is None:
            self.ended = Ending(state, reason)


def _down(kind: OrderKind, aircraft: Aircraft) -> str:
    if aircraft.home_m is None:
        return "on the ground and disarmed"
    where = "home" if kind is OrderKind.RETURN else "landed"
    return f"{where} and disarmed, {aircraft.home_m:.1f} m from home"
