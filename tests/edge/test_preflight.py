"""Preflight as a table: each line passes, fails and is not known, in the right words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.health.seeing import Seeing
from edge.preflight import Facts, PlanFacts, failed, judge
from flight.autopilots.ardupilot import ArduCopter
from flight.autopilots.autopilot import Finding
from flight.plans.fence import Circle, Fence
from uplink.messages import PreflightLine, SeeingState

FENCE = Fence((Circle(-35.0, 149.0, 500.0),))
PLAN = PlanFacts(
    aboard=True, trouble="", problems=(), checked_by="no fence", flight_time_s=600.0, fence=FENCE
)
FINE = Facts(
    linked=True,
    position_ok=True,
    heading_deg=91.0,
    satellites=14,
    failsafes=(Finding("mission resumes", True, "MIS_RESTART is 0"),),
    plan=PLAN,
    fence_aboard=True,
    battery_percent=95.0,
    endurance_s=1500.0,
    reserve_percent=25.0,
    free_bytes=8_000_000_000,
    seeing=Seeing(SeeingState.SEEING, "", 0.0),
    model_name="ember",
    clock_synchronised=True,
    utc_known=True,
    prearm_ok=True,
)


def line(name: str, facts: Facts) -> PreflightLine:
    [found] = [each for each in judge(facts) if each.name == name]
    return found


def test_when_all_is_well_every_line_passes_and_flies_by_itself_too() -> None:
    lines = judge(FINE)
    assert [each.name for each in lines if each.passed is not True] == []
    assert failed(lines, unattended=True) == []
    assert {each.name for each in lines} == {
        "link",
        "position",
        "heading",
        "pre-arm check",
        "mission resumes",
        "plan aboard",
        "fence",
        "plan is safe",
        "battery",
        "storage",
        "camera",
        "detector",
        "clock",
    }


@pytest.mark.parametrize(
    ("name", "changes", "passed", "words"),
    [
        ("link", {"linked": False}, False, "no heartbeat"),
        ("link", {"vehicle_alarms": ("a second autopilot, system 2",)}, False, "a second autopilot"),
        ("position", {"position_ok": False}, False, "no position yet, 14 satellites"),
        ("position", {"satellites": None}, True, "knows where it is"),
        ("heading", {"heading_deg": None}, False, "no heading"),
        ("heading", {"heading_deg": 0.0}, True, "0°"),
        ("pre-arm check", {"prearm_ok": None}, None, "does not say"),
        ("pre-arm check", {"prearm_ok": False}, False, "the autopilot would not arm"),
        (
            "pre-arm check",
            {"prearm_ok": False, "prearm_texts": ("Compass not calibrated", "Check fence")},
            False,
            "Compass not calibrated; Check fence",
        ),
        ("plan aboard", {"plan": replace(PLAN, aboard=False)}, False, "is not the plan shown"),
        ("plan aboard", {"plan": replace(PLAN, aboard=None)}, None, "could not be read yet"),
        ("plan aboard", {"plan": replace(PLAN, trouble="read only")}, False, "read only"),
        ("fence", {"fence_aboard": False}, False, "is not the plan's"),
        ("fence", {"fence_aboard": None}, None, "could not be read yet"),
        ("fence", {"plan": replace(PLAN, fence=None)}, None, "nothing keeps the vehicle in its area"),
        (
            "plan is safe",
            {"plan": replace(PLAN, problems=("into a hill", "too far"))},
            False,
            "into a hill (and 1 more)",
        ),
        ("battery", {"battery_percent": None}, None, "does not say how full"),
        (
            "battery",
            {"battery_percent": 60.0},
            False,
            "8.8 min above the reserve of 25 %; the patrol takes 10.0 min",
        ),
        ("battery", {"battery_percent": 65.0}, True, "10.0 min above the reserve"),
        ("battery", {"battery_percent": 20.0, "plan": None}, False, "0.0 min above"),
        ("battery", {"battery_percent": 30.0, "plan": None}, True, "1.2 min above"),
        ("storage", {"free_bytes": 400_000_000}, False, "0.4 GB free, 0.5 GB are needed"),
        ("storage", {"free_bytes": None}, False, "cannot be read"),
        ("camera", {"seeing": Seeing(SeeingState.BLIND, "covered lens?", 0.0)}, False, "covered lens?"),
        ("detector", {"model_name": None}, False, "no model"),
        ("clock", {"clock_synchronised": False}, False, "clock is not known"),
        ("clock", {"utc_known": False}, None, "no GNSS time yet"),
    ],
)
def test_each_line(name: str, changes: dict[str, Any], passed: bool | None, words: str) -> None:
    found = line(name, replace(FINE, **changes))
    assert found.passed is passed
    assert words in found.detail


@pytest.mark.parametrize("changes", [{"utc_known": False}, {"prearm_ok": None}, {"battery_percent": None}])
def test_what_is_not_known_keeps_only_an_unattended_flight_on_the_ground(changes: dict[str, Any]) -> None:
    lines = judge(replace(FINE, **changes))
    assert failed(lines, unattended=False) == []
    assert len(failed(lines, unattended=True)) == 1


def test_what_failed_keeps_everybody_on_the_ground() -> None:
    lines = judge(replace(FINE, position_ok=False))
    assert [each.name for each in failed(lines, unattended=False)] == ["position"]


def test_without_a_link_nothing_else_is_claimed() -> None:
    assert [each.name for each in judge(replace(FINE, linked=False))] == ["link"]


def test_without_a_patrol_the_lines_about_it_are_left_out() -> None:
    names = {each.name for each in judge(replace(FINE, plan=None))}
    assert not names & {"plan aboard", "fence", "plan is safe"}


@pytest.mark.parametrize(
    ("parameter", "value", "name"),
    [
        ("FS_GCS_ENABLE", 0.0, "ground station failsafe"),
        ("FS_THR_ENABLE", 0.0, "RC failsafe"),
        ("BATT_FS_LOW_ACT", 0.0, "battery failsafe"),
        ("FS_EKF_ACTION", 0.0, "position failsafe"),
        ("FENCE_ENABLE", 0.0, "fence action"),
        ("MIS_RESTART", 1.0, "mission resumes"),
    ],
)
def test_a_failsafe_that_cannot_fire_keeps_it_on_the_ground(parameter: str, value: float, name: str) -> None:
    copter = ArduCopter()
    good: dict[str, float | None] = {
        **dict.fromkeys(copter.safety_parameters, 1.0),
        "FENCE_TYPE": 7.0,
        "FS_OPTIONS": 0.0,
        "SYSID_MYGCS": 255.0,
        "MIS_RESTART": 0.0,
    }
    fine = replace(FINE, failsafes=copter.judge(good, {255}))
    assert failed(judge(fine), unattended=True) == []
    bad = replace(FINE, failsafes=copter.judge(good | {parameter: value}, {255}))
    assert [each.name for each in failed(judge(bad), unattended=False)] == [name]
    assert parameter in line(name, bad).detail
    unknown = replace(FINE, failsafes=copter.judge(good | {parameter: None}, {255}))
    assert line(name, unknown).passed is None


def test_a_long_reason_still_fits_the_message() -> None:
    found = line("camera", replace(FINE, seeing=Seeing(SeeingState.BLIND, "x" * 1000, 0.0)))
    assert len(found.detail) <= 256


def test_a_safe_plan_is_called_so_by_what_it_was_held_against() -> None:
    assert line("plan is safe", FINE).detail == PLAN.checked_by
