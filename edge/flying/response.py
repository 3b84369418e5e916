"""What to do about a fire that was found, or a place that a person asks about: look, then go on with the
patrol.

::

    IDLE ──confirmed──▶ ASKED ──approved──▶ GOING ──arrived──▶ LOOKING ──looked enough──▶ GOING, next view
      ▲      (mode ask)   │ ▲                 │                   │                                   │
      │   declined, in vain │ sent by a person└───────────────────┴──── time, battery, no way ────────┤
      └────────────────── RETURNING ◀── at the place where the patrol was left ── GOING BACK ◀────────┘

    in any phase: hands off ─▶ IDLE, and nothing more is sent
    from GOING BACK and RETURNING (``way_back``): no safe way, or the patrol does not go on ─▶ IDLE, stranded

Pure: told the time and the situation, it returns what is to be done. Mode ``automatic`` leaves ASKED out;
``off`` stays IDLE. One subject at a time; a few fires more wait. A fire that was looked at is left alone for
a while. Where a person sends it comes before all that waits, and nothing is asked any more.

Estimate and wind change while it flies: every few seconds it is looked whether the way and the view still
keep every rule, and where they do not, the views are found anew from where the vehicle is.
"""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from edge.flying.actions import FlyTo, LookAction, LookAt
from edge.flying.clearance import Fire, Place
from edge.flying.rules import Mode, Rules
from edge.flying.situation import Phase, Situation, Ways
from edge.flying.standoff import NoViewError
from edge.flying.subject import FireSubject, PlaceSubject, Subject
from edge.flying.way_back import WayBack
from flight.plans.fence import distance_m

MOST_WAITING = 8
REMEMBERED = 256


