"""The computer that the agent runs on: heat, throttling, supply, memory, disk and clock, as Linux tells them.

Threads of their own read; whoever asks gets what was read last and never waits. A disk or a sensor that hangs
makes what is known of it old, and stops nothing.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from edge.health.kernel_files import number_of, text_of
from edge.health.throttling import ThrottlingReader

SENSORS_EVERY_S = 2.0
DISK_EVERY_S = 5.0
# Where /proc and /sys of the machine are, for an agent that runs in a container.
HOST_ROOT = "EMBERWATCH_HOST_ROOT"

_MB = 1e6
_PLAUSIBLE_C = (-40.0, 150.0)
# By the names that Raspberry Pi, Jetson, Intel and AMD give the zones of what computes.
_PROCESSORS = ("cpu", "soc", "gpu", "tj", "pkg", "core", "k10temp", "zenpower")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sensors:
    """None where this machine does not tell."""

    temperature_c: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None
    memory_free_mb: float | None = None
    agent_memory_mb: float | None = None
    clock_synchronised: bool | None = None


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What was read, and when that had ended (monotonic seconds)."""

    value: T
    at_s: float


class Repeated(Generic[T]):
    """Once begun, calls ``read`` every ``every_s`` in a thread of its own; ``latest`` is there at once or
    None."""

    def __init__(self, read: Callable[[], T], every_s: float, name: str) -> None:
        self._read, self._every_s = read, every_s
        self._end = threading.Event()
        self.latest: Reading[T] | None = None
        self._begun_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def begin(self) -> None:
        self._begun_s = time.monotonic()
        self._thread.start()

    @property
    def value(self) -> T | None:
        """Of the latest reading."""
        return None if self.latest is None else self.latest.value

    def age_s(self, now_s: float) -> float:
        """Of the latest reading; of the first that has not come yet: how long it has taken."""
        since_s = self._begun_s if self.latest is None else self.latest.at_s
        return 0.0 if since_s is None else now_s - since_s

    def end(self) -> None:
        """No more readings are begun. One that hangs is left to hang."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.is_set():
            value = self._read()
            self.latest = Reading(value, time.monotonic())
            self._end.wait(self._every_s)


class Machine:
    """One agent's computer. It is read while its context lasts."""

    def __init__(
        self,
        data_dir: Path,
        *,
        processes: Callable[[], Iterable[int]] = lambda: (os.getpid(),),
        root: Path | None = None,
        sensors_every_s: float = SENSORS_EVERY_S,
        disk_every_s: float = DISK_EVERY_S,
    ) -> None:
        """``processes``: ids of the agent's own. ``root``: where the machine's /proc and /sys are."""
        self._root = root or Path(os.environ.get(HOST_ROOT) or "/")
        self._processes = processes
        self._data_dir = data_dir
        self._throttling = ThrottlingReader(self._root)
        self.sensors = Repeated(self._read_sensors, sensors_every_s, "sensors")
        self.disk_free_mb = Repeated(self._read_disk, disk_every_s, "disk")

    def __enter__(self) -> Self:
        self.sensors.begin()
        self.disk_free_mb.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.sensors.end()
        self.disk_free_mb.end()

    def age_s(self, now_s: float) -> float:
        """Of what is known of it."""
        return max(self.sensors.age_s(now_s), self.disk_free_mb.age_s(now_s))

    def _read_disk(self) -> float | None:
        try:
            return shutil.disk_usage(self._data_dir).free / _MB
        except OSError:
            return None

    def _read_sensors(self) -> Sensors:
        throttling = self._throttling.read()
        return Sensors(
            temperature_c=temperature_c(self._root),
            throttled=throttling.slowed_now,
            under_voltage=throttling.under_voltage_now,
            memory_free_mb=self._memory_free_mb(),
            agent_memory_mb=self._agent_memory_mb(),
            clock_synchronised=clock_synchronised(),
        )

    def _memory_free_mb(self) -> float | None:
        for line in text_of(self._root / "proc/meminfo").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024 / _MB
        return None

    def _agent_memory_mb(self) -> float | None:
        """Resident, of all processes together; what they share counts for each."""
        pages = [
            int(statm.split()[1])
            for process in self._processes()
            if (statm := text_of(Path(f"/proc/{process}/statm")))
        ]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / _MB if pages else None


def temperature_c(root: Path) -> float | None:
    """Of the hottest part that computes; where none is named so, of the hottest. ``root``: where /sys is."""
    found = [
        (text_of(zone / "type"), _temperature_c(zone / "temp"))
        for zone in root.glob("sys/class/thermal/thermal_zone*")
    ]
    if not any(value_c is not None for _, value_c in found):
        found = [
            (text_of(sensor.with_name("name")), _temperature_c(sensor))
            for sensor in root.glob("sys/class/hwmon/hwmon*/temp1_input")
        ]
    known = [(name.lower(), value) for name, value in found if value is not None]
    named = [value for name, value in known if any(part in name for part in _PROCESSORS)]
    return max(named or [value for _, value in known], default=None)


def clock_synchronised() -> bool | None:
    """Whether the kernel's clock is kept right by a time service (adjtimex); None where it does not say."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # asks, and changes nothing
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def _temperature_c(file: Path) -> float | None:
    """Drivers of parts that are switched off say things like -256."""
    thousandths = number_of(file)
    value_c = None if thousandths is None else thousandths / 1000
    return value_c if value_c is not None and _PLAUSIBLE_C[0] < value_c < _PLAUSIBLE_C[1] else None
