"""The response as a table: every phase, every event; and what changes while it flies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import numpy as np
import pytest

from edge.flying.actions import FlyTo, LookAction, LookAhead, LookAt, Resume, Strand
from edge.flying.clearance import Fire, Place
from edge.flying.response import Response
from edge.flying.rules import Mode, Rules
from edge.flying.situation import Phase, Situation
from edge.flying.standoff import NoViewError, View
from edge.flying.subject import PlaceSubject

FIRE_ID = uuid4()
LEFT: Place = (-35.0, 149.0, 650.0)
FAR: Place = (-35.01, 149.0, 650.0)
VIA: Place = (-35.001, 149.0005, 650.0)
VIEWS = tuple(
    View(-35.001, 149.001 + 0.001 * number, 650.0, 90.0 + number, 100.0, (VIA,) if not number else ())
    for number in range(3)
)
PATROL = Situation(True, True, True, LEFT, battery_percent=80.0)
AWAY = replace(PATROL, patrolling=False, on_mission=False)


def fire(sigma_m: float = 10.0) -> Fire:
    return Fire(-35.0015, 149.0015, 600.0, np.diag([sigma_m**2, sigma_m**2]))


@dataclass
class Around:
    """Answers as it is told to."""

    found: Sequence[View] = VIEWS
    clear: bool = True
    back: Sequence[Place] | None = (LEFT,)
    came: bool = True
    onward: bool = True
    asked: list[Fire] = field(default_factory=list)
    tracks: list[Sequence[Place]] = field(default_factory=list)

    def views(self, fire: Fire, count: int) -> Sequence[View]:
        self.asked.append(fire)
        if not self.found:
            raise NoViewError("there is no safe place to look from: its smoke is there")
        return self.found[:count]

    def way(self, fire: Fire, place: Place) -> Sequence[Place] | None:
        return self.back

    def is_clear(self, fire: Fire, place: Place) -> bool:
        return self.clear

    def is_way_back(self, fire: Fire, track: Sequence[Place]) -> bool:
        self.tracks.append(track)
        return self.came

    def is_onward_clear(self, fire: Fire) -> bool:
        return self.onward


class Story:
    """One response, and its clock."""

    def __init__(self, mode: Mode = Mode.AUTOMATIC, **rules: float) -> None:
        self.around = Around()
        self.rules = replace(Rules(mode=mode), **rules)  # type: ignore[arg-type]
        self.response = Response(self.rules, self.around)
        self.now_s = 100.0

    @property
    def phase(self) -> Phase:
        return self.response.phase

    def step(self, situation: Situation, after_s: float = 0.2) -> list[LookAction]:
        self.now_s += after_s
        return self.response.step(self.now_s, situation)

    def confirm(self, target_id: UUID = FIRE_ID, sigma_m: float = 10.0) -> None:
        self.response.confirmed(target_id, fire(sigma_m), self.now_s)

    def at(self, phase: Phase) -> Story:
        """Bring it to this phase."""
        if phase is Phase.IDLE:
            return self
        self.confirm()
        self.step(PATROL)
        if phase is Phase.ASKED:
            assert self.rules.mode is Mode.ASK
            return self
        if self.rules.mode is Mode.ASK:
            assert self.response.approve(FIRE_ID)
            self.step(PATROL)
        if phase is Phase.LOOKING:
            self.arrive(VIA)
            self.arrive(place_of(VIEWS[0]))
        elif phase in (Phase.GOING_BACK, Phase.RETURNING):
            self.response.failed("it is enough", self.now_s)
            if phase is Phase.RETURNING:
                self.arrive(LEFT)
        assert self.phase is phase
        return self

    def arrive(self, place: Place, after_s: float = 0.2) -> list[LookAction]:
        return self.step(replace(AWAY, place=place), after_s)


def place_of(view: View) -> Place:
    return view.lat_deg, view.lon_deg, view.alt_amsl_m


def in_phase(phase: Phase) -> Story:
    return Story(Mode.ASK if phase is Phase.ASKED else Mode.AUTOMATIC).at(phase)


# --- the whole of it ----------------------------------------------------------------------------------


def test_automatic_goes_looks_from_each_view_and_resumes_where_it_left() -> None:
    story = Story()
    story.confirm()
    look = LookAt(fire().lat_deg, fire().lon_deg, 600.0)
    assert story.step(PATROL) == [FlyTo(*VIA, take_over=True), look]
    assert story.arrive(VIA) == [FlyTo(*place_of(VIEWS[0]), take_over=False)]
    assert story.arrive(place_of(VIEWS[0])) == []
    for view, after in itertools.pairwise(VIEWS):
        assert story.arrive(place_of(view), 8.0) == [FlyTo(*place_of(after), take_over=False), look]
        story.arrive(place_of(after))
    assert story.arrive(place_of(VIEWS[2]), 8.0) == [LookAhead(), FlyTo(*LEFT, take_over=False)]
    assert story.arrive(LEFT) == [Resume()]
    assert story.step(PATROL) == []
    assert (story.phase.value, story.response.reason) == ("idle", "looked at")


def test_only_the_first_leg_changes_the_mode() -> None:
    story = in_phase(Phase.LOOKING)
    legs = [a for a in story.arrive(place_of(VIEWS[0]), 8.0) if isinstance(a, FlyTo)]
    assert [leg.take_over for leg in legs] == [False]


# --- modes --------------------------------------------------------------------------------------------


def test_off_does_nothing() -> None:
    story = Story(Mode.OFF)
    story.confirm()
    assert story.step(PATROL) == []
    assert story.phase is Phase.IDLE


def test_ask_waits_for_a_person_and_goes_when_one_says_yes() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    assert story.step(PATROL, 60.0) == []
    assert story.response.approve(FIRE_ID)
    assert isinstance(story.step(PATROL)[0], FlyTo)


def test_a_yes_to_something_else_or_when_nothing_is_asked_is_no_yes() -> None:
    story = Story(Mode.ASK)
    assert not story.response.approve(FIRE_ID)
    story.at(Phase.ASKED)
    assert not story.response.approve(uuid4())
    assert story.step(PATROL) == []


def test_no_ends_the_question_and_it_is_not_asked_again_for_a_while() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    assert story.response.decline(FIRE_ID, story.now_s)
    story.confirm()
    assert story.step(PATROL) == []
    assert (story.phase, story.response.reason) == (Phase.IDLE, "declined")


def test_a_question_that_nobody_answers_ends() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    assert story.step(PATROL, 121.0) == []
    assert (story.phase, story.response.reason) == (Phase.IDLE, "nobody answered")


def test_a_pilot_who_takes_over_right_after_the_yes_has_the_last_word() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    story.response.approve(FIRE_ID)
    story.response.hands_off(story.now_s)
    assert story.step(PATROL) == []
    story.confirm()
    assert story.step(PATROL) == []  # it asks again, and no more


def test_a_yes_that_comes_when_the_patrol_is_over_sends_nobody() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    story.response.approve(FIRE_ID)
    assert story.step(AWAY) == []
    assert story.phase is Phase.IDLE


@pytest.mark.parametrize(
    "situation", [AWAY, replace(PATROL, granted=False), replace(PATROL, battery_percent=None)]
)
def test_it_begins_only_on_patrol_with_a_grant_and_a_known_battery(situation: Situation) -> None:
    story = Story()
    story.confirm()
    assert story.step(situation) == []
    assert story.phase is Phase.IDLE


# --- hands off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", list(Phase))
def test_hands_off_in_any_phase_sends_nothing_more(phase: Phase) -> None:
    story = in_phase(phase)
    story.response.hands_off(story.now_s)
    assert story.phase is Phase.IDLE
    gone = replace(AWAY, granted=False)
    for _ in range(300):
        story.confirm()
        assert story.step(gone) == []


@pytest.mark.parametrize("phase", [Phase.GOING, Phase.LOOKING, Phase.GOING_BACK, Phase.RETURNING])
def test_after_hands_off_the_same_fire_is_left_alone_with_a_new_grant(phase: Phase) -> None:
    story = in_phase(phase)
    story.response.hands_off(story.now_s)
    story.confirm()
    assert story.step(PATROL) == []


def test_another_order_says_its_own_reason() -> None:
    story = in_phase(Phase.GOING)
    story.response.hands_off(story.now_s, "stand down")
    assert story.response.reason == "stand down"


# --- every phase, every event -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "expected", "actions"),
    [
        (Phase.IDLE, Phase.IDLE, []),
        (Phase.ASKED, Phase.IDLE, []),
        (Phase.GOING, Phase.GOING_BACK, [LookAhead(), FlyTo(*LEFT, take_over=False)]),
        (Phase.LOOKING, Phase.GOING_BACK, [LookAhead(), FlyTo(*LEFT, take_over=False)]),
        (Phase.GOING_BACK, Phase.RETURNING, [Resume()]),
        (Phase.RETURNING, Phase.RETURNING, []),
    ],
)
def test_a_failed_action(phase: Phase, expected: Phase, actions: list[LookAction]) -> None:
    story = in_phase(phase)
    assert story.response.failed("the command was denied", story.now_s) == actions
    assert story.phase is expected


@pytest.mark.parametrize("phase", [Phase.GOING, Phase.LOOKING])
@pytest.mark.parametrize(
    ("percent", "seconds", "reason"),
    [
        (25.0, 0.2, "the battery has reached its reserve"),
        (None, 0.2, "the battery has reached its reserve"),
        (80.0, 181.0, "it took too long"),
    ],
)
def test_battery_and_time_end_it(phase: Phase, percent: float | None, seconds: float, reason: str) -> None:
    story = in_phase(phase)
    actions = story.step(replace(AWAY, battery_percent=percent), seconds)
    assert actions == [LookAhead(), FlyTo(*LEFT, take_over=False)]
    assert (story.phase, story.response.reason) == (Phase.GOING_BACK, reason)


@pytest.mark.parametrize("phase", list(Phase))
def test_the_fire_that_is_looked_at_may_be_lost_without_harm(phase: Phase) -> None:
    story = in_phase(phase)
    story.response.lost(FIRE_ID)
    story.step(replace(AWAY, place=FAR))
    assert story.phase is phase


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.IDLE])
def test_one_fire_at_a_time(phase: Phase) -> None:
    story = in_phase(phase)
    story.confirm(uuid4())
    story.step(AWAY)
    assert story.response.target in (FIRE_ID, None)


def test_a_battery_too_low_to_begin_is_said_and_not_asked_about_again() -> None:
    story = Story()
    story.confirm()
    assert story.step(replace(PATROL, battery_percent=35.0)) == []
    assert story.response.reason == "the battery does not allow to look again"
    story.confirm()
    assert story.step(PATROL) == []


def test_a_second_fire_waits_its_turn_and_a_lost_one_is_not_gone_to() -> None:
    story = in_phase(Phase.RETURNING)
    second, third = uuid4(), uuid4()
    story.confirm(second)
    story.confirm(third)
    story.response.lost(second)
    story.step(PATROL)
    story.step(PATROL)
    assert story.response.target == third


def test_a_fire_that_was_looked_at_is_left_alone_for_a_quarter_of_an_hour() -> None:
    story = in_phase(Phase.RETURNING)
    story.step(PATROL)
    story.confirm()
    assert story.step(PATROL, 890.0) == []
    story.confirm()
    assert story.step(PATROL, 20.0) == []
    story.confirm()
    assert story.step(PATROL) != []


# --- what changes while it flies ----------------------------------------------------------------------


def test_a_view_that_the_better_estimate_or_the_wind_made_unsafe_is_left() -> None:
    story = in_phase(Phase.LOOKING)
    story.confirm(sigma_m=9.0)
    story.around.clear = False
    story.around.found = VIEWS[1:]
    actions = story.arrive(place_of(VIEWS[0]), 2.1)
    assert actions[0] == FlyTo(*place_of(VIEWS[1]), take_over=False)
    assert story.around.asked[-1].radius_m == pytest.approx(fire(9.0).radius_m)
    assert story.phase is Phase.GOING


def test_where_no_view_is_safe_any_more_it_goes_back() -> None:
    story = in_phase(Phase.GOING)
    story.around.clear, story.around.found = False, ()
    assert story.step(AWAY, 2.1) == [LookAhead(), FlyTo(*LEFT, take_over=False)]
    assert "smoke" in story.response.reason


def test_an_estimate_that_is_good_enough_ends_the_looking() -> None:
    story = in_phase(Phase.LOOKING)
    story.confirm(sigma_m=1.0)
    story.arrive(place_of(VIEWS[0]), 8.1)
    assert (story.phase, story.response.reason) == (Phase.GOING_BACK, "looked at")


def test_without_a_safe_view_nobody_is_sent() -> None:
    story = Story()
    story.around.found = ()
    story.confirm()
    assert story.step(PATROL) == []
    assert (story.phase, "smoke" in story.response.reason) == (Phase.IDLE, True)


def test_without_a_straight_way_back_it_goes_by_the_way_it_came() -> None:
    story = in_phase(Phase.LOOKING)
    story.around.back = None
    story.response.failed("it is enough", story.now_s)
    flown = [story.arrive(place_of(VIEWS[0])), story.arrive(VIA), story.arrive(LEFT)]
    assert flown == [[FlyTo(*VIA, take_over=False)], [FlyTo(*LEFT, take_over=False)], [Resume()]]


def test_a_way_back_that_takes_for_ever_ends_in_the_patrol_all_the_same() -> None:
    assert in_phase(Phase.GOING_BACK).step(AWAY, 181.0) == [Resume()]


def test_the_patrol_is_asked_to_go_on_again_until_it_does_or_it_is_given_up() -> None:
    story = in_phase(Phase.RETURNING)
    assert story.step(AWAY, 4.0) == []
    assert story.step(AWAY, 1.2) == [Resume()]
    assert story.step(replace(AWAY, granted=False), 6.0) == []
    assert story.step(AWAY, 180.0) == [Strand()]
    assert (story.phase, story.response.reason) == (Phase.IDLE, "the patrol was not resumed")


def test_the_way_home_counts_as_resumed() -> None:
    story = in_phase(Phase.RETURNING)
    story.step(replace(AWAY, on_mission=True))
    assert story.phase is Phase.IDLE


def test_what_waits_is_bounded() -> None:
    story = in_phase(Phase.GOING)
    for _ in range(100):
        story.confirm(uuid4())
    assert len(story.response._subjects) == 8


# --- where a person sends it --------------------------------------------------------------------------


def sent(story: Story, count: int = 2) -> PlaceSubject:
    subject = PlaceSubject(
        uuid4(), [fire(float(9 + number)) for number in range(count)], story.rules, story.around
    )
    assert story.response.send(subject, story.now_s)
    return subject


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.ASK, Mode.AUTOMATIC])
def test_where_a_person_sends_it_nobody_is_asked_and_each_patch_is_looked_at_once(mode: Mode) -> None:
    story = Story(mode)
    subject = sent(story)
    assert story.step(PATROL)[0] == FlyTo(*VIA, take_over=True)
    story.arrive(VIA)
    story.arrive(place_of(VIEWS[0]))
    assert story.arrive(place_of(VIEWS[0]), 8.0)[0] == FlyTo(*VIA, take_over=False)
    assert story.response.is_about(subject.id)
    story.arrive(VIA)
    story.arrive(place_of(VIEWS[0]))
    assert story.arrive(place_of(VIEWS[0]), 8.0) == [LookAhead(), FlyTo(*LEFT, take_over=False)]
    assert [one.radius_m for one in story.around.asked] == [fire(9.0).radius_m, fire(10.0).radius_m]
    assert not story.response.is_about(subject.id)
    assert story.response.reason == "looked at"


def test_a_patch_without_a_safe_view_is_left_out_and_where_none_has_one_nobody_is_sent() -> None:
    story = Story()
    views = story.around.views
    story.around.views = lambda one, count: (  # type: ignore[method-assign, assignment]
        views(one, count) if one.radius_m > fire(9.5).radius_m else raise_no_view()
    )
    sent(story)
    assert story.step(PATROL) != []
    story = Story()
    story.around.found = ()
    sent(story)
    assert story.step(PATROL) == []
    assert (story.phase, "smoke" in story.response.reason) == (Phase.IDLE, True)


def raise_no_view() -> Sequence[View]:
    raise NoViewError("there is no safe place to look from")


@pytest.mark.parametrize("phase", [Phase.GOING, Phase.LOOKING, Phase.GOING_BACK, Phase.RETURNING])
def test_away_from_its_patrol_it_is_sent_nowhere_else(phase: Phase) -> None:
    story = in_phase(phase)
    subject = PlaceSubject(uuid4(), [fire()], story.rules, story.around)
    assert not story.response.send(subject, story.now_s)
    assert not story.response.is_about(subject.id)


def test_it_comes_before_what_waits_and_the_question_is_asked_again_afterwards() -> None:
    story = Story(Mode.ASK).at(Phase.ASKED)
    subject = sent(story, 1)
    story.step(PATROL)
    assert (story.phase, story.response.target) == (Phase.GOING, subject.id)
    story.response.failed("it is enough", story.now_s)
    story.arrive(LEFT)
    story.step(PATROL)
    story.step(PATROL)
    assert (story.phase, story.response.target) == (Phase.ASKED, FIRE_ID)


def test_it_has_its_own_time_there_and_back() -> None:
    story = Story(longest_at_s=300.0)
    sent(story)
    story.step(PATROL)
    assert story.step(AWAY, 290.0) == []
    assert story.step(AWAY, 11.0)[0] == LookAhead()
    assert story.response.reason == "it took too long"
    assert not any(isinstance(action, Resume) for action in story.step(replace(AWAY, place=FAR), 290.0))
    assert story.step(replace(AWAY, place=FAR), 11.0) == [Resume()]


@pytest.mark.parametrize("situation", [AWAY, replace(PATROL, granted=False)])
def test_sent_from_no_patrol_or_without_a_grant_it_does_not_go(situation: Situation) -> None:
    story = Story()
    sent(story)
    assert story.step(replace(situation, on_mission=False)) == []
    assert (story.phase, story.response.reason) == (Phase.IDLE, "the patrol is not flown any more")
