"""What slows a computer down, by each maker's own files; the agent and the doctor read the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.doctor.computer import look_at_computer
from edge.doctor.host import Host
from edge.health.machine import Machine
from edge.health.throttling import Throttling, ThrottlingReader, throttling_of
from tests.edge.health.test_machine import JETSON, PC, PI_5, lay_out

FIRMWARE = next(name for name in PI_5 if name.endswith("throttled"))


@pytest.mark.parametrize(
    ("bits", "means"),
    [
        (0x0, Throttling(False, False, False, False)),
        (0x1, Throttling(True, False, False, False)),
        (0xE, Throttling(False, False, True, False)),
        (0x50000, Throttling(False, True, False, True)),
        (0x50005, Throttling(True, True, True, True)),
    ],
)
def test_now_and_since_the_start_are_different_bits_of_a_raspberry_pi(bits: int, means: Throttling) -> None:
    assert throttling_of(bits) == means


def test_a_raspberry_pi_tells_by_its_kernel_and_by_its_firmware(tmp_path: Path) -> None:
    reader = ThrottlingReader(lay_out(tmp_path, {FIRMWARE: "50000\n"}))
    assert reader.read() == Throttling(False, True, False, True)
    assert reader.read("throttled=0x4\n") == Throttling(False, True, True, True)
    (tmp_path / FIRMWARE).unlink()
    assert reader.read("throttled=0x20000\n") == Throttling(False, False, False, True)
    assert reader.read("VCHI initialization failed") == Throttling()


@pytest.mark.parametrize(("alarm", "low"), [("1\n", True), ("0\n", False)])
def test_without_the_firmware_the_kernel_tells_of_low_voltage(tmp_path: Path, alarm: str, low: bool) -> None:
    volt = {"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": alarm}
    assert ThrottlingReader(lay_out(tmp_path, volt)).read() == Throttling(under_voltage_now=low)


def test_a_jetson_slows_down_by_an_alert_or_by_its_current_and_its_fan_may_turn(tmp_path: Path) -> None:
    reader = ThrottlingReader(lay_out(tmp_path, JETSON))
    assert reader.read() == Throttling(slowed_now=True)
    lay_out(tmp_path, {"sys/class/thermal/cooling_device1/cur_state": "0\n"})
    assert reader.read() == Throttling(slowed_now=False)
    current = {"sys/class/hwmon/hwmon3/name": "soctherm_oc\n", "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n"}
    lay_out(tmp_path, current)
    assert reader.read() == Throttling(slowed_now=False, slowed_ever=False)
    lay_out(tmp_path, {"sys/class/hwmon/hwmon3/oc1_event_cnt": "2\n"})
    assert reader.read() == Throttling(slowed_now=True, slowed_ever=True)
    assert reader.read() == Throttling(slowed_now=False, slowed_ever=True)


def test_a_pc_has_slowed_down_when_its_counter_stands_high_and_does_so_now_when_it_rises(
    tmp_path: Path,
) -> None:
    reader = ThrottlingReader(lay_out(tmp_path, PC))
    assert reader.read() == Throttling(slowed_now=False, slowed_ever=True)
    lay_out(tmp_path, {name: "18\n" for name in PC if name.endswith("_count")})
    assert reader.read() == Throttling(slowed_now=True, slowed_ever=True)


@pytest.mark.parametrize("files", [PI_5, JETSON, PC], ids=["Raspberry Pi", "Jetson", "PC"])
def test_agent_and_doctor_say_the_same_of_one_computer(tmp_path: Path, files: dict[str, str]) -> None:
    root = lay_out(tmp_path, files)
    agent = Machine(root, root=root)._read_sensors()
    doctor = look_at_computer(Host(root, lambda _command: None)).throttling
    assert (agent.throttled, agent.under_voltage) == (doctor.slowed_now, doctor.under_voltage_now)
