"""The computer's clock: who keeps it right, and whether it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from edge.doctor.check import Check
from edge.doctor.host import Host
from edge.health.machine import clock_synchronised
from flight.telemetry import PLAUSIBLE_UTC

KEEPERS = {"chronyd": "chrony", "systemd-timesyn": "systemd-timesyncd", "ntpd": "ntpd", "ntpd-rs": "ntpd-rs"}
"""By the names of their processes, of which Linux keeps 15 letters."""
PULSE_FRESH_S = 3.0


@dataclass(frozen=True, slots=True)
class Clock:
    """What was found."""

    utc: datetime
    synchronised: bool | None
    """As the kernel has it."""
    keepers: tuple[str, ...]
    pulse_age_s: float | None = None
    """Of the newest pulse a second (PPS); None without such a device."""
    has_pulse: bool = False
    has_hardware_clock: bool = False


def judge_clock(clock: Clock, *, matters: bool) -> list[Check]:
    """``matters``: alerts are dated by this clock, as at a mast or a station; a drone has the satellites'."""
    checks = [_keepers(clock), _right(clock, matters=matters)]
    if clock.has_pulse:
        checks.append(_pulse(clock))
    return checks


def _keepers(clock: Clock) -> Check:
    if not clock.keepers:
        remedy = (
            "Install chrony (hardware/companion/setup.sh does), for the time as soon as there is a network."
        )
        return Check("time service", False, "nothing keeps this clock right", remedy)
    words = " and ".join(clock.keepers)
    if len(clock.keepers) > 1:
        remedy = "Keep chrony: sudo systemctl disable --now systemd-timesyncd"
        return Check("time service", False, f"{words} set the clock against one another", remedy)
    return Check("time service", True, words)


def _right(clock: Clock, *, matters: bool) -> Check:
    words = f"{clock.utc:%Y-%m-%d %H:%M:%S} UTC"
    remedy = "Give it a network with a time server, or GNSS time: hardware/time.md."
    if not PLAUSIBLE_UTC[0] <= clock.utc < PLAUSIBLE_UTC[1]:
        return Check("clock", False, f"{words} cannot be", remedy)
    if clock.synchronised is None:
        return Check("clock", None, f"{words}; the system does not say whether that is right")
    if clock.synchronised:
        return Check("clock", True, f"{words}, synchronised")
    if matters:
        return Check("clock", False, f"{words}, not synchronised: alerts carry this time", remedy)
    more = "" if clock.has_hardware_clock else ", and it has no clock that goes on without power"
    words += f", not synchronised{more}; frames are dated by the satellites' time"
    return Check("clock", None, words, remedy)


def _pulse(clock: Clock) -> Check:
    if clock.pulse_age_s is None or clock.pulse_age_s > PULSE_FRESH_S:
        remedy = "Check the wire, the pin in the overlay (hardware/time.md), and that the receiver has a fix."
        return Check("pulse a second", False, "/dev/pps0 is there, and no pulse comes", remedy)
    return Check("pulse a second", True, "/dev/pps0 ticks")


def look_at_clock(host: Host) -> Clock:
    """Reads it."""
    now_s = time.time()
    names = {process.name for process in host.processes()}
    pulses = host.found("/sys/class/pps/pps*/assert")
    newest = max((_pulse_s(host.text(path)) for path in pulses), default=0.0)
    return Clock(
        utc=datetime.fromtimestamp(now_s, UTC),
        synchronised=clock_synchronised(),
        keepers=tuple(words for name, words in KEEPERS.items() if name in names),
        pulse_age_s=now_s - newest if newest else None,
        has_pulse=bool(pulses),
        has_hardware_clock=bool(host.found("/sys/class/rtc/rtc*")),
    )


def _pulse_s(text: str | None) -> float:
    """When it was: ``1700000000.000000123#42``."""
    try:
        return float((text or "").partition("#")[0])
    except ValueError:
        return 0.0
