"""The computer itself: Python and packages, CPU, memory, heat and power."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.doctor.check import Check
from edge.doctor.host import Host, whole_number
from edge.health.machine import temperature_c
from edge.health.throttling import Throttling, ThrottlingReader

LEAST_PYTHON = (3, 11)
LEAST_MEMORY_BYTES = 500_000_000  # the agent takes up to 350 MB
HOT_C = 80.0  # where a Raspberry Pi begins to slow down, for machines that name no limit of their own
NEARLY_HOT_C = 10.0  # below the limit

_POWER_REMEDY = (
    "Give it a supply of its own that holds its voltage, by short thick wires: hardware/README.md#power"
)
_COOLING_REMEDY = (
    "Give it a heat sink and a fan, or air from the propellers; test it closed, in the sun, with vision on."
)


@dataclass(frozen=True, slots=True)
class Computer:
    """What was found. None is "not known"."""

    board: str
    architecture: str
    cores: int
    features: frozenset[str]
    python: tuple[int, int, int]
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Packages that are missing or too old, with what is wanted."""
    doubled: str = ""
    """Two packages of which one overwrites the other."""
    memory_bytes: int | None = None
    free_memory_bytes: int | None = None
    hottest_c: float | None = None
    hot_c: float = HOT_C
    throttling: Throttling = field(default_factory=Throttling)
    capped_share: float | None = None
    """How fast the slowest core may run, of what it could."""


def judge_computer(computer: Computer) -> list[Check]:
    """All that was found, with what to do."""
    return [
        _python(computer),
        _packages(computer),
        _cpu(computer),
        _memory(computer),
        _heat(computer),
        *_slowed(computer),
        *_power(computer.throttling),
    ]


def look_at_computer(host: Host) -> Computer:
    """Reads it."""
    cpu = host.text("/proc/cpuinfo") or ""
    memory = host.text("/proc/meminfo") or ""
    hottest_c, hot_c = _hottest(host)
    return Computer(
        board=host.text("/proc/device-tree/model") or _field(cpu, "model name") or platform.machine(),
        architecture=platform.machine(),
        cores=len(re.findall(r"^processor\s*:", cpu, re.MULTILINE)),
        features=frozenset((_field(cpu, "flags") or _field(cpu, "Features")).split()),
        python=sys.version_info[:3],
        lacking=_lacking(),
        doubled=_doubled(),
        memory_bytes=_kibibytes(memory, "MemTotal"),
        free_memory_bytes=_kibibytes(memory, "MemAvailable"),
        hottest_c=hottest_c,
        hot_c=hot_c,
        throttling=ThrottlingReader(host.path("/")).read(host.said("vcgencmd", "get_throttled") or ""),
        capped_share=_capped(host),
    )


def _python(computer: Computer) -> Check:
    words = ".".join(map(str, computer.python))
    if computer.python[:2] < LEAST_PYTHON:
        remedy = "Install Python 3.11 or later; hardware/companion/setup.sh does."
        return Check("Python", False, f"{words} is too old", remedy)
    return Check("Python", True, words)


def _packages(computer: Computer) -> Check:
    if computer.lacking:
        words = ", ".join(f"{name} ({wanted})" for name, wanted in computer.lacking.items())
        remedy = "Install it again, into an environment of its own: sudo hardware/companion/setup.sh install"
        return Check("packages", False, f"missing or too old: {words}", remedy)
    if computer.doubled:
        remedy = "Take both away and install Emberwatch again: each has overwritten files of the other."
        return Check("packages", None, computer.doubled, remedy)
    return Check("packages", True, "all there")


def _cpu(computer: Computer) -> Check:
    words = f"{computer.board}, {computer.cores} cores, {computer.architecture}"
    if computer.architecture not in ("x86_64", "aarch64"):
        remedy = "Install a 64-bit system: there are no packages for anything else."
        return Check("CPU", False, words, remedy)
    wanted = "avx2" if computer.architecture == "x86_64" else "asimddp"
    if computer.features and wanted not in computer.features:
        remedy = (
            "The detector will be slow: measure it below, and lower frames_per_s to what it keeps up with."
        )
        return Check("CPU", None, f"{words}, without {wanted}", remedy)
    return Check("CPU", True, words)


def _memory(computer: Computer) -> Check:
    free, whole = computer.free_memory_bytes, computer.memory_bytes
    if free is None or whole is None:
        return Check("memory", None, "the system does not say")
    words = f"{free / 1e9:.1f} of {whole / 1e9:.1f} GB are free"
    if free < LEAST_MEMORY_BYTES:
        remedy = "Stop what else runs here (a desktop, a browser): the agent takes up to 350 MB."
        return Check("memory", False, words, remedy)
    return Check("memory", True, words)


