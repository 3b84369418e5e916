"""The computer as the doctor sees it: what its files say, and what is made of that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.doctor.check import Check
from edge.doctor.computer import Computer, judge_computer, look_at_computer
from edge.doctor.host import Host, run_program
from edge.health.throttling import Throttling, throttling_of
from tests.edge.doctor.hosts import host_of

WELL = Computer(
    board="Raspberry Pi 5 Model B Rev 1.0",
    architecture="aarch64",
    cores=4,
    features=frozenset({"fp", "asimd", "asimddp"}),
    python=(3, 11, 2),
    memory_bytes=8_000_000_000,
    free_memory_bytes=7_000_000_000,
    hottest_c=55.0,
    throttling=throttling_of(0),
    capped_share=1.0,
)
RASPBERRY_PI = {
    "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "/proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\n\nprocessor\t: 1\nFeatures\t: fp asimd\n",
    "/proc/meminfo": "MemTotal:        8000000 kB\nMemFree:  100 kB\nMemAvailable:    6000000 kB\n",
    "/sys/class/thermal/thermal_zone0/temp": "61200\n",
    "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "2400000\n",
    "/sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "2400000\n",
}


def check(computer: Computer, name: str) -> Check:
    return next(one for one in judge_computer(computer) if one.name == name)


def test_a_computer_that_is_well_passes_every_check() -> None:
    assert [one for one in judge_computer(WELL) if not one.passed] == []


@pytest.mark.parametrize(
    ("change", "name", "passed", "words"),
    [
        ({"python": (3, 10, 12)}, "Python", False, "3.10.12 is too old"),
        ({"lacking": {"pyserial": "3.5 or later is needed"}}, "packages", False, "pyserial"),
        ({"doubled": "a and b lie over one another"}, "packages", None, "a and b"),
        ({"architecture": "armv7l"}, "CPU", False, "armv7l"),
        ({"features": frozenset({"fp", "asimd"})}, "CPU", None, "without asimddp"),
        ({"free_memory_bytes": 300_000_000}, "memory", False, "0.3 of 8.0 GB"),
        ({"free_memory_bytes": None}, "memory", None, "does not say"),
        ({"hottest_c": 81.0}, "temperature", False, "81 °C"),
        ({"hottest_c": 72.0}, "temperature", None, "72 °C"),
        ({"hottest_c": 72.0, "hot_c": 99.0}, "temperature", True, "slows down at 99 °C"),
        ({"hottest_c": None}, "temperature", None, "no sensor"),
        ({"throttling": throttling_of(0x50005)}, "power", False, "too low now"),
        ({"throttling": throttling_of(0x50000)}, "power", False, "has been too low"),
        ({"throttling": throttling_of(0x8)}, "speed", False, "slowed down now"),
        ({"throttling": throttling_of(0x80000)}, "speed", None, "has been slowed down"),
        ({"throttling": Throttling(slowed_now=False)}, "speed", True, "not slowed down now"),
        ({"throttling": Throttling(under_voltage_now=False)}, "power", True, "not too low now"),
        ({"capped_share": 0.5}, "CPU limit", None, "50%"),
    ],
)
def test_what_is_not_well_is_told_with_what_to_do(
    change: dict[str, object], name: str, passed: bool | None, words: str
) -> None:
    found = check(replace(WELL, **change), name)  # type: ignore[arg-type]
    assert found.passed is passed
    assert words in found.found
    assert passed or found.remedy or "does not say" in words


def test_a_raspberry_pi_is_read_from_its_files_and_its_firmware(tmp_path: Path) -> None:
    host = host_of(tmp_path, RASPBERRY_PI, {"vcgencmd get_throttled": "throttled=0x50000\n"})
    found = look_at_computer(host)
    assert found.board == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.cores == 2
    assert "asimddp" in found.features
    assert found.free_memory_bytes == 6_000_000 * 1024
    assert (found.hottest_c, found.hot_c) == (61.2, 80.0)
    assert found.throttling == throttling_of(0x50000)
    assert found.capped_share == 1.0


def test_the_hottest_zone_counts_with_its_own_limit(tmp_path: Path) -> None:
    """As on a Jetson: each zone has trip points, and one that is powered off says nothing of use."""
    zones = {
        "/sys/class/thermal/thermal_zone0/temp": "48000\n",
        "/sys/class/thermal/thermal_zone1/temp": "72500\n",
        "/sys/class/thermal/thermal_zone1/trip_point_0_type": "critical\n",
        "/sys/class/thermal/thermal_zone1/trip_point_0_temp": "104500\n",
        "/sys/class/thermal/thermal_zone1/trip_point_1_type": "passive\n",
        "/sys/class/thermal/thermal_zone1/trip_point_1_temp": "99000\n",
        "/sys/class/thermal/thermal_zone2/temp": "-256000\n",
    }
    found = look_at_computer(host_of(tmp_path, zones))
    assert (found.hottest_c, found.hot_c) == (72.5, 99.0)


def test_a_pc_without_zones_tells_its_temperature_as_the_agent_reads_it(tmp_path: Path) -> None:
    sensors = {
        "/sys/class/hwmon/hwmon0/name": "k10temp\n",
        "/sys/class/hwmon/hwmon0/temp1_input": "63000\n",
    }
    assert look_at_computer(host_of(tmp_path, sensors)).hottest_c == 63.0


def test_a_slowed_core_is_found(tmp_path: Path) -> None:
    capped = {
        "/sys/devices/system/cpu/cpufreq/policy4/scaling_max_freq": "729600\n",
        "/sys/devices/system/cpu/cpufreq/policy4/cpuinfo_max_freq": "1510400\n",
    }
    share = look_at_computer(host_of(tmp_path, RASPBERRY_PI | capped)).capped_share
    assert share == pytest.approx(729600 / 1510400)


def test_this_computer_has_all_packages() -> None:
    found = look_at_computer(Host())
    assert found.lacking == {}
    assert found.cores > 0


def test_a_program_that_is_not_there_fails_or_hangs_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_program(["no-such-program"]) is None
    assert run_program(["sh", "-c", "echo no; exit 1"]) is None
    assert run_program(["sh", "-c", "echo yes"]) == "yes\n"
    monkeypatch.setattr("edge.doctor.host.PROGRAM_TIMEOUT_S", 0.05)
    assert run_program(["sleep", "5"]) is None
