"""The service: not there, not enabled, failed, started over and over, or in each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.doctor.check import Check
from edge.doctor.units import AGENT_UNIT, Unit, judge_unit, look_at_unit
from tests.edge.doctor.hosts import host_of

WELL = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    "SubState": "running",
    "NRestarts": "0",
    "StatusText": "seeing; LOITER",
}
ASKED = "LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts,StatusText"
SHOW = f"systemctl show {AGENT_UNIT} -p {ASKED}"


def checks(
    changes: dict[str, str] | None, *, watchdog: bool = False, runtime: bool = False
) -> dict[str, Check]:
    said = None if changes is None else WELL | changes
    found = judge_unit(Unit(AGENT_UNIT, said, runtime), hardware_watchdog=watchdog, set_up="set it up")
    return {check.name: check for check in found}


def test_a_service_that_runs_passes_with_what_it_says_of_itself() -> None:
    found = checks({})
    assert all(check.passed for check in found.values())
    assert "seeing; LOITER" in found["service"].found


@pytest.mark.parametrize(
    ("changes", "name", "passed", "words"),
    [
        (None, "service", None, "systemd does not run"),
        ({"LoadState": "not-found"}, "service", None, "not set up"),
        ({"UnitFileState": "disabled"}, "starts by itself", False, "not enabled"),
        ({"ActiveState": "failed", "SubState": "failed", "Result": "watchdog"}, "service", False, "watchdog"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "service", False, "auto-restart"),
        ({"ActiveState": "inactive", "SubState": "dead"}, "service", None, "inactive (dead)"),
        ({"NRestarts": "7"}, "service", None, "started again 7 times"),
    ],
)
def test_a_service_that_is_not_well_is_told_with_what_to_do(
    changes: dict[str, str] | None, name: str, passed: bool | None, words: str
) -> None:
    found = checks(changes)[name]
    assert found.passed is passed
    assert words in found.found
    assert found.remedy


def test_two_owners_of_the_hardware_watchdog_are_found() -> None:
    assert checks({}, watchdog=True, runtime=True)["hardware watchdog"].passed is False
    assert "hardware watchdog" not in checks({}, watchdog=True)
    assert "hardware watchdog" not in checks({}, runtime=True)


def test_systemd_is_asked(tmp_path: Path) -> None:
    answer = "".join(f"{name}={value}\n" for name, value in WELL.items())
    said = {SHOW: answer, "systemctl show -p RuntimeWatchdogUSec --value": "1min\n"}
    host = host_of(tmp_path, {"/run/systemd/system/keep": ""}, said)
    unit = look_at_unit(host, AGENT_UNIT)
    assert unit.properties == WELL
    assert unit.runtime_watchdog


def test_without_systemd_nothing_is_asked(tmp_path: Path) -> None:
    assert look_at_unit(host_of(tmp_path), AGENT_UNIT).properties is None
