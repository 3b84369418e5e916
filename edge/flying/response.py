"""What to do about a fire that was found: *look again* from elsewhere, then go on with the patrol.

::

    IDLE ──confirmed──▶ ASKED ──approved──▶ GOING ──arrived──▶ LOOKING ──looked enough──▶ GOING, next view
      ▲      (mode ask)   │                   │                   │                                   │
      │                   └declined, in vain  └───────────────────┴──── time, battery, no way ────────┤
      └────────────────── RETURNING ◀── at the place where the patrol was left ── GOING BACK ◀────────┘

    in any phase: hands off ─▶ IDLE, and nothing more is sent
    from GOING BACK and RETURNING: no safe way, or the patrol does not go on ─▶ IDLE, stranded

Pure: told the time and the situation, it returns what is to be done. ``automatic`` leaves ASKED out; ``off``
stays IDLE. One fire at a time; a few more wait. A fire that was looked at is left alone for a while.

Estimate and wind change while it flies: every few seconds it is looked whether the way and the view still
keep every rule, and where they do not, the views are found anew from where the vehicle is. The way back is
looked at in the same manner. The patrol is resumed where it was left, or from where the straight way to its
next place is safe; else the vehicle waits at a safe place for a way, and is given up after a while.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol
from uuid import UUID

from edge.flying.actions import Action, FlyTo, LookAhead, LookAt, Resume, Strand
from edge.flying.clearance import Fire
from edge.flying.standoff import NoViewError, Place, View
from flight.plans.fence import distance_m

MOST_WAITING = 8
REMEMBERED = 256


class Mode(StrEnum):
    """The values are the words of the configuration."""

    OFF = "off"
    ASK = "ask"
    AUTOMATIC = "automatic"


class Phase(Enum):
    """The values are the words that people see."""

    IDLE = "idle"
    ASKED = "asked"
    GOING = "going there"
    LOOKING = "looking"
    GOING_BACK = "going back"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True)
class Rules:
    """How long, how often, how much."""

    mode: Mode = Mode.ASK
    views: int = 3
    look_s: float = 8.0
    longest_s: float = 180.0
    asked_s: float = 120.0  # an answer that takes longer is about another flight
    cool_down_s: float = 900.0
    reserve_percent: float = 25.0
    need_percent: float = 10.0  # above the reserve, to begin at all
    arrived_m: float = 6.0
    good_enough_m: float = 5.0  # the ellipse's larger semi-axis: nothing more to gain
    check_s: float = 2.0  # between two looks at whether the way is still safe
    retry_s: float = 5.0  # between two tries to go back, or to go on with the patrol
    lost_s: float = 10.0  # without a position nobody finds a way back


@dataclass(frozen=True, slots=True)
class Situation:
    """The flight now."""

    patrolling: bool
    """It flies its patrol, at the patrol's height: a look again may begin."""
    on_mission: bool
    """It flies its mission, the climb and the way home included."""
    granted: bool
    place: Place | None
    """None while the position is not to be trusted."""
    battery_percent: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A confirmed hotspot."""

    id: UUID
    fire: Fire


class Ways(Protocol):
    """What is safe to fly around a fire and all others, from where the vehicle is now."""

    def views(self, fire: Fire, count: int) -> Sequence[View]:
        """Up to ``count`` views; raises NoViewError."""

    def way(self, fire: Fire, place: Place) -> Sequence[Place] | None:
        """The places to fly over to there, that one the last; None where there is no safe way."""

    def is_clear(self, fire: Fire, place: Place) -> bool:
        """Whether the straight way there is safe, and it is safe to be there."""

    def is_way_back(self, fire: Fire, track: Sequence[Place]) -> bool:
        """Whether the straight ways over these places are safe, as far as one got out of the last of them."""

    def is_onward_clear(self, fire: Fire) -> bool:
        """Whether the straight way to where the patrol goes on to is safe."""


class Response:
    """One vehicle's."""

    def __init__(self, rules: Rules, ways: Ways) -> None:
        self._rules = rules
        self._ways = ways
        self.phase = Phase.IDLE
        self.reason = ""
        """How the last look again ended, or what is waited for."""
        self._targets: OrderedDict[UUID, Target] = OrderedDict()  # that wait, and the one being looked at
        self._current: UUID | None = None
        self._looked_s: OrderedDict[UUID, float] = OrderedDict()
        self._since_s = 0.0
        self._begun_s = 0.0
        self._checked_s = 0.0
        self._tried_s = 0.0
        self._views: list[View] = []
        self._way: list[Place] = []
        self._left: Place | None = None  # where the patrol was left
        self._flown: list[Place] = []  # from there on, where it turned
        self._leg_from: Place | None = None
        self._here: Place | None = None
        self._placed_s = 0.0
        self._waits_there = False  # for a way back
        self._approved = False

    @property
    def target(self) -> UUID | None:
        """The hotspot that it is about."""
        return self._current

    @property
    def may_begin(self) -> bool:
        """Whether there is a fire to be looked at as soon as the flight allows it."""
        return bool(self._targets) and self.phase in (Phase.IDLE, Phase.ASKED)

    # --- events -----------------------------------------------------------------------------------

    def confirmed(self, target: Target, now_s: float) -> None:
        """A hotspot is confirmed, or its estimate is a better one."""
        if self._rules.mode is Mode.OFF:
            return
        if target.id in self._targets:
            self._targets[target.id] = target
            return
        looked_s = self._looked_s.get(target.id)
        if looked_s is not None and now_s - looked_s < self._rules.cool_down_s:
            return
        if len(self._targets) < MOST_WAITING:
            self._targets[target.id] = target

    def lost(self, target_id: UUID) -> None:
        """A hotspot is not there any more: nobody has to look for it."""
        if target_id != self._current:
            self._targets.pop(target_id, None)

    def check_now(self) -> None:
        """A fire has appeared somewhere: do not wait with the next look at the way."""
        self._checked_s = float("-inf")

    def landed(self, now_s: float) -> None:
        """What waited was for this flight."""
        if self.phase is Phase.ASKED:
            self._finish(now_s, "the flight is over", looked=False)
        for target_id in [target_id for target_id in self._targets if target_id != self._current]:
            del self._targets[target_id]

    def approve(self, target_id: UUID) -> bool:
        """A person wants the look again that was asked about; False when it is not asked about now."""
        if self.phase is not Phase.ASKED or target_id != self._current:
            return False
        self._approved = True
        return True

    def decline(self, target_id: UUID, now_s: float) -> bool:
        """A person does not want it; False when it is not asked about now."""
        if self.phase is not Phase.ASKED or target_id != self._current:
            return False
        self._finish(now_s, "declined")
        return True

    def hands_off(self, now_s: float, why: str = "the pilot took over") -> None:
        """Somebody else decides now: the task is dropped, and nothing is sent for it any more."""
        if self.phase is not Phase.IDLE:
            self._finish(now_s, why, looked=self.phase is not Phase.ASKED)

    def failed(self, reason: str, now_s: float) -> list[Action]:
        """An action could not be done: back to the patrol, or once more if that was the action itself."""
        match self.phase:
            case Phase.GOING | Phase.LOOKING:
                return self._return(now_s, reason)
            case Phase.GOING_BACK if self._waits_there:
                self._waits_there = False  # it does not
            case Phase.GOING_BACK:
                self._checked_s = now_s
                return self._resume_from_here(now_s) or self._wait_there()
            case Phase.ASKED:
                self._finish(now_s, reason)
        return []  # going back, returning: once more in a while

    # --- time -------------------------------------------------------------------------------------

    def step(self, now_s: float, situation: Situation) -> list[Action]:
        """What is to be done now, in this order. Call a few times a second."""
        self._here = situation.place
        if situation.place is not None:
            self._placed_s = now_s
        match self.phase:
            case Phase.IDLE:
                return self._take_up(now_s, situation)
            case Phase.ASKED:
                return self._wait(now_s, situation)
            case Phase.GOING | Phase.LOOKING:
                return self._look(now_s, situation)
            case Phase.GOING_BACK:
                return self._go_back(now_s, situation)
            case Phase.RETURNING:
                return self._await_patrol(now_s, situation)

    def _take_up(self, now_s: float, situation: Situation) -> list[Action]:
        if not self._targets or not situation.patrolling or not situation.granted:
            return []
        if situation.battery_percent is None:
            return []
        target_id = next(iter(self._targets))
        if not self._battery_allows(situation, self._rules.need_percent):
            self._targets.pop(target_id)
            self._remember(target_id, now_s)
            self.reason = "the battery does not allow to look again"
            return []
        self._current = target_id
        self._approved = self._rules.mode is Mode.AUTOMATIC
        self._become(Phase.ASKED, now_s, "a person is asked" if not self._approved else "")
        return self._wait(now_s, situation)

    def _wait(self, now_s: float, situation: Situation) -> list[Action]:
        if now_s - self._since_s > self._rules.asked_s:
            self._finish(now_s, "the flight did not allow it" if self._approved else "nobody answered")
        elif self._approved:
            if situation.patrolling and situation.granted and situation.place is not None:
                return self._begin(now_s, situation.place)
            if not situation.on_mission or not situation.granted:
                self._finish(now_s, "the patrol is not flown any more")
        return []

    def _begin(self, now_s: float, here: Place) -> list[Action]:
        fire = self._fire
        try:
            self._views = list(self._ways.views(fire, self._rules.views))
        except NoViewError as error:
            self._finish(now_s, error.message)
            return []
        self._begun_s = now_s
        self._left = here
        self._flown = [self._left]
        return self._go(now_s, take_over=True)

    def _go(self, now_s: float, *, take_over: bool = False) -> list[Action]:
        """To the first of the views that are left."""
        fire = self._fire
        self._way = self._next_way()
        self._checked_s = now_s
        self._become(Phase.GOING, now_s, "")
        return [self._leg(take_over=take_over), LookAt(fire.lat_deg, fire.lon_deg, fire.alt_amsl_m)]

    def _look(self, now_s: float, situation: Situation) -> list[Action]:
        rules = self._rules
        if now_s - self._begun_s > rules.longest_s:
            return self._return(now_s, "it took too long")
        if not self._battery_allows(situation, 0.0):
            return self._return(now_s, "the battery has reached its reserve")
        if self._here is None:
            return []
        if now_s - self._checked_s >= rules.check_s:
            self._checked_s = now_s
            if not self._is_still_safe():
                return self._go_elsewhere(now_s)
        if self.phase is Phase.GOING:
            if not self._arrived(self._here):
                return []
            self._flown.append(self._way.pop(0))
            if not self._way:
                self._become(Phase.LOOKING, now_s, "")
                return []
            return [self._leg(take_over=False)] if self._is_still_safe() else self._go_elsewhere(now_s)
        if now_s - self._since_s < rules.look_s:
            return []
        self._views.pop(0)
        if not self._views or self._fire.radius_m <= rules.good_enough_m:
            return self._return(now_s, "looked at")
        self._way = self._next_way()
        return self._go(now_s) if self._is_still_safe() else self._go_elsewhere(now_s)

    def _is_still_safe(self) -> bool:
        """The leg that is flown now and the ones after it; of a view that is looked from, the view itself."""
        fire = self._fire
        if self.phase is Phase.LOOKING and not self._way:
            view = self._views[0]
            return self._ways.is_clear(fire, (view.lat_deg, view.lon_deg, view.alt_amsl_m))
        return self._ways.is_clear(fire, self._way[0])

    def _go_elsewhere(self, now_s: float) -> list[Action]:
        try:
            views = list(self._ways.views(self._fire, max(1, len(self._views))))
        except NoViewError as error:
            return self._return(now_s, error.message)
        if self._here is not None:
            self._flown.append(self._here)
        self._views = views
        return self._go(now_s)

    # --- the way back -----------------------------------------------------------------------------

    def _return(self, now_s: float, reason: str) -> list[Action]:
        self._become(Phase.GOING_BACK, now_s, reason)
        return [LookAhead(), *self._find_way_back(now_s)]

    def _find_way_back(self, now_s: float) -> list[Action]:
        """Back to where the patrol was left: by a safe way, or by the way it came while that is one. Else on
        with the patrol from here, if that is safe; else to where it is safe to wait."""
        self._checked_s = now_s
        if self._here is None or self._left is None:
            self._way = []
            return []
        way = self._ways.way(self._fire, self._left)
        came = self._flown[::-1]
        if way is None and self._ways.is_way_back(self._fire, [self._here, *came]):
            way = came
        if way is not None:
            self._way = list(way)
            return [self._leg_back()]
        return self._resume_from_here(now_s) or self._go_to_safety(self._here)

    def _resume_from_here(self, now_s: float) -> list[Action]:
        """The autopilot flies straight to the patrol's next place from where it is: nothing if that is not
        safe."""
        is_clear = self._here is not None and self._ways.is_onward_clear(self._fire)
        return self._resume(now_s, self.reason) if is_clear else []

    def _go_to_safety(self, here: Place) -> list[Action]:
        if not self._ways.is_clear(self._fire, here):
            try:
                [view] = self._ways.views(self._fire, 1)
            except NoViewError:
                pass
            else:
                self._way = [*view.via, (view.lat_deg, view.lon_deg, view.alt_amsl_m)]
                return [self._leg_back()]
        return self._wait_there()

    def _wait_there(self) -> list[Action]:
        """Where it is, until there is a way back. The mode is left alone: it may be the pilot's by now."""
        self._way = []
        if self._waits_there or self._here is None:
            return []
        self._waits_there = True
        return [FlyTo(*self._here, take_over=False)]

    def _leg_back(self) -> FlyTo:
        self._leg_from, self._waits_there = self._here, False
        return self._leg(take_over=False)

    def _go_back(self, now_s: float, situation: Situation) -> list[Action]:
        rules = self._rules
        if situation.on_mission:  # it was never left
            self._finish(now_s, self.reason)
            return []
        if now_s - self._since_s > rules.longest_s:
            return self._resume_from_here(now_s) or self._strand(now_s, "there was no safe way back")
        if self._here is None:
            lost = now_s - self._placed_s > rules.lost_s
            return self._strand(now_s, "its position was lost") if lost else []
        if not self._way:
            if not self._battery_allows(situation, 0.0):
                return self._strand(now_s, "the battery has reached its reserve, and no way back was safe")
            return self._find_way_back(now_s) if now_s - self._checked_s >= rules.retry_s else []
        if self._arrived(self._here):
            place = self._way.pop(0)
            if self._way:
                self._checked_s = now_s
                leg = self._leg_back()
                return [leg] if self._is_way_back_safe() else self._find_way_back(now_s)
            if place == self._left:
                return self._resume(now_s, self.reason)
            self._waits_there = True  # it was sent here, and stays
            return []
        if now_s - self._checked_s >= rules.check_s:
            self._checked_s = now_s
            if not self._is_way_back_safe():
                return self._find_way_back(now_s)
        return []

    def _is_way_back_safe(self) -> bool:
        """The leg that is flown now."""
        if self._ways.is_clear(self._fire, self._way[0]):
            return True
        if self._leg_from is None or self._way[0] != self._left:
            return False
        return self._ways.is_way_back(self._fire, [self._leg_from, self._left])

    def _resume(self, now_s: float, reason: str) -> list[Action]:
        self._become(Phase.RETURNING, now_s, reason)
        self._tried_s = now_s
        return [Resume()]

    def _await_patrol(self, now_s: float, situation: Situation) -> list[Action]:
        if situation.on_mission:
            self._finish(now_s, self.reason)
        elif now_s - self._since_s > self._rules.longest_s:
            return self._strand(now_s, "the patrol was not resumed")
        elif situation.granted and now_s - self._tried_s >= self._rules.retry_s:
            self._tried_s = now_s
            if self._is_back or self._ways.is_onward_clear(self._fire):
                return [Resume()]
        return []

    def _strand(self, now_s: float, reason: str) -> list[Action]:
        self._finish(now_s, reason)
        return [Strand()]

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _fire(self) -> Fire:
        assert self._current is not None  # noqa: S101 - there is one in every phase but IDLE
        return self._targets[self._current].fire

    def _next_way(self) -> list[Place]:
        view = self._views[0]
        return [*view.via, (view.lat_deg, view.lon_deg, view.alt_amsl_m)]

    def _leg(self, *, take_over: bool) -> FlyTo:
        return FlyTo(*self._way[0], take_over=take_over)

    def _battery_allows(self, situation: Situation, above_percent: float) -> bool:
        percent = situation.battery_percent
        return percent is not None and percent > self._rules.reserve_percent + above_percent

    def _arrived(self, here: Place) -> bool:
        return self._is_at(self._way[0], here)

    @property
    def _is_back(self) -> bool:
        return self._here is not None and self._left is not None and self._is_at(self._left, self._here)

    def _is_at(self, there: Place, here: Place) -> bool:
        return distance_m(*here[:2], *there[:2]) <= self._rules.arrived_m

    def _finish(self, now_s: float, reason: str, *, looked: bool = True) -> None:
        if self._current is not None:
            self._targets.pop(self._current, None)
            if looked:
                self._remember(self._current, now_s)
        self._current = None
        self._views, self._way, self._flown, self._left = [], [], [], None
        self._waits_there = False
        self._become(Phase.IDLE, now_s, reason)

    def _remember(self, target_id: UUID, now_s: float) -> None:
        self._looked_s[target_id] = now_s
        while len(self._looked_s) > REMEMBERED:
            self._looked_s.popitem(last=False)

    def _become(self, phase: Phase, now_s: float, reason: str) -> None:
        self.phase, self._since_s, self.reason = phase, now_s, reason
