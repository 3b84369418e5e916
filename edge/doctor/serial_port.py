"""The serial port to the autopilot: whether it is there, is ours to open, and nobody else listens on it."""

from __future__ import annotations

import getpass
import grp
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.doctor.check import Check
from edge.doctor.host import Host, Process

SERVICE_USER = "emberwatch"
PORTS = (
    "/dev/autopilot",
    "/dev/ttyAMA*",
    "/dev/ttyTHS*",
    "/dev/ttyACM*",
    "/dev/ttyUSB*",
    "/dev/serial/by-id/*",
)
LEAST_BAUD = 115_200  # the streams that are asked for take some 6 kB/s
_GETTYS = frozenset({"agetty", "getty", "login", "nvgetty"})
_AGENTS = frozenset({"emberwatch", "python", "python3"})


@dataclass(frozen=True, slots=True)
class SerialPort:
    """What was found."""

    name: str
    """As it is configured."""
    baud: int
    device: str
    """Where the name leads."""
    is_there: bool
    may_open: bool
    group: str
    user: str
    service_groups: set[str] | None
    """Of the user that the agent's service runs as; None where there is none."""
    holders: Sequence[Process]
    modem_manager: bool
    """It runs, and no rule of udev tells it to ignore anything."""
    is_console: bool
    """The kernel talks on it, or a log-in waits there."""
    others: Sequence[str]
    """Ports that are there."""


def judge_serial_port(port: SerialPort) -> list[Check]:
    """All that was found, with what to do."""
    if not port.is_there:
        there = "There are: " + ", ".join(port.others) if port.others else "This machine has no serial port"
        remedy = f"{there}. Is the autopilot on, and the port switched on? hardware/autopilot.md"
        return [Check("serial port", False, f"{port.name} is not there", remedy)]
    return [_port(port), _rights(port), _alone(port), _baud(port)]


def _port(port: SerialPort) -> Check:
    words = port.name if port.device == port.name else f"{port.name} is {port.device}"
    if re.fullmatch(r"/dev/tty(ACM|USB)\d+", port.name):
        remedy = (
            "Numbers change: use /dev/autopilot (hardware/companion's rules) or a name in /dev/serial/by-id."
        )
        return Check("serial port", None, f"{words}, whose number may be another one tomorrow", remedy)
    return Check("serial port", True, words)


def _rights(port: SerialPort) -> Check:
    name = "rights"
    if not port.may_open:
        remedy = f"sudo usermod -aG {port.group or 'dialout'} {port.user}, and sign in again."
        return Check(name, False, f"{port.user} may not open it; the group {port.group} may", remedy)
    if port.service_groups is not None and port.group and port.group not in port.service_groups:
        remedy = f"sudo usermod -aG {port.group} {SERVICE_USER} && sudo systemctl restart emberwatch-agent"
        words = f"{port.user} may open it, but the service's user {SERVICE_USER} is not in {port.group}"
        return Check(name, False if port.group != "root" else None, words, remedy)
    return Check(name, True, f"{port.user} may open it")


def _alone(port: SerialPort) -> Check:
    name = "nobody else on it"
    others = [process for process in port.holders if process.name not in _AGENTS]
    if port.is_console or any(process.name in _GETTYS for process in others):
        remedy = (
            "Take the log-in and the kernel's console off it: raspi-config (Interface, Serial: no, yes), "
            "Jetson: sudo systemctl disable --now nvgetty; and restart."
        )
        return Check(name, False, "a log-in console talks on it", remedy)
    if others:
        words = ", ".join(f"{process.name} ({process.pid})" for process in others)
        return Check(name, False, f"{words} has it open", "Stop it, or give the agent a port of its own.")
    if port.holders:
        words = ", ".join(f"{process.name} ({process.pid})" for process in port.holders)
        remedy = (
            "If it is the agent, its page shows all; to look from here: sudo systemctl stop emberwatch-agent"
        )
        return Check(name, None, f"{words} has it open", remedy)
    if port.modem_manager and re.match(r"/dev/tty(ACM|USB)", port.device):
        remedy = (
            "sudo systemctl disable --now ModemManager; where a 4G modem needs it, tell it by udev to ignore "
            "the autopilot, as hardware/companion's rules do: hardware/network.md#4g"
        )
        return Check(name, None, "ModemManager runs, and may try it for a modem", remedy)
    return Check(name, True, "as far as this user sees")


def _baud(port: SerialPort) -> Check:
    if port.device.startswith("/dev/ttyACM"):
        return Check("speed of the port", True, "a USB port of the autopilot has no baud rate")
    if port.baud < LEAST_BAUD:
        remedy = (
            "Use 921600: SERIALn_BAUD 921 (ArduPilot), SER_TEL2_BAUD 921600 (PX4), and the same in the URL."
        )
        return Check("speed of the port", False, f"{port.baud} baud is too slow for poses", remedy)
    return Check("speed of the port", True, f"{port.baud} baud")


def serial_url(url: str) -> tuple[str, int] | None:
    """Device and speed of a link's URL; None for a link of another kind."""
    match = re.fullmatch(r"serial:(.+):(\d+)", url)
    return None if match is None else (match[1], int(match[2]))


def look_at_serial_port(host: Host, name: str, baud: int) -> SerialPort:
    """Reads it; the port is not opened."""
    device = host.target(name)
    path = host.path(device)
    base = device.rpartition("/")[2]
    names = {process.name for process in host.processes()}
    consoles = re.findall(r"console=(\w+)", host.text("/proc/cmdline") or "")
    return SerialPort(
        name=name,
        baud=baud,
        device=device,
        is_there=path.exists(),
        may_open=os.access(path, os.R_OK | os.W_OK),
        group=_group_of(host, device),
        user=getpass.getuser(),
        service_groups=host.groups_of(SERVICE_USER),
        holders=host.holders(device),
        modem_manager="ModemManager" in names and not _has_ignore_rule(host),
        is_console=base in consoles or _has_log_in(host, base),
        others=[port for pattern in PORTS for port in host.found(pattern)],
    )


def _has_log_in(host: Host, base: str) -> bool:
    """A log-in waits there, or will after the next start."""
    unit = f"serial-getty@{base}.service"
    state = host.said("systemctl", "show", "-p", "ActiveState", "--value", unit) or ""
    return state.strip() == "active"


def _has_ignore_rule(host: Host) -> bool:
    rules = host.found("/etc/udev/rules.d/*.rules")
    return any("ID_MM_DEVICE_IGNORE" in (host.text(rule) or "") for rule in rules)


def _group_of(host: Host, device: str) -> str:
    try:
        return grp.getgrgid(host.path(device).stat().st_gid).gr_name
    except (OSError, KeyError):
        return ""
