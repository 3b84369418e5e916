"""The way from a look back to the patrol. Pure.

The patrol is resumed where it was left, or from where the straight way to its next place is safe; else the
vehicle waits at a safe place for a way, and is given up after a while: stranded.
"""

from __future__ import annotations

from edge.flying.actions import FlyTo, LookAction, LookAhead, Resume, Strand
from edge.flying.clearance import Fire, Place
from edge.flying.rules import Rules
from edge.flying.situation import Phase, Situation, Ways
from edge.flying.standoff import NoViewError
from edge.flying.subject import Subject
from flight.plans.fence import distance_m


class WayBack:
    """Of one look. Made where the patrol is left, and told where the vehicle turned."""

    def __init__(self, rules: Rules, ways: Ways, subject: Subject, left: Place, now_s: float) -> None:
        self._rules = rules
        self._ways = ways
        self._subject = subject
        self._left = left
        self._flown = [left]  # from there on, where it turned
        self.phase = Phase.GOING_BACK
        """Going back or returning; idle once it is over."""
        self.stranded = ""
        """Why the patrol cannot be gone on with, where that is how it ended."""
        self._here: Place | None = left
        self._placed_s = now_s
        self._since_s = now_s
        self._checked_s = now_s
        self._tried_s = now_s
        self._way: list[Place] = []
        self._leg_from: Place | None = None
        self._waits_there = False  # for a way back

    def is_at(self, place: Place | None, now_s: float) -> None:
        """Where the vehicle is; None while nobody knows."""
        self._here = place
        if place is not None:
            self._placed_s = now_s

    def turned(self, place: Place) -> None:
        """The vehicle has come there straight from the place before."""
        self._flown.append(place)

    def check_now(self) -> None:
        """Do not wait with the next look at the way."""
        self._checked_s = float("-inf")

    def begin(self, now_s: float) -> list[LookAction]:
        self._since_s = now_s
        return [LookAhead(), *self._find(now_s)]

    def step(self, now_s: float, situation: Situation) -> list[LookAction]:
        """What is to be done now. Call a few times a second."""
        if situation.on_mission:  # resumed, or never left
            self.phase = Phase.IDLE
            return []
        if self.phase is Phase.RETURNING:
            return self._await_patrol(now_s, situation)
        rules = self._rules
        if now_s - self._since_s > self._subject.longest_s:
            return self._resume_from_here(now_s) or self._strand("there was no safe way back")
        if self._here is None:
            lost = now_s - self._placed_s > rules.lost_s
            return self._strand("its position was lost") if lost else []
        if not self._way:
            if not situation.battery_allows(rules.reserve_percent):
                return self._strand("the battery has reached its reserve, and no way back was safe")
            return self._find(now_s) if now_s - self._checked_s >= rules.retry_s else []
        if self._near(self._way[0], self._here):
            return self._arrived(now_s)
        if now_s - self._checked_s >= rules.check_s:
            self._checked_s = now_s
            if not self._is_leg_safe():
                return self._find(now_s)
        return []

    def failed(self, now_s: float) -> list[LookAction]:
        """An action could not be done: once more in a while, or on from here."""
        if self.phase is not Phase.GOING_BACK:
            return []
        if self._waits_there:
            self._waits_there = False  # it does not
            return []
        self._checked_s = now_s
        return self._resume_from_here(now_s) or self._wait_there()

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _fire(self) -> Fire:
        return self._subject.fire

    def _find(self, now_s: float) -> list[LookAction]:
        """Back to where the patrol was left: by a safe way, or by the way it came while that is one. Else on
        with the patrol from here, if that is safe; else to where it is safe to wait."""
        self._checked_s = now_s
        if self._here is None:
            self._way = []
            return []
        way = self._ways.way(self._fire, self._left)
        came = self._flown[::-1]
        if way is None and self._ways.is_way_back(self._fire, [self._here, *came]):
            way = came
        if way is not None:
            self._way = list(way)
            return [self._leg()]
        return self._resume_from_here(now_s) or self._go_to_safety(self._here)

    def _arrived(self, now_s: float) -> list[LookAction]:
        place = self._way.pop(0)
        if self._way:
            self._checked_s = now_s
            leg = self._leg()
            return [leg] if self._is_leg_safe() else self._find(now_s)
        if place == self._left:
            return self._resume(now_s)
        self._waits_there = True  # it was sent here, and stays
        return []

    def _resume_from_here(self, now_s: float) -> list[LookAction]:
        """The autopilot flies straight to the patrol's next place from where it is: nothing if that is not
        safe."""
        is_clear = self._here is not None and self._ways.is_onward_clear(self._fire)
        return self._resume(now_s) if is_clear else []

    def _go_to_safety(self, here: Place) -> list[LookAction]:
        if not self._ways.is_clear(self._fire, here):
            try:
                [view] = self._ways.views(self._fire, 1)
            except NoViewError:
                pass
            else:
                self._way = list(view.way)
                return [self._leg()]
        return self._wait_there()

    def _wait_there(self) -> list[LookAction]:
        """Where it is, until there is a way back. The mode is left alone: it may be the pilot's by now."""
        self._way = []
        if self._waits_there or self._here is None:
            return []
        self._waits_there = True
        return [FlyTo(*self._here, take_over=False)]

    def _leg(self) -> FlyTo:
        self._leg_from, self._waits_there = self._here, False
        return FlyTo(*self._way[0], take_over=False)

    def _is_leg_safe(self) -> bool:
        """The leg that is flown now."""
        if self._ways.is_clear(self._fire, self._way[0]):
            return True
        if self._leg_from is None or self._way[0] != self._left:
            return False
        return self._ways.is_way_back(self._fire, [self._leg_from, self._left])

    def _resume(self, now_s: float) -> list[LookAction]:
        self.phase = Phase.RETURNING
        self._since_s = self._tried_s = now_s
        return [Resume()]

    def _await_patrol(self, now_s: float, situation: Situation) -> list[LookAction]:
        if now_s - self._since_s > self._subject.longest_s:
            return self._strand("the patrol was not resumed")
        if situation.granted and now_s - self._tried_s >= self._rules.retry_s:
            self._tried_s = now_s
            is_back = self._here is not None and self._near(self._left, self._here)
            if is_back or self._ways.is_onward_clear(self._fire):
                return [Resume()]
        return []

    def _strand(self, why: str) -> list[LookAction]:
        self.phase, self.stranded = Phase.IDLE, why
        return [Strand()]

    def _near(self, there: Place, here: Place) -> bool:
        return distance_m(*here[:2], *there[:2]) <= self._rules.arrived_m
