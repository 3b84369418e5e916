"""What systemd hears from the supervisor's loop, and the hardware watchdog that the same loop feeds.

A loop that hangs is started anew by systemd within seconds, in flight too: the autopilot flies on meanwhile.
The hardware watchdog restarts the whole computer, which takes a minute: it is armed only while the vehicle is
known to stand disarmed, and let go of before it flies.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from pathlib import Path

from uplink.systemd import notify, watchdog_s

log = logging.getLogger(__name__)

# <linux/watchdog.h>: _IOWR('W', 6, int). The answer is the time that the device can really keep.
WDIOC_SETTIMEOUT = 0xC0045706
HARDWARE_TIMEOUT_S = 15
FED_EVERY_S = 1.0


class HardwareWatchdog:
    """A Linux watchdog device. Nothing that goes wrong with it stops the agent."""

    def __init__(self, device: Path) -> None:
        self._device = device
        self._file: int | None = None
        self._fed_s = 0.0
        self._broken = False

    def beat(self, now_s: float, *, stands: bool) -> None:
        """Call it often. ``stands``: the vehicle is known to be disarmed, or it is a fixed camera."""
        if self._broken:
            return
        try:
            if not stands:
                self.let_go()
            elif self._file is None:
                self._arm(now_s)
            elif now_s - self._fed_s >= FED_EVERY_S:
                os.write(self._file, b"\0")
                self._fed_s = now_s
        except OSError as error:
            self._broken = True
            log.warning("the hardware watchdog %s cannot be used: %s", self._device, error.strerror)

    def let_go(self) -> None:
        """The computer is left alone from now on. A driver that forbids that (`nowayout`) restarts it."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            os.write(file, b"V")  # the "magic close": otherwise closing it leaves it armed
        finally:
            os.close(file)
        log.info("the hardware watchdog is off")

    def _arm(self, now_s: float) -> None:
        self._file = os.open(self._device, os.O_WRONLY | os.O_CLOEXEC)
        self._fed_s = now_s
        try:
            fcntl.ioctl(self._file, WDIOC_SETTIMEOUT, struct.pack("i", HARDWARE_TIMEOUT_S))
        except OSError:
            log.info("the hardware watchdog keeps its own time: its driver takes none")
        log.info("the hardware watchdog %s is on while the vehicle stands disarmed", self._device)


class Service:
    """Fed by every turn of the supervisor's loop; ``stop`` at the end."""

    def __init__(self, hardware_watchdog: Path | None) -> None:
        self._hardware = None if hardware_watchdog is None else HardwareWatchdog(hardware_watchdog)
        within_s = watchdog_s()
        self._every_s = None if within_s is None else within_s / 4
        self._ready = False
        self._fed_s = 0.0
        self._status = ""

    def beat(self, now_s: float, status: str, *, stands: bool) -> None:
        """The loop turns. ``status`` is one line for `systemctl status`."""
        if not self._ready:
            self._ready = True
            self._fed_s = now_s
            notify("READY=1")
        if status != self._status:
            self._status = status
            notify(f"STATUS={status}")
        if self._every_s is not None and now_s - self._fed_s >= self._every_s:
            self._fed_s = now_s
            notify("WATCHDOG=1")
        if self._hardware is not None:
            self._hardware.beat(now_s, stands=stands)

    def stop(self) -> None:
        """The agent ends by itself: nothing restarts the computer for that."""
        notify("STOPPING=1")
        if self._hardware is not None:
            self._hardware.let_go()