class Response:
    """One vehicle's."""

    def __init__(self, rules: Rules, ways: Ways) -> None:
        self._rules = rules
        self._ways = ways
        self.phase = Phase.IDLE
        self.reason = ""
        """How the last look ended, or what is waited for."""
        self._subjects: OrderedDict[UUID, Subject] = OrderedDict()  # that wait, and the one being looked at
        self._current: UUID | None = None
        self._looked_s: OrderedDict[UUID, float] = OrderedDict()
        self._since_s = 0.0
        self._begun_s = 0.0
        self._checked_s = 0.0
        self._way: list[Place] = []
        self._back: WayBack | None = None  # while the patrol is left
        self._here: Place | None = None
        self._approved = False

    @property
    def target(self) -> UUID | None:
        """The subject that it is about."""
        return self._current

    @property
    def may_begin(self) -> bool:
        """Whether there is something to be looked at as soon as the flight allows it."""
        return bool(self._subjects) and self.phase in (Phase.IDLE, Phase.ASKED)

    def is_about(self, subject_id: UUID) -> bool:
        """Whether this subject is still looked at, or will be."""
        if subject_id == self._current:
            return self.phase in (Phase.ASKED, Phase.GOING, Phase.LOOKING)
        return subject_id in self._subjects

    # --- events -----------------------------------------------------------------------------------

    def confirmed(self, hotspot_id: UUID, fire: Fire, now_s: float) -> None:
        """A hotspot is confirmed, or its estimate is a better one."""
        if self._rules.mode is Mode.OFF:
            return
        known = self._subjects.get(hotspot_id)
        if isinstance(known, FireSubject):
            known.fire = fire
            return
        looked_s = self._looked_s.get(hotspot_id)
        if looked_s is not None and now_s - looked_s < self._rules.cool_down_s:
            return
        if len(self._subjects) < MOST_WAITING:
            self._subjects[hotspot_id] = FireSubject(hotspot_id, fire, self._rules, self._ways)

    def send(self, subject: PlaceSubject, now_s: float) -> bool:
        """A person wants it to look there, as soon as the flight allows. False while it is away already."""
        if self.phase not in (Phase.IDLE, Phase.ASKED):
            return False
        self._subjects[subject.id] = subject
        self._subjects.move_to_end(subject.id, last=False)
        self._current, self._approved = subject.id, True
        self._become(Phase.ASKED, now_s, "")
        return True

    def lost(self, hotspot_id: UUID) -> None:
        """A hotspot is not there any more: nobody has to look for it."""
        if hotspot_id != self._current:
            self._subjects.pop(hotspot_id, None)

    def check_now(self) -> None:
        """A fire has appeared somewhere: do not wait with the next look at the way."""
        self._checked_s = float("-inf")
        if self._back is not None:
            self._back.check_now()

    def landed(self, now_s: float) -> None:
        """What waited was for this flight."""
        if self.phase is Phase.ASKED:
            self._finish(now_s, "the flight is over", looked=False)
        for waiting in [subject_id for subject_id in self._subjects if subject_id != self._current]:
            del self._subjects[waiting]

    def approve(self, hotspot_id: UUID) -> bool:
        """A person wants the look again that was asked about; False when it is not asked about now."""
        if self.phase is not Phase.ASKED or hotspot_id != self._current:
            return False
        self._approved = True
        return True

    def decline(self, hotspot_id: UUID, now_s: float) -> bool:
        """A person does not want it; False when it is not asked about now."""
        if self.phase is not Phase.ASKED or hotspot_id != self._current:
            return False
        self._finish(now_s, "declined")
        return True

    def hands_off(self, now_s: float, why: str = "the pilot took over") -> None:
        """Somebody else decides now: the task is dropped, and nothing is sent for it any more."""
        if self.phase is not Phase.IDLE:
            self._finish(now_s, why, looked=self.phase is not Phase.ASKED)

    def failed(self, reason: str, now_s: float) -> list[LookAction]:
        """An action could not be done: back to the patrol, or once more if that was the action itself."""
        match self.phase:
            case Phase.GOING | Phase.LOOKING:
                return self._return(now_s, reason)
            case Phase.ASKED:
                self._finish(now_s, reason)
        return [] if self._back is None else self._brought_back(self._back.failed(now_s), now_s)

    # --- time -------------------------------------------------------------------------------------

    def step(self, now_s: float, situation: Situation) -> list[LookAction]:
        """What is to be done now, in this order. Call a few times a second."""
        self._here = situation.place
        if self._back is not None:
            self._back.is_at(situation.place, now_s)
        match self.phase:
            case Phase.IDLE:
                return self._take_up(now_s, situation)
            case Phase.ASKED:
                return self._wait(now_s, situation)
            case Phase.GOING | Phase.LOOKING:
                return self._look(now_s, situation)
            case Phase.GOING_BACK | Phase.RETURNING:
                assert self._back is not None  # noqa: S101 - the patrol is left
                return self._brought_back(self._back.step(now_s, situation), now_s)

    def _take_up(self, now_s: float, situation: Situation) -> list[LookAction]:
        if not self._subjects or not situation.patrolling or not situation.granted:
            return []
        if situation.battery_percent is None:
            return []
        first = next(iter(self._subjects))
        if not situation.battery_allows(self._rules.reserve_percent + self._rules.need_percent):
            self._subjects.pop(first)
            self._remember(first, now_s)
            self.reason = "the battery does not allow to look again"
            return []
        self._current = first
        self._approved = self._rules.mode is Mode.AUTOMATIC
        self._become(Phase.ASKED, now_s, "a person is asked" if not self._approved else "")
        return self._wait(now_s, situation)

    def _wait(self, now_s: float, situation: Situation) -> list[LookAction]:
        if now_s - self._since_s > self._rules.asked_s:
            self._finish(now_s, "the flight did not allow it" if self._approved else "nobody answered")
        elif self._approved:
            if situation.patrolling and situation.granted and situation.place is not None:
                return self._begin(now_s, situation.place)
            if not situation.on_mission or not situation.granted:
                self._finish(now_s, "the patrol is not flown any more")
        return []

    def _begin(self, now_s: float, here: Place) -> list[LookAction]:
        try:
            self._subject.find()
        except NoViewError as error:
            self._finish(now_s, error.message)
            return []
        self._begun_s = now_s
        self._back = WayBack(self._rules, self._ways, self._subject, here, now_s)
        return self._go(now_s, take_over=True)

    def _go(self, now_s: float, *, take_over: bool = False) -> list[LookAction]:
        """To the view that is next."""
        fire = self._subject.fire
        self._way = list(self._subject.view.way)
        self._checked_s = now_s
        self._become(Phase.GOING, now_s, "")
        return [self._leg(take_over=take_over), LookAt(fire.lat_deg, fire.lon_deg, fire.alt_amsl_m)]

    def _look(self, now_s: float, situation: Situation) -> list[LookAction]:
        rules = self._rules
        if now_s - self._begun_s > self._subject.longest_s:
            return self._return(now_s, "it took too long")
        if not situation.battery_allows(rules.reserve_percent):
            return self._return(now_s, "the battery has reached its reserve")
        if self._here is None:
            return []
        if now_s - self._checked_s >= rules.check_s:
            self._checked_s = now_s
            if not self._is_still_safe():
                return self._go_elsewhere(now_s)
        if self.phase is Phase.GOING:
            if distance_m(*self._here[:2], *self._way[0][:2]) > rules.arrived_m:
                return []
            self._turned(self._way.pop(0))
            if not self._way:
                self._become(Phase.LOOKING, now_s, "")
                return []
            return [self._leg(take_over=False)] if self._is_still_safe() else self._go_elsewhere(now_s)
        if now_s - self._since_s < rules.look_s:
            return []
        if not self._subject.next():
            return self._return(now_s, "looked at")
        self._way = list(self._subject.view.way)
        return self._go(now_s) if self._is_still_safe() else self._go_elsewhere(now_s)

    def _is_still_safe(self) -> bool:
        """The leg that is flown now and the ones after it; of a view that is looked from, the view itself."""
        there = self._way[0] if self._way else self._subject.view.place
        return self._ways.is_clear(self._subject.fire, there)

    def _go_elsewhere(self, now_s: float) -> list[LookAction]:
        try:
            self._subject.find()
        except NoViewError as error:
            return self._return(now_s, error.message)
        if self._here is not None:
            self._turned(self._here)
        return self._go(now_s)

    def _return(self, now_s: float, reason: str) -> list[LookAction]:
        assert self._back is not None  # noqa: S101 - the patrol is left
        self._become(Phase.GOING_BACK, now_s, reason)
        return self._brought_back(self._back.begin(now_s), now_s)

    def _brought_back(self, actions: list[LookAction], now_s: float) -> list[LookAction]:
        """What the way back wants done, and where it is now."""
        assert self._back is not None  # noqa: S101 - the patrol is left
        self.phase = self._back.phase
        if self.phase is Phase.IDLE:
            self._finish(now_s, self._back.stranded or self.reason)
        return actions

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _subject(self) -> Subject:
        assert self._current is not None  # noqa: S101 - there is one in every phase but IDLE
        return self._subjects[self._current]

    def _turned(self, place: Place) -> None:
        if self._back is not None:
            self._back.turned(place)

    def _leg(self, *, take_over: bool) -> FlyTo:
        return FlyTo(*self._way[0], take_over=take_over)

    def _finish(self, now_s: float, reason: str, *, looked: bool = True) -> None:
        if self._current is not None:
            self._subjects.pop(self._current, None)
            if looked:
                self._remember(self._current, now_s)
        self._current, self._back, self._way = None, None, []
        self._become(Phase.IDLE, now_s, reason)

    def _remember(self, subject_id: UUID, now_s: float) -> None:
        self._looked_s[subject_id] = now_s
        while len(self._looked_s) > REMEMBERED:
            self._looked_s.popitem(last=False)

    def _become(self, phase: Phase, now_s: float, reason: str) -> None:
        self.phase, self._since_s, self.reason = phase, now_s, reason
