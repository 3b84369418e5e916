"""Who is told when people are late, and that a station that was down tells it once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from uplink.station.escalation import escalate, next_due_s
from uplink.station.incident_answers import StepKind
from uplink.station.incident_life import Life, begin, step
from uplink.station.incident_rules import IncidentRules, Level

RULES = IncidentRules(
    180.0, 900.0, 1800.0, (Level("team", 0.0), Level("district", 300.0), Level("city", 1200.0))
)
NEW = begin(1000.0)
ACKNOWLEDGED = step(NEW, StepKind.ACKNOWLEDGE, who="Ann", reason="", now_s=1060.0)
CLOSED = step(NEW, StepKind.RESOLVE, who="Ann", reason="out", now_s=1060.0)
DISPATCHED = step(NEW, StepKind.DISPATCH, who="Ann", reason="", now_s=1060.0)


def told_over_time(life: Life, until_s: float, *, every_s: float = 10.0) -> list[tuple[float, str, str]]:
    """When which level is told of which target."""
    told: list[tuple[float, str, str]] = []
    now_s = life.clock_s
    while now_s <= until_s:
        found = escalate(life, RULES, now_s)
        if found is not None:
            life = found.life
            told.append((now_s - life.clock_s, found.target, found.level))
        now_s += every_s
    return told


def test_nobody_is_told_while_there_is_time() -> None:
    assert escalate(NEW, RULES, 1179.9) is None
    assert escalate(ACKNOWLEDGED, RULES, 1899.9) is None


def test_an_incident_that_nobody_sees_goes_up_level_by_level_for_both_targets() -> None:
    assert told_over_time(NEW, 5000.0) == [
        (180.0, "acknowledge", "team"),
        (480.0, "acknowledge", "district"),
        (900.0, "dispatch", "team"),
        (1200.0, "dispatch", "district"),
        (1380.0, "acknowledge", "city"),
        (2100.0, "dispatch", "city"),
    ]


def test_an_incident_that_is_seen_is_late_only_with_the_crew() -> None:
    assert told_over_time(ACKNOWLEDGED, 5000.0) == [
        (900.0, "dispatch", "team"),
        (1200.0, "dispatch", "district"),
        (2100.0, "dispatch", "city"),
    ]


@pytest.mark.parametrize("life", [DISPATCHED, CLOSED], ids=["dispatched", "closed"])
def test_nobody_is_late_with_what_is_under_way_or_over(life: Life) -> None:
    assert told_over_time(life, 1e6, every_s=1e4) == []
    assert next_due_s(life, RULES) is None


def test_what_came_due_while_the_station_was_down_is_told_once_at_the_highest_level() -> None:
    found = escalate(NEW, RULES, 1000.0 + 86_400)
    assert found is not None
    assert (found.target, found.level) == ("acknowledge", "city")
    assert escalate(found.life, RULES, 1000.0 + 86_400) is None
    assert Life.from_json(found.life.to_json()) == found.life


@pytest.mark.parametrize("life", [NEW, ACKNOWLEDGED], ids=["new", "acknowledged"])
def test_the_next_due_time_is_when_something_is_told(life: Life) -> None:
    due_s = next_due_s(life, RULES)
    while due_s is not None:
        assert escalate(life, RULES, due_s - 0.001) is None
        found = escalate(life, RULES, due_s)
        assert found is not None
        life, due_s = found.life, next_due_s(found.life, RULES)


def test_who_reopens_starts_the_clock_anew() -> None:
    reopened = step(CLOSED, StepKind.REOPEN, who="Bob", reason="smoke again", now_s=9000.0)
    assert next_due_s(reopened, RULES) == 9000.0 + 900.0


def test_a_level_that_is_no_longer_configured_keeps_nobody_from_being_told() -> None:
    life = replace(NEW, told={"acknowledge": "county"})
    found = escalate(life, RULES, 1200.0)
    assert found is not None
    assert found.level == "team"
