"""What a companion computer tells of itself: each maker's own files, and sensors and disks that hang."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from edge.health.machine import Machine, Repeated, Sensors, clock_synchronised

PI_5 = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "83450\n",
    "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "50005\n",
    "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1\n",
    "proc/meminfo": "MemTotal:        8245312 kB\nMemFree:  1 kB\nMemAvailable:     250000 kB\n",
}
JETSON = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "61000\n",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "-256000\n",
    "sys/class/thermal/thermal_zone2/type": "tj-thermal\n",
    "sys/class/thermal/thermal_zone2/temp": "99500\n",
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "3\n",
    "sys/class/thermal/cooling_device1/type": "cpu-throttle-alert\n",
    "sys/class/thermal/cooling_device1/cur_state": "1\n",
}
PC = {
    "sys/class/thermal/cooling_device0/type": "Processor\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/hwmon/hwmon0/name": "nvme\n",
    "sys/class/hwmon/hwmon0/temp1_input": "70000\n",
    "sys/class/hwmon/hwmon1/name": "k10temp\n",
    "sys/class/hwmon/hwmon1/temp1_input": "54125\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "17\n",
}


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def read(root: Path) -> Sensors:
    return Machine(root, root=root)._read_sensors()


def test_a_raspberry_pi_tells_of_heat_throttling_voltage_and_memory(tmp_path: Path) -> None:
    told = read(lay_out(tmp_path, PI_5))
    assert (told.temperature_c, told.throttled, told.under_voltage) == (83.45, True, True)
    assert told.memory_free_mb == pytest.approx(256.0)


def test_a_jetsons_hottest_part_counts(tmp_path: Path) -> None:
    assert read(lay_out(tmp_path, JETSON)).temperature_c == 99.5


def test_a_pc_without_zones_has_sensors_of_another_kind(tmp_path: Path) -> None:
    told = read(lay_out(tmp_path, PC))
    assert (told.temperature_c, told.throttled) == (54.125, False)


def test_a_machine_that_tells_nothing_is_unknown_and_not_well(tmp_path: Path) -> None:
    lay_out(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "warm\n", "proc/meminfo": "\n"})
    told = read(tmp_path)
    assert (told.temperature_c, told.throttled, told.under_voltage, told.memory_free_mb) == (None,) * 4
    assert told.agent_memory_mb is not None
    assert 1 < told.agent_memory_mb < 10_000


def test_the_memory_of_a_process_that_is_gone_is_not_counted(tmp_path: Path) -> None:
    machine = Machine(tmp_path, root=tmp_path, processes=lambda: (os.getpid(), 2**22 + 1))
    assert machine._read_sensors().agent_memory_mb is not None


def test_a_sensor_that_hangs_makes_what_is_known_old_and_holds_up_nobody(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"sys/class/thermal/thermal_zone0/type": "cpu-thermal\n"})
    os.mkfifo(root / "sys/class/thermal/thermal_zone0/temp")  # whoever opens it waits for ever
    before_s = time.monotonic()
    with Machine(root, root=root, sensors_every_s=0.01) as machine:
        assert machine.sensors.value is None
        assert machine.age_s(before_s + 40.0) == pytest.approx(40.0, abs=5.0)
    os.close(os.open(root / "sys/class/thermal/thermal_zone0/temp", os.O_RDWR | os.O_NONBLOCK))


def test_readings_come_again_and_again_until_the_end() -> None:
    came, counted = threading.Event(), iter(range(10**6))

    def count() -> int:
        number = next(counted)
        if number == 3:
            came.set()
        return number

    numbers = Repeated(count, 0.001, "numbers")
    assert numbers.age_s(1e9) == 0.0
    numbers.begin()
    assert came.wait(30)
    numbers.end()
    assert numbers.latest is not None
    assert numbers.age_s(numbers.latest.at_s + 2.0) == pytest.approx(2.0)


def test_the_kernel_is_asked_whether_its_clock_is_right() -> None:
    assert clock_synchronised() in (True, False, None)
