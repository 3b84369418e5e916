"""Tells systemd how a service does (sd_notify): nothing where it was not started by systemd."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Such as ``READY=1``. Nobody waits for it, and where it cannot be said nothing else fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract names begin with a zero byte
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.setblocking(False)
            speaker.connect(address)
            speaker.send(state.encode())
    except OSError as reason:
        log.warning("systemd could not be told %s: %s", state, reason)


def watchdog_s() -> float | None:
    """Within which systemd wants to hear from us again."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    said = os.environ.get("WATCHDOG_USEC", "")
    return int(said) / 1e6 if said.isdecimal() and int(said) else None


async def feed_watchdog(answers: Callable[[], Awaitable[bool]]) -> None:
    """For as long as ``answers`` says so: what hangs is started anew."""
    within_s = watchdog_s()
    while within_s is not None:
        if await answers():
            notify("WATCHDOG=1")
        await asyncio.sleep(within_s / 3)
