"""What slows a computer down, and whether its supply is too weak: now, and ever since its start."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.health.kernel_files import number_of, text_of

_FIRMWARE_FILES = (  # of a Raspberry Pi
    "sys/devices/platform/soc*/*firmware/get_throttled",
    "sys/devices/platform/*firmware/get_throttled",
)
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_UNDER_VOLTAGE, _SLOWED = 0x1, 0xE  # under-voltage; frequency capped, throttled, soft temperature limit
_SINCE_START = 16  # the same bits again, shifted
_COOLING = ("cpufreq", "thermal-cpufreq", "processor")  # cooling devices that slow a processor down
_ALERTS = "throttle-alert"  # a Jetson's
_COUNTS = "sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count"  # a PC's


@dataclass(frozen=True, slots=True)
class Throttling:
    """None where this computer does not say."""

    under_voltage_now: bool | None = None
    under_voltage_ever: bool | None = None
    slowed_now: bool | None = None
    slowed_ever: bool | None = None


def throttling_of(bits: int) -> Throttling:
    """What the Raspberry Pi's firmware means by a number."""
    ever = bits >> _SINCE_START
    return Throttling(
        under_voltage_now=bool(bits & _UNDER_VOLTAGE),
        under_voltage_ever=bool(ever & _UNDER_VOLTAGE),
        slowed_now=bool(bits & _SLOWED),
        slowed_ever=bool(ever & _SLOWED),
    )


class ThrottlingReader:
    """Of one computer; ``root`` is where its /sys is. Some only count events: a count that has risen since
    the same reader's reading before is *now*."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._counts: dict[Path, int] = {}

    def read(self, firmware_says: str = "") -> Throttling:
        """``firmware_says``: what ``vcgencmd get_throttled`` did, where somebody has asked it."""
        told = [*self._firmware(firmware_says), *self._supply(), *self._cooling(), *self._counters()]
        return Throttling(
            under_voltage_now=_any(one.under_voltage_now for one in told),
            under_voltage_ever=_any(one.under_voltage_ever for one in told),
            slowed_now=_any(one.slowed_now for one in told),
            slowed_ever=_any(one.slowed_ever for one in told),
        )

    def _firmware(self, says: str) -> list[Throttling]:
        files = [file for pattern in _FIRMWARE_FILES for file in self._root.glob(pattern)]
        numbers = [number_of(file, base=16) for file in files]
        if match := re.search(r"throttled=0x([0-9a-fA-F]+)", says):
            numbers.append(int(match[1], 16))
        return [throttling_of(bits) for bits in numbers if bits is not None]

    def _supply(self) -> list[Throttling]:
        alarms = (number_of(folder / "in0_lcrit_alarm") for folder in self._sensors("rpi_volt"))
        return [Throttling(under_voltage_now=bool(alarm)) for alarm in alarms if alarm is not None]

    def _cooling(self) -> list[Throttling]:
        told = []
        for device in self._root.glob("sys/class/thermal/cooling_device*"):
            kind, state = text_of(device / "type").lower(), number_of(device / "cur_state")
            if state is not None and (kind.startswith(_COOLING) or kind.endswith(_ALERTS)):
                told.append(Throttling(slowed_now=state > 0))
        return told

    def _counters(self) -> list[Throttling]:
        files = list(self._root.glob(_COUNTS))
        for folder in self._sensors("soctherm_oc"):  # a Jetson that draws too much current
            files += folder.glob("oc*_event_cnt")
        told = []
        for file in files:
            count = number_of(file) or 0
            before, self._counts[file] = self._counts.get(file, count), count
            told.append(Throttling(slowed_now=count > before, slowed_ever=count > 0))
        return told

    def _sensors(self, kind: str) -> list[Path]:
        names = self._root.glob("sys/class/hwmon/hwmon*/name")
        return [name.parent for name in names if text_of(name) == kind]


def _any(told: Iterable[bool | None]) -> bool | None:
    known = [one for one in told if one is not None]
    return any(known) if known else None
