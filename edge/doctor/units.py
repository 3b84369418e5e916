"""The services of systemd: the one that runs Emberwatch, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.doctor.check import Check
from edge.doctor.host import Host, whole_number

AGENT_UNIT, STATION_UNIT = "emberwatch-agent.service", "emberwatch-station.service"
MANY_RESTARTS = 3
_ASKED = (
    "LoadState",
    "UnitFileState",
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "StatusText",
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of one; ``properties`` None: there is no systemd."""

    name: str
    properties: Mapping[str, str] | None
    runtime_watchdog: bool = False
    """systemd itself feeds the hardware watchdog."""


def judge_unit(unit: Unit, *, hardware_watchdog: bool = False, set_up: str) -> list[Check]:
    """``set_up``: how this service comes here, for where it is not."""
    if unit.properties is None:
        return [
            Check("service", None, "systemd does not run here", "Start Emberwatch by whatever starts things.")
        ]
    said = unit.properties
    if said.get("LoadState") != "loaded":
        return [Check("service", None, f"{unit.name} is not set up", set_up)]
    checks = [_enabled(unit.name, said), _active(unit.name, said)]
    if hardware_watchdog and unit.runtime_watchdog:
        remedy = "Set RuntimeWatchdogSec=0 in /etc/systemd/system.conf, or leave hardware_watchdog out."
        words = "systemd has the hardware watchdog, which the configuration gives to the agent"
        checks.append(Check("hardware watchdog", False, words, remedy))
    return checks


def _enabled(name: str, said: Mapping[str, str]) -> Check:
    if said.get("UnitFileState") not in ("enabled", "enabled-runtime", "static", "generated"):
        return Check("starts by itself", False, f"{name} is not enabled", f"sudo systemctl enable {name}")
    return Check("starts by itself", True, f"{name} is enabled")


def _active(name: str, said: Mapping[str, str]) -> Check:
    state = f"{said.get('ActiveState', '?')} ({said.get('SubState', '?')})"
    restarts = whole_number(said.get("NRestarts")) or 0
    look = f"journalctl -u {name} -n 50 tells why."
    if said.get("ActiveState") == "failed" or said.get("SubState") == "auto-restart":
        return Check("service", False, f"{name} is {state}: {said.get('Result', '')}", look)
    if said.get("ActiveState") != "active":
        return Check("service", None, f"{name} is {state}", f"sudo systemctl start {name}")
    if restarts >= MANY_RESTARTS:
        return Check("service", None, f"{name} is {state}, and was started again {restarts} times", look)
    status = said.get("StatusText", "")
    return Check("service", True, f"{name} is {state}" + (f": {status}" if status else ""))


def look_at_unit(host: Host, name: str) -> Unit:
    """Asks systemd."""
    if not host.path("/run/systemd/system").is_dir():
        return Unit(name, None)
    said = host.said("systemctl", "show", name, "-p", ",".join(_ASKED))
    if said is None:
        return Unit(name, None)
    watchdog = (host.said("systemctl", "show", "-p", "RuntimeWatchdogUSec", "--value") or "").strip()
    return Unit(name, properties_of(said), watchdog not in ("", "0", "infinity"))


def properties_of(said: str) -> dict[str, str]:
    """Lines of ``name=value``."""
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
