"""What degrades an agent comes and goes with hysteresis, says what to do, and never hides blindness."""

from __future__ import annotations

import pytest

from edge.health.degraded import LIMITS, Degraded, Reason, Symptom
from edge.health.seeing import Health
from uplink.messages import DegradedKind as Kind
from uplink.messages import SeeingState


def judged(degraded: Degraded, kind: Kind, level: float, now_s: float) -> bool:
    return [reason.kind for reason in degraded.judge({kind: Symptom(level, level)}, now_s)] == [kind]


def test_heat_begins_once_it_lasts_and_ends_once_it_is_well_below() -> None:
    degraded = Degraded()
    assert not judged(degraded, Kind.HOT, 90.0, 0.0)
    assert not judged(degraded, Kind.HOT, 90.0, 4.9)
    assert judged(degraded, Kind.HOT, 90.0, 5.0)
    assert judged(degraded, Kind.HOT, 80.0, 100.0), "80 is not well below 85"
    assert judged(degraded, Kind.HOT, 70.0, 101.0)
    assert not judged(degraded, Kind.HOT, 70.0, 106.0)


def test_a_level_that_flaps_about_its_limit_begins_nothing() -> None:
    degraded = Degraded()
    for second in range(100):
        assert not judged(degraded, Kind.HOT, 90.0 if second % 4 else 70.0, float(second))


@pytest.mark.parametrize(("kind", "good", "bad"), [(Kind.DISK, 5000.0, 100.0), (Kind.SLOW, 1.0, 0.3)])
def test_of_what_there_should_be_much_little_is_bad(kind: Kind, good: float, bad: float) -> None:
    degraded = Degraded()
    assert not judged(degraded, kind, good, 0.0)
    judged(degraded, kind, bad, 1.0)
    assert judged(degraded, kind, bad, 20.0)


def test_what_cannot_be_told_any_more_is_no_reason_any_more() -> None:
    degraded = Degraded()
    judged(degraded, Kind.SUPPLY, 1.0, 0.0)
    assert judged(degraded, Kind.SUPPLY, 1.0, 2.0)
    degraded.judge({}, 3.0)
    assert degraded.judge({}, 14.0) == ()


@pytest.mark.parametrize("kind", Kind)
def test_every_reason_has_a_limit_and_words_that_fit_behind_the_word_degraded(kind: Kind) -> None:
    assert kind in LIMITS
    assert len(f"Degraded: {Reason(kind, 1234.0 if kind is Kind.OWN_MEMORY else 99.0, 0.0).words}") <= 52


def test_what_degrades_it_never_hides_that_it_is_blind_and_is_told_beside_it() -> None:
    health = Health(0.0, 0.2)
    hot = (Reason(Kind.HOT, 91.0, 1.0),)
    blind = health.state(5.0).with_degraded(hot)
    assert (blind.state, blind.reason, blind.degraded) == (
        SeeingState.BLIND,
        "no frame has been looked at yet",
        hot,
    )
    health.frame_looked_at(6.0, 1, 40.0)
    health.pose_found(6.0)
    sees = health.state(6.1).with_degraded(hot)
    assert (sees.state, sees.reason, sees.since_s) == (SeeingState.DEGRADED, "", 6.1)
    assert health.state(7.0).with_degraded(()).state is SeeingState.SEEING
