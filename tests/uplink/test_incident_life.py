"""What people may do with an incident, step by step, and what is left when two turn out to be one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink.station.incident import IncidentState
from uplink.station.incident_answers import StepKind
from uplink.station.incident_life import Life, Met, StepRefusedError, begin, join, step

NEW, ACKNOWLEDGED, DISPATCHED, RESOLVED, FALSE_ALARM = IncidentState
FRESH = begin(100.0)

# From each state, where each step leads; what is not here is refused.
MATRIX = {
    (NEW, StepKind.ACKNOWLEDGE): ACKNOWLEDGED,
    (NEW, StepKind.DISPATCH): DISPATCHED,
    (ACKNOWLEDGED, StepKind.DISPATCH): DISPATCHED,
    (RESOLVED, StepKind.REOPEN): ACKNOWLEDGED,
    (FALSE_ALARM, StepKind.REOPEN): ACKNOWLEDGED,
    **{(state, StepKind.RESOLVE): RESOLVED for state in (NEW, ACKNOWLEDGED, DISPATCHED)},
    **{(state, StepKind.FALSE_ALARM): FALSE_ALARM for state in (NEW, ACKNOWLEDGED, DISPATCHED)},
    **{(state, StepKind.CONFIRM): state for state in (NEW, ACKNOWLEDGED, DISPATCHED, RESOLVED)},
    **{(state, StepKind.NOTE): state for state in IncidentState},
}
WAYS: dict[IncidentState, list[StepKind]] = {
    NEW: [],
    ACKNOWLEDGED: [StepKind.ACKNOWLEDGE],
    DISPATCHED: [StepKind.DISPATCH],
    RESOLVED: [StepKind.RESOLVE],
    FALSE_ALARM: [StepKind.FALSE_ALARM],
}


def after(*kinds: StepKind, life: Life = FRESH, who: str = "Ann", now_s: float = 200.0) -> Life:
    for kind in kinds:
        life = step(life, kind, who=who, reason="because", now_s=now_s)
    return life


@pytest.mark.parametrize("state", IncidentState)
@pytest.mark.parametrize("kind", StepKind)
def test_each_step_leads_where_the_matrix_says_or_is_refused(state: IncidentState, kind: StepKind) -> None:
    life = after(*WAYS[state])
    assert life.state is state
    if (state, kind) not in MATRIX:
        with pytest.raises(StepRefusedError, match=str(kind)):
            after(kind, life=life)
        return
    then = after(kind, life=life, who="Bob", now_s=300.0)
    assert then.state is MATRIX[state, kind]
    assert then.version == life.version + (kind is not StepKind.NOTE)


@pytest.mark.parametrize(
    "kind", [StepKind.RESOLVE, StepKind.FALSE_ALARM, StepKind.REOPEN, StepKind.NOTE], ids=str
)
def test_what_ends_or_explains_needs_a_reason(kind: StepKind) -> None:
    life = after(StepKind.RESOLVE) if kind is StepKind.REOPEN else FRESH
    with pytest.raises(StepRefusedError, match="needs a reason"):
        step(life, kind, who="Ann", reason="  ", now_s=1.0)


def test_who_sends_somebody_has_seen_it() -> None:
    life = after(StepKind.DISPATCH, who="Ann", now_s=150.0)
    assert (life.acknowledged, life.dispatched) == (Met(150.0, "Ann"), Met(150.0, "Ann"))


def test_who_reopens_has_it_and_the_clock_runs_anew() -> None:
    closed = replace(after(StepKind.DISPATCH, StepKind.RESOLVE), told={"dispatch": "city"})
    life = after(StepKind.REOPEN, life=closed, who="Bob", now_s=900.0)
    assert (life.clock_s, life.reported_s) == (900.0, 100.0)
    assert (life.acknowledged, life.dispatched, life.closed_s, life.told) == (
        Met(900.0, "Bob"),
        None,
        None,
        {},
    )


def test_a_false_alarm_is_confirmed_by_nobody() -> None:
    assert after(StepKind.CONFIRM).confirmed_by == "Ann"
    assert after(StepKind.CONFIRM, StepKind.FALSE_ALARM).confirmed_by is None


@pytest.mark.parametrize(
    ("ways", "joined"),
    [
        ((NEW, ACKNOWLEDGED), ACKNOWLEDGED),
        ((DISPATCHED, ACKNOWLEDGED), DISPATCHED),
        ((RESOLVED, NEW), NEW),  # a join closes nothing that is open
        ((FALSE_ALARM, DISPATCHED), DISPATCHED),
        ((FALSE_ALARM, RESOLVED), RESOLVED),  # one of them burned
    ],
)
def test_a_join_closes_nothing_and_keeps_the_furthest(
    ways: tuple[IncidentState, IncidentState], joined: IncidentState
) -> None:
    one, other = (after(*WAYS[state]) for state in ways)
    assert join([one, other]).state is joined
    assert join([other, one]) == join([one, other])


def test_a_join_keeps_who_was_first_and_what_was_told() -> None:
    ann = replace(after(StepKind.ACKNOWLEDGE, who="Ann", now_s=180.0), told={"acknowledge": "team"})
    bob = after(StepKind.DISPATCH, life=begin(90.0), who="Bob", now_s=300.0)
    both = join([ann, bob])
    assert (both.acknowledged, both.dispatched) == (Met(180.0, "Ann"), Met(300.0, "Bob"))
    assert (both.reported_s, both.told) == (90.0, {"acknowledge": "team"})
    assert both.version > max(ann.version, bob.version)


@given(st.lists(st.sampled_from(StepKind), max_size=12))
def test_a_life_comes_back_from_the_database_as_it_was(kinds: list[StepKind]) -> None:
    life = replace(FRESH, told={"dispatch": "team"}, related="x")
    for number, kind in enumerate(kinds):
        try:
            life = step(life, kind, who="Ann", reason="because", now_s=200.5 + number)
        except StepRefusedError:
            continue
        assert life.state.is_closed == (life.closed_s is not None)
        assert Life.from_json(life.to_json()) == life
