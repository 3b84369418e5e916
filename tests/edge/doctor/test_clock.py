"""The clock: nobody who keeps it, two who do, a year that cannot be, and pulses that do not come."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.doctor.check import Check
from edge.doctor.clock import Clock, judge_clock, look_at_clock
from tests.edge.doctor.hosts import host_of, process

WELL = Clock(datetime(2026, 7, 1, 12, tzinfo=UTC), synchronised=True, keepers=("chrony",))


def check(clock: Clock, name: str, *, matters: bool = False) -> Check:
    return next(one for one in judge_clock(clock, matters=matters) if one.name == name)


def test_a_clock_that_is_kept_right_passes() -> None:
    assert [one for one in judge_clock(WELL, matters=True) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"keepers": ()}, "time service", False, "nothing keeps"),
        ({"keepers": ("chrony", "systemd-timesyncd")}, "time service", False, "against one another"),
        ({"utc": datetime(1970, 1, 1, tzinfo=UTC)}, "clock", False, "1970-01-01 00:00:00 UTC cannot be"),
        ({"synchronised": None}, "clock", None, "does not say"),
        ({"synchronised": False}, "clock", None, "no clock that goes on without power"),
        ({"has_pulse": True}, "pulse a second", False, "no pulse comes"),
        ({"has_pulse": True, "pulse_age_s": 60.0}, "pulse a second", False, "no pulse comes"),
        ({"has_pulse": True, "pulse_age_s": 0.4}, "pulse a second", True, "ticks"),
    ],
)
def test_what_is_wrong_with_a_clock_is_told(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found


def test_a_clock_that_dates_alerts_must_be_synchronised() -> None:
    assert check(replace(WELL, synchronised=False), "clock", matters=True).passed is False


def test_who_keeps_it_and_the_newest_pulse_are_read(tmp_path: Path) -> None:
    now_s = time.time()
    process(tmp_path, 700, "chronyd")
    process(tmp_path, 701, "systemd-timesyn")
    host = host_of(
        tmp_path,
        {
            "/sys/class/pps/pps0/assert": "0.000000000#0\n",
            "/sys/class/pps/pps1/assert": f"{now_s - 0.25:.9f}#1234\n",
            "/sys/class/rtc/rtc0/name": "rpi_rtc\n",
        },
    )
    clock = look_at_clock(host)
    assert clock.keepers == ("chrony", "systemd-timesyncd")
    assert clock.has_hardware_clock
    assert clock.pulse_age_s == pytest.approx(time.time() - now_s + 0.25, abs=0.1)


def test_a_receiver_that_never_ticked_is_there_without_a_pulse(tmp_path: Path) -> None:
    clock = look_at_clock(host_of(tmp_path, {"/sys/class/pps/pps0/assert": "0.000000000#0\n"}))
    assert clock.has_pulse
    assert clock.pulse_age_s is None