def _heat(computer: Computer) -> Check:
    now_c, hot_c = computer.hottest_c, computer.hot_c
    if now_c is None:
        return Check("temperature", None, "no sensor tells it", "A virtual machine has none.")
    words = f"{now_c:.0f} °C; it slows down at {hot_c:.0f} °C"
    if now_c >= hot_c:
        return Check("temperature", False, words, _COOLING_REMEDY)
    if now_c >= hot_c - NEARLY_HOT_C:
        return Check("temperature", None, words, _COOLING_REMEDY)
    return Check("temperature", True, words)


def _slowed(computer: Computer) -> list[Check]:
    throttling = computer.throttling
    checks = []
    if throttling.slowed_now:
        checks.append(
            Check("speed", False, "it is slowed down now, by heat or by its power", _COOLING_REMEDY)
        )
    elif throttling.slowed_ever:
        checks.append(Check("speed", None, "it has been slowed down since its start", _COOLING_REMEDY))
    elif throttling.slowed_ever is not None:
        checks.append(Check("speed", True, "it has not been slowed down since its start"))
    elif throttling.slowed_now is not None:
        checks.append(Check("speed", True, "it is not slowed down now"))
    if computer.capped_share is not None and computer.capped_share < 1.0:
        words = f"its cores may run at {computer.capped_share:.0%} of their speed only"
        remedy = (
            "Jetson: sudo nvpmodel -q tells the power mode, -m 0 takes the largest. Else: cpufreq's limits."
        )
        checks.append(Check("CPU limit", None, words, remedy))
    return checks


def _power(throttling: Throttling) -> list[Check]:
    if throttling.under_voltage_now is None:
        return []
    if throttling.under_voltage_now:
        return [Check("power", False, "its voltage is too low now", _POWER_REMEDY)]
    if throttling.under_voltage_ever:
        return [Check("power", False, "its voltage has been too low since its start", _POWER_REMEDY)]
    if throttling.under_voltage_ever is None:
        return [Check("power", True, "its voltage is not too low now")]
    return [Check("power", True, "its voltage has not been too low since its start")]


def _lacking() -> dict[str, str]:
    try:
        wanted = importlib.metadata.requires("emberwatch") or []
    except importlib.metadata.PackageNotFoundError:
        return {"emberwatch": "it is not installed here"}
    lacking = {}
    for line in wanted:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[.*?\])?\s*>=\s*([0-9.]+)\s*$", line)
        if match is None:
            continue  # of an extra
        try:
            there = importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            lacking[match[1]] = f"{match[2]} or later is needed"
            continue
        if _numbers(there) < _numbers(match[2]):
            lacking[match[1]] = f"{match[2]} or later is needed, {there} is here"
    return lacking


def _doubled() -> str:
    """The same modules from two packages: which one is loaded is chance."""
    for one, other in (("opencv-python", "opencv-python-headless"), ("onnxruntime", "onnxruntime-gpu")):
        if _is_there(one) and _is_there(other):
            return f"{one} and {other} lie over one another"
    return ""


def _is_there(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _kibibytes(text: str, name: str) -> int | None:
    kibibytes = whole_number(_field(text, name).removesuffix(" kB"))
    return None if kibibytes is None else 1024 * kibibytes


def _hottest(host: Host) -> tuple[float | None, float]:
    """The hottest of the sensors, and where it slows down. A PC without zones has sensors of another kind."""
    hottest_c, limit_c = None, HOT_C
    for zone in host.found("/sys/class/thermal/thermal_zone*"):
        millidegrees = host.number(f"{zone}/temp")
        if millidegrees is None or not 0 < millidegrees < 150_000:
            continue  # a sensor that is off
        if hottest_c is None or millidegrees / 1000 > hottest_c:
            hottest_c, limit_c = millidegrees / 1000, _passive_trip_c(host, zone)
    return temperature_c(host.path("/")) if hottest_c is None else hottest_c, limit_c


def _passive_trip_c(host: Host, zone: str) -> float:
    trips = []
    for kind in host.found(f"{zone}/trip_point_*_type"):
        millidegrees = host.number(kind.replace("_type", "_temp"))
        if host.text(kind) == "passive" and millidegrees is not None and millidegrees > 0:
            trips.append(millidegrees / 1000)
    return min(trips, default=HOT_C)


def _capped(host: Host) -> float | None:
    shares = []
    for folder in host.found("/sys/devices/system/cpu/cpufreq/policy*"):
        may, could = (host.number(f"{folder}/{name}") for name in ("scaling_max_freq", "cpuinfo_max_freq"))
        if may and could:
            shares.append(min(1.0, may / could))
    return min(shares, default=None)
